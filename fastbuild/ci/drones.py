"""Drone, Woodpecker, Travis: their documented variables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.ci.context import CIContext, LogGroup, fork_doubt

if TYPE_CHECKING:
    from fastbuild.ci.context import Environ, ReadText


def drone(env: Environ, _read_text: ReadText) -> CIContext:
    """https://docs.drone.io/pipeline/environment/reference/

    No variable tells a fork, so no pull request is trusted. DRONE_BRANCH is the *target* branch.
    """
    pull = env.get("DRONE_BUILD_EVENT") == "pull_request" or bool(env.get("DRONE_PULL_REQUEST"))
    tag = env.get("DRONE_TAG") or None
    branch = env.get("DRONE_SOURCE_BRANCH") if pull else env.get("DRONE_BRANCH")
    return CIContext(
        provider="drone",
        repository=env.get("DRONE_REPO") or None,
        branch=None if tag else branch or None,
        base_branch=env.get("DRONE_TARGET_BRANCH") or None if pull else None,
        default_branch=env.get("DRONE_REPO_BRANCH") or None,
        sha=env.get("DRONE_COMMIT_SHA") or None,
        tag=tag,
        is_pull_request=pull,
        why_untrusted="a pull request, and Drone doesn't tell whether it comes from a fork" if pull else "",
        run_id=env.get("DRONE_BUILD_NUMBER") or None,
    )


def woodpecker(env: Environ, _read_text: ReadText) -> CIContext:
    """https://woodpecker-ci.org/docs/usage/environment

    No variable tells a fork, so no pull request is trusted. CI_COMMIT_BRANCH is the *target* branch.
    """
    event = env.get("CI_PIPELINE_EVENT", "")
    pull = event.startswith("pull_request") or bool(env.get("CI_COMMIT_PULL_REQUEST"))
    tag = env.get("CI_COMMIT_TAG") or None
    branch = env.get("CI_COMMIT_SOURCE_BRANCH") if pull else env.get("CI_COMMIT_BRANCH")
    return CIContext(
        provider="woodpecker",
        repository=env.get("CI_REPO") or None,
        branch=None if tag else branch or None,
        base_branch=env.get("CI_COMMIT_TARGET_BRANCH") or None if pull else None,
        default_branch=env.get("CI_REPO_DEFAULT_BRANCH") or None,
        sha=env.get("CI_COMMIT_SHA") or None,
        tag=tag,
        is_pull_request=pull,
        why_untrusted="a pull request, and Woodpecker doesn't tell whether it comes from a fork"
        if pull
        else "",
        run_id=env.get("CI_PIPELINE_NUMBER") or None,
    )


def travis(env: Environ, _read_text: ReadText) -> CIContext:
    """https://docs.travis-ci.com/user/environment-variables/#default-environment-variables"""
    pull = env.get("TRAVIS_PULL_REQUEST", "false") not in ("false", "")
    tag = env.get("TRAVIS_TAG") or None
    # TRAVIS_BRANCH is the target of a pull request, and the tag in a tag build
    target = env.get("TRAVIS_BRANCH") or None
    repository = env.get("TRAVIS_REPO_SLUG") or None
    doubt = ""
    if pull:
        head = env.get("TRAVIS_PULL_REQUEST_SLUG")
        doubt = fork_doubt(head, repository, variable="TRAVIS_PULL_REQUEST_SLUG")
    branch = env.get("TRAVIS_PULL_REQUEST_BRANCH") or None if pull else target
    return CIContext(
        provider="travis",
        repository=repository,
        branch=None if tag else branch,
        base_branch=target if pull else None,
        sha=env.get("TRAVIS_PULL_REQUEST_SHA") or env.get("TRAVIS_COMMIT") or None,
        tag=tag,
        is_pull_request=pull,
        why_untrusted=doubt,
        log_group=LogGroup(
            open="travis_fold:start:{id}\r\x1b[0K{title}", close="travis_fold:end:{id}\r\x1b[0K"
        ),
        run_id=env.get("TRAVIS_BUILD_ID") or None,
    )
