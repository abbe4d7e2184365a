"""``python -m worker URL...``."""

import sys

import anyio

from worker.fetch import fetch_all
from worker.log import configured

if __name__ == "__main__":
    configured()
    anyio.run(fetch_all, sys.argv[1:])
