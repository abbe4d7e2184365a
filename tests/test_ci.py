from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastbuild.ci import PROVIDERS, CIContext, detect, repository_name

SHA = "0123456789abcdef0123456789abcdef01234567"


def facts(context: CIContext) -> dict[str, Any]:
    """What a test of a provider compares: everything that names a cache or decides on writing."""
    return {
        "repository": context.repository,
        "branch": context.branch,
        "base": context.base_branch,
        "default": context.default_branch,
        "tag": context.tag,
        "pull": context.is_pull_request,
        "trusted": context.trusted,
    }


def expected(**changes: Any) -> dict[str, Any]:
    return {
        "repository": "acme/app",
        "branch": None,
        "base": None,
        "default": None,
        "tag": None,
        "pull": False,
        "trusted": True,
    } | changes


def github(**changes: str) -> dict[str, str]:
    return {
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_EVENT_PATH": "/github/workflow/event.json",
        "GITHUB_REPOSITORY": "acme/app",
        "GITHUB_REF": "refs/heads/feature/x",
        "GITHUB_REF_NAME": "feature/x",
        "GITHUB_REF_TYPE": "branch",
        "GITHUB_HEAD_REF": "",
        "GITHUB_BASE_REF": "",
        "GITHUB_SHA": SHA,
        "GITHUB_RUN_ID": "77",
        "GITHUB_STEP_SUMMARY": "/github/summary",
    } | changes


def github_pull(event: str = "pull_request") -> dict[str, str]:
    ref = "refs/heads/main" if event == "pull_request_target" else "refs/pull/7/merge"
    return github(
        GITHUB_EVENT_NAME=event,
        GITHUB_REF=ref,
        GITHUB_REF_NAME=ref.split("/", 2)[2],
        GITHUB_HEAD_REF="feature/x",
        GITHUB_BASE_REF="main",
    )


def pull_payload(head: str | None) -> dict[str, Any]:
    return {
        "repository": {"full_name": "acme/app", "default_branch": "main"},
        "pull_request": {
            "head": {"repo": {"full_name": head} if head else None},
            "base": {"repo": {"full_name": "acme/app"}},
        },
    }


def detect_github(environ: dict[str, str], payload: Any) -> CIContext:
    return detect(environ, lambda path: json.dumps(payload) if path.endswith("event.json") else None)


PUSH_PAYLOAD = {"repository": {"full_name": "acme/app", "default_branch": "main"}}


def test_github_push() -> None:
    found = detect_github(github(), PUSH_PAYLOAD)
    assert facts(found) == expected(branch="feature/x", default="main")
    assert (found.provider, found.sha, found.run_id) == ("github", SHA, "77")
    assert found.summary_path == "/github/summary"
    assert found.log_group is not None
    assert found.log_group.open.format(title="Build", id="b", time=0) == "::group::Build"


def test_github_push_needs_no_event_file() -> None:
    assert facts(detect(github())) == expected(branch="feature/x")


def test_github_tag() -> None:
    environ = github(GITHUB_REF="refs/tags/v1.0", GITHUB_REF_NAME="v1.0", GITHUB_REF_TYPE="tag")
    assert facts(detect_github(environ, PUSH_PAYLOAD)) == expected(tag="v1.0", default="main")


def test_github_pull_request_of_the_repository() -> None:
    found = detect_github(github_pull(), pull_payload("acme/app"))
    assert facts(found) == expected(branch="feature/x", base="main", default="main", pull=True)


@pytest.mark.parametrize("event", ["pull_request", "pull_request_target", "pull_request_review"])
def test_github_fork(event: str) -> None:
    found = detect_github(github_pull(event), pull_payload("mallory/app"))
    assert facts(found) == expected(branch="feature/x", base="main", default="main", pull=True, trusted=False)
    assert "mallory/app" in found.why_untrusted


@pytest.mark.parametrize("event", ["pull_request", "pull_request_target"])
@pytest.mark.parametrize("text", [None, "", "{", "[]", "{}", "null", '{"pull_request": 3}'])
def test_github_pull_request_without_a_usable_event_file_is_untrusted(event: str, text: str | None) -> None:
    found = detect(github_pull(event), lambda _path: text)
    assert found.is_pull_request
    assert not found.trusted


def test_github_pull_request_of_a_deleted_fork_is_untrusted() -> None:
    assert not detect_github(github_pull(), pull_payload(None)).trusted


