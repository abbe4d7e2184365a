"""Composer and Bundler: https://getcomposer.org/doc/03-cli.md#install-i and https://bundler.io/man/bundle-install.1.html

Traced up to the first download: Composer 2.5 asks .git for the root package's version, which it writes to
vendor/composer/installed.php; Bundler 2.3 looks for Gemfile, gems.rb, .bundle and vendor/cache.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastbuild.reorder.effects import NONE, Effects
from fastbuild.reorder.tools.assigned import Unclear
from fastbuild.reorder.tools.environment import ANY_BUT_STAMPS
from fastbuild.reorder.tools.known import (
    SHIMS,
    Table,
    guarded,
    join,
    json_table,
    likely,
    optional,
    required,
    settings,
    upwards,
)
from fastbuild.reorder.tools.options import Parsed, Syntax, names, parse
from fastbuild.reorder.tools.python import environments, homes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.dockerfile.shell import Call
    from fastbuild.reorder.effects import Place

_COMPOSER = Syntax(
    flags=names(
        "--no-dev --dev --no-scripts --no-autoloader --no-plugins --no-progress --no-interaction -n"
        " --prefer-dist --prefer-source -q --quiet -v -vv -vvv --verbose --ansi --no-ansi"
        " --optimize-autoloader -o --classmap-authoritative -a --no-cache --ignore-platform-reqs"
        " --no-suggest --apcu-autoloader --audit --no-audit -V --version -h --help --no-security-blocking"
    ),
    values=names("--ignore-platform-req --prefer-install --apcu-autoloader-prefix --audit-format"),
)
_EVENTS = re.compile(
    r"(pre|post)-(install-cmd|autoload-dump|operations-exec|dependencies-solving|package-\w+|pool-create|root-package-install|file-download|command-run)|command|init"
)
_READING_PLUGINS = names(
    "symfony/flex symfony/runtime cweagans/composer-patches drupal/core-composer-scaffold"
    " composer/installers wikimedia/composer-merge-plugin"
)

_BUNDLE = Syntax(
    flags=names(
        "--deployment --frozen --quiet --no-cache --local --no-prune --verbose --clean --full-index --force"
        " --redownload --system -V --version --global --no-color --local-config"
    ),
    values=names(
        "-j --jobs --retry --without --with --path --shebang --gemfile --trust-policy --binstubs --standalone"
    ),
)
_PLAIN_RUBY = re.compile(
    r"""\s*(\#.*|end|source\s*\(?["'][^"']*["']\)?(\s+do)?|ruby\s+["'~>=<0-9., ]+"""
    r"""|(group|groups|platforms?|install_if)\s[^{}`]*\bdo"""
    r"""|gem\s*\(?["'][^"']+["'][^{}`]*|git_source\(:\w+\)\s*(\{.*\}|do.*)|plugin\s.*)?\s*"""
)
_DOUBT = "What {tool} reads is taken from its documentation and incomplete traces."


def _composer(call: Call, place: Place) -> Effects:
    given = parse("composer", call.args, _COMPOSER)
    if given.has("-V", "--version", "-h", "--help") or not given.words:
        return NONE
    if given.words not in (("install",), ("i",)):
        raise Unclear(f"`composer {' '.join(given.words[:2])}` is not a command fastbuild knows")
    if place.env.get("COMPOSER"):
        raise Unclear("COMPOSER names another file than composer.json")
    root = place.cwd
    path, lock_path = join(root, "composer.json"), join(root, "composer.lock")
    table = json_table(required(place, path), path)
    lock = json_table(required(place, lock_path), lock_path)
    scripts = [name for name in table.table("scripts").values if _EVENTS.fullmatch(name)]
    if scripts and not given.has("--no-scripts"):
        raise Unclear(f"`{path}` has a `{scripts[0]}` script, which may read any file")
    effects = Effects(
        reads=frozenset({path, lock_path, join(root, "auth.json"), join(root, "vendor")})
        | upwards(root, *SHIMS),
        writes=frozenset({join(root, "vendor")}) | _composer_caches(place),
        env=ANY_BUT_STAMPS,
        makes_links=True,
    )
    config = table.table("config")
    places = frozenset(
        join(root, config.text(k)) for k in ("vendor-dir", "bin-dir", "cache-dir") if config.text(k)
    )
    effects |= Effects(reads=places, writes=places)
    if not table.text("version") and not place.env.get("COMPOSER_ROOT_VERSION"):
        effects |= Effects(reads=upwards(root, ".git", ".hg", ".svn", ".fslckout", "_FOSSIL_"))
    if not given.has("--no-autoloader"):
        effects |= Effects(reads=frozenset(join(root, each) for each in _autoloaded(table)))
    return likely(effects | _packages(table, lock, root, given), _DOUBT.format(tool="Composer"))


def _composer_caches(place: Place) -> frozenset[str]:
    found = {
        join(home, name) for home in homes(place) for name in (".composer", ".cache", ".config/composer")
    }
    found |= {
        place.absolute(place.env[n]) for n in ("COMPOSER_HOME", "COMPOSER_CACHE_DIR") if place.env.get(n)
    }
    return frozenset(found)


def _autoloaded(table: Table) -> Iterator[str]:
    """What the autoloader's dump scans: https://getcomposer.org/doc/04-schema.md#autoload"""
    for section in ("autoload", "autoload-dev"):
        own = table.table(section)
        yield from (*own.texts("classmap"), *own.texts("files"))
        for kind in ("psr-4", "psr-0"):
            for key in own.table(kind).values:
                yield from own.table(kind).texts(key)


