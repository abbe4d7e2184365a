"""Everything that is changed between a baseline and the build that is predicted.

A change works on a project as it was laid out, and answers with the request; None where it makes no sense.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.live.predictions.changes_of_files import CHANGES_OF_FILES
from tests.live.predictions.changes_of_request import CHANGES_OF_REQUEST
from tests.live.predictions.changes_of_text import CHANGES_OF_TEXT

if TYPE_CHECKING:
    from tests.live.predictions.changes_of_files import Change

MUTATIONS: dict[str, Change] = {**CHANGES_OF_FILES, **CHANGES_OF_TEXT, **CHANGES_OF_REQUEST}
