"""The configuration: no silent conversion, no setting without an effect, and no message of pydantic."""

import pytest

from vaescope.config import parse_config
from vaescope.errors import UserError
from vaescope.yaml_file import apply_override


def refusal(*overrides, data="known"):
    raw = {"data": {data: "template"}}
    for override in overrides:
        apply_override(raw, override)
    with pytest.raises(UserError) as caught:
        parse_config(raw, source="c.yaml")
    message = str(caught.value)
    assert "Input should" not in message
    assert "\n" not in message
    return message.removeprefix("c.yaml: ")


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("training.steps=true", "training.steps: give a whole number, not true"),
        ("training.steps='5'", "training.steps: give a whole number, not '5'"),
        ("training.steps=1.5", "training.steps: give a whole number, not 1.5"),
        ("training.steps=0", "training.steps: give at least 1, not 0"),
        ("training.steps=1e23", "training.steps: give at most 1,000,000,000, not"),
        ("training.learning_rate=.nan", "training.learning_rate: give a finite number, not nan"),
        ("training.learning_rate=0", "training.learning_rate: give more than 0"),
        ("training.schedule=linar", "training.schedule: give constant or linear or cosine, not 'linar'; did you mean"),
        ("training=5", "training: give a mapping with the keys steps, "),
        ("training.keep={mst: 1}", "unknown key 'training.keep.mst'; did you mean 'training.keep.most'?"),
        (
            "training.keep={criteria: {rate: near -5}}",
            "training.keep.criteria: rate: 'near -5': rate is never",
        ),
        ("training.snapshots=[-1]", "training.snapshots.0: give at least 0, not -1"),
        ("data.sizes=[1, 2]", "data.sizes: give a list of 3 values, each a whole number, not [1, 2]"),
        ("data.seed=-1", "data.seed: give at least 0, not -1"),
        ("seed=18446744073709551616", "seed: give less than"),
        ("data.max_length=1e8", "data.max_length: give at most 100,000"),
        ("tokenizer.vocab_size=1e11", "tokenizer.vocab_size: give at most 2,000,000"),
        ("tokenizer=null", "tokenizer: give a mapping with the keys path, vocab_size, not nothing"),
        ("model.encoder=5", "model.encoder: give a name or a mapping of settings, not 5"),
        ("model.tie=1", "model.tie: give true or false, not 1"),
        ("assessment.splits=[valid, tst]", "assessment.splits.1: give train or valid or test, not 'tst'"),
        ("assessment.thresholds={a: b}", "assessment.thresholds: give a mapping"),
        ("out=null", "out: give a path, not nothing"),
        ("out=''", "out: give a path, not ''"),
        ("model.encoder=''", "model.encoder: give a name or a mapping of settings, not ''"),
        ("training.learning_rate=1e30", "training.learning_rate: give at most 100"),
        ("training.learning_rates={encoder: 1e30}", "training.learning_rates.encoder: give at most 100"),
        ('out="a\\0b"', "out: 'a\\x00b' holds a NUL byte"),
        ("2020-01-01=5", "unknown key '2020-01-01'"),
    ],
)
def test_mistake_is_named_in_words(override, says):
    assert refusal(override).startswith(says)


@pytest.mark.parametrize(
    ("source", "override"),
    [
        ("known", "data.fractions=[0.2, 0.2]"),
        ("known", "data.column=body"),
        ("known", "data.subset=en"),
        ("path", "data.sizes=[5, 5, 5]"),
        ("path", "data.options={a: 1}"),
        ("hub", "data.sizes=[5, 5, 5]"),
        ("world", "data.seed=3"),
    ],
)
def test_setting_without_an_effect_is_refused(source, override):
    name = override.partition("=")[0].removeprefix("data.")
    assert refusal(override, data=source) == f"data: {name} has no effect with data.{source}; leave it out"


def test_dots_after_a_missing_folder_are_resolved_and_after_an_existing_one_kept(tmp_path):
    (tmp_path / "there").mkdir()
    for place, meant in {"nope/../run": "run", "there/../run": "there/../run"}.items():
        config = parse_config({"data": {"known": "template"}, "out": str(tmp_path / place)})
        assert str(config.out) == str(tmp_path / meant)


def test_numbers_may_have_an_exponent_and_the_home_folder_a_tilde(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    raw = {"data": {"known": "template"}, "out": "~/runs"}
    apply_override(raw, "training.steps=1e2")
    apply_override(raw, "training.learning_rate=1e-4")
    config = parse_config(raw)
    assert (config.training.steps, config.training.learning_rate) == (100, 1e-4)
    assert config.out == tmp_path / "runs"
