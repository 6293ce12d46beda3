"""The assessment at validations does not change training."""

import json
import shutil
from pathlib import Path

import pytest

from vaescope.config import parse_config
from vaescope.errors import UserError
from vaescope.examine.assess_in_training import validation_assessment
from vaescope.examine.assess_run import assess_run
from vaescope.examine.examined_run import Examined
from vaescope.training.loop import train

TINY = {"model_type": "roberta", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}


class KilledError(Exception):
    """Raised in place of SIGKILL within one process."""


def config_of(out):
    return parse_config(
        {
            "data": {"known": "topic_pcfg", "sizes": [64, 32, 8], "max_length": 24},
            "tokenizer": {"vocab_size": 270},
            "model": {"encoder": TINY | {"intermediate_size": 16}, "latent_size": 4},
            "training": {
                "steps": 12,
                "batch_size": 8,
                "log_every": 1,
                "validate_every": 3,
                "save_every": 4,
                "validation_texts": 16,
                "precision": "fp32",
                "tracker": "none",
            },
            "out": str(out),
        }
    )


def losses(folder):
    return [line["loss"] for line in folder.metrics("train")]


@pytest.fixture(scope="module")
def examined(tmp_path_factory):
    config = config_of(tmp_path_factory.mktemp("examined") / "run")
    return train(config, assess=validation_assessment(config))


def test_training_does_not_know_that_it_is_examined(tmp_path, examined):
    assert losses(examined) == losses(train(config_of(tmp_path / "plain")))


def test_an_examined_run_resumes_bit_for_bit(tmp_path, examined):
    config = config_of(tmp_path / "killed")

    def kill(done, total, note):
        if done == 10:
            raise KilledError

    with pytest.raises(KilledError):
        train(config, progress=kill, assess=validation_assessment(config))
    resumed = train(config, assess=validation_assessment(config))
    assert losses(resumed) == losses(examined)
    for one, other in zip(resumed.metrics("assessment"), examined.metrics("assessment"), strict=True):
        assert one == other


def test_a_rate_that_falls_from_that_of_the_stage_before_is_a_red_flag(tmp_path, examined):
    path = tmp_path / "before"
    shutil.copytree(examined.path, path)
    lines = [json.loads(line) for line in (path / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    raised = [line | ({"rate": 99.0} if line["kind"] == "validation" else {}) for line in lines]
    (path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in raised), encoding="utf-8")
    config = config_of(tmp_path / "after")
    config = config.model_copy(update={"model": config.model.model_copy(update={"init_from": str(path)})})
    run = train(config, assess=validation_assessment(config))
    first, *later = [line["red_flags"] for line in run.metrics("assessment")]
    assert any(flag.startswith("the rate fell from 99 to") and "between steps 0 and 3" in flag for flag in first)
    assert not any("fell from" in flag for flags in later for flag in flags)


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """A run on a CSV file with two columns of labels, some texts without, one too long."""
    folder = tmp_path_factory.mktemp("labelled")
    rows = [f"{'good' if i % 2 else 'bad'} text {i},{i % 2},{'ab'[i % 3 == 0]}" for i in range(150)]
    rows[3] += ""
    rows[5] = rows[5].rpartition(",")[0] + ","
    rows.append(f"{'long ' * 60}text,0,a")
    (folder / "all.csv").write_text("text,mood,kind\n" + "\n".join(rows) + "\n", encoding="utf-8")
    config = config_of(folder / "run").model_dump(mode="json")
    config["data"] = {
        "path": str(folder / "all.csv"), "label": ["mood", "kind"], "too_long": "drop", "max_length": 24,
        "fractions": [0.4, 0.1],
    }  # fmt: skip
    train(parse_config(config))
    return folder / "run"


def test_the_labels_of_the_corpus_are_probed_by_default(labelled):
    examined = Examined.load(labelled)
    texts, labels = examined.tokenized("valid").texts, examined.tokenized("valid").labels
    assert [label == "1" for label in labels["mood"]] == [text.startswith("good") for text in texts]
    found = assess_run(examined, "valid", samples=2)
    assert {"probe_mood", "probe_information_mood", "probe_kind", "probe_information_kind"} <= found.estimates.keys()
    assert {"probe_mood", "probe_kind"} <= {finding.name for finding in found.findings}
    assert found.estimates["probe_mood"].detail["commonest"] == pytest.approx(
        max(labels["mood"].count(label) for label in "01") / len(texts)
    )


def test_one_kind_of_label_is_chosen_by_name_or_given_as_a_file(labelled, tmp_path):
    examined = Examined.load(labelled)
    by_name = assess_run(examined, "valid", samples=2, labels=Path("kind"))
    assert "probe" in by_name.estimates
    assert "probe_kind" not in by_name.estimates
    file = tmp_path / "own.labels"
    file.write_text("".join(f"{label}\n" for label in examined.tokenized("valid").labels["kind"]), encoding="utf-8")
    if "" not in examined.tokenized("valid").labels["kind"]:
        assert assess_run(examined, "valid", samples=2, labels=file).estimates["probe"] == by_name.estimates["probe"]


def test_wrong_labels_are_refused_before_the_sweep(labelled, tmp_path):
    examined = Examined.load(labelled)

    def swept(done, total):
        raise AssertionError

    with pytest.raises(UserError, match=r"kinds: no such file of labels; give a file .* or one of mood, kind"):
        assess_run(examined, "valid", labels=Path("kinds"), progress=swept)
    (tmp_path / "few").write_text("a\nb\n", encoding="utf-8")
    with pytest.raises(UserError, match="few: 2 labels for"):
        assess_run(examined, "valid", labels=tmp_path / "few", progress=swept)
    with pytest.raises(UserError, match="unknown split 'dev'"):
        assess_run(examined, "dev", progress=swept)


@pytest.mark.parametrize("too_long", ["truncate", "drop"])
def test_texts_that_are_also_in_train_are_counted_and_reported(tmp_path, too_long):
    texts = [f"a text of number {i}" for i in range(60)]
    long = [f"{'long ' * 60}{i}" for i in range(4)]
    valid = long[:2] + texts[:12] + [f"new {i}" for i in range(26)]
    for split, part in (("train", texts + long), ("valid", valid), ("test", ["one", "two"])):
        (tmp_path / f"{split}.txt").write_text("\n".join(part) + "\n", encoding="utf-8")
    config = config_of(tmp_path / "run").model_dump(mode="json")
    config["data"] = {"path": str(tmp_path), "max_length": 24, "too_long": too_long}
    train(parse_config(config))
    found = assess_run(Examined.load(tmp_path / "run"), "valid", samples=2)
    (finding,) = [f for f in found.findings if f.name == "training_texts"]
    count, of = (14, 40) if too_long == "truncate" else (12, 38)
    assert f"{count} of {of} texts" in finding.message
    assert finding.verdict == "WARN"
    of_train = assess_run(Examined.load(tmp_path / "run"), "train", samples=2, texts=10)
    assert "training_texts" not in {f.name for f in of_train.findings}
