"""A bucket's lifecycle rules that expire a cache in the order that `prune` keeps. Pure.

An export writes its manifest last, and by then none of its blobs is older than `touch_refresh`. So a blob
that may live `touch_refresh` longer than a manifest, and a margin, outlives every manifest that names it.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastbuild.request import CacheSpec

MARGIN_DAYS = 7
"""Days for the longest build, and for the server's delay: it may delete long after the date."""
_DAY = 86_400.0

CAVEAT = """\
Before you set these rules, know that they are weaker than fastbuild cache prune:
- They go by age alone. A server may delete late and in any order; were a manifest more than {margin} days
  late, its blobs would be gone before it, and builds that read it would fail. Prune looks before it deletes.
- A name that is read and not written for {days} days goes too, that of the default branch like all others.
- They replace all rules that the bucket has: merge them with those."""


def lifecycle(spec: CacheSpec, keep_for: float, touch_refresh: float) -> tuple[str, str]:
    """The configuration as JSON for `aws s3api put-bucket-lifecycle-configuration`, and what to know of it.

    Times in seconds, rounded up to days, for that is what the rules count in.
    """
    days = max(math.ceil(keep_for / _DAY), 1)
    later = days + math.ceil(touch_refresh / _DAY) + MARGIN_DAYS
    prefix, manifests = spec.get("prefix"), spec.get("manifests_prefix", "manifests/")
    rules = [
        _rule("manifests", f"{prefix}{manifests}", days),
        _rule("side-files", f"{prefix}fastbuild/side/", days),
        _rule("blobs", f"{prefix}{spec.get('blobs_prefix', 'blobs/')}", later)
        | {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": MARGIN_DAYS}},
    ]
    return json.dumps({"Rules": rules}, indent=2) + "\n", CAVEAT.format(margin=MARGIN_DAYS, days=days)


def _rule(what: str, prefix: str, days: int) -> dict[str, object]:
    return {
        "ID": f"fastbuild-{what}",
        "Filter": {"Prefix": prefix},
        "Status": "Enabled",
        "Expiration": {"Days": days},
    }
