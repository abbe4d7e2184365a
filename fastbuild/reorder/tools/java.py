"""Maven and Gradle, whose builds run plugins: never better than LIKELY.

https://maven.apache.org/plugins/maven-dependency-plugin/go-offline-mojo.html,
https://docs.gradle.org/current/userguide/directory_layout.html. Traced with Maven 3.8: all modules' pom.xml,
.mvn of the directories above, profiles.xml; Gradle was not traced.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from fastbuild.reorder.effects import NONE, Effects, Trust
from fastbuild.reorder.tools.assigned import Unclear
from fastbuild.reorder.tools.environment import ANY_BUT_STAMPS
from fastbuild.reorder.tools.known import (
    SHIMS,
    guarded,
    join,
    optional,
    required,
    upwards,
)
from fastbuild.reorder.tools.options import Parsed, Syntax, names, parse
from fastbuild.reorder.tools.python import homes

if TYPE_CHECKING:
    from fastbuild.dockerfile.shell import Call
    from fastbuild.reorder.effects import Place

_MAVEN = Syntax(
    words=True,
    flags=names(
        "-B --batch-mode -q --quiet -e --errors -X --debug -U --update-snapshots -o --offline -fn"
        " --fail-never -ntp --no-transfer-progress -C -c -N --non-recursive -V --show-version -v --version"
        " -am --also-make -fae -ff --no-snapshot-updates"
    ),
    values=names(
        "-s --settings -gs --global-settings -f --file -T --threads -pl --projects -P --activate-profiles"
    ),
    prefixes=("-D", "-T", "-P"),
)
_OFFLINE = re.compile(
    r"(dependency|org\.apache\.maven\.plugins:maven-dependency-plugin(:[\w.-]+)?):(go-offline|resolve|resolve-plugins)"
)
_JAVA = names(".mvn .hotspotrc .hotspot_compiler .sdkmanrc .jvmopts")
_LOCAL_REPOSITORY = re.compile(r"<(url|systemPath)>\s*(file:|\$\{(project\.)?basedir\})")

_GRADLE = Syntax(
    flags=names(
        "--no-daemon --daemon -q --quiet -i --info -s --stacktrace -S --full-stacktrace --warn"
        " --refresh-dependencies --parallel --no-parallel --no-scan --console --build-cache"
        " --no-build-cache --offline --configure-on-demand --no-watch-fs -v --version"
    ),
    values=names("--console --warning-mode --max-workers"),
    prefixes=("-D", "-P"),
)


def _maven(call: Call, place: Place) -> Effects:
    given = parse(call.name, call.args, _MAVEN)
    if given.has("-v", "--version") and not given.words:
        return NONE
    for goal in given.words:
        if not _OFFLINE.fullmatch(goal):
            raise Unclear(f"Maven's `{goal}` runs plugins, which may read any file")
    if not given.words:
        raise Unclear("Maven is run without a goal")
    start = place.absolute(given.last("-f", "--file") or "pom.xml")
    reads = _poms(place, start if start.endswith(".xml") else join(start, "pom.xml"))
    reads |= upwards(place.cwd, *_JAVA, *SHIMS) | {"/etc/maven", "/etc/mavenrc"}
    reads |= {place.absolute(path) for path in given.all("-s", "--settings", "-gs", "--global-settings")}
    reads |= {join(home, name) for home in homes(place) for name in (".m2", ".mavenrc")}
    extensions = next(
        (p for p in sorted(reads) if p.endswith("/.mvn") and place.exists(join(p, "extensions.xml"))), ""
    )
    if extensions:
        raise Unclear(f"`{extensions}/extensions.xml` has extensions, which may read any file")
    return Effects(
        reads=frozenset(
            reads | ({place.absolute(call.words[0].text)} if "/" in call.words[0].text else set())
        ),
        writes=_local_repositories(place, given),
        env=ANY_BUT_STAMPS,
        trust=Trust.LIKELY,
        doubts=("Maven's plugins and extensions are code, which may read other files than pom.xml.",),
    )


def _local_repositories(place: Place, given: Parsed) -> frozenset[str]:
    found = {join(home, ".m2") for home in homes(place)} | {join(place.cwd, ".mvn/wrapper")}
    found |= {
        place.absolute(o.partition("=")[2]) for o, _ in given.options if o.startswith("-Dmaven.repo.local=")
    }
    found |= {place.absolute(place.env[n]) for n in ("MAVEN_CONFIG", "MAVEN_USER_HOME") if place.env.get(n)}
    return frozenset(found)


def _poms(place: Place, start: str) -> set[str]:
    """A pom.xml, its modules and its parents: https://maven.apache.org/pom.html#Aggregation"""
    reads: set[str] = set()
    pending = [start]
    while pending:
        path = pending.pop()
        if path in reads:
            continue
        text = required(place, path)
        reads |= {path, join(posixpath.dirname(path), "profiles.xml")}
        if _LOCAL_REPOSITORY.search(text):
            raise Unclear(f"`{path}` names local artifacts")
        pom = _xml(text, path)
        base = posixpath.dirname(path)
        for module in (*pom.iter("module"), *pom.iter("subproject")):
            target = join(base, (module.text or "").strip())
            pending.append(target if target.endswith(".xml") else join(target, "pom.xml"))
        parent = pom.find("parent")
        if parent is not None:
            relative = (parent.findtext("relativePath", "../pom.xml") or "").strip()
            target = join(base, relative)
            target = target if target.endswith(".xml") else join(target, "pom.xml")
            if relative and optional(place, target) is not None:
                pending.append(target)
            reads.add(target)
    return reads


