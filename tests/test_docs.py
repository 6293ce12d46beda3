"""Every diagnostic is explained by the same five parts: in a page with its row in the index, or in its own file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vaescope import choices

DOCS = Path(__file__).parent.parent / "docs"
PARTS = ("The question.", "The number.", "When not to trust it.", "Verdict.", "Source.")


@pytest.mark.parametrize("name", choices.names("diagnostics"))
def test_diagnostic_is_explained(name):
    page = DOCS / "diagnostics" / f"{name}.md"
    in_file = choices.explanation("diagnostics", name)
    text = page.read_text(encoding="utf-8") if page.is_file() else in_file
    lacking = [part for part in PARTS if f"**{part}**" not in text]
    assert not lacking, f"write {lacking} in the docstring of {name}.py, or in docs/diagnostics/{name}.md"
    listed = f"(diagnostics/{name}.md)" in (DOCS / "numbers.md").read_text(encoding="utf-8")
    assert listed == page.is_file()


def test_pages_and_links_exist():
    for page in [DOCS / "numbers.md", *(DOCS / "diagnostics").glob("*.md")]:
        for link in re.findall(r"\]\(([^)#]+\.md)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).is_file(), f"{page.name}: {link}"
