"""What a hidden value looks like in a side file; see `hiding`."""

from __future__ import annotations

import re

PREFIX = "secret:"
HIDDEN = re.compile(PREFIX + r"[0-9a-f]{32}")
