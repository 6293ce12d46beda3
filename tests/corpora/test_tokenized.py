import itertools
import logging

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from vaescope.corpora.known.topic_pcfg import TopicPcfg
from vaescope.corpora.tokenized import group, read_tokens, tokenize
from vaescope.corpora.tokenizer import train_bpe
from vaescope.errors import UserError

TEXTS = TopicPcfg().sample(300, seed=0)
BPE = train_bpe(TEXTS, 400)


def longest(lengths, groups):
    return [int(lengths[members].max()) for members in groups]


def padding(lengths, groups) -> float:
    """Share of the computed tokens that are padding."""
    computed = sum(len(members) * top for members, top in zip(groups, longest(lengths, groups), strict=True))
    return 1 - lengths.sum() / computed


def test_an_unpaired_surrogate_is_refused_by_its_text():
    with pytest.raises(UserError, match="text 2 contains an unpaired surrogate"):
        tokenize(["a pig", "a \ud800 pig"], BPE, max_length=50)


def test_a_batch_has_the_texts_padded_on_the_right():
    tokenized = tokenize(TEXTS, BPE, max_length=500)
    batch = tokenized.batch([7, 0, 31])
    assert batch.index.tolist() == [7, 0, 31]
    for row, i in zip(range(3), [7, 0, 31], strict=True):
        ids = BPE(TEXTS[i]).input_ids
        assert batch.input_ids[row, : len(ids)].tolist() == ids
        assert (batch.input_ids[row, len(ids) :] == 1).all()
        assert batch.attention_mask[row].sum() == len(ids) == tokenized.lengths[i]
    assert batch.input_ids.shape[1] == max(tokenized.lengths[[7, 0, 31]])


def test_chosen_texts_are_a_split_of_their_own():
    tokenized = tokenize(TEXTS, BPE, max_length=500)
    chosen = tokenized.select([7, 0, 31])
    assert chosen.texts == [TEXTS[i] for i in (7, 0, 31)]
    assert torch.equal(chosen.batch([0, 1, 2]).input_ids, tokenized.batch([7, 0, 31]).input_ids)
    assert chosen.words.tolist() == tokenized.words[[7, 0, 31]].tolist()
    assert chosen.bytes.tolist() == [len(text.encode()) for text in chosen.texts]


def test_words_and_bytes_are_those_of_the_text():
    texts = ["one two  three", "über 海"]
    tokenized = tokenize(texts, BPE, max_length=100)
    assert tokenized.words.tolist() == [3, 2]
    assert tokenized.bytes.tolist() == [14, 9]
    assert tokenized.texts == texts
    assert (tokenized.truncated, tokenized.dropped, len(tokenized)) == (0, 0, 2)


def test_truncation_keeps_eos_and_counts_and_describes_the_rest(caplog):
    caplog.set_level(logging.WARNING, logger="vaescope")
    tokenized = tokenize(TEXTS, BPE, max_length=12, name="train")
    long = sum(len(ids) > 12 for ids in BPE(TEXTS).input_ids)
    assert tokenized.truncated == long > 0
    assert f"train: cut off {long} of 300 texts, longer than 12 tokens" in caplog.text
    assert int(tokenized.lengths.max()) == 12
    assert (tokenized.ids[tokenized.offsets[1:] - 1] == 2).all()
    for i, text in enumerate(tokenized.texts):
        row = tokenized.batch([i]).input_ids[0]
        assert BPE.decode(row, skip_special_tokens=True) == text
        assert TEXTS[i].startswith(text)
        assert tokenized.words[i] == len(text.split())
        assert tokenized.bytes[i] == len(text)


