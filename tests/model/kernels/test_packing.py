"""Packed tokens and all other kernels give what the plain forms give, over every injection and family."""

import pytest
import torch
from tests.model.families import DECODERS, INJECTIONS, model_of
from torch.utils.flop_counter import FlopCounterMode

from vaescope.corpora.batch import Batch
from vaescope.model.kernels import plain
from vaescope.model.kernels.packing import Packing


def outputs(model, batch, z):
    q = model.encode(batch)
    log_p = model.log_likelihood(batch, z)
    parameters = [p for p in model.parameters() if p.requires_grad]
    total = log_p.sum() + q.mean.sum() + q.stddev.log().sum()
    gradients = torch.autograd.grad(total, parameters, allow_unused=True)
    return [q.mean, q.stddev, log_p], [g for g in gradients if g is not None]


@pytest.mark.parametrize("family", DECODERS)
@pytest.mark.parametrize("injection", INJECTIONS)
def test_packed_is_padded(injection, family):
    model, batch = model_of(injection, family)
    z = torch.randn(3, 2, 4, generator=torch.Generator().manual_seed(0))
    values, gradients = outputs(model, batch, z)
    with plain():
        expected_values, expected_gradients = outputs(model, batch, z)
    torch.testing.assert_close(values, expected_values, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(gradients, expected_gradients, atol=1e-5, rtol=1e-5)


def test_slots_before_the_texts_are_real():
    packing = Packing(torch.tensor([0, 1, 3]), texts=2, tokens=3).after(2)
    assert (packing.texts, packing.tokens) == (2, 5)
    assert sorted(packing.index.tolist()) == [0, 1, 2, 3, 5, 6, 7]


def test_texts_many_times_over_are_predicted_likewise():
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
    batch = Batch(torch.arange(8).view(2, 4), mask, torch.arange(2))
    thrice = Batch(batch.input_ids.repeat(3, 1), mask.repeat(3, 1), batch.index.repeat(3))
    assert torch.equal(batch.repeat(3).predicted, thrice.predicted)
    assert torch.equal(batch.repeat(3).input_ids, thrice.input_ids)


def training_flops(model, batch):
    with FlopCounterMode(display=False) as counter:
        model.log_likelihood(batch, model.encode(batch).rsample()).sum().backward()
    return counter.get_total_flops()


def test_a_step_computes_the_real_tokens_and_little_else():
    """Six FLOPs per weight and real token, and per logit and unit of width; attention over the rectangle."""
    model, _ = model_of()
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(3, 13, (64,), generator=generator)
    mask = (torch.arange(12) < lengths[:, None]).long()
    batch = Batch(torch.randint(3, 12, mask.shape, generator=generator), mask, torch.arange(64))
    real, predicted = int(lengths.sum()), int(batch.tokens.sum())
    width, inner, layers, vocabulary = 16, 32, 2, 12
    layer = 4 * width * width + 2 * width * inner
    analytic = 6 * (layers * layer * (real + predicted) + (width * width + vocabulary * width) * predicted)
    analytic += 12 * layers * width * 64 * (12 * 12 + 11 * 12)
    assert mask.numel() > 1.5 * real
    assert training_flops(model, batch) < 1.15 * analytic


def test_few_shapes_occur_and_padding_changes_nothing():
    """Batches of many numbers of tokens are computed in few shapes, on average 2% larger."""
    sizes = range(500, 1000)
    spare = torch.arange(1000, 1100)
    shapes = [len(Packing.rounded(torch.arange(real), spare, texts=100, tokens=11).index) for real in sizes]
    assert len(set(shapes)) <= 26
    assert all(0 <= shape - real < real / 16 for shape, real in zip(shapes, sizes, strict=True))
    assert sum(shapes) / sum(sizes) < 1.03
    few = Packing.rounded(torch.arange(101), torch.arange(101, 102), texts=2, tokens=60)
    assert (len(few.index), few.real) == (102, 101)
    packing = Packing.rounded(torch.tensor([*range(16), *range(20, 37)]), torch.tensor([17, 18]), texts=2, tokens=20)
    values = torch.arange(40).view(2, 20) + 1
    assert packing.index[packing.real :].tolist() == [17]
    inside = torch.zeros(40, dtype=torch.bool).index_fill(0, packing.index[: packing.real], True)
    assert torch.equal(packing.unpack(packing.pack(values)) > 0, inside.view(2, 20))