def _packages(table: Table, lock: Table, root: str, given: Parsed) -> Effects:
    effects = NONE
    repositories = table.values.get("repositories")
    listed = repositories.values() if isinstance(repositories, dict) else repositories or ()
    for each in listed:
        own = Table(each if isinstance(each, dict) else {})
        if own.text("type") in ("path", "artifact"):
            effects |= Effects(
                reads=frozenset({join(root, own.text("url").partition("*")[0].rstrip("/") or ".")})
            )
    for package in (*lock.tables("packages"), *lock.tables("packages-dev")):
        dist = package.table("dist")
        if dist.text("type") == "path":
            effects |= Effects(reads=frozenset({join(root, dist.text("url"))}))
        name = package.text("name")
        if package.text("type") == "composer-plugin" and not given.has("--no-plugins"):
            if name in _READING_PLUGINS:
                raise Unclear(f"Composer's plugin `{name}` reads or writes other files of the project")
            effects = likely(effects, f"Composer's plugin `{name}` is code, which may read other files.")
    return effects


def _bundle(call: Call, place: Place) -> Effects:
    given = parse("bundle", call.args, _BUNDLE)
    if given.has("-V", "--version"):
        return NONE
    command, *rest = given.words or ("install",)
    base = Effects(
        reads=upwards(place.cwd, "Gemfile", "gems.rb", "gem.deps.rb", ".bundle", *SHIMS),
        writes=_bundles(call, place),
        env=ANY_BUT_STAMPS,
        makes_links=True,
    )
    if command == "config":
        return base | Effects(writes=frozenset({join(place.cwd, ".bundle")}))
    if command != "install" or rest:
        raise Unclear(f"`bundle {command}` runs code of the project")
    if given.all("--gemfile") or place.env.get("BUNDLE_GEMFILE") or place.env.get("RUBYOPT"):
        raise Unclear("Bundler is told to read another Gemfile")
    return likely(base | _bundle_install(place, given), _DOUBT.format(tool="Bundler"))


def _bundles(call: Call, place: Place) -> frozenset[str]:
    """Ruby images have GEM_HOME=BUNDLE_APP_CONFIG=/usr/local/bundle."""
    found = {"/usr/local/bundle", "/var/lib/gems"} | environments(call, place)
    found |= {join(home, name) for home in homes(place) for name in (".bundle", ".gem", ".rbenv", ".rvm")}
    for name in (
        "GEM_HOME",
        "BUNDLE_PATH",
        "BUNDLE_APP_CONFIG",
        "BUNDLE_USER_HOME",
        "BUNDLE_USER_CACHE",
        "BUNDLE_BIN",
    ):
        if place.env.get(name):
            found.add(place.absolute(place.env[name]))
    return frozenset(found)


def _bundle_install(place: Place, given: Parsed) -> Effects:
    root = place.cwd
    gemfile, lock = join(root, "Gemfile"), join(root, "Gemfile.lock")
    text = required(place, gemfile)
    locked = optional(place, lock)
    for line in text.splitlines():
        if not _PLAIN_RUBY.fullmatch(line) or re.search(
            r"\b(path|gemspec|eval_gemfile|require|glob)\b", line.partition("#")[0]
        ):
            raise Unclear(f"`{gemfile}` has a line that may read files: {line.strip()[:60]}")
    if locked is None or re.search(r"^PATH$", locked, re.MULTILINE):
        raise Unclear(f"`{lock}` is missing, or has gems of the project")
    texts, doubts = settings(place, (join(root, ".bundle/config"),))
    configured = "".join(texts.values())
    if re.search(r"BUNDLE_(LOCAL|GEMFILE|PLUGINS)", configured):
        raise Unclear(f"`{root}/.bundle/config` names other files")
    stated = re.search(r'BUNDLE_(FROZEN|DEPLOYMENT): "?(true|1)', configured)
    frozen = given.has("--frozen", "--deployment") or stated is not None
    frozen = frozen or any(place.env.get(n) in ("1", "true") for n in ("BUNDLE_FROZEN", "BUNDLE_DEPLOYMENT"))
    paths = {*given.all("--path"), *re.findall(r'BUNDLE_(?:PATH|BIN): "?([^"\n]+)', configured)}
    writes = frozenset(
        {join(root, path) for path in paths} | {join(root, name) for name in ("vendor/bundle", ".bundle")}
    )
    reads = frozenset({gemfile, lock, join(root, "vendor/cache")}) | writes
    return likely(Effects(reads=reads, writes=writes if frozen else writes | {lock}), *doubts)


def _gem(call: Call, place: Place) -> Effects:
    """`gem install x`: takes x-1.0.gem of the current directory first. https://guides.rubygems.org/command-reference/"""
    syntax = Syntax(
        flags=names(
            "--no-document -N --no-ri --no-rdoc --force -f --conservative --quiet -q --verbose"
            " --user-install --silent --system -v"
        ),
        values=names("-v --version --source --install-dir -i --bindir -n --platform"),
    )
    given = parse("gem", call.args, Syntax(flags=syntax.flags - {"-v"}, values=syntax.values))
    command, *rest = given.words or ("",)
    if command not in ("install", "update") or any("/" in word for word in rest):
        raise Unclear(f"`gem {command}` is not a command fastbuild knows")
    own = frozenset(path for path in place.below(place.cwd) if path.endswith(".gem"))
    targets = frozenset(place.absolute(path) for path in given.all("--install-dir", "-i", "--bindir", "-n"))
    return Effects(
        reads=own | upwards(place.cwd, *SHIMS) | frozenset(join(home, ".gemrc") for home in homes(place)),
        writes=_bundles(call, place) | targets,
        env=ANY_BUT_STAMPS,
        makes_links=True,
    )


composer = guarded(_composer)
bundle = guarded(_bundle)
gem = guarded(_gem)
