"""What the user asked for, in no engine's language: `BuildRequest` and the option strings inside it."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, replace
from pathlib import Path

from fastbuild.errors import UsageError


def parse_fields(text: str, *, flag: str) -> tuple[tuple[str, str], ...]:
    """`a=1,"b=2,3",c` → (("a","1"),("b","2,3"),("c","")): the CSV form of docker's option strings.

    Keys are lower-cased. Raises UsageError naming `flag` when the quoting is broken.
    Format: encoding/csv of Go, one record, as used by buildx for --output, --secret, --cache-from ...
    """
    try:
        rows = list(csv.reader([text], strict=True))
    except csv.Error as error:
        raise UsageError(
            f"{flag}: {text!r} is not a valid comma-separated list ({error})",
            fix='quote a field that holds a comma: type=image,"name=a,b"',
        ) from error
    fields = rows[0] if rows else []
    return tuple((key.strip().lower(), value) for key, _, value in (f.partition("=") for f in fields))


def join_fields(fields: tuple[tuple[str, str], ...]) -> str:
    """The inverse of `parse_fields`; each field has the `=` that buildctl demands."""
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow([f"{k}={v}" for k, v in fields])
    return out.getvalue()


@dataclass(frozen=True, slots=True)
class CacheSpec:
    """One cache source or destination: a type and its options, in the order given."""

    type: str
    options: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, text: str, *, flag: str = "--cache-from") -> CacheSpec:
        """From docker's form: `type=s3,bucket=b` or a bare image reference (= `type=registry,ref=…`)."""
        fields = parse_fields(text, flag=flag)
        if fields and all("=" not in field for field in text.split(",")) and len(fields) == 1:
            return cls("registry", (("ref", text.strip()),))
        options = dict(fields)
        kind = options.pop("type", "")
        if not kind:
            raise UsageError(f"{flag}: no type in {text!r}", fix="begin with type=s3, registry, local or gha")
        return cls(kind, tuple(options.items()))

    def get(self, key: str, default: str = "") -> str:
        """The value of an option, or `default`."""
        return dict(self.options).get(key, default)

    def with_options(self, **changes: str) -> CacheSpec:
        """A copy with options set or replaced; `_` in a name stays `_`."""
        return replace(self, options=tuple({**dict(self.options), **changes}.items()))

    def without(self, *keys: str) -> CacheSpec:
        """A copy that lacks these options."""
        return replace(self, options=tuple((k, v) for k, v in self.options if k not in keys))

    @property
    def label(self) -> str:
        """What people call it: the type and the name, reference, directory or scope."""
        names = (self.get(key) for key in ("name", "ref", "scope", "src", "dest"))
        return " ".join((self.type, next((name for name in names if name), ""))).strip()

    def __str__(self) -> str:
        return join_fields((("type", self.type), *self.options))


@dataclass(frozen=True, slots=True)
class Output:
    """One `--output`: `type` and its attributes; `dest` of "-" is standard output."""

    type: str
    attrs: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Output:
        """From docker's form: `type=local,dest=out`, or a bare `DIR` (local) or `-` (tar on stdout)."""
        if text == "-":
            return cls("tar", (("dest", "-"),))
        fields = parse_fields(text, flag="--output")
        if len(fields) == 1 and "=" not in text:
            return cls("local", (("dest", text),))
        attrs = dict(fields)
        kind = attrs.pop("type", "")
        if not kind:
            raise UsageError(
                f"--output: no type in {text!r}",
                fix="begin with type=local, tar, oci, docker, image or registry",
            )
        if kind == "registry":
            kind, attrs = "image", {**attrs, "push": "true"}
        return cls(kind, tuple(attrs.items()))

    def get(self, key: str, default: str = "") -> str:
        """The value of an attribute, or `default`."""
        return dict(self.attrs).get(key, default)

    def with_attrs(self, *attrs: tuple[str, str]) -> Output:
        """A copy with more attributes."""
        return replace(self, attrs=tuple({**dict(self.attrs), **dict(attrs)}.items()))

    def __str__(self) -> str:
        return join_fields((("type", self.type), *self.attrs))


Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequest:
    """One build, as asked for on the command line (`docker build` and `docker buildx build`).

    Field names are the flags' names. A `build_args` value of None means "from the environment".
    `context` is a path, a URL or "-"; `file` is a path, a URL or "-". `classic` holds flags that only
    the classic builder of the plain docker engine knows (squash, isolation, security-opt).
    """

    context: str
    file: str | None = None
    target: str | None = None
    tags: tuple[str, ...] = ()
    build_args: tuple[tuple[str, str | None], ...] = ()
    labels: Pairs = ()
    platforms: tuple[str, ...] = ()
    outputs: tuple[Output, ...] = ()
    push: bool = False
    load: bool = False
    build_contexts: Pairs = ()
    secrets: tuple[str, ...] = ()
    ssh: tuple[str, ...] = ()
    cache_from: tuple[CacheSpec, ...] = ()
    cache_to: tuple[CacheSpec, ...] = ()
    no_cache: bool = False
    no_cache_filter: tuple[str, ...] = ()
    pull: bool = False
    network: str = "default"
    add_hosts: Pairs = ()
    shm_size: int = 0
    ulimits: tuple[str, ...] = ()
    cgroup_parent: str = ""
    resources: Pairs = ()
    allow: tuple[str, ...] = ()
    annotations: tuple[str, ...] = ()
    attests: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    classic: Pairs = ()
    builder: str = ""
    call: str = "build"
    iidfile: str = ""
    metadata_file: str = ""
    quiet: bool = False

    def without_results(self) -> BuildRequest:
        """The same build, of which nothing is kept: no tag, output, cache or file; attestations neither."""
        return replace(
            self,
            tags=(),
            outputs=(),
            push=False,
            load=False,
            cache_from=(),
            cache_to=(),
            annotations=(),
            attests=(),
            iidfile="",
            metadata_file="",
        )


REMOTE_PREFIXES = ("https://", "http://", "git://", "ssh://", "git@", "github.com/")


def is_remote(source: str) -> bool:
    """Whether a context or Dockerfile is fetched by the engine (git or HTTP), not read here."""
    return source.startswith(REMOTE_PREFIXES)


def oci_layout_digest(source: str) -> str:
    """The digest that `oci-layout://DIR[:TAG][@DIGEST]` names, from the layout's index.json.

    Raises UsageError when the layout can't be read or has no such tag (`latest` when none is given).
    Format: https://github.com/opencontainers/image-spec/blob/main/image-layout.md
    """
    path, _, digest = source.removeprefix("oci-layout://").partition("@")
    if digest:
        return digest
    folder, tag = (path, "latest") if Path(path).is_dir() else path.rpartition(":")[::2]
    try:
        manifests = json.loads(Path(folder, "index.json").read_text(encoding="utf-8"))["manifests"]
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"{source} is not a readable OCI layout", cause=str(error)) from error
    for entry in manifests:
        if entry.get("annotations", {}).get("org.opencontainers.image.ref.name") == tag:
            return str(entry["digest"])
    if len(manifests) == 1 and tag == "latest":
        return str(manifests[0]["digest"])
    raise UsageError(f"{source}: no manifest with the tag {tag!r}", fix="name a tag or @sha256:… digest")
