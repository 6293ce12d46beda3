import logging
from pathlib import Path

import pytest

from vaescope.config import TokenizerConfig
from vaescope.corpora import cache, text_to_ids, tokenized, tokenizer
from vaescope.corpora.known.topic_pcfg import TopicPcfg

TEXTS = TopicPcfg().sample(60, seed=0)


@pytest.fixture(autouse=True)
def _small(monkeypatch, tmp_path):
    monkeypatch.setenv("VAESCOPE_CACHE", str(tmp_path / "cache"))
    for module in (text_to_ids, tokenizer):
        monkeypatch.setattr(module, "WORTH", 1)


def keep(make):
    return cache.cached("kind/key.txt", make, lambda value, file: file.write_text(value), Path.read_text)


def test_the_second_time_it_is_read():
    assert keep(lambda: "first") == "first"
    assert keep(lambda: "second") == "first"
    assert [file.name for file in (cache.folder() / "kind").iterdir()] == ["key.txt"]


def test_a_damaged_entry_is_made_anew(caplog):
    caplog.set_level(logging.WARNING, logger="vaescope")
    keep(lambda: "first")
    (cache.folder() / "kind" / "key.txt").write_bytes(b"\xff")
    assert keep(lambda: "second") == "second"
    assert "made again" in caplog.text
    assert keep(lambda: "third") == "second"


def test_an_interrupted_write_leaves_nothing():
    def write(value, file):
        file.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.cached("kind/key.txt", lambda: "whole", write, Path.read_text)
    assert list((cache.folder() / "kind").iterdir()) == []


def test_a_folder_that_cannot_be_written_does_no_harm(monkeypatch, tmp_path, caplog):
    caplog.set_level(logging.WARNING, logger="vaescope")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("VAESCOPE_CACHE", str(tmp_path / "file"))
    assert keep(lambda: "value") == "value"
    assert "set VAESCOPE_CACHE" in caplog.text


def test_the_hash_knows_texts_borders_order_and_settings():
    hashes = {
        cache.digest(texts, *settings)
        for texts in (["ab", "c"], ["a", "bc"], ["c", "ab"], ["ab", "c", ""])
        for settings in ((), (1,), ("1",))
    }
    assert len(hashes) == 12


def test_tokenizer_and_token_ids_from_the_cache_equal_fresh_ones(monkeypatch):
    def both():
        bpe = tokenizer.load_tokenizer(TokenizerConfig(vocab_size=300), TEXTS)
        return bpe, tokenized.tokenize(TEXTS, bpe, max_length=16)

    fresh_bpe, fresh = both()
    monkeypatch.setattr(tokenizer, "train_bpe", None)
    monkeypatch.setattr(text_to_ids, "_encode", None)
    kept_bpe, kept = both()
    assert kept_bpe(TEXTS).input_ids == fresh_bpe(TEXTS).input_ids
    assert kept_bpe.decode(kept_bpe("a </s> b").input_ids, skip_special_tokens=True) == "a </s> b"
    assert kept.texts == fresh.texts
    assert kept.truncated == fresh.truncated > 0
    for name in ("ids", "offsets", "words", "bytes"):
        assert getattr(kept, name).equal(getattr(fresh, name))


def test_another_tokenizer_has_its_own_entry():
    for size in (300, 320):
        bpe = tokenizer.load_tokenizer(TokenizerConfig(vocab_size=size), TEXTS)
        ids = tokenized.tokenize(TEXTS, bpe, max_length=500).ids
        assert ids.tolist() == [token for text in bpe(TEXTS).input_ids for token in text]
