"""The cache for drawing has the same content as the cache of transformers, whichever rows leave it and when."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import GPT2Config, MistralConfig
from transformers.cache_utils import DynamicLayer

from vaescope.model.kernels.growing_cache import GrowingLayer, close_up, drawing_cache, moves
from vaescope.model.kernels.switch import plain
from vaescope.model.sampling import _closed_up


@given(st.integers(0, 2**16), st.integers(1, 9), st.lists(st.integers(1, 20), min_size=1, max_size=6))
def test_it_has_the_same_content_as_the_plain_cache(seed, rows, steps):
    generator = torch.Generator().manual_seed(seed)
    ours, plain_form = GrowingLayer(), DynamicLayer()
    for tokens in steps:
        keys, values = torch.randn(2, rows, 2, tokens, 3, generator=generator)
        for found, expected in zip(ours.update(keys, values), plain_form.update(keys, values), strict=True):
            assert torch.equal(found, expected)
        kept = (torch.rand(rows, generator=generator) < 0.7).nonzero().squeeze(1)
        kept = kept if len(kept) else torch.tensor([0])
        keep = _closed_up(kept, len(kept))
        for layer in (ours, plain_form):
            layer.batch_select_indices(keep)
        rows = len(keep)
        assert ours.get_seq_length() == plain_form.get_seq_length()
        assert torch.equal(ours.keys, plain_form.keys)
        assert torch.equal(ours.values, plain_form.values)


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.integers(0, 16))
def test_compaction_keeps_every_open_row_and_moves_as_few_rows_as_have_ended(going, least):
    going = torch.tensor(going)
    kept = going.nonzero().squeeze(1)
    size = max(len(kept), min(least, len(going)))
    keep = _closed_up(kept, size)
    assert sorted(keep[: len(kept)].tolist()) == kept.tolist()
    moved = moves(keep)
    assert len(moved[0]) <= (~going).sum()
    rows = torch.arange(len(going))
    close_up(rows, moved)
    assert torch.equal(rows[:size], keep)


def test_layers_that_do_not_attend_to_the_whole_text_keep_their_own_cache():
    whole = GPT2Config(n_layer=2)
    assert [type(layer) for layer in drawing_cache(whole).layers] == [GrowingLayer] * 2
    windows = drawing_cache(MistralConfig(num_hidden_layers=2, sliding_window=4)).layers
    assert not any(isinstance(layer, GrowingLayer) for layer in windows)
    with plain():
        assert [type(layer) for layer in drawing_cache(whole).layers] == [DynamicLayer] * 2
