"""The cases of ``on_other_device.py`` in a separate process, because libraries may keep their tensors."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_everything_runs_on_another_device():
    folder = Path(__file__).parent
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", str(folder / "on_other_device.py")]
    done = subprocess.run(command, cwd=folder.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout
