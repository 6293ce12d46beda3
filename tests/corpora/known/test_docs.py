"""The page on the corpora shows the numbers that the corpora have."""

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs"


def test_the_tables_are_those_that_the_command_writes():
    page = (DOCS / "corpora.md").read_text(encoding="utf-8")
    for name, table in runpy.run_path(str(DOCS / "make_corpora_table.py"))["tables"]().items():
        assert f"<!-- {name} -->\n{table}\n<!-- end -->" in page, "run: python docs/make_corpora_table.py"
