"""A small frontend: a Dockerfile and files become a graph with real keys, and that a side file.

It knows as much of dockerfile2llb as the tests of reasons need, and writes operations as protojson.
"""

from __future__ import annotations

import base64
import hashlib
import posixpath
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from fastbuild.dockerfile.expand import expand_text
from fastbuild.dockerfile.parse import parse
from fastbuild.dockerfile.scope import Scope
from fastbuild.explain.describe import Known, describe
from fastbuild.explain.sidefile import SideFile
from fastbuild.explain.stored import from_json, to_json
from fastbuild.keys.content import Node
from fastbuild.keys.graph import Graph, Op
from fastbuild.keys.ops import op_key
from fastbuild.progress.timings import BuildTiming, Status, StepTiming
from fastbuild.request import BuildRequest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastbuild.dockerfile.model import Instruction, Stage

SALT = "00112233445566778899aabbccddeeff"


def sha(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


class Memory:
    """Files in memory: path → (content, mode); a value of None content is a directory."""

    def __init__(self, files: Mapping[str, tuple[str | None, int]]) -> None:
        self._nodes: dict[str, tuple[str | None, int]] = {"/": (None, 0o755)}
        for path, value in files.items():
            parts = path.strip("/").split("/")
            for depth in range(1, len(parts)):
                self._nodes.setdefault("/" + "/".join(parts[:depth]), (None, 0o755))
            self._nodes["/" + "/".join(parts)] = value

    def look(self, path: str) -> Node | None:
        found = self._nodes.get(path)
        if found is None:
            return None
        text, mode = found
        if text is not None and text.startswith("->"):
            return Node(kind="symlink", mode=0o777, target=text[2:])
        return Node(kind="directory" if text is None else "file", mode=mode)

    def names(self, path: str) -> Sequence[str]:
        below = path.rstrip("/") + "/"
        return [
            p[len(below) :]
            for p in self._nodes
            if p.startswith(below) and p != "/" and "/" not in p[len(below) :]
        ]

    def digest(self, path: str) -> str:
        text, mode = self._nodes[path]
        return sha(f"{mode} {text}")

    def bare(self, path: str) -> str:
        return sha(f"{self._nodes[path][0]}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """All that a build depends on. `files`: path → content, or (content, mode). `images`: tag → digest."""

    dockerfile: str
    files: Mapping[str, Any] = field(default_factory=dict)
    args: Mapping[str, str | None] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    images: Mapping[str, str] = field(default_factory=dict)
    platform: str = "linux/amd64"
    ran: str = ""  # a piece of the names of steps that ran; empty: all
    remote: str = ""
    ignored: str = ""  # stages with --no-cache-filter
    no_cache: bool = False
    bare: bool = True
    budget: int = 2_000_000
    network: str = ""
    frontend: str = "1.28.0"
    about: Mapping[str, Any] = field(default_factory=dict)


def side(project: Project, build: str = "now") -> SideFile:
    """The side file of a build, once to JSON and back."""
    frontend = _Frontend(project)
    graph = frontend.graph()
    request = BuildRequest(
        context=".",
        build_args=tuple(project.args.items()),
        no_cache=project.no_cache,
        no_cache_filter=(project.ignored,) if project.ignored else (),
    )
    about = SideFile(
        **{
            "build": build,
            "salt": SALT,
            "platforms": (project.platform,),
            "frontend": project.frontend,
            "engine_version": "v0.34.1",
            "created": 1_800_000_000.0,
            "dockerfile": "Dockerfile",
            "ignore": ".dockerignore",
            **project.about,
        }
    )
    files = frontend.files
    local = {op.digest: files for op in graph.ops if op.body.get("identifier") == "local://context"}
    known = Known(
        graph=graph,
        keys={op.digest: op_key(op, ("linux", "amd64", "")) for op in graph.ops},
        files=local,
        bare=dict.fromkeys(local, files.bare) if project.bare else {},
        sources={op.digest: project.remote for op in graph.ops if op.name.startswith("https://")},
        created=dict.fromkeys(project.images.values(), 1_800_000_000.0 - 3 * 86400),
        timing=_timing(graph, project),
        request=request,
        dockerfile=parse(project.dockerfile),
        environment=project.environment,
        budget=project.budget,
    )
    described = describe(about, known)
    assert from_json(to_json(described)) == described
    return described


def _timing(graph: Graph, project: Project) -> BuildTiming:
    steps = [
        StepTiming(
            id=f"other {op.digest}",
            name=op.name,
            stage="",
            index=0,
            platform="",
            line=None,
            instruction="",
            status=Status.RAN if project.ran in op.name else Status.HIT,
            execute=1.0,
        )
        for op in graph.ops
        if op.kind != "source"
    ]
    return BuildTiming(steps=tuple(steps))


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    result: str
    scope: Scope
    cwd: str = "/"
    user: str = ""
    shell: tuple[str, ...] = ("/bin/sh", "-c")


class _Frontend:
    def __init__(self, project: Project) -> None:
        self.project = project
        values = {"Dockerfile": project.dockerfile, **project.files}
        self.files = Memory({p: v if isinstance(v, tuple) else (v, 0o644) for p, v in values.items()})
        self.given = {
            name: project.environment.get(name) if value is None else value
            for name, value in project.args.items()
        }
        self.ops: dict[str, Op] = {}
        self.ends: dict[int, _State] = {}

    def graph(self) -> Graph:
        file = parse(self.project.dockerfile)
        scope = Scope.global_(self.project.platform, build_args=self.given)
        for each in file.header:
            for name, default in each.pairs():
                scope = scope.expand_arg(name, default, self.given)
        last = ""
        for stage in file.stages:
            base = expand_text(stage.base, scope.values)
            parent = file.base_stage(base, stage.index)
            last = self._stage(stage, base, parent.index if parent else None, scope)
        return Graph(ops=tuple(self.ops.values()), final=last)

    def _add(self, kind: str, body: Mapping[str, Any], inputs: tuple[str, ...], **more: Any) -> str:
        name = more.get("name", "")
        digest = sha(f"{kind} {body} {inputs} {name} {len(self.ops)}")
        if kind == "source":
            digest = sha(f"{body} {more.get('platform')}")
        system, _, arch = self.project.platform.partition("/")
        values = {"platform": (system, arch, ""), "lines": (), "ignore_cache": False, "weak": False, **more}
        op = Op(digest=digest, kind=kind, body=body, inputs=tuple((i, 0) for i in inputs), **values)
        self.ops.setdefault(digest, op)
        return digest

    def image(self, reference: str, name: str) -> str:
        digest = self.project.images.get(reference, sha(reference))
        identifier = f"docker-image://docker.io/library/{reference}@{digest}"
        return self._add("source", {"identifier": identifier}, (), name=name)

    def _stage(self, stage: Stage, base: str, parent: int | None, outer: Scope) -> str:
        called = stage.name or f"stage-{stage.index}"
        head = f"{called} " if len(parse(self.project.dockerfile).stages) > 1 else ""
        if parent is not None:
            above = self.ends[parent]
            now = replace(above, scope=outer.stage(above.scope))
        else:
            image = f"[{head}1/9] FROM docker.io/library/{base}"
            result = "" if base == "scratch" else self.image(base, image)
            now = _State(result=result, scope=outer.stage(None, ()))
        number = 1
        for each in stage.body:
            if each.keyword not in ("RUN", "COPY", "ADD", "WORKDIR"):
                now = self._setting(each, now)
                continue
            number += 1
            text = each.text if each.keyword == "RUN" else expand_text(each.text, now.scope.values)
            more = {
                "name": f"[{head}{number}/9] {text}",
                "lines": ((each.start, each.end),),
                "ignore_cache": self.project.no_cache or self.project.ignored == called,
            }
            now = self._step(each, now, more)
        self.ends[stage.index] = now
        return now.result

    def _setting(self, each: Instruction, now: _State) -> _State:
        scope = now.scope
        if each.keyword == "ARG":
            for name, default in each.pairs():
                scope = scope.expand_arg(name, default, self.given)
        elif each.keyword == "ENV":
            for name, raw in each.pairs():
                scope = scope.set_env(name, expand_text(raw or "", now.scope.values))
        elif each.keyword == "USER":
            return replace(now, user=each.words[0])
        elif each.keyword == "SHELL":
            return replace(now, shell=each.words)
        return replace(now, scope=scope)

    def _step(self, each: Instruction, now: _State, more: dict[str, Any]) -> _State:
        if each.keyword == "RUN":
            return replace(now, result=self._run(each, now, more))
        if each.keyword != "WORKDIR":
            return replace(now, result=self._copy(each, now.result, now.scope, now.cwd, more))
        cwd = posixpath.join(now.cwd, expand_text(each.words[0], now.scope.values))
        body = {"mkdir": {"path": cwd, "mode": 493, "makeParents": True, "timestamp": "-1"}}
        return replace(now, cwd=cwd, result=self._file([body], now.result, None, more))

    def _run(self, each: Instruction, now: _State, more: dict[str, Any]) -> str:
        args = list(each.words) if each.json else [*now.shell, each.words[0]]
        environment = [f"{k}={v}" for k, v in now.scope.run_environment]
        meta: dict[str, Any] = {"args": args, "env": environment, "cwd": now.cwd}
        if now.user:
            meta["user"] = now.user
        mounts: list[dict[str, Any]] = [{"input": "0", "dest": "/", "output": "0"}]
        inputs = [now.result]
        body: dict[str, Any] = {"meta": meta, "mounts": mounts}
        for mount in each.mounts():
            target = mount.get("target", "/x")
            if mount["type"] == "cache":
                shared = {"ID": mount.get("id", target)}
                mounts.append({"dest": target, "mountType": "CACHE", "cacheOpt": shared, "input": "-1"})
            elif mount["type"] == "secret":
                secret = {"ID": mount["id"], "mode": 256}
                mounts.append({"dest": target, "mountType": "SECRET", "secretOpt": secret, "input": "-1"})
            else:
                source = self._origin(mount.get("from", ""))
                selector = mount.get("source", "/")
                bind = {"dest": target, "selector": selector, "readonly": True}
                mounts.append({"input": str(len(inputs)), "output": "-1", **bind})
                inputs.append(source)
        network = each.flag("network") or self.project.network
        if network:
            body["network"] = network.upper()
        return self._add("exec", body, tuple(inputs), **more)

    def _origin(self, name: str) -> str:
        if not name:
            return self._add(
                "source", {"identifier": "local://context"}, (), name="load context", platform=("", "", "")
            )
        file = parse(self.project.dockerfile)
        stage = file.stage(name)
        return self.ends[stage.index].result if stage else self.image(name, f"docker-image://{name}")

    def _copy(self, each: Instruction, state: str, scope: Scope, cwd: str, more: dict[str, Any]) -> str:
        *sources, target = (expand_text(word, scope.values) for word in each.words)
        dest = posixpath.join(cwd, target) if target != "." else cwd
        if sources and sources[0].startswith("https://"):
            source = self._add(
                "source", {"identifier": sources[0]}, (), name=sources[0], platform=("", "", "")
            )
            sources = ["/" + posixpath.basename(sources[0])]
        else:
            source = self._origin(each.flag("from") or "")
        actions = []
        for text in sources:
            copy: dict[str, Any] = {
                "src": posixpath.normpath(f"/{text}"),
                "dest": dest,
                "mode": -1,
                "followSymlink": True,
                "dirCopyContents": True,
                "createDestPath": True,
                "allowWildcard": True,
                "timestamp": "-1",
            }
            if owner := each.flag("chown"):
                copy["owner"] = {"user": {"byId": int(owner)}}
            if exclude := each.flag("exclude"):
                copy["excludePatterns"] = [exclude]
            actions.append({"copy": copy})
        for heredoc in each.heredocs:
            content = base64.b64encode(expand_text(heredoc.content, scope.values).encode()).decode()
            name = f"/{heredoc.name}"
            made = {"mkfile": {"path": name, "mode": 420, "data": content, "timestamp": "-1"}}
            inline = {"name": "[internal] preparing inline document"}
            source = self._file([made], "", None, inline)
            actions = [{"copy": {"src": name, "dest": dest, "mode": -1, "timestamp": "-1"}}]
        if each.flag("link") is not None:
            weak = {**more, "weak": True}
            copied = self._file(actions, "", source, weak)
            body = {"inputs": [{"input": "0"}, {"input": "1"}]}
            weak["name"] = more["name"].replace("] ", "] LINK ")
            return self._add("merge", body, (state, copied), **weak)
        return self._file(actions, state, source or None, more)

    def _file(
        self, actions: list[dict[str, Any]], state: str, source: str | None, more: dict[str, Any]
    ) -> str:
        inputs = [each for each in (state, source) if each]
        first = 0 if state else -1
        placed = []
        for number, action in enumerate(actions):
            over = first if number == 0 else len(inputs) + number - 1
            last = number == len(actions) - 1
            place = {"input": str(over), "secondaryInput": str(len(inputs) - 1 if source else -1)}
            placed.append({**place, "output": "0" if last else "-1", **action})
        return self._add("file", {"actions": placed}, tuple(inputs), **{**more, "platform": ("", "", "")})


def changed(project: Project, **changes: Any) -> Project:
    """Another project; `files` are merged, a value of None removes one."""
    if "files" in changes:
        merged = {**project.files, **changes["files"]}
        changes["files"] = {path: value for path, value in merged.items() if value is not None}
    if "replace" in changes:
        old, new = changes.pop("replace")
        assert old in project.dockerfile
        changes["dockerfile"] = project.dockerfile.replace(old, new)
    return replace(project, **changes)
