"""Every diagnostic is explained: a page with the same five parts, and a row in the index."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vaescope import choices

DOCS = Path(__file__).parent.parent / "docs"
PARTS = ("The question.", "The number.", "When not to trust it.", "Verdict.", "Source.")


@pytest.mark.parametrize("name", choices.names("diagnostics"))
def test_diagnostic_has_its_page_and_its_row(name):
    page = DOCS / "diagnostics" / f"{name}.md"
    assert page.is_file(), f"write docs/diagnostics/{name}.md"
    text = page.read_text(encoding="utf-8")
    assert not [part for part in PARTS if f"**{part}**" not in text]
    assert f"(diagnostics/{name}.md)" in (DOCS / "numbers.md").read_text(encoding="utf-8")


def test_pages_and_links_exist():
    for page in [DOCS / "numbers.md", *(DOCS / "diagnostics").glob("*.md")]:
        for link in re.findall(r"\]\(([^)#]+\.md)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).is_file(), f"{page.name}: {link}"
