"""S3 (versitygw) and registry (distribution) servers on 127.0.0.1, one process each."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.lab.processes import Server, Stoppable, free_port

if TYPE_CHECKING:
    from tests.lab.tools import Tools

REGION = "us-east-1"

# No `http.host`: upload locations then follow the Host header, so a proxy in front works.
REGISTRY_CONFIG = """\
version: 0.1
log: {{level: info, formatter: text, accesslog: {{disabled: false}}}}
storage:
  filesystem: {{rootdirectory: {storage}}}
  delete: {{enabled: true}}
  maintenance: {{uploadpurging: {{enabled: false}}}}
http:
  addr: 127.0.0.1:{port}
  secret: {secret}
"""


@dataclass(frozen=True)
class S3Account:
    """What a client needs to reach the server; the keys are random for every run."""

    endpoint: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    bucket: str
    region: str = REGION

    def env(self) -> dict[str, str]:
        """The variables every AWS SDK reads."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            # No other source of credentials may be found by accident, nor waited for.
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def through(self, endpoint: str) -> S3Account:
        """The same account behind another address, such as a proxy's."""
        return S3Account(endpoint, self.access_key, self.secret_key, self.bucket, self.region)

    def client(self) -> Any:
        """A boto3 client with path-style addresses."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=self.region,
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 2}),
        )

    def new_bucket(self, prefix: str = "test") -> S3Account:
        """A bucket of its own for one test, on the same server."""
        name = f"{prefix}-{secrets.token_hex(4)}"
        self.client().create_bucket(Bucket=name)
        return S3Account(self.endpoint, self.access_key, self.secret_key, name, self.region)


class _Service(Stoppable):
    """A server with its folder; removed at the end if the service made it."""

    address: str

    def __init__(self, kind: str, folder: Path | None) -> None:
        self._owned = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix=f"fastbuild-{kind}-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log = self.folder / f"{kind}.log"
        self._server: Server | None = None

    def _start(self, argv: list[str | Path], env: dict[str, str]) -> None:
        self._server = Server(argv, env=env, log=self.log)
        self._server.wait_for(self.address)

    def stop(self) -> None:
        if self._server:
            self._server.stop()
            self._server = None
        if self._owned:
            shutil.rmtree(self.folder, ignore_errors=True)


class S3Server(_Service):
    """versitygw on a folder. It is running when the constructor returns."""

    def __init__(self, tools: Tools, *, bucket: str = "cache", folder: Path | None = None) -> None:
        super().__init__("s3", folder)
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        data, metadata = self.folder / "data", self.folder / "metadata"
        for path in (data, metadata):
            path.mkdir(exist_ok=True)
        self.account = S3Account(
            endpoint=f"http://{self.address}",
            access_key="AK" + secrets.token_hex(9).upper(),
            secret_key=secrets.token_urlsafe(30),
            bucket=bucket,
        )
        # The keys go by environment: arguments are readable by every user of the machine.
        env = {
            "PATH": os.defpath,
            "ROOT_ACCESS_KEY": self.account.access_key,
            "ROOT_SECRET_KEY": self.account.secret_key,
        }
        # A side folder for metadata: not every file system keeps user attributes.
        posix = ["posix", "--sidecar", str(metadata), str(data)]
        self._start(
            [tools.versitygw, "--port", self.address, "--region", REGION, "--keep-alive", *posix], env
        )
        self.account.client().create_bucket(Bucket=bucket)

    @property
    def data(self) -> Path:
        """The objects as files, for tests that damage them on purpose."""
        return self.folder / "data" / self.account.bucket


class RegistryServer(_Service):
    """distribution v3 on a folder. It is running when the constructor returns."""

    def __init__(self, tools: Tools, *, folder: Path | None = None) -> None:
        super().__init__("registry", folder)
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        self.storage = self.folder / "storage"
        config = self.folder / "config.yml"
        config.write_text(
            REGISTRY_CONFIG.format(storage=self.storage, port=port, secret=secrets.token_hex(16))
        )
        env = {"PATH": os.defpath, "OTEL_TRACES_EXPORTER": "none"}
        self._start([tools.registry, "serve", config], env)

    @property
    def endpoint(self) -> str:
        return f"http://{self.address}"
