"""Which variables have which value at an instruction: ARG, ENV, platforms and stages, as in BuildKit.

Source: frontend/dockerfile/dockerfile2llb/convert.go of BuildKit v0.34.1 (`buildMetaArgs`, `dispatchArg`,
`dispatchEnv`, `dispatchStages`, `dispatchState.init`) and platform.go (`defaultArgs`). What it does there,
where the documentation says less or otherwise:

- Inside a stage ARG and ENV write one list, and the last one wins: `ARG X=2` after `ENV X=1` gives 2, and
  `ARG X` with a build argument does, too. A stage built on this one sees 1 again: it begins with the list
  as it is, then sets all ENV once more, which also moves them behind the arguments.
- So a stage inherits the arguments' values of the stage it is built on, in expansion and in RUN.
- `ARG X` with neither default, build argument nor global value sets nothing and hides nothing.
- Predefined proxy arguments reach RUN outside this list and can't be expanded unless declared.
- SOURCE_DATE_EPOCH is handed on as given; BuildKit first turns words like `context` into seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from fastbuild.dockerfile.expand import expand_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""PATH where the base image sets none."""
_NOT_IN_ENVIRONMENT = frozenset(("BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"))
_NOTHING: Mapping[str, str] = MappingProxyType({})


def platform_args(
    target: str, build: str, stage: str, build_args: Mapping[str, str | None] = _NOTHING
) -> dict[str, str]:
    """The arguments that exist without a declaration before the first FROM.

    Platforms are `os/arch` or `os/arch/variant`, normalised; `stage` is the wanted stage's name, empty for an
    unnamed last one. A build argument of one of these names replaces it. In a stage they must be declared.
    """
    found: dict[str, str] = {}
    for prefix, platform in (("BUILD", build), ("TARGET", target)):
        system, arch, variant, *_ = (*platform.split("/"), "", "")
        parts = {"PLATFORM": platform, "OS": system, "OSVERSION": "", "ARCH": arch, "VARIANT": variant}
        found |= {prefix + name: value for name, value in parts.items()}
    found["TARGETSTAGE"] = stage or "default"
    return found | {name: value for name in found if (value := build_args.get(name)) is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The variables before an instruction. `header` is None before the first FROM.

    `variables` are in the order in which they were last set, `environment` are those of the image's
    configuration. `complete` is false if the base image's environment is not known.
    """

    variables: Mapping[str, str] = field(hash=False)
    environment: Mapping[str, str] = field(default_factory=dict, hash=False)
    header: Mapping[str, str] | None = field(default=None, hash=False)
    complete: bool = True

    @classmethod
    def global_(
        cls,
        target: str = "linux/amd64",
        build: str = "",
        stage: str = "",
        build_args: Mapping[str, str | None] = _NOTHING,
    ) -> Scope:
        """The scope before the first FROM; `build` is the builder's platform if it isn't `target`."""
        return cls(variables=platform_args(target, build or target, stage, build_args))

    def stage(self, parent: Scope | None = None, image: Iterable[tuple[str, str]] | None = None) -> Scope:
        """The scope behind a FROM, seen from the global scope behind the last ARG of the header.

        `parent` is the scope at the end of the stage that is named, `image` the environment of the image
        that is; give `()` for scratch, nothing if it isn't known.
        """
        environment = dict(parent.environment if parent else image or ())
        environment.setdefault("PATH", DEFAULT_PATH)
        variables = dict(parent.variables) if parent else {}
        for name, value in environment.items():
            variables.pop(name, None)
            variables[name] = value
        return Scope(
            variables=variables,
            environment=environment,
            header=self.variables,
            complete=parent.complete if parent else image is not None,
        )

    def declare_arg(
        self, name: str, default: str | None, build_args: Mapping[str, str | None] = _NOTHING
    ) -> Scope:
        """Behind `ARG name` or `ARG name=default`, the default already expanded.

        A build argument is taken as it is; one that is None was not given.
        """
        value = build_args.get(name)
        if value is None:
            value = default
        if value is None and self.header is not None:
            value = self.header.get(name)
        if value is None or (self.header is not None and name in _NOT_IN_ENVIRONMENT):
            return self
        return self._with(_last(self.variables, name, value), self.environment)

    def expand_arg(
        self,
        name: str,
        default: str | None,
        build_args: Mapping[str, str | None] = _NOTHING,
        escape: str = "\\",
    ) -> Scope:
        """`declare_arg` with the default as written. Raises DockerfileSyntax.

        A default that a build argument replaces is not expanded, so its errors don't count.
        """
        if default is not None and build_args.get(name) is None:
            default = expand_text(default, self.variables, escape)
        return self.declare_arg(name, default, build_args)

    def set_env(self, name: str, value: str) -> Scope:
        """Behind `ENV name=value`, expanded. All pairs of one ENV are expanded with the scope before it."""
        return self._with(_last(self.variables, name, value), {**self.environment, name: value})

    def _with(self, variables: Mapping[str, str], environment: Mapping[str, str]) -> Scope:
        return Scope(variables=variables, environment=environment, header=self.header, complete=self.complete)

    @property
    def values(self) -> Mapping[str, str]:
        """What an expansion sees here."""
        return self.variables

    @property
    def run_environment(self) -> tuple[tuple[str, str], ...]:
        """The environment in the key of a RUN, in its order: ENV and ARG with a value, as last set.

        A RUN with `--mount=type=ssh` has SSH_AUTH_SOCK behind it if that is not set.
        """
        return tuple(self.variables.items())


def _last(variables: Mapping[str, str], name: str, value: str) -> dict[str, str]:
    changed = dict(variables)
    changed.pop(name, None)
    changed[name] = value
    return changed
