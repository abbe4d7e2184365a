"""Programs that fetch and unpack: curl, wget, tar, unzip, git clone, gpg."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fastbuild.reorder.effects import NONE, Effects
from fastbuild.reorder.tools.assigned import Unclear
from fastbuild.reorder.tools.environment import COMMON, GIT
from fastbuild.reorder.tools.known import (
    guarded,
    join,
)
from fastbuild.reorder.tools.options import Parsed, Syntax, names, parse
from fastbuild.reorder.tools.python import homes

if TYPE_CHECKING:
    from fastbuild.dockerfile.shell import Call
    from fastbuild.reorder.effects import Place

_CURL = Syntax(
    flags=names(
        "-f --fail --fail-with-body -s --silent -S --show-error -L --location -k --insecure -O"
        " --remote-name -v --verbose -g --globoff -# --progress-bar -4 -6 -I --head -i --include"
        " --compressed --create-dirs -N --no-buffer --retry-all-errors --retry-connrefused --http1.1"
        " --http2 --tlsv1.2 --tlsv1.3 --proto-redir-default --no-progress-meter --ssl-reqd"
        " --location-trusted -q --disable -1 --parallel -Z --remote-name-all"
    ),
    values=names(
        "-o --output --output-dir -H --header -A --user-agent -u --user -X --request --retry --retry-delay"
        " --retry-max-time --connect-timeout -m --max-time --proto --proto-redir -x --proxy -e --referer -w"
        " --write-out --max-redirs --speed-limit --speed-time -y -Y --limit-rate -r --range --url --noproxy"
        " --resolve --ciphers --cacert --capath -b --cookie"
    ),
)
_WGET = Syntax(
    flags=names(
        "-q --quiet -nv --no-verbose -c --continue --no-check-certificate -N --timestamping -4 -6"
        " --show-progress --https-only --no-cache --no-hsts -nc --no-clobber --progress --retry-connrefused"
        " --no-cookies --inet4-only -S"
    ),
    values=names(
        "-O --output-document -P --directory-prefix -t --tries -T --timeout --header --user-agent -U"
        " --waitretry -e --execute --secure-protocol --max-redirect --progress --user --password"
        " --connect-timeout --read-timeout --wait -w --retry-on-http-error"
    ),
)
_TAR_FLAGS = "xzjJvpkmhPSwtOUa"
_TAR = Syntax(
    flags=names(
        "--extract --get --list --gzip --gunzip --bzip2 --xz --zstd --lzma --verbose --no-same-owner"
        " --same-owner --no-same-permissions --preserve-permissions --keep-old-files --overwrite"
        " --wildcards --touch --no-overwrite-dir --warning --strip-components --strip --exclude"
        " --no-wildcards --anchored --skip-old-files --auto-compress --keep-newer-files --owner"
    )
    | frozenset(f"-{letter}" for letter in _TAR_FLAGS),
    values=names("-f --file -C --directory --one-top-level"),
)
_UNZIP = Syntax(
    flags=names("-q -qq -o -n -j -u -a -L -v -l -t -X -K -C -oq -qo -qqo"), values=names("-d -x -P")
)
_CLONE = Syntax(
    flags=names(
        "--recursive --recurse-submodules --single-branch --no-single-branch -q --quiet -v --verbose"
        " --progress --no-tags --shallow-submodules --bare --mirror -n --no-checkout --remote-submodules"
        " --sparse --no-recurse-submodules --depth"
    ),
    values=names("-b --branch --depth -c --config -j --jobs --filter -o --origin --shallow-since"),
)
_GPG = Syntax(
    flags=names(
        "--batch --yes --no-tty --dearmor --import --verify --no-default-keyring --armor -a --quiet -q"
        " --fingerprint --no-options --recv-keys --receive-keys --export --keyserver-options --trust-model"
        " --list-keys --with-fingerprint --no-autostart"
    ),
    values=names("-o --output --keyserver --keyring --homedir --trust-model --keyserver-options"),
)


def _curl(call: Call, place: Place) -> Effects:
    """https://curl.se/docs/manpage.html; -d, -F, -T, -K and -n, which read files, are not known."""
    given = parse("curl", call.args, _CURL)
    addresses = (*given.words, *given.all("--url"))
    if any(address.lower().startswith("file:") for address in addresses) or any(
        "{" in a or "[" in a for a in addresses
    ):
        raise Unclear("curl reads a local file or a pattern of addresses")
    values = (*given.all("-H", "--header"), *given.all("-w", "--write-out"), *given.all("-b", "--cookie"))
    if any(value.startswith("@") for value in values) or (
        given.all("-b", "--cookie") and "=" not in given.last("-b", "--cookie")
    ):
        raise Unclear("curl reads headers or cookies from a file")
    base = place.absolute(given.last("--output-dir") or ".")
    outputs = {join(base, path) for path in given.all("-o", "--output") if path != "-"}
    if given.has("-O", "--remote-name", "--remote-name-all"):
        outputs |= {join(base, _file_name(address)) for address in addresses}
    reads = {join(home, name) for home in homes(place) for name in (".curlrc", ".config/curlrc")}
    reads |= {place.absolute(path) for path in given.all("--cacert", "--capath")}
    return Effects(reads=frozenset(reads), writes=_with_null(outputs), env=COMMON | {"CURL_*", "SSL_*"})


