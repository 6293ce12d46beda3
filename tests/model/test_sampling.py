"""Drawn texts do not depend on the other texts of the batch, and their log-probability is exact."""

import pytest
import torch
from torch.testing import assert_close
from transformers.pytorch_utils import Conv1D

from vaescope.corpora.batch import Batch
from vaescope.model import sampling
from vaescope.model.kernels.switch import plain
from vaescope.testing.example_models import model_of


def draw(model, z, uniform, **options):
    config = model.config
    return sampling.ancestral_sample(
        model.decoder, model.condition(z), len(z), bos=config.bos_token_id, eos=config.eos_token_id,
        pad=config.pad_token_id, max_length=uniform.shape[1], uniform_NT=uniform, **options,
    )  # fmt: skip


def padded(drawn, length):
    ids = torch.full((len(drawn.input_ids), length), -1)
    ids[:, : drawn.input_ids.shape[1]] = drawn.input_ids.masked_fill(drawn.attention_mask == 0, -1)
    return ids


@pytest.fixture(scope="module", params=["memory", "prefix", "none"])
def case(request):
    model, _ = model_of(request.param, "gpt2")
    generator = torch.Generator().manual_seed(3)
    with torch.inference_mode():
        z = torch.randn(70, 4, generator=generator)
        uniform = torch.rand(70, 12, generator=generator, dtype=torch.float64)
        yield model, z, uniform, draw(model, z, uniform)


@pytest.mark.parametrize("size", [1, 5, 16, 33])
def test_a_text_does_not_depend_on_the_other_texts_of_its_batch(case, size):
    model, z, uniform, whole = case
    for part_z, part_u, ids, log_p in zip(
        z.split(size), uniform.split(size), padded(whole, 12).split(size), whole.log_prob.split(size), strict=True
    ):
        part = draw(model, part_z, part_u)
        assert torch.equal(padded(part, 12), ids)
        assert_close(part.log_prob, log_p, atol=1e-5, rtol=0)


def test_texts_end_at_different_times_and_are_scored_as_they_were_drawn(case):
    model, z, _, whole = case
    lengths = whole.attention_mask.sum(1)
    assert len(lengths.unique()) > 3
    batch = Batch(whole.input_ids, whole.attention_mask, torch.arange(len(z)))
    assert_close(whole.log_prob, model.log_likelihood(batch, z), atol=1e-4, rtol=0)


def test_the_plain_cache_and_small_parts_of_the_logits_give_the_same_texts(case, monkeypatch):
    model, z, uniform, whole = case
    monkeypatch.setattr(sampling, "LOGITS_AT_ONCE", 40)
    with plain():
        other = draw(model, z, uniform)
    assert torch.equal(other.input_ids, whole.input_ids)
    assert_close(other.log_prob, whole.log_prob, atol=1e-5, rtol=0)


def test_inputs_are_not_changed(case):
    model, z, _, _ = case
    conditioning = model.condition(z)
    before = {place: value.clone() for place, value in conditioning.items()}
    config = model.config
    sampling.ancestral_sample(
        model.decoder, conditioning, len(z), bos=config.bos_token_id, eos=config.eos_token_id,
        pad=config.pad_token_id, max_length=12,
    )  # fmt: skip
    for place, value in conditioning.items():
        assert torch.equal(value, before[place])


@pytest.mark.parametrize("temperature", [0, 0.5, 30.0])
def test_log_prob_is_that_at_temperature_1(case, temperature):
    model, z, uniform, _ = case
    drawn = draw(model, z, uniform, temperature=temperature)
    batch = Batch(drawn.input_ids, drawn.attention_mask, torch.arange(len(z)))
    assert_close(drawn.log_prob, model.log_likelihood(batch, z), atol=1e-4, rtol=0)


def test_the_random_state_gives_its_numbers_to_the_texts_in_their_order(case):
    model, z, _, _ = case
    torch.manual_seed(5)
    first = model.sample(z, max_length=12)
    expected, texts = torch.zeros(len(z), 12, dtype=torch.float64), torch.arange(len(z))
    torch.manual_seed(5)
    lengths = first.attention_mask.sum(1)
    for t in range(11):
        if len(texts):
            expected[texts, t] = torch.rand(len(texts), dtype=torch.float64)
        texts = texts[(lengths[texts] > t + 2) | ~first.finished[texts]]
    assert torch.equal(draw(model, z, expected).input_ids, first.input_ids)


@pytest.mark.parametrize("count", [1, 20, 70])
def test_every_product_has_enough_rows_to_be_rounded_the_same_way(case, count, monkeypatch):
    """Rounding decides between the many rare tokens, and small products are rounded differently."""
    model, z, uniform, _ = case
    monkeypatch.setattr(sampling, "LOGITS_AT_ONCE", 40)
    rows = []
    body = [module for module in model.decoder.modules() if isinstance(module, torch.nn.Linear | Conv1D)]
    hooks = [module.register_forward_pre_hook(lambda _, given: rows.append(len(given[0]))) for module in body]
    drawn = draw(model, z[:count], uniform[:count])
    for hook in hooks:
        hook.remove()
    assert len(drawn.input_ids) == count
    assert len(rows) >= len(body)
    assert min(rows) >= 16
