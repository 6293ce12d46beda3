import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from vaescope.config import TokenizerConfig
from vaescope.corpora.known.topic_pcfg import TopicPcfg
from vaescope.corpora.tokenizer import SMALLEST, SpecialIds, load_tokenizer, special_ids, train_bpe
from vaescope.errors import UserError

TEXTS = TopicPcfg().sample(500, seed=0)
BPE = train_bpe(TEXTS, 500)


def word_level(folder, *words, **special):
    """Save a tokenizer of whole words, as a stand-in for those of BERT and GPT-2."""
    backend = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token=words[0]))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=backend, unk_token=words[0], **special).save_pretrained(folder)
    return load_tokenizer(TokenizerConfig(path=str(folder)), [])


@given(st.text(st.characters(exclude_categories=["Cs"])))
@settings(max_examples=200, deadline=None)
def test_decoding_returns_any_text(text):
    ids = BPE(text).input_ids
    assert BPE.decode(ids, skip_special_tokens=True) == text
    assert (ids[0], ids[-1]) == (0, 2)
    assert min(ids[1:-1], default=5) >= 5


def test_control_tokens_have_the_ids_of_roberta():
    assert BPE.convert_tokens_to_ids(["<s>", "<pad>", "</s>", "<unk>", "<mask>"]) == [0, 1, 2, 3, 4]
    assert special_ids(BPE) == SpecialIds(bos=0, eos=2, pad=1)
    assert len(BPE) == 500


def test_a_word_has_the_same_tokens_everywhere():
    word = TEXTS[0].split()[0]
    once = BPE(word, add_special_tokens=False).input_ids
    assert BPE(f"{word} {word}", add_special_tokens=False).input_ids == once * 2


def test_a_placeholder_can_become_one_token():
    tokenizer = train_bpe(["the <unk> of the <unk>", "a <unk> <unk>"] * 9, 300)
    assert len(tokenizer("<unk> the", add_special_tokens=False).input_ids) == 2


def test_training_is_deterministic():
    assert train_bpe(TEXTS, 500).get_vocab() == BPE.get_vocab()


def test_saved_and_loaded_it_is_the_same(tmp_path):
    BPE.save_pretrained(tmp_path)
    loaded = load_tokenizer(TokenizerConfig(path=str(tmp_path)), [])
    texts = [*TEXTS[:50], "a </s> b <pad> 海  two"]
    assert loaded(texts).input_ids == BPE(texts).input_ids
    assert loaded.batch_decode(loaded(texts).input_ids, skip_special_tokens=True) == texts
    assert special_ids(loaded) == special_ids(BPE)


def test_without_a_path_it_is_trained():
    assert load_tokenizer(TokenizerConfig(vocab_size=300), TEXTS).get_vocab() == train_bpe(TEXTS, 300).get_vocab()


def test_cls_and_sep_frame_the_text_of_bert(tmp_path):
    special = {"cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]"}
    tokenizer = word_level(tmp_path, "[UNK]", "[PAD]", "[CLS]", "[SEP]", "word", **special)
    assert special_ids(tokenizer) == SpecialIds(bos=2, eos=3, pad=1)


def test_padding_needs_no_token_of_its_own(tmp_path):
    tokenizer = word_level(tmp_path, "<|end|>", "word", bos_token="<|end|>", eos_token="<|end|>")
    assert special_ids(tokenizer) == SpecialIds(bos=0, eos=0, pad=0)
    assert len(tokenizer) == 2


def test_mistakes(tmp_path):
    with pytest.raises(UserError, match="has no BOS and EOS"):
        word_level(tmp_path / "bare", "[UNK]", "word")
    with pytest.raises(UserError, match="no tokenizer at") as error:
        load_tokenizer(TokenizerConfig(path=str(tmp_path / "none")), [])
    assert "\n" not in str(error.value)
    with pytest.raises(UserError, match=f"at least {SMALLEST}"):
        train_bpe(TEXTS, 100)


@pytest.mark.parametrize("letters", ["acgt", "0123456789", "+/=-", "海洋"])
def test_training_takes_a_time_linear_in_a_line_without_spaces(letters):
    rng = random.Random(0)

    def seconds(n):
        line = "".join(rng.choice(letters) for _ in range(n))
        start = time.process_time()
        train_bpe([line, "a b"], 300)
        return time.process_time() - start

    seconds(1_000)
    assert seconds(80_000) < 10 * max(seconds(20_000), 0.02)  # 4 where linear, 16 where quadratic


def test_words_of_ordinary_length_are_one_piece():
    word = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerk"
    assert len(train_bpe([word] * 50, 400)(word, add_special_tokens=False).input_ids) == 1


def test_a_bpe_is_trained_on_the_part_of_each_text_that_is_read():
    long = "a b " * 5_000 + "zq " * 5_000
    vocabulary = load_tokenizer(TokenizerConfig(vocab_size=300), [long, "a b"], max_length=8).get_vocab()
    assert "Ġzq" not in vocabulary
    assert "Ġa" in vocabulary
