"""Which CI system this is and what it says of the build: `detect` reads variables into a `CIContext`.

A build is untrusted when it may run code of people who can't push to the repository: a pull request from a
fork, or one whose origin the system doesn't tell. Untrusted builds read caches and never write them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.ci.context import CIContext, LogGroup, repository_name
from fastbuild.ci.drones import drone, travis, woodpecker
from fastbuild.ci.github import github
from fastbuild.ci.pipelines import azure, bitbucket, buildkite, codebuild
from fastbuild.ci.projects import circleci, gitlab, jenkins

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastbuild.ci.context import Environ, ReadText

__all__ = ["PROVIDERS", "CIContext", "LogGroup", "detect", "repository_name"]

PROVIDERS: tuple[tuple[str, str, Callable[[Environ, ReadText], CIContext]], ...] = (
    # the variable that marks a system, its value in lower case ("" is any), the reader; the first row
    # that fits wins: GitHub's jobs can run on CodeBuild, Woodpecker used to set Drone's variables too
    ("GITHUB_ACTIONS", "true", github),
    ("GITLAB_CI", "", gitlab),
    ("BUILDKITE", "true", buildkite),
    ("CIRCLECI", "true", circleci),
    ("CODEBUILD_BUILD_ID", "", codebuild),
    ("TF_BUILD", "true", azure),
    ("BITBUCKET_BUILD_NUMBER", "", bitbucket),
    ("CI", "woodpecker", woodpecker),
    ("DRONE", "true", drone),
    ("TRAVIS", "true", travis),
    ("JENKINS_URL", "", jenkins),
)


def detect(environ: Environ, read_text: ReadText = lambda _path: None) -> CIContext:
    """The context of this build; provider "none" outside CI.

    `read_text` returns a file's text or None: GitHub tells a fork only in its event file. Never raises.
    """
    for marker, value, reader in PROVIDERS:
        found = environ.get(marker, "")
        if found and (not value or found.lower() == value):
            return reader(environ, read_text)
    return CIContext(provider="none")