def _file_name(address: str) -> str:
    name = posixpath.basename(urlsplit(address if "://" in address else "//" + address).path)
    if not name:
        raise Unclear(f"address `{address}` has no file name")
    return name


def _with_null(outputs: set[str]) -> frozenset[str]:
    return frozenset(path for path in outputs if not path.startswith("/dev/"))


def _wget(call: Call, place: Place) -> Effects:
    """https://www.gnu.org/software/wget/manual/wget.html; where a file exists, the new one is `x.1`."""
    short = {"-nv": "--no-verbose", "-nc": "--no-clobber"}
    args = tuple("-q" + "O" + a[3:] if a.startswith("-qO") else short.get(a, a) for a in call.args)
    given = parse("wget", args, _WGET)
    if any(address.lower().startswith("file:") for address in given.words):
        raise Unclear("wget reads a local file")
    if given.all("-e", "--execute"):
        raise Unclear("wget is given a line of settings")
    outputs = {place.absolute(path) for path in given.all("-O", "--output-document") if path != "-"}
    if not given.all("-O", "--output-document"):
        base = place.absolute(given.last("-P", "--directory-prefix") or ".")
        for address in given.words:
            parts = urlsplit(address if "://" in address else "//" + address)
            name = (posixpath.basename(parts.path) or "index.html") + (
                f"?{parts.query}" if parts.query else ""
            )
            outputs |= {join(base, name), join(base, name + ".1")}
    own = {join(home, name) for home in homes(place) for name in (".wgetrc", ".netrc")}
    hsts = {join(home, ".wget-hsts") for home in homes(place)}
    reads = frozenset(own | hsts | outputs)
    return Effects(reads=reads, writes=_with_null(outputs | hsts), env=COMMON | {"WGETRC", "SYSTEM_WGETRC"})


def _tar(call: Call, place: Place) -> Effects:
    """Extraction and listing: https://www.gnu.org/software/tar/manual/html_node/All-Options.html"""
    args = list(call.args)
    if args and not args[0].startswith("-"):
        args[0] = "-" + args[0]
    given = parse("tar", _bundled(args), _TAR)
    if not given.has("-x", "-t", "--extract", "--get", "--list"):
        raise Unclear("tar makes an archive")
    if given.has("-P"):
        raise Unclear("tar extracts absolute paths")
    archives = frozenset(place.absolute(path) for path in given.all("-f", "--file") if path != "-")
    if any(":" in path for path in given.all("-f", "--file")):
        raise Unclear("tar reads an archive of another machine")
    if given.has("-t", "--list") or given.has("-O"):
        return Effects(reads=archives, env=COMMON | {"TAR_OPTIONS", "TAPE"})
    if len(given.all("-C", "--directory")) > 1 or given.all("--one-top-level"):
        raise Unclear("tar extracts into several directories")
    target = place.absolute(given.last("-C", "--directory") or ".")
    return Effects(
        reads=archives | {target},
        writes=frozenset({target}),
        makes_links=True,
        env=COMMON | {"TAR_OPTIONS", "TAPE"},
    )


