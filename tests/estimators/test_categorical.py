from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vaescope.estimators.categorical import draw_categorical, jensen_shannon


@given(st.integers(0, 2**16))
def test_it_is_symmetric_and_between_0_and_log_2(seed):
    log_p, log_q = (4 * torch.randn(2, 7, generator=torch.Generator().manual_seed(seed))).log_softmax(-1)
    value = jensen_shannon(log_p, log_q).item()
    assert 0 <= value <= math.log(2)
    assert value == pytest.approx(jensen_shannon(log_q, log_p).item(), abs=1e-12)


def test_known_values():
    log_p, log_q = torch.tensor([0.5, 0.5]).log(), torch.tensor([1.0, 0.0]).log()
    # m = (3/4, 1/4): entropies H(m) - (H(p) + H(q))/2
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25)) - 0.5 * math.log(2)
    assert jensen_shannon(log_p, log_q).item() == pytest.approx(entropy, abs=1e-6)


@given(st.integers(0, 2**16), st.integers(1, 40), st.integers(1, 9))
def test_a_draw_is_the_inverse_of_the_distribution_function(seed, size, rows):
    generator = torch.Generator().manual_seed(seed)
    logits = 5 * torch.randn(rows, size, generator=generator)
    logits[torch.rand(rows, size, generator=generator) < 0.3] = -torch.inf
    logits[:, size // 2] = 1.0
    uniform = torch.rand(rows, generator=generator, dtype=torch.float64)
    below = logits.double().softmax(-1).cumsum(-1)
    drawn = draw_categorical(logits.softmax(-1), uniform)
    assert (logits[torch.arange(rows), drawn] > -torch.inf).all()
    upper = below.gather(1, drawn[:, None]).squeeze(1)
    lower = upper - logits.double().softmax(-1).gather(1, drawn[:, None]).squeeze(1)
    assert ((lower - 1e-5 <= uniform) & (uniform <= upper + 1e-5)).all()


def test_draws_have_the_frequencies_of_the_distribution():
    logits, draws = torch.tensor([0.0, 1.0, -torch.inf, 2.0, -1.0, 0.5, 1.5]), 200_000
    uniform = (torch.arange(draws, dtype=torch.float64) + 0.5) / draws
    found = draw_categorical(logits.softmax(-1).expand(draws, -1), uniform).bincount(minlength=7) / draws
    assert torch.allclose(found.double(), logits.double().softmax(-1), atol=2 / draws)


def test_the_last_uniform_number_draws_a_category_that_exists():
    almost_one = torch.tensor([1 - 2**-53], dtype=torch.float64)
    for size in range(1, 60):
        logits = torch.zeros(1, size)
        logits[:, -1] = -torch.inf if size > 1 else 0.0
        assert draw_categorical(logits.exp(), almost_one).item() == max(0, size - 2)
