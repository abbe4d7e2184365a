"""GitLab, Jenkins, CircleCI: their documented variables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.ci.context import CIContext, LogGroup, fork_doubt, repository_name

if TYPE_CHECKING:
    from fastbuild.ci.context import Environ, ReadText


def gitlab(env: Environ, _read_text: ReadText) -> CIContext:
    """https://docs.gitlab.com/ci/variables/predefined_variables/"""
    doubt = ""
    merge = bool(env.get("CI_MERGE_REQUEST_IID"))
    external = bool(env.get("CI_EXTERNAL_PULL_REQUEST_IID"))
    if merge:
        doubt = fork_doubt(
            env.get("CI_MERGE_REQUEST_SOURCE_PROJECT_PATH"),
            env.get("CI_MERGE_REQUEST_PROJECT_PATH"),
            variable="CI_MERGE_REQUEST_SOURCE_PROJECT_PATH",
        )
    elif external:
        doubt = fork_doubt(
            env.get("CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY"),
            env.get("CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY"),
            variable="CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY",
        )
    kind = "CI_MERGE_REQUEST" if merge else "CI_EXTERNAL_PULL_REQUEST"
    return CIContext(
        provider="gitlab",
        # a fork's merge request runs in the fork's project: the target's caches are the useful ones
        repository=env.get("CI_MERGE_REQUEST_PROJECT_PATH") or env.get("CI_PROJECT_PATH") or None,
        branch=env.get(f"{kind}_SOURCE_BRANCH_NAME") or env.get("CI_COMMIT_BRANCH") or None,
        base_branch=env.get(f"{kind}_TARGET_BRANCH_NAME") or None,
        default_branch=env.get("CI_DEFAULT_BRANCH") or None,
        sha=env.get("CI_COMMIT_SHA") or None,
        tag=env.get("CI_COMMIT_TAG") or None,
        is_pull_request=merge or external,
        why_untrusted=doubt,
        # https://docs.gitlab.com/ci/jobs/job_logs/#custom-collapsible-sections
        log_group=LogGroup(
            open="\x1b[0Ksection_start:{time}:{id}\r\x1b[0K{title}",
            close="\x1b[0Ksection_end:{time}:{id}\r\x1b[0K",
        ),
        run_id=env.get("CI_PIPELINE_ID") or None,
    )


def jenkins(env: Environ, _read_text: ReadText) -> CIContext:
    """https://www.jenkins.io/doc/book/pipeline/multibranch/#additional-environment-variables

    CHANGE_FORK and CHANGE_BRANCH come from the same branch source: one that sets neither can't tell.
    """
    pull = bool(env.get("CHANGE_ID") or env.get("ghprbPullId"))
    doubt = ""
    if pull and env.get("CHANGE_FORK"):
        doubt = f"a pull request from the fork {env['CHANGE_FORK']}"
    elif pull and not env.get("CHANGE_BRANCH"):
        doubt = "a pull request whose origin is unknown (CHANGE_BRANCH and CHANGE_FORK are not set)"
    branch = env.get("CHANGE_BRANCH") if pull else env.get("BRANCH_NAME")
    if not pull and not branch:  # a job of a single branch
        branch = (env.get("GIT_BRANCH") or "").removeprefix("origin/")
    is_default = not pull and env.get("BRANCH_IS_PRIMARY") == "true"
    tag = env.get("TAG_NAME") or None
    return CIContext(
        provider="jenkins",
        repository=repository_name(env.get("GIT_URL", "")),
        branch=None if tag or branch == "detached" else branch or None,
        base_branch=env.get("CHANGE_TARGET") or env.get("ghprbTargetBranch") or None,
        default_branch=branch if is_default else None,
        sha=env.get("GIT_COMMIT") or None,
        tag=tag,
        is_pull_request=pull,
        why_untrusted=doubt,
        run_id=env.get("BUILD_TAG") or env.get("BUILD_NUMBER") or None,
    )


def circleci(env: Environ, _read_text: ReadText) -> CIContext:
    """https://circleci.com/docs/reference/variables/ (CIRCLE_PR_* exist for forks only)"""
    owner, name = env.get("CIRCLE_PROJECT_USERNAME"), env.get("CIRCLE_PROJECT_REPONAME")
    branch, tag = env.get("CIRCLE_BRANCH") or None, env.get("CIRCLE_TAG") or None
    fork = env.get("CIRCLE_PR_USERNAME") or env.get("CIRCLE_PR_REPONAME")
    doubt = ""
    if fork or env.get("CIRCLE_PR_NUMBER") or (branch or "").startswith("pull/"):
        doubt = f"a pull request from the fork {fork}" if fork else "a pull request from a fork"
    elif not name and not tag:
        # set for GitHub OAuth and Bitbucket only, like the variables that tell a fork
        doubt = "this kind of CircleCI project doesn't tell forks (CIRCLE_PROJECT_REPONAME is not set)"
    return CIContext(
        provider="circleci",
        repository=f"{owner}/{name}"
        if owner and name
        else repository_name(env.get("CIRCLE_REPOSITORY_URL", "")),
        branch=branch,
        sha=env.get("CIRCLE_SHA1") or None,
        tag=tag,
        is_pull_request=bool(env.get("CIRCLE_PULL_REQUEST") or fork) or (branch or "").startswith("pull/"),
        why_untrusted=doubt,
        run_id=env.get("CIRCLE_WORKFLOW_ID") or env.get("CIRCLE_BUILD_NUM") or None,
    )
