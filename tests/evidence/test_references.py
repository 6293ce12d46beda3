"""References are saved in the file of draws, so that a file gives the same intervals as the original evidence."""

from dataclasses import replace

import pytest
import torch
from tests.assessment.test_information_ends import evidence_of, model

import vaescope
from vaescope.assessment.diagnostics.mutual_information import mutual_information
from vaescope.errors import UserError
from vaescope.evidence.evidence import Evidence


@pytest.fixture
def evidence():
    found = evidence_of(model(), 0, n=60, training=200, components=100, drawn=4)
    numbered = {
        name: replace(getattr(found.references, name), text_id=torch.arange(first, last))
        for name, first, last in (("training", 60, 260), ("components", 260, 360))
    }
    draws = replace(found.draws, text_id=torch.arange(60), metadata={"entropy": found.facts.entropy})
    return replace(found, draws=draws, references=replace(found.references, **numbered))


def test_a_file_keeps_the_ends(evidence, tmp_path):
    file = tmp_path / "draws.safetensors"
    evidence.save(file)
    again, wanted = mutual_information(Evidence.load(file)), mutual_information(evidence)
    assert (again.low, again.high, again.detail) == (wanted.low, wanted.high, wanted.detail)
    found = vaescope.assess(file, diagnostics=["mutual_information"]).estimates["mutual_information"]
    assert (found.low, found.high) == (wanted.low, wanted.high)
    # the draws alone have wider ends
    alone = mutual_information(Evidence.of(vaescope.Draws.load(file)))
    assert alone.high - alone.low > wanted.high - wanted.low


def test_half_of_an_encoding_is_refused(evidence, tmp_path):
    tensors = {**evidence.draws.tensors(), **evidence.references.tensors()}
    del tensors["components_std"]
    vaescope.evidence.file.write(tmp_path / "draws.safetensors", tensors, {})
    with pytest.raises(UserError, match="'components': expected components_mean and components_std"):
        Evidence.load(tmp_path / "draws.safetensors")
