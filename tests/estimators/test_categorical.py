from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vaescope.estimators.categorical import jensen_shannon


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
