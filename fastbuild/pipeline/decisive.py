"""What decides an image beside its steps: the words of the engine's command that are not known to be neutral.

Everything counts unless it is listed here, so that an option added later can't be forgotten.
"""

from __future__ import annotations

import hashlib
import platform as machine
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.context.staging import is_directory
from fastbuild.engines import buildctl
from fastbuild.request import CacheSpec, Output, parse_fields

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fastbuild.engines.api import Job
    from fastbuild.request import BuildRequest

NEUTRAL = ("--progress=", "--metadata-file=", "--ref-file=")
ELSEWHERE = ("--local", "--oci-layout", "--import-cache")
"""Flags whose values are paths, counted by content, or places to read results from."""
RESOLVED = "image-resolve-mode="
"""Where bases are looked up, as a frontend option: what was found is in the graph, by digest."""
EPOCH = "SOURCE_DATE_EPOCH"
SYNTAX = re.compile(rb"^\s*(?:#|//)\s*syntax\s*=", re.IGNORECASE | re.MULTILINE)


def decisive_words(job: Job, version: str, environ: Mapping[str, str], config: str) -> list[str]:
    """All but the steps that decides the image of `job`, whose engine is buildctl's, in an order that counts.

    `version` is the engine's, `config` a path of its settings or empty. Raises OSError for files that can't
    be read, and what the engine's command raises.
    """
    request = job.request
    epoch = environ.get(EPOCH)  # buildctl passes it on by itself (cmd/buildctl/build/opt.go)
    return [
        f"dockerfile {_digest(Path(request.file or ''))}",
        f"engine {version} {machine.system()} {machine.machine()}",
        f"settings {_digest(Path(config)) if config else ''}",
        f"epoch {epoch if epoch is None else repr(epoch)}",
        *_words(job),
    ]


def _words(job: Job) -> Iterator[str]:
    named = tuple((name, name) for name, source in job.request.build_contexts if is_directory(source))
    command = buildctl.build_command(replace(job, context_name="", named_copies=named))
    words = iter(command.argv[len(job.program) :])
    for word in words:
        if word.startswith(NEUTRAL):
            continue
        flag = word if word.startswith("--") and "=" not in word else ""
        value = next(words, "") if flag else ""
        yield from _counted(flag, value) if flag else (word,)


def _counted(flag: str, value: str) -> tuple[str, ...]:
    if flag in ELSEWHERE or (flag == "--opt" and value.startswith(RESOLVED)):
        return ()
    if flag == "--export-cache":  # an inline cache is a part of the image
        return (flag, value) if CacheSpec.parse(value, flag=flag).type == "inline" else ()
    if flag == "--secret":
        return flag, dict(parse_fields(value, flag=flag)).get("id", value)
    if flag == "--ssh":
        return flag, value.partition("=")[0]
    if flag == "--output":
        output = Output.parse(value)
        return flag, str(replace(output, attrs=tuple(pair for pair in output.attrs if pair[0] != "name")))
    return flag, value


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def why_built(job: Job, engine: str, matter: tuple[str, ...]) -> str:
    """Why no image can stand for this build, whatever its fingerprint; empty where one may.

    `engine` is the engine's choice, `matter` are the ids of secrets and SSH agents whose content counts.
    Raises what the engine's command raises, OSError for a Dockerfile that can't be read.
    """
    request = job.request
    if engine != "private":
        return "only builds of the private engine are known well enough"
    if request.no_cache or request.no_cache_filter:
        return "steps were asked to run again"
    given = {dict(parse_fields(text, flag="--secret")).get("id", text) for text in request.secrets}
    given |= {text.partition("=")[0] for text in request.ssh}
    if mattering := sorted(given & set(matter)):
        return f"the content of {', '.join(mattering)} matters (skip_secrets)"
    attests = [dict(parse_fields(text, flag="--attest")) for text in request.attests]
    if any(it.get("type") == "sbom" and it.get("disabled") != "true" for it in attests):
        return "an SBOM is made by an image of its own"
    return _why_output(job) or _why_frontend(request)


def _why_output(job: Job) -> str:
    outputs = buildctl.outputs(job)
    pushed = [output for output in outputs if output.type == "image" and output.get("push") == "true"]
    if not outputs or pushed != outputs:
        return "only what is pushed, and nothing else, can be there already"
    if not all(output.get("name") for output in outputs):
        return "the image has no name to be pushed under"
    return "it is pushed by digest" if any(output.get("push-by-digest") for output in outputs) else ""


def _why_frontend(request: BuildRequest) -> str:
    arguments = dict(request.build_args)
    own = SYNTAX.search(Path(request.file or "").read_bytes()) or "BUILDKIT_SYNTAX" in arguments
    return "the Dockerfile names a frontend of its own (# syntax=)" if own else ""
