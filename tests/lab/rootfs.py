"""Root file systems for the base images, as tar archives made from Debian packages."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tests.lab.packages import need_program
from tests.lab.places import LabError, digest, lab_dir, making, step
from tests.lab.processes import run
from tests.lab.trust import BUNDLE, SUITE, debian_sources

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.trust import Trust

# What Debian's own slim images leave out; later apt-get installs leave it out as well.
SLIM = """\
path-exclude /usr/share/doc/*
path-exclude /usr/share/info/*
path-exclude /usr/share/man/*
path-exclude /usr/share/locale/*
path-include /usr/share/doc/*/copyright
"""
# Packages fetched by apt-get in a RUN are not kept in the layer.
CLEAN = """\
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
APT::Install-Recommends "true";
Acquire::Languages "none";
Acquire::Retries "3";
"""
NO_SERVICES = "#!/bin/sh\n# A build starts no services.\nexit 101\n"
UNWANTED = ("usr/share/doc", "usr/share/info", "usr/share/man", "usr/share/locale")
# A usual set; static busybox brings more, but these are what Dockerfiles of busybox call.
TAR = ("tar", "--numeric-owner", "--sort=name", "--xattrs", "--one-file-system")


def debian_rootfs(trust: Trust) -> Path:
    """``debian.tar`` made by debootstrap, kept for the next time."""
    sources = debian_sources()
    key = digest(sources.main, *sources.lines, *trust.extra, SLIM, CLEAN)
    target = lab_dir() / "rootfs" / f"debian-{key}"
    with making(target) as draft:
        if draft:
            _need_root()
            with step(f"debootstrap {SUITE} from {_without_credentials(sources.main)}"):
                _debootstrap(draft, sources.main)
                _finish(draft / "root", sources.lines, trust)
                run([*TAR, "-C", draft / "root", "-cf", draft / "debian.tar", "."])
                run(["rm", "-rf", "--one-file-system", draft / "root"])
    return target / "debian.tar"


def busybox_rootfs(trust: Trust) -> Path:
    """``busybox.tar``: Debian's static busybox with a link for every applet."""
    busybox = need_program("busybox")
    key = digest(run([busybox, "--help"]).splitlines()[0], *trust.extra)
    target = lab_dir() / "rootfs" / f"busybox-{key}"
    with making(target) as draft:
        if draft:
            root = draft / "root"
            for name in ("bin", "etc/ssl/certs", "home", "root", "tmp", "usr/sbin", "var"):
                (root / name).mkdir(parents=True)
            (root / "tmp").chmod(0o1777)
            (root / "bin/busybox").write_bytes(busybox.read_bytes())
            (root / "bin/busybox").chmod(0o755)
            for applet in run([busybox, "--list"]).split():
                if applet != "busybox":
                    (root / "bin" / applet).hardlink_to(root / "bin/busybox")
            (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
            (root / "etc/group").write_text("root:x:0:\n")
            (root / BUNDLE[1:]).write_text(trust.bundle)
            run([*TAR, "--owner=0", "--group=0", "-C", root, "-cf", draft / "busybox.tar", "."])
            run(["rm", "-rf", root])
    return target / "busybox.tar"


def _debootstrap(draft: Path, mirror: str) -> None:
    env = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
    options = ["--variant=minbase", "--keyring=/usr/share/keyrings/debian-archive-keyring.gpg"]
    program = need_program("debootstrap")
    run([program, *options, SUITE, draft / "root", mirror], env=env)


def _finish(root: Path, lines: tuple[str, ...], trust: Trust) -> None:
    """Turn debootstrap's result into what a slim image holds, plus the host's extra CAs."""
    for path in UNWANTED:
        run(["rm", "-rf", root / path])
        (root / path).mkdir()
    run(["find", *(root / p for p in ("var/cache/apt", "var/lib/apt/lists")), "-type", "f", "-delete"])
    (root / "etc/apt/sources.list").write_text("\n".join(lines) + "\n")
    (root / "etc/dpkg/dpkg.cfg.d/docker").write_text(SLIM)
    (root / "etc/apt/apt.conf.d/docker-clean").write_text(CLEAN)
    policy = root / "usr/sbin/policy-rc.d"
    policy.write_text(NO_SERVICES)
    policy.chmod(0o755)
    for name in ("etc/machine-id", "etc/resolv.conf", "etc/hostname"):
        (root / name).unlink(missing_ok=True)
    if not trust.extra:
        return
    (root / BUNDLE[1:]).parent.mkdir(parents=True, exist_ok=True)
    (root / BUNDLE[1:]).write_text(trust.bundle)
    # Kept as local certificates too: installing ca-certificates writes the bundle anew.
    local = root / "usr/local/share/ca-certificates"
    local.mkdir(parents=True, exist_ok=True)
    for number, pem in enumerate(trust.extra):
        (local / f"host-{number}.crt").write_text(pem + "\n")


def _need_root() -> None:
    if os.getuid() != 0:
        msg = "debootstrap needs root; run `python -m tests.lab up` once as root"
        raise LabError(msg)


def _without_credentials(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
