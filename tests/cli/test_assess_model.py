"""``vaescope assess-model``: a model in a user's own file."""

import json
import runpy
from pathlib import Path

import pytest

from .test_commands import call, failure

MODEL = """
import helper, torch, vaescope

def encode(texts):
    mean = torch.tensor([[0.7 if text == "yes" else -0.7] for text in texts])
    return (mean, torch.full_like(mean, 0.8)) if helper.STD else mean

def log_likelihood(texts, z):
    logits = torch.stack([z[..., 0], -z[..., 0]], -1)
    return torch.distributions.Categorical(logits=logits).log_prob(torch.tensor([int(t == "no") for t in texts]))

model = vaescope.TextModel(encode, log_likelihood)

def bare():
    def only_the_code(texts):
        return encode(texts)[0]
    return vaescope.TextModel(only_the_code, log_likelihood)

def broken():
    return 1 / 0

number = 3
"""


@pytest.fixture
def place(tmp_path):
    (tmp_path / "mine.py").write_text(MODEL, encoding="utf-8")
    (tmp_path / "helper.py").write_text("STD = True\n", encoding="utf-8")
    (tmp_path / "texts.txt").write_text("yes\nno\n\n" * 30, encoding="utf-8")
    return tmp_path


def test_a_model_of_a_file_is_assessed_and_its_evidence_kept(place):
    output = call(
        "assess-model", f"{place}/mine.py:model", place / "texts.txt", "--suite", "fast", "--out", place / "o"
    )
    assert "rate" in output
    found = json.loads((place / "o" / "assessment.json").read_text(encoding="utf-8"))
    assert found["estimates"]["rate"]["value"] == pytest.approx(0.288, abs=1e-3)
    again = call("assess", "--draws", place / "o" / "evidence.safetensors")
    assert "0.288" in output
    assert "0.288" in again


def test_a_code_without_noise_needs_some(place, monkeypatch, capsys):
    arguments = ("assess-model", f"{place}/mine.py:bare", place / "texts.txt", "--suite", "fast", "--out", place / "o")
    status, line = failure(monkeypatch, capsys, *arguments)
    assert status == 1
    assert "a standard deviation of 0" in line
    assert "noise=0.1" in line
    output = call(*arguments, "--noise", 0.8)
    assert "0.288" in output


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("mine.py", "give FILE.py:NAME or module:NAME"),
        ("absent.py:model", "no such Python file"),
        ("mine.py:modell", "did you mean 'model'?"),
        ("mine.py:broken", "failed with ZeroDivisionError: division by zero"),
        ("mine.py:number", "expected a TextModel or a FromTransformers"),
        ("no_such_module_of_mine:model", "cannot be imported"),
    ],
)
def test_a_mistake_is_one_line(place, monkeypatch, capsys, name, says):
    where = name if name.startswith("no_such") else f"{place}/{name}"
    status, line = failure(monkeypatch, capsys, "assess-model", where, place / "texts.txt")
    assert status == 1
    assert says in line


def test_code_that_fails_is_named(place, monkeypatch, capsys):
    (place / "helper.py").write_text("raise KeyError('gone')\n", encoding="utf-8")
    (place / "other.py").write_text("import missing_package_of_mine\n", encoding="utf-8")
    status, line = failure(monkeypatch, capsys, "assess-model", f"{place}/other.py:model", place / "texts.txt")
    assert status == 1
    assert "missing_package_of_mine" in line


@pytest.mark.slow
def test_the_t5_of_the_examples_is_a_vae_that_reads_its_latent():
    """pytest -m slow tests/cli/test_assess_model.py"""
    example = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "t5_vae.py"))
    found = example["main"]()
    assert found.estimates["mutual_information"].low > 1.0
    verdicts = {finding.name: finding.verdict for finding in found.findings}
    assert verdicts["identity_sampler"] == "PASS"
