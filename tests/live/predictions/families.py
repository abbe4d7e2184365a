"""Dockerfiles that differ in how their steps' keys come about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.live.predictions.families_of_files import OF_FILES
from tests.live.predictions.families_of_stages import OF_STAGES
from tests.live.predictions.families_of_steps import OF_STEPS

if TYPE_CHECKING:
    from tests.live.predictions.family import Family

FAMILIES: dict[str, Family] = {**OF_FILES, **OF_STEPS, **OF_STAGES}
