"""Git repositories: facts about the one at hand, and the files of its commits without a checkout."""

from fastbuild.git.facts import (
    GitFacts,
    changed_paths,
    find,
    index_listing,
    is_dirty,
    merge_base,
    read,
)

__all__ = ["GitFacts", "changed_paths", "find", "index_listing", "is_dirty", "merge_base", "read"]