def test_github_comment_on_a_pull_request_is_untrusted_one_on_an_issue_is_not() -> None:
    environ = github(GITHUB_EVENT_NAME="issue_comment", GITHUB_REF="refs/heads/main")
    on_pull = detect_github(environ, PUSH_PAYLOAD | {"issue": {"pull_request": {"url": "u"}}})
    assert on_pull.is_pull_request
    assert not on_pull.trusted
    assert detect_github(environ, PUSH_PAYLOAD | {"issue": {"number": 1}}).trusted


@pytest.mark.parametrize(("head", "trusted"), [("acme/app", True), ("mallory/app", False)])
def test_github_workflow_run(head: str, trusted: bool) -> None:
    environ = github(GITHUB_EVENT_NAME="workflow_run", GITHUB_REF="refs/heads/main")
    payload = PUSH_PAYLOAD | {"workflow_run": {"head_repository": {"full_name": head}}}
    assert detect_github(environ, payload).trusted is trusted


def test_github_merge_queue_reads_its_target() -> None:
    environ = github(GITHUB_EVENT_NAME="merge_group", GITHUB_REF="refs/heads/gh-readonly-queue/main/pr-1-abc")
    found = detect_github(environ, PUSH_PAYLOAD | {"merge_group": {"base_ref": "refs/heads/main"}})
    assert found.base_branch == "main"
    assert found.branch == "gh-readonly-queue/main/pr-1-abc"


GITLAB = {
    "CI": "true",
    "GITLAB_CI": "true",
    "CI_PROJECT_PATH": "acme/app",
    "CI_DEFAULT_BRANCH": "main",
    "CI_COMMIT_SHA": SHA,
    "CI_PIPELINE_ID": "9",
}
GITLAB_MERGE = GITLAB | {
    "CI_MERGE_REQUEST_IID": "3",
    "CI_MERGE_REQUEST_PROJECT_PATH": "acme/app",
    "CI_MERGE_REQUEST_SOURCE_PROJECT_PATH": "acme/app",
    "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "x",
    "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
}
GITLAB_EXTERNAL = GITLAB | {
    "CI_EXTERNAL_PULL_REQUEST_IID": "3",
    "CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY": "acme/app",
    "CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY": "acme/app",
    "CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME": "x",
    "CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_NAME": "main",
}
GIT_URL = "https://github.com/acme/app.git"
JENKINS = {"JENKINS_URL": "https://ci.example/", "GIT_URL": GIT_URL, "GIT_COMMIT": SHA}
JENKINS_PULL = JENKINS | {
    "BRANCH_NAME": "PR-3",
    "CHANGE_ID": "3",
    "CHANGE_BRANCH": "x",
    "CHANGE_TARGET": "main",
}
CIRCLE = {
    "CI": "true",
    "CIRCLECI": "true",
    "CIRCLE_PROJECT_USERNAME": "acme",
    "CIRCLE_PROJECT_REPONAME": "app",
    "CIRCLE_SHA1": SHA,
}
CIRCLE_PULL = "https://github.com/acme/app/pull/3"
BUILDKITE = {
    "CI": "true",
    "BUILDKITE": "true",
    "BUILDKITE_REPO": "git@github.com:acme/app.git",
    "BUILDKITE_BRANCH": "x",
    "BUILDKITE_PULL_REQUEST": "false",
    "BUILDKITE_PULL_REQUEST_BASE_BRANCH": "",
    "BUILDKITE_PIPELINE_DEFAULT_BRANCH": "main",
    "BUILDKITE_COMMIT": SHA,
}
BUILDKITE_PULL = BUILDKITE | {
    "BUILDKITE_PULL_REQUEST": "3",
    "BUILDKITE_PULL_REQUEST_BASE_BRANCH": "main",
    "BUILDKITE_PULL_REQUEST_REPO": "https://github.com/acme/app.git",
}
CODEBUILD = {
    "CODEBUILD_BUILD_ID": "app:1",
    "CODEBUILD_SOURCE_REPO_URL": GIT_URL,
    "CODEBUILD_RESOLVED_SOURCE_VERSION": SHA,
}
AZURE = {
    "TF_BUILD": "True",
    "BUILD_REPOSITORY_NAME": "acme/app",
    "BUILD_REASON": "IndividualCI",
    "BUILD_SOURCEBRANCH": "refs/heads/x",
    "BUILD_SOURCEVERSION": SHA,
}
AZURE_PULL = AZURE | {
    "BUILD_REASON": "PullRequest",
    "BUILD_SOURCEBRANCH": "refs/pull/3/merge",
    "SYSTEM_PULLREQUEST_PULLREQUESTID": "3",
    "SYSTEM_PULLREQUEST_SOURCEBRANCH": "refs/heads/x",
    "SYSTEM_PULLREQUEST_TARGETBRANCH": "main",
}
BITBUCKET = {
    "CI": "true",
    "BITBUCKET_BUILD_NUMBER": "5",
    "BITBUCKET_REPO_FULL_NAME": "acme/app",
    "BITBUCKET_COMMIT": SHA,
}
DRONE = {
    "CI": "true",
    "DRONE": "true",
    "DRONE_REPO": "acme/app",
    "DRONE_REPO_BRANCH": "main",
    "DRONE_BUILD_EVENT": "push",
    "DRONE_BRANCH": "x",
    "DRONE_SOURCE_BRANCH": "x",
    "DRONE_TARGET_BRANCH": "x",
}
WOODPECKER = {
    "CI": "woodpecker",
    "CI_REPO": "acme/app",
    "CI_REPO_DEFAULT_BRANCH": "main",
    "CI_PIPELINE_EVENT": "push",
    "CI_COMMIT_BRANCH": "x",
}
TRAVIS = {
    "CI": "true",
    "TRAVIS": "true",
    "TRAVIS_REPO_SLUG": "acme/app",
    "TRAVIS_BRANCH": "x",
    "TRAVIS_PULL_REQUEST": "false",
    "TRAVIS_PULL_REQUEST_SLUG": "",
    "TRAVIS_PULL_REQUEST_BRANCH": "",
    "TRAVIS_TAG": "",
    "TRAVIS_COMMIT": SHA,
}
TRAVIS_PULL = TRAVIS | {
    "TRAVIS_BRANCH": "main",
    "TRAVIS_PULL_REQUEST": "3",
    "TRAVIS_PULL_REQUEST_SLUG": "acme/app",
    "TRAVIS_PULL_REQUEST_BRANCH": "x",
}