def test_dropping_leaves_the_others_as_they_are(caplog):
    caplog.set_level(logging.WARNING, logger="vaescope")
    tokenized = tokenize(TEXTS, BPE, max_length=12, too_long="drop", name="train")
    short = [text for text in TEXTS if len(BPE(text).input_ids) <= 12]
    assert tokenized.texts == short
    assert tokenized.dropped == 300 - len(short)
    assert f"train: dropped {tokenized.dropped} of 300" in caplog.text
    assert tokenized.ids.tolist() == list(itertools.chain.from_iterable(BPE(short).input_ids))
    with pytest.raises(UserError, match="all 300 texts have more than 3 tokens"):
        tokenize(TEXTS, BPE, max_length=3, too_long="drop")


def test_an_error_names_the_text_and_the_fix():
    number = next(i for i, ids in enumerate(BPE(TEXTS).input_ids, start=1) if len(ids) > 12)
    with pytest.raises(UserError, match=rf"valid: text {number} has \d+ tokens, more than 12; raise data.max_length"):
        tokenize(TEXTS, BPE, max_length=12, too_long="error", name="valid")


def test_a_text_that_fits_is_not_touched(caplog):
    caplog.set_level(logging.WARNING, logger="vaescope")
    exact = max(len(ids) for ids in BPE(TEXTS).input_ids)
    assert tokenize(TEXTS, BPE, max_length=exact).truncated == 0
    assert caplog.text == ""


def test_no_text_spells_a_control_token():
    BPE.split_special_tokens = False  # as most saved tokenizers are
    try:
        tokenized = tokenize(["the </s> of <s> a <pad>", "the"], BPE, max_length=50)
    finally:
        BPE.split_special_tokens = True
    inner = tokenized.batch([0]).input_ids[0, 1:-1]
    assert not torch.isin(inner, torch.tensor([0, 1, 2])).any()
    assert BPE.decode(inner) == "the </s> of <s> a <pad>"


@given(st.lists(st.integers(1, 60), min_size=1, max_size=8), st.integers(1, 200), st.integers(0, 80))
@settings(max_examples=100, deadline=None)
def test_the_cut_is_the_cheapest_of_all(lengths, budget, overhead):
    lengths = np.array(lengths)
    groups = group(lengths, budget, overhead)
    assert sorted(i for members in groups for i in members) == list(range(len(lengths)))
    assert all(len(members) * lengths[members].max() <= budget or len(members) == 1 for members in groups)

    def cost(parts):
        return sum(len(part) * max(part) + overhead for part in parts)

    ordered = sorted(lengths.tolist())
    cheapest = min(
        cost(parts)
        for count in range(len(ordered))
        for cuts in itertools.combinations(range(1, len(ordered)), count)
        for parts in [[ordered[a:b] for a, b in itertools.pairwise([0, *cuts, len(ordered)])]]
        if all(len(part) * max(part) <= budget or len(part) == 1 for part in parts)
    )
    assert cost([lengths[members].tolist() for members in groups]) == cheapest


@pytest.mark.parametrize("budget", [256, 512, 4096])
def test_little_is_padded_in_pools_of_32_texts(budget):
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.normal(21, 10, (200, 32)).round(), 1, None).astype(np.int64) + 2
    shares = [padding(pool, group(pool, budget)) for pool in lengths]
    groups = [len(group(pool, budget)) for pool in lengths]
    assert np.mean(shares) < 0.1
    assert np.mean(groups) < 6.5


def test_a_whole_split_has_almost_no_padding():
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.normal(21, 10, 5_000).round(), 1, 62).astype(np.int64) + 2
    groups = group(lengths, 4096)
    assert padding(lengths, groups) < 0.01
    assert len(groups) < 1.5 * lengths.sum() / 4096 + 10
    assert longest(lengths, groups) == sorted(longest(lengths, groups), reverse=True)


def test_batches_of_similar_length_have_every_text_once():
    tokenized = tokenize(TEXTS, BPE, max_length=64)
    indices = [5, 3, 200, 17, 99, 4]
    batches = tokenized.by_length(indices, 64)
    assert sorted(torch.cat([batch.index for batch in batches]).tolist()) == sorted(indices)
    assert all(batch.input_ids.numel() <= 64 or len(batch) == 1 for batch in batches)


