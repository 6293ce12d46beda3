"""The adapters of other projects: their file is one that vaescope reads, and nothing in them needs vaescope."""

import ast
import re
import runpy
from pathlib import Path

import numpy as np
import pytest

import vaescope
from vaescope.evidence.evidence import Evidence
from vaescope.evidence.noisy_code import NoisyCode

FOLDER = Path(__file__).parents[2] / "examples" / "adapters"
PEERS = sorted(file for file in FOLDER.glob("*.py") if file.name != "draws_file.py")


@pytest.fixture(scope="module")
def helper():
    return runpy.run_path(str(FOLDER / "draws_file.py"))


def test_there_is_an_adapter_of_each_peer():
    assert [file.stem for file in PEERS] == ["langvae", "optimus", "pythae", "sentence_transformers"]


@pytest.mark.parametrize("file", [*PEERS, FOLDER / "draws_file.py"], ids=lambda file: file.stem)
def test_no_adapter_imports_vaescope(file):
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    }
    assert "vaescope" not in imported


@pytest.mark.parametrize("file", PEERS, ids=lambda file: file.stem)
def test_the_header_pins_the_versions_and_shows_the_commands(file):
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
    assert re.search(r"pip install \S+==\d", text)
    assert f"python examples/adapters/{file.name} " in text
    assert "vaescope assess --draws" in text


def test_the_file_of_a_posterior_has_the_numbers_that_were_given(helper, tmp_path):
    rng = np.random.default_rng(0)
    mean, std = 0.8 * rng.standard_normal((200, 2)), np.full((200, 2), 0.6)
    z = mean + std * rng.standard_normal((16, 200, 2))
    others = helper["cycle"](200, rng)
    texts = [f"text {i} é" for i in range(200)]
    log_p = -3 - np.abs(z).sum(-1)
    helper["write_draws"](
        tmp_path / "a" / "draws.safetensors",
        texts,
        mean,
        std,
        z,
        log_p_x_z=log_p,
        log_p_x_z_shuffled=log_p[0, others],
        shuffled_from=others,
        tokens=[3] * 200,
        metadata={"model": "mine"},
    )
    evidence = Evidence.load(tmp_path / "a" / "draws.safetensors")
    assert evidence.strings == texts
    assert evidence.draws.bytes[0] == len("text 0 é".encode())
    assert evidence.draws.metadata["model"] == "mine"
    found = vaescope.assess(evidence, diagnostics=["rate", "distortion", "latent_use"])
    expected = (mean**2 + std**2 - 1 - 2 * np.log(std)).sum(1).mean() / 2
    assert found.estimates["rate"].value == pytest.approx(expected, rel=1e-5)
    assert found.estimates["distortion"].value == pytest.approx(-log_p.mean(), rel=1e-5)


def test_the_file_of_a_code_is_one_that_takes_noise(helper, tmp_path):
    rng = np.random.default_rng(0)
    code, unit, sizes = rng.standard_normal((100, 2)), rng.standard_normal((4, 100, 2)), np.array([0.5, 1.0])
    half = (unit**2).sum(-1) / 2
    helper["write_codes"](
        tmp_path / "codes.safetensors",
        [f"text {i}" for i in range(100)],
        code,
        sizes,
        unit,
        noise_log_p_x_z=np.stack([-1 - size**2 * half for size in sizes]),
        code_log_p_x_z=np.full(100, -1.0),
        tokens=np.full(100, 3),
        training_code=rng.standard_normal((50, 2)),
        metadata={},
    )
    found = NoisyCode.load(tmp_path / "codes.safetensors").at(0.5)
    assert found.draws.distortions.mean().item() == pytest.approx(1 + 0.25 * half.mean(), rel=1e-5)
    assert len(found.references.training) == 50


def test_texts_are_read_up_to_a_length(helper, tmp_path):
    (tmp_path / "t.txt").write_text("a b c\n\na b\na\n", encoding="utf-8")
    assert helper["read_texts"](tmp_path / "t.txt", most=2, words=2) == ["a b", "a"]
