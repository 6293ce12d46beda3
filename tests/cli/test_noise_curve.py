"""``vaescope noise-curve`` and ``assess --noise``: a code without a posterior."""

import csv
import json
import math

import pytest

from vaescope.testing.example_evidence import noisy_gaussian_code

from .test_commands import call, failure

MODEL = """
import torch, vaescope

def code(texts):
    return torch.tensor([[float(text.split()[1]) / 29 - 1.0] for text in texts])

model = vaescope.TextModel(code, lambda texts, z: -1 - (z - code(texts)).square().sum(-1) / 2)
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "code.safetensors"
    noisy_gaussian_code(texts=200, size=1, levels=[0.5, 1.0], samples=16).save(path)
    return path


def test_a_curve_from_a_file(file, tmp_path):
    output = call("noise-curve", file, "--out", tmp_path / "o", "--allow", 0.2)
    rows = list(csv.DictReader((tmp_path / "o" / "curve.csv").read_text(encoding="utf-8").splitlines()))
    assert [float(row["noise"]) for row in rows] == [0.5, 1.0]
    assert float(rows[1]["rise"]) == pytest.approx(0.5, abs=0.1)
    bits = math.log2(5) / 2
    assert float(rows[0]["bits_low"]) < bits < float(rows[0]["bits_high"])
    assert "(noise 0.5" in output
    assert (tmp_path / "o" / "curve.svg").exists()


def test_a_curve_of_a_model_in_python(tmp_path):
    (tmp_path / "mine.py").write_text(MODEL, encoding="utf-8")
    (tmp_path / "texts.txt").write_text("\n".join(f"text {i}" for i in range(60)), encoding="utf-8")
    where = (f"{tmp_path}/mine.py:model", tmp_path / "texts.txt", "--out", tmp_path / "o")
    output = call("noise-curve", *where, "--noise", "0.5,2", "--allow", 0.2, "--samples", 16)
    assert "(noise 0.5" in output
    found = call("assess-model", *where, "--suite", "fast", "--noise-distortion", 0.125)
    assert "distortion" in found
    estimates = json.loads((tmp_path / "o" / "assessment.json").read_text(encoding="utf-8"))["estimates"]
    assert estimates["distortion"]["value"] == pytest.approx(1.125, abs=0.05)


def test_a_file_of_a_code_is_assessed_with_noise(file, tmp_path):
    call("assess", "--draws", file, "--noise", 0.5)
    estimates = json.loads((tmp_path / "assessment.json").read_text(encoding="utf-8"))["estimates"]
    assert estimates["distortion"]["value"] == pytest.approx(1.125, abs=0.03)
    assert estimates["mutual_information"]["low"] < math.log(5) / 2 < estimates["mutual_information"]["high"]
    call("assess", "--draws", file, "--noise-distortion", 0.2)
    again = json.loads((tmp_path / "assessment.json").read_text(encoding="utf-8"))["estimates"]
    assert again == estimates


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("assess", "--draws", "FILE"), "infinite rate; give it noise with --noise (0.5, 1)"),
        (("assess", "--draws", "FILE", "--noise", "0.7"), "only at 0.5, 1"),
        (("assess", "--draws", "FILE", "--noise-distortion", "0.001"), "already raises the distortion"),
        (("assess", "--draws", "FILE", "--noise", "1", "--noise-distortion", "1"), "give one of --noise and"),
        (("assess", "RUN", "--noise", "1"), "a run has its own q(z|x)"),
        (("noise-curve", "FILE", "--noise", "1"), "the file has its own"),
        (("noise-curve", "mine.py:model"), "needs TEXTS and --noise"),
        (("noise-curve", "mine.py:model", "FILE", "--noise", "1,x"), "give positive numbers separated by commas"),
        (("noise-curve", "FILE", "--allow", "0.001"), "already raises the distortion"),
    ],
)
def test_a_mistake_is_one_line(file, tmp_path, monkeypatch, capsys, arguments, says):
    monkeypatch.chdir(tmp_path)  # noise-curve writes into the working directory by default
    status, line = failure(monkeypatch, capsys, *(str(file) if a == "FILE" else a for a in arguments))
    assert status in (1, 2)
    assert says in line