PULL = {"branch": "x", "base": "main", "pull": True}
FORK = PULL | {"trusted": False}
CASES: list[tuple[str, dict[str, str], dict[str, Any]]] = [
    ("gitlab branch", GITLAB | {"CI_COMMIT_BRANCH": "x"}, {"branch": "x", "default": "main"}),
    ("gitlab tag", GITLAB | {"CI_COMMIT_TAG": "v1"}, {"tag": "v1", "default": "main"}),
    ("gitlab merge request", GITLAB_MERGE, PULL | {"default": "main"}),
    (
        "gitlab fork, in the fork's project",
        GITLAB_MERGE | {"CI_PROJECT_PATH": "me/app", "CI_MERGE_REQUEST_SOURCE_PROJECT_PATH": "me/app"},
        FORK | {"default": "main"},
    ),
    ("gitlab external pull", GITLAB_EXTERNAL, PULL | {"default": "main"}),
    (
        "gitlab external fork",
        GITLAB_EXTERNAL | {"CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY": "me/app"},
        FORK | {"default": "main"},
    ),
    ("jenkins branch", JENKINS | {"BRANCH_NAME": "x"}, {"branch": "x"}),
    (
        "jenkins main branch",
        JENKINS | {"BRANCH_NAME": "main", "BRANCH_IS_PRIMARY": "true"},
        {"branch": "main", "default": "main"},
    ),
    ("jenkins single-branch job", JENKINS | {"GIT_BRANCH": "origin/x"}, {"branch": "x"}),
    ("jenkins detached", JENKINS | {"GIT_BRANCH": "detached"}, {}),
    ("jenkins tag", JENKINS | {"BRANCH_NAME": "v1", "TAG_NAME": "v1"}, {"tag": "v1"}),
    ("jenkins pull", JENKINS_PULL, PULL),
    ("jenkins fork", JENKINS_PULL | {"CHANGE_FORK": "me"}, FORK),
    ("jenkins source that can't tell", JENKINS_PULL | {"CHANGE_BRANCH": ""}, FORK | {"branch": None}),
    ("jenkins old plugin", JENKINS | {"ghprbPullId": "3"}, {"pull": True, "trusted": False}),
    ("circleci branch", CIRCLE | {"CIRCLE_BRANCH": "x"}, {"branch": "x"}),
    ("circleci tag", CIRCLE | {"CIRCLE_TAG": "v1"}, {"tag": "v1"}),
    (
        "circleci pull",
        CIRCLE | {"CIRCLE_BRANCH": "x", "CIRCLE_PULL_REQUEST": CIRCLE_PULL},
        {"branch": "x", "pull": True},
    ),
    (
        "circleci fork",
        CIRCLE | {"CIRCLE_BRANCH": "pull/3", "CIRCLE_PR_USERNAME": "me", "CIRCLE_PR_NUMBER": "3"},
        {"branch": "pull/3", "pull": True, "trusted": False},
    ),
    (
        "circleci project of another kind",
        {"CIRCLECI": "true", "CIRCLE_BRANCH": "x"},
        {"repository": None, "branch": "x", "trusted": False},
    ),
    ("buildkite branch", BUILDKITE, {"branch": "x", "default": "main"}),
    ("buildkite tag", BUILDKITE | {"BUILDKITE_TAG": "v1"}, {"tag": "v1", "default": "main"}),
    ("buildkite pull", BUILDKITE_PULL, PULL | {"default": "main"}),
    (
        "buildkite fork",
        BUILDKITE_PULL | {"BUILDKITE_PULL_REQUEST_REPO": "https://github.com/me/app.git"},
        FORK | {"default": "main"},
    ),
    (
        "buildkite that doesn't tell",
        BUILDKITE_PULL | {"BUILDKITE_PULL_REQUEST_REPO": ""},
        FORK | {"default": "main"},
    ),
    (
        "codebuild branch",
        CODEBUILD
        | {
            "CODEBUILD_WEBHOOK_TRIGGER": "branch/feature/x",
            "CODEBUILD_WEBHOOK_HEAD_REF": "refs/heads/feature/x",
        },
        {"branch": "feature/x"},
    ),
    ("codebuild by hand", CODEBUILD | {"CODEBUILD_SOURCE_VERSION": "x"}, {"branch": "x"}),
    ("codebuild of a commit", CODEBUILD | {"CODEBUILD_SOURCE_VERSION": SHA}, {}),
    ("codebuild of an archive", CODEBUILD | {"CODEBUILD_SOURCE_VERSION": "arn:aws:s3:::b/k"}, {}),
    ("codebuild tag", CODEBUILD | {"CODEBUILD_WEBHOOK_TRIGGER": "tag/v1"}, {"tag": "v1"}),
    (
        "codebuild pull",
        CODEBUILD
        | {
            "CODEBUILD_WEBHOOK_TRIGGER": "pr/3",
            "CODEBUILD_WEBHOOK_EVENT": "PULL_REQUEST_UPDATED",
            "CODEBUILD_WEBHOOK_HEAD_REF": "refs/heads/x",
            "CODEBUILD_WEBHOOK_BASE_REF": "refs/heads/main",
        },
        FORK,
    ),
    (
        "codebuild pull by hand",
        CODEBUILD | {"CODEBUILD_SOURCE_VERSION": "pr/3"},
        {"pull": True, "trusted": False},
    ),
    ("azure branch", AZURE, {"branch": "x"}),
    (
        "azure repos",
        AZURE | {"BUILD_REPOSITORY_NAME": "app", "SYSTEM_TEAMPROJECT": "acme"},
        {"branch": "x"},
    ),
    ("azure tag", AZURE | {"BUILD_SOURCEBRANCH": "refs/tags/v1"}, {"tag": "v1"}),
    ("azure pull", AZURE_PULL | {"SYSTEM_PULLREQUEST_ISFORK": "False"}, PULL),
    ("azure fork", AZURE_PULL | {"SYSTEM_PULLREQUEST_ISFORK": "True"}, FORK),
    ("azure that doesn't tell", AZURE_PULL, FORK),
    ("bitbucket branch", BITBUCKET | {"BITBUCKET_BRANCH": "x"}, {"branch": "x"}),
    ("bitbucket tag", BITBUCKET | {"BITBUCKET_TAG": "v1"}, {"tag": "v1"}),
    (
        "bitbucket pull",
        BITBUCKET
        | {
            "BITBUCKET_BRANCH": "x",
            "BITBUCKET_PR_ID": "3",
            "BITBUCKET_PR_DESTINATION_BRANCH": "main",
        },
        PULL,
    ),
    ("drone branch", DRONE, {"branch": "x", "default": "main"}),
    ("drone tag", DRONE | {"DRONE_TAG": "v1"}, {"tag": "v1", "default": "main"}),
    (
        "drone pull",
        DRONE
        | {
            "DRONE_BUILD_EVENT": "pull_request",
            "DRONE_BRANCH": "main",
            "DRONE_TARGET_BRANCH": "main",
        },
        FORK | {"default": "main"},
    ),
    ("woodpecker branch", WOODPECKER, {"branch": "x", "default": "main"}),
    ("woodpecker tag", WOODPECKER | {"CI_COMMIT_TAG": "v1"}, {"tag": "v1", "default": "main"}),
    (
        "woodpecker pull, with Drone's variables as well",
        WOODPECKER
        | {
            "DRONE": "true",
            "CI_PIPELINE_EVENT": "pull_request",
            "CI_COMMIT_BRANCH": "main",
            "CI_COMMIT_SOURCE_BRANCH": "x",
            "CI_COMMIT_TARGET_BRANCH": "main",
        },
        FORK | {"default": "main"},
    ),
    ("travis branch", TRAVIS, {"branch": "x"}),
    ("travis tag", TRAVIS | {"TRAVIS_BRANCH": "v1", "TRAVIS_TAG": "v1"}, {"tag": "v1"}),
    ("travis pull", TRAVIS_PULL, PULL),
    ("travis fork", TRAVIS_PULL | {"TRAVIS_PULL_REQUEST_SLUG": "me/app"}, FORK),
    ("travis that doesn't tell", TRAVIS_PULL | {"TRAVIS_PULL_REQUEST_SLUG": ""}, FORK),
]


