"""Tokenizers that lose information, and texts of all kinds: numbers do not contradict each other."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from vaescope.assessment.assess import assess
from vaescope.assessment.bleu import bleu, counts, order_of
from vaescope.assessment.units import unit_of
from vaescope.evidence.facts import Facts
from vaescope.evidence.linear_gaussian import LinearGaussian
from vaescope.testing.example_evidence import evidence

MODEL = LinearGaussian.matched(latent_size=2, data_size=4, rate=3.0)

SHORT = ["the red cat", "a blue dog", "my old bird"]
CHINESE = ["我喜欢吃苹果", "他在看书", "今天天气很好"]
THAI = ["ฉันชอบกินแอปเปิล", "เขากำลังอ่านหนังสือ"]
ONE_WORD = ["yes", "no", "maybe"]
DNA = ["acgtacgtacgtacgtacgtacgtacgtacgt", "ttgacttgacttgacttgacttgacttgactt"]
TEXTS = {"short": SHORT, "Chinese": CHINESE, "Thai": THAI, "one word": ONE_WORD, "DNA": DNA}


def with_texts(texts, *, drawn=None, again=None, n=60, **facts):
    """Evidence of a linear-Gaussian model with these strings as its texts."""
    known = evidence(MODEL, n=n)
    texts = (list(texts) * n)[:n]
    drawn = texts if drawn is None else (list(drawn) * n)[: len(known.simulations.strings)]
    again = texts if again is None else (list(again) * n)[:n]
    simulations = replace(
        known.simulations,
        strings=(list(drawn) * n)[: len(known.simulations.strings)],
        reconstructions=again[: len(known.simulations.reconstructions)],
        resampled=texts[: len(known.simulations.resampled)],
    )
    words = torch.tensor([len(text.split()) for text in texts])
    bytes_N = torch.tensor([len(text.encode()) for text in texts])
    draws = replace(known.draws, words=words, bytes=bytes_N)
    return replace(known, draws=draws, simulations=simulations, facts=Facts(strings=texts, **facts))


@pytest.mark.parametrize("kind", TEXTS)
def test_perfect_copies_have_bleu_one_and_exact_match_one(kind):
    found = assess(with_texts(TEXTS[kind]), diagnostics=["reconstruction"])
    assert found.estimates["reconstruction_exact"].value == 1
    assert found.estimates["reconstruction_bleu"].value == pytest.approx(1)
    # all of the few distinct texts are recovered, which does not prove it for every text
    for name in ("reconstruction_exact", "reconstruction_bleu"):
        assert found.estimates[name].high == pytest.approx(1)
        assert found.estimates[name].low < 0.9
        assert found.estimates[name].se > 0


@pytest.mark.parametrize("kind", TEXTS)
def test_texts_without_a_common_unit_have_bleu_zero(kind):
    found = assess(with_texts(TEXTS[kind], again=["§§§§§"]), diagnostics=["reconstruction"])
    assert found.estimates["reconstruction_exact"].value == found.estimates["reconstruction_bleu"].value == 0


def test_empty_texts_have_no_bleu_and_say_so():
    found = assess(with_texts([""]), diagnostics=["reconstruction"])
    assert "reconstruction_bleu" not in found.estimates
    assert any("empty" in reason for reason in found.skipped.values())


def test_bleu_of_four_words_and_more_is_that_of_the_literature():
    """The geometric mean of the shares of n-grams, counted over all texts (Papineni et al. 2002)."""
    rows = np.stack([counts("the cat sat on a mat", "the cat sat on the mat"), counts("a b c d", "a b c d")])
    expected = ((5 + 4) / (6 + 4) * (3 + 3) / (5 + 3) * (2 + 2) / (4 + 2) * (1 + 1) / (3 + 1)) ** 0.25
    assert order_of(rows) == 4
    assert bleu(rows) == pytest.approx(expected)


def test_characters_where_there_are_no_spaces():
    assert [unit_of(texts)[0] for texts in TEXTS.values()] == ["word", "character", "character", "word", "character"]
    assert unit_of(["Die Donaudampfschifffahrtsgesellschaft fährt heute nicht"])[0] == "word"
    assert unit_of(["나는 사과를 좋아한다"])[0] == "word"
    assert unit_of(["see 北京 and 上海 today"])[0] == "word"
    assert unit_of(["", ""])[0] == "word"


@pytest.mark.parametrize("kind", ["Chinese", "Thai", "DNA"])
def test_unspaced_texts_have_statistics_of_characters_and_no_perplexity_per_word(kind):
    found = assess(with_texts(TEXTS[kind], drawn=[TEXTS[kind][0]]), diagnostics=["text_statistics", "perplexity"])
    assert found.estimates["text_statistics_length"].unit == "characters"
    assert found.estimates["text_statistics_length"].detail["data_mean"] > 3
    assert found.estimates["text_statistics_surprisal"].unit == "nats/character"
    assert "perplexity_per_word" not in found.estimates
    assert any("no white space" in reason for reason in found.skipped.values())
    assert "perplexity_per_token" in found.estimates


def test_a_statistic_that_is_constant_is_judged_by_the_drawn_texts_that_differ():
    found = assess(with_texts(SHORT, drawn=["the red cat"] * 49 + ["the cat"]), diagnostics=["text_statistics"])
    length = next(f for f in found.findings if f.name == "text_length")
    assert length.verdict == "PASS"
    assert "% of the drawn texts have another" in length.message
    assert "times what halves" not in length.message
    found = assess(with_texts(SHORT, drawn=["one"]), diagnostics=["text_statistics"])
    assert next(f for f in found.findings if f.name == "text_length").verdict == "FAIL"


def test_texts_of_one_word_have_no_pairs_and_no_ratio_of_them():
    found = assess(with_texts(ONE_WORD), diagnostics=["text_statistics"])
    assert "text_statistics_distinct" not in found.estimates
    assert any("two words in a row" in reason for reason in found.skipped.values())


def facts_of(lost, n=60):
    recovered = torch.ones(n, dtype=torch.bool)
    recovered[:lost] = False
    return {"recovered": recovered, "recovered_words": recovered}


def test_a_lossy_tokenizer_leaves_no_number_per_byte_and_per_word():
    found = assess(with_texts(SHORT, **facts_of(30)), diagnostics=["bits_per_byte", "perplexity"])
    assert found.estimates.keys() == {"perplexity_per_token"}
    assert sum("the tokenizer loses text (50.0% of the texts" in reason for reason in found.skipped.values()) == 2
    (finding,) = [f for f in found.findings if f.name == "lost_text"]
    assert finding.verdict == "WARN"
    assert "50.0% of the texts cannot be recovered" in finding.message


def test_a_few_lost_texts_are_left_out_of_the_numbers_per_byte():
    whole = assess(with_texts(SHORT), diagnostics=["bits_per_byte"]).estimates["bits_per_byte"]
    few = assess(with_texts(SHORT, **facts_of(2)), diagnostics=["bits_per_byte"])
    found = few.estimates["bits_per_byte"]
    assert (found.n, found.detail["texts_left_out"]) == (58, 2)
    assert found.value != whole.value
    assert found.value == pytest.approx(whole.value, rel=0.2)
    assert next(f for f in few.findings if f.name == "lost_text").verdict == "PASS"


def test_no_finding_if_every_text_is_recovered():
    found = assess(with_texts(SHORT, **facts_of(0)), diagnostics=["bits_per_byte", "perplexity"])
    assert {"bits_per_byte", "perplexity_per_word"} <= found.estimates.keys()
    assert "lost_text" not in {f.name for f in found.findings}
