"""Which texts can be recovered from their tokens, with tokenizers like those of BERT and RoBERTa."""

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from vaescope.config import TokenizerConfig
from vaescope.corpora.ids_to_text import decode, lost_text, recover, spell
from vaescope.corpora.tokenized import read_tokens
from vaescope.corpora.tokenizer import load_tokenizer, train_bpe

TEXTS = ["the cat sees the moon", "a dog eats", "my bird likes her fish", "cafe and tea"] * 5


def wordpiece(folder, *, lowercase):
    names = {
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "mask_token": "[MASK]",
    }
    backend = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    backend.pre_tokenizer, backend.decoder = pre_tokenizers.BertPreTokenizer(), decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=200, special_tokens=list(names.values()), show_progress=False)
    backend.train_from_iterator(TEXTS, trainer)
    PreTrainedTokenizerFast(tokenizer_object=backend, **names).save_pretrained(folder)
    return load_tokenizer(TokenizerConfig(path=str(folder)), [])


def byte_bpe(folder):
    """RoBERTa's: <unk> and <mask> in a text are its special tokens."""
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=special,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    backend.train_from_iterator(TEXTS, trainer)
    names = dict(zip(("bos_token", "pad_token", "eos_token", "unk_token", "mask_token"), special, strict=True))
    PreTrainedTokenizerFast(tokenizer_object=backend, **names).save_pretrained(folder)
    return load_tokenizer(TokenizerConfig(path=str(folder)), [])


def found(texts, tokenizer):
    return recover(read_tokens(texts, tokenizer, max_length=60), tokenizer)


@pytest.mark.parametrize(
    ("text", "spelled"),
    [("The Cat", "the cat"), ("café", "cafe"), ("the ☃ cat", "the [UNK] cat"), ("the  cat", "the cat")],
)
def test_what_a_lower_casing_tokenizer_loses(tmp_path, text, spelled):
    recovery = found([text, "the cat"], wordpiece(tmp_path, lowercase=True))
    assert recovery.strings == [spelled, "the cat"]
    assert recovery.exact.tolist() == [False, True]
    assert recovery.words.tolist() == [text == "the  cat", True]


def test_unknown_and_mask_in_a_text_are_part_of_it(tmp_path):
    tokenizer = byte_bpe(tmp_path)
    texts = ["the <unk> sees the <mask>", "<unk> <unk>", "a dog"]
    recovery = found(texts, tokenizer)
    assert recovery.strings == texts
    assert recovery.exact.all()


def test_bos_eos_and_padding_are_not_part_of_the_text(tmp_path):
    tokenizer = byte_bpe(tmp_path)
    dog = tokenizer("a dog", add_special_tokens=False).input_ids
    rows = [[0, *dog, 2, 1, 1], [0, *dog[:1], 1, 0, *dog[1:], 2, *dog], [0, *dog], [0, 2], [0, 3, 1, *dog, 2]]
    assert decode(rows, tokenizer) == ["a dog", "a dog", "a dog", "", "<unk>a dog"]
    assert decode(torch.tensor([[0, *dog, 2, 1]]), tokenizer) == ["a dog"]
    assert spell([dog], tokenizer) == ["a dog"]


def test_the_end_of_gpt2_is_its_beginning(tmp_path):
    backend = Tokenizer(models.WordLevel({"<|end|>": 0, "a": 1, "dog": 2}, unk_token="<|end|>"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    name = "<|end|>"
    PreTrainedTokenizerFast(tokenizer_object=backend, bos_token=name, eos_token=name, unk_token=name).save_pretrained(
        tmp_path
    )
    tokenizer = load_tokenizer(TokenizerConfig(path=str(tmp_path)), [])
    assert decode([[0, 1, 2, 0, 3], [0, 1]], tokenizer) == ["a dog", "a"]


def test_a_trained_bpe_loses_nothing():
    texts = ["Ünïcode 海 <unk> </s> <pad>", "  two  spaces ", "tab\tand é"]
    tokenizer = train_bpe(texts, 300)
    recovery = found([text.strip() for text in texts], tokenizer)
    assert recovery.exact.all()
    assert lost_text(read_tokens(texts, tokenizer, max_length=60), tokenizer, "mine") == []


def test_training_says_what_is_lost_with_an_example(tmp_path):
    tokenizer = wordpiece(tmp_path, lowercase=True)
    tokenized = read_tokens(["The ☃", "the cat", "a Dog eats"], tokenizer, max_length=60)
    (line,) = lost_text(tokenized, tokenizer, "mine (train)")
    assert "mine (train): 2 of the first 3 texts cannot be recovered" in line
    assert "'The ☃' becomes 'the [UNK]'" in line
    assert "of the tokens are unknown" in line
    cased = wordpiece(tmp_path / "cased", lowercase=False)
    assert lost_text(read_tokens(TEXTS, cased, max_length=60), cased, "mine") == []
