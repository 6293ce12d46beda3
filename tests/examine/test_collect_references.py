"""Evidence beyond the assessed texts: further texts, training texts, and texts drawn at z, of a small language."""

import math
from dataclasses import replace

import pytest
import torch
from tests.tiny_runs import MODEL

from vaescope.config import parse_config
from vaescope.errors import UserError
from vaescope.estimators import aggregate_density
from vaescope.estimators.text_space_density import log_density_ends
from vaescope.examine.assess_run import assess_run
from vaescope.examine.collect_references import exact_log_prob, further_texts, numbered_encodings, training_encodings
from vaescope.examine.examined_run import Examined
from vaescope.sweep.encode import encode
from vaescope.sweep.sweep import sweep
from vaescope.sweep.text_space_weights import text_space_weights
from vaescope.training.loop import train


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("references") / "run"
    raw = {
        "data": {
            "known": "template",
            "options": {"topics": 1, "slots": 2, "words": 4},
            "sizes": [400, 200, 100],
            "max_length": 16,
        },
        "tokenizer": {"vocab_size": 300},
        "model": MODEL,
        "objective": {"preset": "mdr", "rate": 1},
        "training": {
            "steps": 120, "batch_size": 32, "learning_rate": 1e-2, "precision": "fp32", "tracker": "none",
            "validate_every": 120, "save_every": 120, "validation_texts": 16,
        },
        "assessment": {"samples": 2, "at_validation": False},
        "out": str(out),
    }  # fmt: skip
    train(parse_config(raw))
    return Examined.load(out)


@pytest.fixture(scope="module")
def draws(run):
    tokenized = run.tokenized("valid")
    swept = sweep(run.model, tokenized, samples=2)
    return replace(swept, log_q_x=run.corpus.known.log_prob(tokenized.texts), text_id=tokenized.text_id)


def test_drawn_texts_enclose_the_density_of_the_whole_language(run, draws):
    """q(z) is a finite sum here: over all texts of the language."""
    log_prob = exact_log_prob(run.corpus, run.config, run.tokenizer)
    weights = text_space_weights(run.model, run.tokenizer, draws, log_prob, texts=100, drawn=32)
    assert weights.shape == (33, 100)
    everything = further_texts("4000", run.corpus, run.config, run.tokenizer, "valid", 200)
    language = everything.select(sorted({i: n for n, i in enumerate(everything.text_id.tolist())}.values()))
    log_p = run.corpus.known.log_prob(language.texts)
    assert log_p.exp().sum().item() == pytest.approx(1, abs=1e-6)
    components = encode(run.model, language)
    truth = aggregate_density.log_block_sums(
        draws.z[0][:100], components.mean, components.std, weight_N=log_p.exp()
    ).squeeze(1)
    lower, upper = log_density_ends(weights)
    assert weights[0].isfinite().all()
    assert 0.2 < weights[1:].isfinite().double().mean() < 1
    for end, side in ((lower, -1), (upper, 1)):
        gap = (side * (end - truth))[end.isfinite()]
        assert gap.mean() > -3 * gap.std() / math.sqrt(len(gap))
        assert gap.abs().mean() < 1.0


def test_strings_outside_the_language_and_other_tokenisations_have_no_probability(run):
    log_prob = exact_log_prob(run.corpus, run.config, run.tokenizer)
    tokenized = run.tokenized("valid")
    assert log_prob(tokenized).isfinite().all()
    text = tokenized.select([0])
    inner = text.ids[1:-1]
    letters = torch.tensor([i for c in text.texts[0] for i in run.tokenizer(c, add_special_tokens=False)["input_ids"]])
    assert len(letters) > len(inner)
    spelled = torch.cat([text.ids[:1], letters.int(), text.ids[-1:]])
    other = replace(text, ids=spelled, offsets=torch.tensor([0, len(spelled)]))
    assert log_prob(other).item() == -math.inf


def test_encodings_know_which_texts_are_assessed(run):
    tokenized, settings = run.tokenized("valid"), run.config.assessment
    training = training_encodings(run.model, tokenized, run.tokenized("train"), settings, seed=0)
    joint = dict(zip(tokenized.text_id.tolist(), tokenized.texts, strict=True))
    for number, text in zip(training.text_id.tolist(), run.tokenized("train").texts, strict=True):
        assert joint.get(number, text) == text
    few = settings.model_copy(update={"training_texts": 10})
    assert len(training_encodings(run.model, tokenized, run.tokenized("train"), few, seed=0)) == 10
    none = settings.model_copy(update={"training_texts": 0})
    assert training_encodings(run.model, tokenized, run.tokenized("train"), none, seed=0) is None


def test_further_texts_are_held_out(run, tmp_path):
    arguments = (run.corpus, run.config, run.tokenizer, "valid", 200)
    assert len(further_texts("50", *arguments)) == 50
    file = tmp_path / "texts"
    file.write_text("\n".join(run.corpus.test) + "\n\n", encoding="utf-8")
    further = further_texts(str(file), *arguments)
    assert further.texts == run.corpus.test
    assert len(numbered_encodings(run.model, run.tokenized("valid"), further, run.config.assessment)) == 100
    # by default ten new texts of a built-in corpus for each assessed one, else the rest of the split
    assert len(further_texts(None, *arguments)) == 2000
    assert further_texts("0", *arguments) is None
    with pytest.raises(UserError, match="neither a number nor a text file"):
        further_texts(str(tmp_path / "none"), *arguments)


def test_the_rest_of_the_split_is_held_out(run):
    finite = replace(run.corpus, known=None)
    rest = further_texts(None, finite, run.config, run.tokenizer, "valid", 150)
    assert rest.texts == run.corpus.valid[150:]
    assert further_texts(None, finite, run.config, run.tokenizer, "valid", 200) is None


def test_a_file_of_training_texts_is_refused(run, tmp_path):
    corpus = replace(run.corpus, train=["one", "two"], valid=["three", "four"])
    (tmp_path / "texts").write_text("one\ntwo\n", encoding="utf-8")
    with pytest.raises(UserError, match="are training texts"):
        further_texts(str(tmp_path / "texts"), corpus, run.config, run.tokenizer, "valid", 2)


def test_the_assessment_carries_all_of_it(run):
    found = assess_run(run, "valid", components="100")
    detail = found.estimates["mutual_information"].detail
    assert {"stacked_marginal", "entropy"} <= set(detail)
    assert "known_entropy" in detail["lower_bounds"]
    assert detail["components"] == 300
    assert assess_run(run, "valid").estimates["mutual_information"].detail["components"] == 2200
    assert assess_run(run, "valid", components="0").estimates["mutual_information"].detail["components"] == 200
    assert assess_run(run, "train").estimates["mutual_information"].detail["components"] == 400