def _bundled(args: list[str]) -> tuple[str, ...]:
    """`tar xzf file`, `-xzC /usr -f file`: letters with values take the next words in order."""
    letters = args[0][1:] if args and re.fullmatch(r"-[A-Za-z]+", args[0]) else ""
    with_values = [letter for letter in letters if letter in "fC"]
    if len(with_values) < 1 or len(args) <= len(with_values):
        return tuple(args)
    flags = tuple(f"-{letter}" for letter in letters if letter not in "fC")
    pairs = [
        word for letter, value in zip(with_values, args[1:], strict=False) for word in (f"-{letter}", value)
    ]
    return (*flags, *pairs, *args[1 + len(with_values) :])


def _unzip(call: Call, place: Place) -> Effects:
    given = parse("unzip", call.args, _UNZIP)
    if not given.words:
        raise Unclear("unzip is given no archive")
    archive = place.absolute(given.words[0])
    reads = frozenset({archive, archive + ".zip", archive + ".ZIP"})
    if given.has("-l", "-t", "-v"):
        return Effects(reads=reads, env=COMMON | {"UNZIP"})
    target = place.absolute(given.last("-d") or ".")
    return Effects(
        reads=reads | {target},
        writes=frozenset({target}),
        makes_links=True,
        env=COMMON | {"UNZIP", "UNZIPOPT"},
    )


def _git(call: Call, place: Place) -> Effects:
    """`git clone URL [DIR]` and `git config --global`: https://git-scm.com/docs/git-clone

    The latter asks whether there is a repository (traced), which changes nothing that it writes.
    """
    own = frozenset(
        join(home, n)
        for home in homes(place)
        for n in (".gitconfig", ".config/git", ".ssh", ".netrc", ".git-credentials")
    )
    own |= {"/etc/gitconfig"}
    command = call.args[0] if call.args else ""
    if command == "config" and call.args[1:2] in (("--global",), ("--system",)):
        return Effects(reads=own, writes=own, env=COMMON | GIT)
    if command in ("--version", "version", ""):
        return NONE
    if command != "clone":
        raise Unclear(f"`git {command}` is not a command fastbuild knows")
    return Effects(reads=own, env=COMMON | GIT) | _clone(place, parse("git clone", call.args[1:], _CLONE))


def _clone(place: Place, given: Parsed) -> Effects:
    address, *rest = given.words or ("",)
    if not re.match(r"(https?|git|ssh)://|[\w.-]+@[\w.-]+:", address):
        raise Unclear(f"`{address}` may be a local repository")
    if any(
        "template" in value or "hooks" in value or "include" in value for value in given.all("-c", "--config")
    ):
        raise Unclear("git clone is given settings that may name files")
    name = (
        posixpath.basename(address.rstrip("/").removesuffix("/.git")).rpartition(":")[2].removesuffix(".git")
    )
    bare = given.has("--bare", "--mirror")
    target = place.absolute(rest[0] if rest else name + (".git" if bare else ""))
    return Effects(reads=frozenset({target}), writes=frozenset({target}), makes_links=True)


def _gpg(call: Call, place: Place) -> Effects:
    """Keys from files, pipes and key servers: https://www.gnupg.org/documentation/manuals/gnupg/"""
    given = parse("gpg", call.args, _GPG)
    keys = {join(home, ".gnupg") for home in homes(place)}
    keys |= {
        place.absolute(v) for v in (place.env.get("GNUPGHOME", ""), *given.all("--homedir", "--keyring")) if v
    }
    words = {
        place.absolute(word) for word in given.words if not re.fullmatch(r"(0x)?[0-9A-Fa-f]{8,40}", word)
    }
    outputs = {place.absolute(path) for path in given.all("-o", "--output") if path != "-"}
    if given.has("--dearmor") and not outputs:
        outputs = {word + ".gpg" for word in words}
    return Effects(
        reads=frozenset(keys | words), writes=frozenset(keys | outputs), env=COMMON | {"GNUPGHOME", "GPG_*"}
    )


curl = guarded(_curl)
wget = guarded(_wget)
tar = guarded(_tar)
unzip = guarded(_unzip)
git = guarded(_git)
gpg = guarded(_gpg)
