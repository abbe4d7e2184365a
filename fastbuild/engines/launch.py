"""How the private buildkitd is started, as values: its arguments, environment and configuration.

Root runs buildkitd itself; an ordinary user runs it in a user namespace made by rootlesskit.
"""

from __future__ import annotations

import os
import pwd
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.engines.toolchain import find_runtime
from fastbuild.errors import EngineError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastbuild.engines.daemon_settings import DaemonSettings

_KEPT = frozenset(
    {"HOME", "USER", "LOGNAME", "PATH", "TMPDIR", "LANG", "LC_ALL", "TZ"}
    | {"XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "DBUS_SESSION_BUS_ADDRESS"}
    | {"SSL_CERT_FILE", "SSL_CERT_DIR", "AWS_CA_BUNDLE", "CNI_PATH"}
    | {"GODEBUG", "GOGC", "GOMAXPROCS", "GOMEMLIMIT"}
    | {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"}
    | {"http_proxy", "https_proxy", "no_proxy", "all_proxy"}
)
_KEPT_PREFIXES = ("BUILDKIT_", "ROOTLESSKIT_")

_HINTS = (
    ("could not lock", "another engine uses this directory: set FASTBUILD_HOME to another one"),
    ("no worker found", "install an OCI runtime: apt-get install runc"),
    ("newuidmap", "apt-get install uidmap"),
    ("/proc/sys/kernel/apparmor_restrict", "allow user namespaces: see the line above"),
    (
        "operation not permitted",
        "the kernel or container forbids user namespaces or mounts: run as root, start the container "
        "with --privileged, or set kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu 24.04)",
    ),
    ("no space left", "free disk space: `fastbuild engine stop`, then remove its directory"),
)


def read_config(config: Path | None, environ: Mapping[str, str]) -> str:
    """The text of buildkitd.toml: the one given, else the user's, else the system's, else "".

    Raises UsageError when the given one can't be read.
    """
    if config is not None:
        try:
            return config.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"the engine's configuration {config} can't be read: {error}") from error
    home = environ.get("XDG_CONFIG_HOME") or os.path.join(environ.get("HOME", "/"), ".config")  # noqa: PTH118
    for file in (f"{home}/buildkit/buildkitd.toml", "/etc/buildkit/buildkitd.toml"):
        try:
            return Path(file).read_text()
        except (OSError, UnicodeDecodeError):
            continue
    return ""


def chosen(config: str) -> frozenset[str]:
    """Which of our defaults a buildkitd.toml sets itself: `network`, `otel`.

    Raises UsageError when it isn't TOML. Format: docs/buildkitd.toml.md of BuildKit.
    """
    import tomllib

    try:
        tables = tomllib.loads(config)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(
            f"the engine's configuration is not valid TOML: {error}",
            fix="mend buildkitd.toml (yours in ~/.config/buildkit, or /etc/buildkit)",
        ) from error
    network = "networkMode" in tables.get("worker", {}).get("oci", {})
    otel = "socketPath" in tables.get("otel", {})
    return frozenset(name for name, found in (("network", network), ("otel", otel)) if found)


def arguments(
    settings: DaemonSettings, *, config: Path, chosen: frozenset[str], runtime: str, rootlesskit: str = ""
) -> tuple[str, ...]:
    """buildkitd's argv; with `rootlesskit` (a program) the rootless form.

    The host's network is used for RUN, as no CNI plug-ins can be expected; BuildKit's trace socket would
    be in /run/buildkit, where another engine's is. Both unless the configuration sets them (`chosen`).
    Extra rights only by `settings.allow` or the configuration itself.
    """
    argv: tuple[str, ...] = (rootlesskit, "--net=host") if rootlesskit else ()
    argv += (str(settings.toolchain.buildkitd),)
    argv += ("--rootless",) if rootlesskit else ()
    argv += ("--root", str(settings.root), "--addr", f"unix://{settings.paths.socket}")
    argv += () if "network" in chosen else ("--oci-worker-net", "host")
    traces = str(settings.paths.socket.with_name("otel-grpc.sock"))
    argv += () if "otel" in chosen else ("--otel-socket-path", traces)
    argv += ("--oci-worker-binary", runtime, "--containerd-worker=false", "--config", str(config))
    for entitlement in settings.allow:
        argv += ("--allow-insecure-entitlement", entitlement)
    return argv


def environment(settings: DaemonSettings, environ: Mapping[str, str]) -> dict[str, str]:
    """What the engine gets of our environment: names on a short list only.

    It outlives the job that started it, so it must not keep the job's secrets; nor the variables by
    which Jenkins and GitHub's runner find and kill what a job left behind. Its AWS credentials come
    from the file `settings.credentials` alone (see `daemon.hand_over`), never from a profile, nor from the
    machine's role, which would silently be another identity than the one asked for.
    """
    kept = {k: v for k, v in environ.items() if k in _KEPT or k.startswith(_KEPT_PREFIXES)}
    if settings.paths.uid:  # rootless runc keeps its state there, and in /run/runc without it
        kept["XDG_RUNTIME_DIR"] = str(settings.paths.runtime)
    return {
        **kept,
        "PATH": kept.get("PATH", "/usr/local/bin:/usr/bin:/bin") + ":/usr/local/sbin:/usr/sbin:/sbin",
        "AWS_SHARED_CREDENTIALS_FILE": str(settings.credentials),
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def require_runtime(settings: DaemonSettings, environ: Mapping[str, str]) -> str:
    """The OCI runtime's path; raises EngineError when there is none."""
    if settings.runtime is not None:
        return str(settings.runtime)
    found = find_runtime(environ, beside=settings.toolchain.buildkitd)
    if found is None:
        raise EngineError(
            "the engine needs an OCI runtime (runc or crun) and found none",
            fix="apt-get install runc",
        )
    return str(found)


def require_rootlesskit(environ: Mapping[str, str], uid: int) -> str:
    """rootlesskit's path; raises EngineError when something rootless mode needs is missing."""
    user = _user_name(uid)
    path = environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"
    rootlesskit = shutil.which("rootlesskit", path=path)
    if rootlesskit is None or shutil.which("newuidmap", path=path) is None:
        missing = "rootlesskit" if rootlesskit is None else "newuidmap"
        raise EngineError(
            f"without root the engine needs {missing}",
            fix="apt-get install rootlesskit uidmap, or run as root, or set BUILDKIT_HOST",
        )
    for name in ("subuid", "subgid"):
        try:
            table = Path("/etc", name).read_text()
        except OSError:
            table = ""
        if not has_range(table, user, uid):
            raise EngineError(
                f"without root the engine needs a range of ids for {user} in /etc/{name}",
                fix=f"sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {user}",
            )
    return rootlesskit


def has_range(table: str, user: str, uid: int) -> bool:
    """Whether /etc/subuid or subgid grants a user ids. Format: subuid(5), `name-or-uid:first:count`."""
    rows = (line.split(":") for line in table.splitlines())
    return any(len(row) == 3 and row[0] in (user, str(uid)) for row in rows)


def hint(log: str) -> str:
    """What to do about an engine that died, judged by its last words; "" when unknown."""
    lowered = log.lower()
    return next((advice for words, advice in _HINTS if words in lowered), "")


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # ordinary in containers started with --user
        return str(uid)