def test_labels_and_identities_travel_with_their_texts():
    texts = ["a b", "c d e f g h i j", "a b", "c", "a b"]
    labels = {"kind": ["0", "1", "2", "3", "4"]}
    for too_long, kept in (("drop", [0, 2, 3, 4]), ("truncate", [0, 1, 2, 3, 4])):
        tokenized = read_tokens(texts, BPE, max_length=8, too_long=too_long, labels=labels)
        assert tokenized.labels["kind"] == [str(i) for i in kept]
        assert [texts[i].startswith(text) for i, text in zip(kept, tokenized.texts, strict=True)] == [True] * len(kept)
        last = tokenized.select([len(kept) - 1, 0])
        assert last.labels["kind"] == ["4", "0"]
        assert last.text_id.tolist() == [0, 0]
    assert tokenized.text_id.tolist() == [0, 1, 0, 2, 0]
    assert tokenized.notes == ("texts: cut off 1 of 5 texts, longer than 8 tokens",)


def test_texts_that_become_one_by_truncation_are_one_text():
    assert read_tokens(["a b c d x", "a b c d y"], BPE, max_length=5).text_id.tolist() == [0, 0]


@given(st.lists(st.sampled_from("aé海😀\u200d "), min_size=8, max_size=30), st.integers(6, 12))
@settings(max_examples=100, deadline=None)
def test_a_truncated_text_ends_between_two_characters(letters, room):
    text = "x" + "".join(letters)
    tokenized = read_tokens([text], BPE, max_length=room)
    ids = tokenized.batch([0]).input_ids[0]
    assert BPE.decode(ids, skip_special_tokens=True) == tokenized.texts[0]
    assert text.startswith(tokenized.texts[0])
    assert tokenized.bytes.item() == len(tokenized.texts[0].encode())
    assert room - 4 < len(ids) <= room or tokenized.truncated == 0


@pytest.mark.parametrize("letters", ["acgt", "a b", "海😀"])
def test_a_long_line_is_tokenized_as_far_as_it_is_read(letters, monkeypatch):
    rng = np.random.default_rng(0)
    line = "".join(rng.choice(list(letters), 100_000))
    seen = []
    call = type(BPE).__call__
    monkeypatch.setattr(type(BPE), "__call__", lambda self, some, **o: seen.extend(some) or call(self, some, **o))
    found = read_tokens([line, "a b"], BPE, max_length=16)
    assert max(map(len, seen)) < 3_000
    monkeypatch.setattr("vaescope.corpora.text_to_ids.MARGIN", 10**6)
    whole = read_tokens([line, "a b"], BPE, max_length=16)
    assert found.ids.tolist() == whole.ids.tolist()
    assert found.texts == whole.texts
    assert found.truncated == 1


def test_a_long_text_of_few_tokens_is_read_whole():
    word = "x" * 300
    backend = Tokenizer(models.WordLevel({"<s>": 0, "<pad>": 1, "</s>": 2, word: 3}, unk_token="<s>"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>", pad_token="<pad>")
    text = " ".join([word] * 30)
    tokenized = read_tokens([text], tokenizer, max_length=32)
    assert (tokenized.texts, tokenized.truncated) == ([text], 0)


def test_texts_encoded_in_several_parts_are_the_same(monkeypatch):
    from vaescope.corpora import text_to_ids

    texts = [f"text {i} of many" for i in range(25)]
    tokenizer = train_bpe(texts, 300)
    whole = text_to_ids.encode(texts, tokenizer, 30)
    monkeypatch.setattr(text_to_ids, "AT_ONCE", 10)
    parts = text_to_ids.encode(texts, tokenizer, 30)
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    with pytest.raises(UserError, match="text 23 contains an unpaired surrogate"):
        text_to_ids.encode([*texts[:22], "a \ud800", *texts], tokenizer, 30)