@pytest.mark.parametrize(("name", "environ", "changes"), CASES, ids=[case[0] for case in CASES])
def test_provider(name: str, environ: dict[str, str], changes: dict[str, Any]) -> None:
    found = detect(environ)
    assert facts(found) == expected(**changes)
    assert found.provider == name.split(" ", maxsplit=1)[0]
    assert bool(found.why_untrusted) is not found.trusted


def test_every_provider_is_tested() -> None:
    tested = {case[0].split(" ")[0] for case in CASES} | {"github"}
    assert tested == {reader({}, lambda _path: None).provider for _, _, reader in PROVIDERS}


def test_outside_ci() -> None:
    assert detect({}) == CIContext(provider="none")
    assert detect({"CI": "true", "GITHUB_ACTIONS": "false"}).provider == "none"


def test_github_job_on_a_codebuild_runner_is_githubs() -> None:
    assert detect(CODEBUILD | github()).provider == "github"


def test_commit_named_head_is_unknown() -> None:
    assert detect(BUILDKITE | {"BUILDKITE_COMMIT": "HEAD"}).sha is None


NAMES = sorted({key for _, environ, _ in CASES for key in environ} | set(github()))


@given(st.dictionaries(st.sampled_from(NAMES), st.text(max_size=20)), st.none() | st.text())
def test_detect_never_raises(environ: dict[str, str], text: str | None) -> None:
    detect(environ, lambda _path: text)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://github.com/acme/app.git", "acme/app"),
        ("https://user:secret@github.com/acme/app", "acme/app"),
        ("https://user:se/cr@et@github.com/acme/app", "acme/app"),
        ("https://github.com/acme/app/?token=secret", "acme/app"),
        ("git@github.com:acme/app.git", "acme/app"),
        ("github.com:acme/app.git", "acme/app"),
        ("ssh://git@example.com:2222/group/sub/app.git", "group/sub/app"),
        ("https://gitlab.example/group/sub/app.git/", "group/sub/app"),
        ("https://me@dev.azure.com/org/project/_git/app", "org/project/app"),
        ("git@ssh.dev.azure.com:v3/org/project/app", "org/project/app"),
        ("https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/app", "app"),
        ("/srv/git/acme/app.git", "acme/app"),
        ("../app", "app"),
        ("file:///srv/git/app.git", "git/app"),
        ("C:/work/app", "work/app"),
        ("", None),
        ("https://", None),
    ],
)
def test_repository_name(url: str, name: str | None) -> None:
    assert repository_name(url) == name


@given(st.text(st.characters(exclude_characters="@/:?#"), min_size=8, max_size=30))
def test_repository_name_never_keeps_a_password(password: str) -> None:
    secret = f"%{password}%"
    for middle in ("", "/", "@", "?", "#", ":"):
        url = f"https://user:{secret}{middle}{secret}@example.com/acme/app.git"
        assert repository_name(url) == "acme/app"
