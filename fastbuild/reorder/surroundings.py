"""What programs look at besides what they are told: variables, search paths, libraries, settings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastbuild.reorder.place import At

STEERING = re.compile(
    r"PATH|HOME|IFS|ENV|BASH_.*|SHELLOPTS|BASHOPTS|CDPATH|PWD|OLDPWD|TMPDIR|LD_.*|LANG|LANGUAGE|LC_.*|TZ"
    r"|GLOB(?:IGNORE|SORT)|TE?MP|.*BLOCK_?SIZE|COLUMNS|LS_COLORS|QUOTING_STYLE|TIME_STYLE|GREP_.*|PS4"
    r"|POSIXLY_CORRECT|.*_(?:PROXY|proxy)|SSL_CERT_(?:FILE|DIR)|CURL_CA_BUNDLE|REQUESTS_CA_BUNDLE|MALLOC_.*|GCONV_PATH"
)
"""Variables that matter to every program or to the shell itself."""
SEARCHED = (
    *("PATH", "LD_LIBRARY_PATH", "LD_PRELOAD", "PYTHONPATH", "PYTHONHOME"),
    *("NODE_PATH", "GEM_PATH", "PERL5LIB", "RUBYLIB"),
    *("CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "LIBRARY_PATH", "PKG_CONFIG_PATH", "GIT_TEMPLATE_DIR"),
    *("SSL_CERT_DIR", "SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "GIT_SSL_CAINFO"),
)
"""Variables whose files or directories every program of their kind looks into."""
BIN = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
"""Where programs are looked for; a file copied there may be the one that is started."""
LOADER = frozenset({"/etc/ld.so.preload", "/etc/ld.so.cache", "/usr/lib", "/usr/lib64"})
"""What starting any program reads."""
HELPERS = frozenset(
    {
        *("sh", "bash", "dash", "env", "git", "ssh", "gpg", "tar", "gzip", "xz", "unzip", "uname", "perl"),
        *("make", "cc", "gcc", "c++", "g++", "ld", "as", "ar", "pkg-config", "cmake", "python", "python3"),
        *("node", "ldd", "rustc", "rustup", "go", "java", "javac", "ruby", "php", "getconf", "lsb_release"),
        *("dpkg", "id"),
    }
)
"""Programs that package managers start themselves."""
BUILDING = frozenset(
    {
        *("/usr/lib", "/usr/libexec", "/usr/include", "/usr/share", "/usr/local/lib", "/usr/local/include"),
        *("/usr/local/share", "/usr/local/etc", "/usr/lib64", "/usr/local/libexec"),
        *("/etc/ssl", "/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/ld.so.cache"),
        *("/etc/pki", "/etc/crypto-policies", "/etc/ssh", "/etc/wgetrc", "/etc/gemrc"),
        *("/etc/sudoers", "/etc/sudoers.d", "/etc/pam.d", "/etc/security"),
        *("/etc/ld.so.conf.d", "/etc/ld.so.preload", "/etc/gitconfig", "/etc/ca-certificates"),
        *("/etc/os-release", "/etc/localtime", "/etc/passwd", "/etc/group", "/etc/host.conf"),
        *("/etc/gai.conf", "/etc/environment"),
    }
)
"""What compiling a package's native part, or reaching a registry, may read."""
DOTFILES = (".netrc", ".gitconfig", ".ssh", ".config", ".curlrc", ".wgetrc", ".gnupg", ".local", ".cache")
_SYSTEM = re.compile(r"/(?:usr/(?:local/)?)?s?bin/?")


def programs(names: set[str]) -> frozenset[str]:
    """Where programs of these names are looked for."""
    return frozenset(f"{directory}/{name}" for directory in BIN for name in names)


def search_path(at: At) -> frozenset[str]:
    """Directories outside the system's that variables make every program search."""
    listed = (path for name in SEARCHED for path in at.env.get(name, "").replace(" ", ":").split(":"))
    return frozenset(at.absolute(path) for path in listed if path and not _SYSTEM.fullmatch(path))


def is_foreign(program: str) -> bool:
    """Whether it is started from a directory that is not the system's."""
    directory, slash, _ = program.rpartition("/")
    return bool(slash) and not _SYSTEM.fullmatch(directory)
