"""Package managers of distributions: apt, apk, dnf and their kin.

They read and write the system's directories, and run maintainer scripts there. Those make users
(/etc/passwd) and homes of services below /var. Python's packages make directories in /usr/local/lib; else
/usr/local, /opt and /home are forbidden to Debian's packages
(https://www.debian.org/doc/debian-policy/ch-opersys.html). Packages of others may unpack into /opt: what
a local package file is, is not known, so /opt counts as written then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.reorder.effects import NONE, SYSTEM, SYSTEM_READS, Effects
from fastbuild.reorder.tools.assigned import Unclear
from fastbuild.reorder.tools.environment import ANY_BUT_STAMPS
from fastbuild.reorder.tools.known import guarded, likely
from fastbuild.reorder.tools.options import Syntax, names, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.dockerfile.shell import Call
    from fastbuild.reorder.effects import Place

WRITES = SYSTEM | {
    *(
        "/usr/libx32",
        "/usr/games",
        "/usr/etc",
        "/usr/man",
        "/usr/doc",
        "/usr/x86_64-linux-gnu",
        "/usr/aarch64-linux-gnu",
    ),
    *("/usr/local/lib", "/var/run", "/var/lock", "/var/empty", "/var/db"),
}
READS = WRITES | SYSTEM_READS

_APT = Syntax(
    flags=names(
        "-y --yes --assume-yes -q -qq --quiet --no-install-recommends --install-recommends"
        " --no-install-suggests -f --fix-broken --fix-missing -m --allow-unauthenticated --allow-downgrades"
        " --allow-change-held-packages --force-yes --purge --allow-insecure-repositories"
        " --allow-releaseinfo-change --reinstall --auto-remove --autoremove --only-upgrade --no-upgrade"
        " --trivial-only -u --no-cache --show-progress -V --ignore-missing --allow-remove-essential -s"
    ),
    values=names("-t --target-release --default-release"),
    prefixes=("-oDPkg::", "-oDpkg::", "-oAcquire::", "-oAPT::", "-oDebug::", "-q="),
)
_APT_COMMANDS = names(
    "update install upgrade dist-upgrade full-upgrade remove purge autoremove clean autoclean auto-clean"
    " autopurge"
)
_APK = Syntax(
    flags=names(
        "--no-cache -U --update-cache --update -q --quiet -v --verbose --upgrade -u -l --latest"
        " --allow-untrusted --purge --no-progress --force --force-overwrite --force-broken-world -f"
        " --available --clean-protected --virtual-only -a --rdepends -r"
    ),
    values=names("-t --virtual -X --repository --wait"),
)
_APK_COMMANDS = names("add del update upgrade fix cache info version search")
_DNF = Syntax(
    flags=names(
        "-y --assumeyes -q --quiet --nogpgcheck --allowerasing --skip-broken --nobest --best --nodocs"
        " --refresh -C -v --noplugins --allow-downgrade --security --assumeno"
    ),
    values=names(
        "--setopt --enablerepo --disablerepo --exclude -x --releasever --disableplugin --enableplugin"
        " --repo --repoid"
    ),
)
_DNF_COMMANDS = names(
    "install update upgrade remove erase clean makecache autoremove groupinstall module reinstall swap"
    " check-update downgrade distro-sync upgrade-minimal update-minimal"
)


def _manage(program: str, call: Call, place: Place, syntax: Syntax, commands: frozenset[str]) -> Effects:
    given = parse(program, call.args, syntax)
    command, *rest = given.words or ("",)
    if command not in commands:
        raise Unclear(f"`{program} {command}` is not a command fastbuild knows")
    for value in given.all("-X", "--repository"):
        if "://" not in value:
            raise Unclear(f"repository `{value}` is a local directory")
    doubts = tuple(_check_sources(place))
    local = frozenset(place.absolute(word) for word in rest if "/" in word and _is_file(program, word))
    effects = Effects(
        reads=READS | local, writes=WRITES | ({"/opt"} if local else frozenset()), env=ANY_BUT_STAMPS
    )
    return likely(effects, *doubts)


def _is_file(program: str, word: str) -> bool:
    """`name/release` is apt's way to say a release; files begin with a dot or slash."""
    return (
        word.startswith((".", "/"))
        or (program != "apt-get" and not word.startswith("http"))
        or word.endswith((".deb", ".rpm", ".apk"))
    )


def _check_sources(place: Place) -> Iterator[str]:
    """Repositories may be local directories: sources.list(5), apk-repositories(5), yum.conf(5).

    Gives a doubt for what a RUN wrote. Raises Unclear for what COPYs brought.
    """
    for directory in ("/etc/apt", "/etc/apk", "/etc/yum.repos.d", "/etc/dnf"):
        for path in place.below(directory):
            text = place.read(path)
            if text is None and not path.endswith((".gpg", ".pub", ".asc")):
                raise Unclear(f"`{path}` can't be read as text")
            if text is not None and any(
                word in text for word in ("file:", "copy:", "cdrom:", "Dir::", "RootDir")
            ):
                raise Unclear(f"`{path}` names local files")
            if directory == "/etc/apk" and any(line.startswith("/") for line in (text or "").splitlines()):
                raise Unclear(f"`{path}` names a local repository")
        if place.doubtful(directory):
            yield f"a RUN wrote a list of repositories in {directory}, which may name files of the context"


def _apt(call: Call, place: Place) -> Effects:
    args: list[str] = []
    pending = list(call.args)
    while pending:
        word = pending.pop(0)
        if word in ("-o", "--option") and pending:
            word = f"-o{pending.pop(0)}"
        if word.startswith(("-oDir", "-oRootDir", "-oAPT::Get::Download")):
            raise Unclear(f"`{word}` of apt names another directory")
        args.append(word)
    from dataclasses import replace

    from fastbuild.dockerfile.shell import Word

    plain = replace(call, words=(call.words[0], *(Word(arg, arg) for arg in args)))
    return _manage("apt-get", plain, place, _APT, _APT_COMMANDS)


def _apk(call: Call, place: Place) -> Effects:
    return _manage("apk", call, place, _APK, _APK_COMMANDS)


def _dnf(call: Call, place: Place) -> Effects:
    return _manage(call.name, call, place, _DNF, _DNF_COMMANDS)


def _dpkg(call: Call, place: Place) -> Effects:
    given = parse(
        "dpkg",
        call.args,
        Syntax(
            flags=names(
                "-i --install --force-all --force-depends -r --purge -P --add-architecture"
                " --print-architecture --configure -a"
            )
        ),
    )
    if given.has("--print-architecture"):
        return NONE
    return Effects(
        reads=READS | {place.absolute(word) for word in given.words},
        writes=WRITES | {"/opt"},
        env=ANY_BUT_STAMPS,
    )


def _refresh(call: Call, place: Place) -> Effects:
    """Programs that rebuild the system's indexes from the system's directories, and take no path."""
    if any("/" in word for word in call.args) or place.below("/etc/ld.so.conf.d"):
        raise Unclear(f"`{call.name}` is given a path")
    return Effects(reads=READS, writes=WRITES, env=ANY_BUT_STAMPS)


apt = guarded(_apt)
apk = guarded(_apk)
dnf = guarded(_dnf)
dpkg = guarded(_dpkg)
refresh = guarded(_refresh)
REFRESHING = names(
    "update-ca-certificates locale-gen ldconfig dpkg-reconfigure update-alternatives fc-cache a2enmod"
    " a2dismod apt-key-list"
)
