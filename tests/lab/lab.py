"""Everything at once: tools, S3 and a registry with the base images."""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.bases import registry_with_bases
from tests.lab.engine import Buildkitd, buildkitd_toml
from tests.lab.runner import Runner, fresh_runner
from tests.lab.services import RegistryServer, S3Account, S3Server
from tests.lab.tools import Tools, ensure_tools

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DEMO = Path(__file__).resolve().parents[2] / "demo" / "app"


@dataclass(frozen=True)
class Lab:
    """A running lab. ``registry`` stands in for docker.io and takes pushes as well."""

    tools: Tools
    s3: S3Account
    registry: str  # host:port, plain HTTP
    toml: Path  # buildkitd configuration that uses it
    s3_server: S3Server
    registry_server: RegistryServer

    def env(self) -> dict[str, str]:
        """What a shell needs to use the lab."""
        return {
            **self.s3.env(),
            "FASTBUILD_ENGINE_CONFIG": str(self.toml),
            # No FASTBUILD_ in front: those names are settings, and unknown ones are errors.
            "LAB_S3": self.s3.endpoint,
            "LAB_BUCKET": self.s3.bucket,
            "LAB_REGISTRY": self.registry,
            "PATH": self.tools.path(),
        }

    def toml_text(self, *, mirror: str = "", plain_http: Sequence[str] = ()) -> str:
        """Configuration with another mirror (a proxy's address) or further plain HTTP hosts."""
        return buildkitd_toml(mirror or self.registry, plain_http=(self.registry, *plain_http))

    def buildkitd(self, toml: str = "", *, s3: S3Account | None = None) -> Buildkitd:
        """A daemon with an empty root and the S3 account in its environment."""
        return Buildkitd(self.tools, toml or self.toml_text(), env=(s3 or self.s3).env())

    @contextlib.contextmanager
    def runner(self, **env: str) -> Iterator[Runner]:
        """A fresh runner that may use the lab's S3 and whose private engine uses its registry."""
        engine = {"FASTBUILD_ENGINE_CONFIG": str(self.toml)}
        with fresh_runner(self.tools, **{**self.s3.env(), **engine, **env}) as runner:
            yield runner


@contextlib.contextmanager
def lab() -> Iterator[Lab]:
    """Install what is missing, start, and leave nothing running at the end."""
    tools = ensure_tools()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fastbuild-lab-")))
        registry = stack.enter_context(registry_with_bases(tools))
        s3 = stack.enter_context(S3Server(tools))
        toml = folder / "buildkitd.toml"
        toml.write_text(buildkitd_toml(registry.address))
        yield Lab(tools, s3.account, registry.address, toml, s3, registry)
