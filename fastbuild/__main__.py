"""``python -m fastbuild``."""

from fastbuild.cli import main

main()
