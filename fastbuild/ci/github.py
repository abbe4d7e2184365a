"""GitHub Actions (and those that speak its variables: Gitea, Forgejo)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fastbuild.ci.context import CIContext, LogGroup, fork_doubt, named

if TYPE_CHECKING:
    from fastbuild.ci.context import Environ, ReadText

_FOREIGN = ("issue_comment", "workflow_run")
_GROUP = LogGroup(open="::group::{title}", close="::endgroup::")


def github(env: Environ, read_text: ReadText) -> CIContext:
    """https://docs.github.com/en/actions/reference/workflows-and-actions/variables

    The event file: https://docs.github.com/en/webhooks/webhook-events-and-payloads
    """
    event = env.get("GITHUB_EVENT_NAME", "")
    payload = _json(read_text(env["GITHUB_EVENT_PATH"]) if env.get("GITHUB_EVENT_PATH") else None)
    is_tag = env.get("GITHUB_REF_TYPE") == "tag"
    comments_on_pull = event == "issue_comment" and bool(_dig(payload, "issue", "pull_request"))
    base = env.get("GITHUB_BASE_REF") or _dig(payload, "merge_group", "base_ref")
    return CIContext(
        provider="github",
        repository=env.get("GITHUB_REPOSITORY") or None,
        # in pull_request_target GITHUB_REF names the base, so the head goes first
        branch=None if is_tag else env.get("GITHUB_HEAD_REF") or named(env.get("GITHUB_REF")),
        base_branch=named(base),
        default_branch=_dig(payload, "repository", "default_branch"),
        sha=env.get("GITHUB_SHA") or None,
        tag=env.get("GITHUB_REF_NAME") if is_tag else None,
        is_pull_request=event.startswith("pull_request") or comments_on_pull,
        why_untrusted=_doubt(event, payload, comments_on_pull),
        summary_path=env.get("GITHUB_STEP_SUMMARY") or None,
        log_group=_GROUP,
        run_id=env.get("GITHUB_RUN_ID") or None,
    )


def _doubt(event: str, payload: Any, comments_on_pull: bool) -> str:
    if not event.startswith("pull_request") and event not in _FOREIGN:
        return ""
    if payload is None:
        return f"the event file of {event} (GITHUB_EVENT_PATH) can't be read, so a fork can't be ruled out"
    if comments_on_pull:
        # ChatOps: runs with the default branch's rights, usually on a commit checked out from the pull
        return "a comment on a pull request doesn't say where the commits come from"
    base = _dig(payload, "repository", "full_name")
    if event == "workflow_run":
        head = _dig(payload, "workflow_run", "head_repository", "full_name")
    elif event == "issue_comment":
        return ""
    else:
        head = _dig(payload, "pull_request", "head", "repo", "full_name")
        base = _dig(payload, "pull_request", "base", "repo", "full_name") or base
    return fork_doubt(head, base, variable="head repository in the event file")


def _json(text: str | None) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None


def _dig(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
