"""The public names of the package, and the package as it is installed."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import vaescope

SOURCE = Path(vaescope.__file__).parent


def test_completion_offers_the_public_names():
    assert dir(vaescope) == sorted(vaescope.__all__)
    assert set(vaescope.__all__) == {*vaescope._HOMES, "__version__"}


@pytest.mark.parametrize("name", vaescope._HOMES)
def test_a_public_name_can_be_imported(name):
    assert getattr(vaescope, name).__name__ == name


def test_type_checkers_know_the_public_names():
    text = Path(vaescope.__file__).read_text(encoding="utf-8")
    block = text.split("if TYPE_CHECKING:")[1].split("__version__")[0]
    assert all(name in block for name in vaescope._HOMES)
    assert (SOURCE / "py.typed").exists()


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The content of a wheel of this checkout, in a folder of its own."""
    builder = pytest.importorskip("hatchling.builders.wheel")
    folder = tmp_path_factory.mktemp("wheel")
    wheel = next(builder.WheelBuilder(str(SOURCE.parent.parent)).build(directory=str(folder)))
    zipfile.ZipFile(wheel).extractall(folder / "installed")
    return folder / "installed"


def run(installed, *words, cwd):
    command = [sys.executable, "-m", "vaescope", *words]
    return subprocess.run(
        command, cwd=cwd, env={"PYTHONPATH": str(installed), "PATH": ""}, capture_output=True, text=True, check=False
    )


def test_a_wheel_contains_every_file_of_the_package(installed):
    files = {p.relative_to(SOURCE) for p in SOURCE.rglob("*") if p.is_file() and "__pycache__" not in p.parts}
    packed = {p.relative_to(installed / "vaescope") for p in (installed / "vaescope").rglob("*") if p.is_file()}
    pages = {Path("explanations") / page.name for page in (SOURCE.parents[1] / "docs" / "diagnostics").glob("*.md")}
    assert len(pages) > 30
    assert packed == files | pages


def test_an_installed_wheel_answers(installed, tmp_path):
    done = run(installed, "list", "terms", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "distortion" in done.stdout
    assert "How much of the prior" in run(installed, "explain", "holes", cwd=tmp_path).stdout


@pytest.mark.slow
def test_an_installed_wheel_runs_the_demo(installed, tmp_path):
    done = run(installed, "demo", "--out", "demo", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "demo" / "report.html").exists()
