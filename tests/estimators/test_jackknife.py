from __future__ import annotations

import math

import pytest
import torch

from vaescope.estimators import jackknife


@pytest.mark.parametrize("blocks", [3, 40, 200])
def test_error_of_a_mean_is_the_usual_one(blocks):
    values_N = torch.randn(20_000, generator=torch.Generator().manual_seed(0)).double()
    replicates = jackknife.means(values_N, blocks)
    usual = values_N.std().item() / math.sqrt(len(values_N))
    assert jackknife.value(replicates) == pytest.approx(values_N.mean().item())
    assert jackknife.standard_error(replicates) == pytest.approx(usual, rel=0.5 if blocks == 40 else 1.0)


def test_one_block_per_text_is_the_plain_jackknife():
    values_N = torch.randn(50, generator=torch.Generator().manual_seed(1)).double()
    usual = values_N.std().item() / math.sqrt(50)
    assert jackknife.standard_error(jackknife.means(values_N, 50)) == pytest.approx(usual)


def test_more_candidates_widen_the_ends():
    replicates = jackknife.means(torch.randn(100, generator=torch.Generator().manual_seed(1)), 10)
    assert jackknife.lower_end(replicates, candidates=3) < jackknife.lower_end(replicates)
    assert jackknife.upper_end(replicates, candidates=3) > jackknife.upper_end(replicates)


def test_a_subset_keeps_the_blocks_of_all_texts():
    values_N = torch.arange(10.0)
    index_M = torch.tensor([1, 4, 7])
    replicates = jackknife.means(values_N[index_M], 3, index_N=torch.tensor([1, 3, 8]))
    assert replicates.tolist() == [4.0, 4.0, 5.5, 2.5]