def _xml(text: str, path: str) -> ElementTree.Element:
    if "<!ENTITY" in text or "${" in "".join(re.findall(r"<module>[^<]*|<relativePath>[^<]*", text)):
        raise Unclear(f"`{path}` names its modules by properties")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        raise Unclear(f"`{path}` is not XML") from None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def _gradle(call: Call, place: Place) -> Effects:
    given = parse(call.name, call.args, _GRADLE)
    if given.has("-v", "--version"):
        return NONE
    if set(given.words) - {"dependencies", "help", "buildEnvironment"} or not given.words:
        raise Unclear(f"Gradle's `{' '.join(given.words)}` runs tasks, which may read any file")
    root = place.cwd
    files = [path for path in place.below(root) if path.endswith((".gradle", ".gradle.kts"))]
    if not files:
        raise Unclear(f"no build script of Gradle in `{root}` comes from the build context")
    for path in files:
        if re.search(
            r"\b(includeBuild|fileTree|files|file|File|readText|exec|evaluate)\s*[({\"']",
            required(place, path),
        ):
            raise Unclear(f"`{path}` may name other files")
    fixed = (
        "gradle",
        "buildSrc",
        "gradlew",
        "gradle.properties",
        "settings.gradle",
        "settings.gradle.kts",
        "build.gradle",
    )
    scripts = {join(root, name) for name in (*fixed, "build.gradle.kts", "gradle.lockfile", "build-logic")}
    outputs = {
        join(posixpath.dirname(path), name) for path in files for name in (".gradle", "build", ".kotlin")
    }
    outputs |= {join(home, ".gradle") for home in homes(place)} | {
        "/home/gradle/.gradle",
        join(root, ".gradle"),
    }
    outputs |= {place.absolute(place.env[n]) for n in ("GRADLE_USER_HOME",) if place.env.get(n)}
    looked = {join(posixpath.dirname(p), n) for p in files for n in ("gradle.properties", "gradle.lockfile")}
    return Effects(
        reads=frozenset({*files, *scripts, *looked}) | upwards(root, *SHIMS, ".sdkmanrc"),
        writes=frozenset(outputs),
        env=None,
        trust=Trust.LIKELY,
        doubts=("Gradle's build scripts and plugins are code, which may read other files.",),
    )


maven = guarded(_maven)
gradle = guarded(_gradle)
