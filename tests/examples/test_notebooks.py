"""The repository has both notebooks with their outputs, and each runs from its first cell to its last."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "examples" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def cells(path):
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def test_the_notebooks_are_the_tutorial_and_a_model_of_ones_own():
    assert {path.stem for path in NOTEBOOKS} == {"tutorial", "own_model"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_its_outputs_and_no_error(path):
    code = [cell for cell in cells(path) if cell["cell_type"] == "code"]
    outputs = [output for cell in code for output in cell["outputs"]]
    assert all(cell["execution_count"] for cell in code)
    assert len(outputs) >= 5
    assert not [output for output in outputs if output["output_type"] == "error"]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    assert path.stat().st_size < 400_000


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_equals_the_output_of_its_script(path):
    pytest.importorskip("nbclient", reason="needs the extra notebooks")
    made = runpy.run_path(str(FOLDER / "make_notebooks.py"))
    written = made["notebook"](made["NOTEBOOKS"][path.stem]).cells
    assert [("".join(c["source"]), c["cell_type"]) for c in cells(path)] == [(c.source, c.cell_type) for c in written]


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path):
    """pytest -m slow tests/examples/test_notebooks.py"""
    pytest.importorskip("nbclient", reason="needs the extra notebooks")
    made = runpy.run_path(str(FOLDER / "make_notebooks.py"))
    ran = made["run"](made["notebook"](made["NOTEBOOKS"][path.stem]))
    assert all(cell.execution_count for cell in ran.cells if cell.cell_type == "code")
