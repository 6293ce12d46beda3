"""Copies of texts are found by id or by row, and kept together when fitting and resampling."""

from __future__ import annotations

import math

import pytest
import torch

from vaescope.estimators import mixture
from vaescope.estimators.copies import Copies


def test_equal_rows_are_copies_wherever_they_are():
    rows_NF = torch.tensor([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0], [1.0, 2.5]])
    copies = Copies.of(rows_NF)
    assert copies.text.tolist() == [0, 1, 0, 2]
    assert copies.of_row.tolist() == [2, 1, 2, 1]
    assert (copies.rows, copies.distinct) == (4, 3)
    assert torch.equal(rows_NF[copies.first][copies.text], rows_NF)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_copied_texts_are_worth_the_distinct_ones(k):
    copies = Copies.of(torch.arange(60).repeat_interleave(k))
    assert copies.effective == 60
    assert copies.entropy == pytest.approx(math.log(60))


def test_uneven_copies_are_worth_less_than_as_many_distinct_texts():
    copies = Copies.of(torch.tensor([0] * 9 + [1, 2, 3]))
    assert copies.effective < 4
    assert copies.entropy < math.log(4)


def test_a_mixture_is_not_chosen_on_copies_of_its_own_texts(monkeypatch):
    """With copies on both sides, one component per text would win; the two sides never share a text."""
    seen = []
    monkeypatch.setattr(
        mixture, "_grown", lambda fitted, held_out, form, seed: seen.append((fitted, held_out)) or (0.0, None)
    )
    z_ND = torch.arange(40.0).repeat_interleave(5)[:, None]
    mixture.fit(z_ND, z_ND.squeeze(1).long())
    fitted, held_out = ({*rows.ravel().tolist()} for rows in seen[0])
    assert not fitted & held_out
    assert len(fitted | held_out) == 40


def test_zeros_of_either_sign_are_equal():
    assert Copies.of(torch.tensor([[0.0, 1.0], [-0.0, 1.0]])).distinct == 1
