"""Writes docs/rules/ from the rules' own docstrings: `python docs/generate_rules.py`.

tests/analysis/test_manuals.py fails when the pages are not those that this would write.
"""

from __future__ import annotations

from pathlib import Path

from fastbuild.analysis.catalogue import OWN, RuleInfo, catalogue
from fastbuild.analysis.rules import RULES

FOLDER = Path(__file__).parent / "rules"

INTRODUCTION = """\
# Rules

Made from the rules' docstrings by `docs/generate_rules.py`: edit those. `fastbuild analyze --explain CODE`
prints a page.
BuildKit's own checks, which `--check` adds, are described at <https://docs.docker.com/reference/build-checks/>.

| code | level | rule | finds |
|---|---|---|---|
"""


def pages() -> dict[str, str]:
    """File name → text of every page."""
    infos = sorted(catalogue(RULES).values(), key=lambda info: info.code)
    ours = [info for info in infos if info.code not in OWN]
    return {
        "README.md": INTRODUCTION + "".join(map(_row, infos)),
        **{_file(info): _page(info) for info in ours},
    }


def _file(info: RuleInfo) -> str:
    return f"{info.name}.md"


def _row(info: RuleInfo) -> str:
    link = "../reference/analyze.md#codes-of-the-framework" if info.code in OWN else _file(info)
    title = info.title.replace("|", "&#124;")
    return f"| {info.code} | {info.level.label} | [{info.name}]({link}) | {title} |\n"


def _page(info: RuleInfo) -> str:
    ignore = f'`# fastbuild ignore={info.code} reason="…"` above an instruction switches the rule off for it.'
    head = f"# {info.code} {info.name}\n\n{info.title}. Level: {info.level.label}."
    return f"{head}\n\n{info.manual}\n\n{ignore}\n"


def main() -> None:
    """Write what changed; delete pages of rules that are gone."""
    FOLDER.mkdir(exist_ok=True)
    wanted = pages()
    for path in FOLDER.glob("*.md"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
