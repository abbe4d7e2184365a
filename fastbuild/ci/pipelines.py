"""Buildkite, CodeBuild, Azure Pipelines, Bitbucket Pipelines: their documented variables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.ci.context import CIContext, LogGroup, fork_doubt, named, repository_name

if TYPE_CHECKING:
    from fastbuild.ci.context import Environ, ReadText


def buildkite(env: Environ, _read_text: ReadText) -> CIContext:
    """https://buildkite.com/docs/pipelines/configure/environment-variables"""
    repository = repository_name(env.get("BUILDKITE_REPO", ""))
    pull = env.get("BUILDKITE_PULL_REQUEST", "false") not in ("false", "")
    head = repository_name(env.get("BUILDKITE_PULL_REQUEST_REPO", ""))
    tag = env.get("BUILDKITE_TAG") or None
    sha = env.get("BUILDKITE_COMMIT")
    return CIContext(
        provider="buildkite",
        repository=repository,
        branch=None if tag else env.get("BUILDKITE_BRANCH") or None,
        base_branch=(pull and env.get("BUILDKITE_PULL_REQUEST_BASE_BRANCH")) or None,
        default_branch=env.get("BUILDKITE_PIPELINE_DEFAULT_BRANCH") or None,
        sha=None if sha == "HEAD" else sha or None,
        tag=tag,
        is_pull_request=pull,
        why_untrusted=fork_doubt(head, repository, variable="BUILDKITE_PULL_REQUEST_REPO") if pull else "",
        # https://buildkite.com/docs/pipelines/configure/managing-log-output#grouping-log-output
        log_group=LogGroup(open="--- {title}"),
        run_id=env.get("BUILDKITE_BUILD_ID") or None,
    )


def codebuild(env: Environ, _read_text: ReadText) -> CIContext:
    """https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html

    No variable names the repository of a pull request's commits, so none is trusted.
    """
    trigger = env.get("CODEBUILD_WEBHOOK_TRIGGER") or env.get("CODEBUILD_SOURCE_VERSION", "")
    kind, _, name = trigger.partition("/")
    event = env.get("CODEBUILD_WEBHOOK_EVENT", "")
    pull = kind == "pr" or event.startswith("PULL_REQUEST") or trigger.startswith("refs/pull/")
    tag = name if kind == "tag" else named(trigger, "tags") if kind == "refs" else None
    branch = named(env.get("CODEBUILD_WEBHOOK_HEAD_REF"))
    if not branch and not pull and not tag:
        branch = name if kind == "branch" else named(trigger)
    # a build started by hand has a branch, a tag or a commit here, or an artifact's ARN
    is_commit = len(branch or "") == 40 or (branch or "").startswith("arn:")
    return CIContext(
        provider="codebuild",
        repository=repository_name(env.get("CODEBUILD_SOURCE_REPO_URL", "")),
        branch=None if tag or is_commit else branch,
        base_branch=named(env.get("CODEBUILD_WEBHOOK_BASE_REF")) if pull else None,
        sha=env.get("CODEBUILD_RESOLVED_SOURCE_VERSION") or None,
        tag=tag,
        is_pull_request=pull,
        why_untrusted="a pull request, and CodeBuild doesn't tell whether it comes from a fork"
        if pull
        else "",
        run_id=env.get("CODEBUILD_BUILD_ID") or None,
    )


def azure(env: Environ, _read_text: ReadText) -> CIContext:
    """https://learn.microsoft.com/azure/devops/pipelines/build/variables"""
    ref = env.get("BUILD_SOURCEBRANCH")
    pull = env.get("BUILD_REASON") == "PullRequest" or bool(env.get("SYSTEM_PULLREQUEST_PULLREQUESTID"))
    fork = env.get("SYSTEM_PULLREQUEST_ISFORK", "").lower()
    doubt = ""
    if pull and fork != "false":
        doubt = (
            "a pull request from a fork"
            if fork == "true"
            else "a pull request whose origin is unknown (SYSTEM_PULLREQUEST_ISFORK is not set)"
        )
    repository = env.get("BUILD_REPOSITORY_NAME")
    if repository and "/" not in repository and env.get("SYSTEM_TEAMPROJECT"):
        repository = f"{env['SYSTEM_TEAMPROJECT']}/{repository}"
    return CIContext(
        provider="azure",
        repository=repository or None,
        # documented as refs, seen as bare names: `named` takes both
        branch=named(env.get("SYSTEM_PULLREQUEST_SOURCEBRANCH") if pull else ref),
        base_branch=named(env.get("SYSTEM_PULLREQUEST_TARGETBRANCH")) if pull else None,
        sha=env.get("BUILD_SOURCEVERSION") or None,
        tag=named(ref, "tags") if (ref or "").startswith("refs/") else None,
        is_pull_request=pull,
        why_untrusted=doubt,
        log_group=LogGroup(open="##[group]{title}", close="##[endgroup]"),
        run_id=env.get("BUILD_BUILDID") or None,
    )


def bitbucket(env: Environ, _read_text: ReadText) -> CIContext:
    """https://support.atlassian.com/bitbucket-cloud/docs/variables-and-secrets/

    Pull requests of forks don't start pipelines in the parent repository (the same pages, on
    `pull-requests`), so every build here is one of the repository's own branches.
    """
    return CIContext(
        provider="bitbucket",
        repository=env.get("BITBUCKET_REPO_FULL_NAME") or None,
        branch=env.get("BITBUCKET_BRANCH") or None,
        base_branch=env.get("BITBUCKET_PR_DESTINATION_BRANCH") or None,
        sha=env.get("BITBUCKET_COMMIT") or None,
        tag=env.get("BITBUCKET_TAG") or None,
        is_pull_request=bool(env.get("BITBUCKET_PR_ID")),
        run_id=env.get("BITBUCKET_PIPELINE_UUID") or env.get("BITBUCKET_BUILD_NUMBER") or None,
    )
