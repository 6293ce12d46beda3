"""Texts chosen by the options of transformers."""

import pytest
import torch

from vaescope.errors import UserError
from vaescope.model.build import tiny_model
from vaescope.model.generation import Generation

Z = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))


def generated(temperature=1.0, **options):
    model, _ = tiny_model()
    torch.manual_seed(0)
    return model, Generation(**options).generate(model, Z, temperature=temperature)


def test_one_token_to_draw_from_is_the_greedy_text():
    model, found = generated(top_k=1)
    greedy = model.sample(Z, temperature=0.0)
    assert torch.equal(found.input_ids * found.attention_mask, greedy.input_ids * greedy.attention_mask)
    assert torch.equal(found.finished, greedy.finished)
    assert bool(found.log_prob.isnan().all())


def test_no_text_is_shorter_than_the_least_length_and_no_run_is_repeated():
    _, found = generated(min_length=8, no_repeat=1)
    assert int(found.attention_mask.sum(1).min()) >= 9
    for ids, mask in zip(found.input_ids, found.attention_mask, strict=True):
        words = ids[mask.bool()].tolist()
        assert len(set(words)) == len(words)


def test_beams_find_texts_at_least_as_probable_as_greedy_ones():
    from vaescope.corpora.batch import Batch

    model, found = generated(temperature=0.0, beams=8)
    greedy = model.sample(Z, temperature=0.0)
    with torch.inference_mode():
        one, other = (
            model.log_likelihood(Batch(x.input_ids, x.attention_mask, torch.arange(6)), Z) / x.attention_mask.sum(1)
            for x in (found, greedy)
        )
    # transformers divides the log p of a beam by its length
    assert (one - other).mean() > -1e-5


@pytest.mark.parametrize(
    ("options", "says"),
    [({"top_k": -1}, "at least 0"), ({"top_p": 0.0}, "top_p"), ({"beams": 3, "top_k": 2}, "draw nothing")],
)
def test_options_that_cannot_be_are_refused(options, says):
    with pytest.raises(UserError, match=says):
        Generation(**options)


def test_a_length_that_no_text_of_the_model_has_is_refused():
    with pytest.raises(UserError, match="min_length is 12"):
        generated(min_length=12)


def test_unchanged_options_are_not_reported():
    assert Generation().note == ""
