"""train, assess and compare accept paths, runs, settings and draws."""

import pytest
import torch

import vaescope
from tests.tiny_runs import MODEL, build_config
from vaescope.errors import UserError
from vaescope.evidence.linear_gaussian import LinearGaussian

SHORT = {"steps": 2, "batch_size": 8, "validation_texts": 16, "precision": "fp32", "tracker": "none"}
DATA = {"known": "topic_pcfg", "sizes": [64, 32, 8], "max_length": 24}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "run"
    return vaescope.train(
        data=DATA,
        tokenizer={"vocab_size": 270},
        model=MODEL,
        training=SHORT,
        assessment={"at_validation": False, "samples": 4},
        out=out,
    )


def test_keywords_train_a_run(run):
    assert run.status["finished"]
    assert run.config.training.steps == 2


def test_a_configuration_of_any_form_gives_the_same_settings(tmp_path):
    from vaescope.api import _settings

    config = build_config(tmp_path / "run")
    file = tmp_path / "run.yaml"
    file.write_text(config.model_dump_json(exclude_unset=True))
    forms = [config, file, str(file), config.model_dump(mode="json", exclude_unset=True)]
    assert all(_settings(form, (), {}) == config for form in forms)
    changed = _settings(file, ("training.steps=7",), {"seed": 3})
    assert (changed.training.steps, changed.seed) == (7, 3)


def test_data_is_a_name_a_file_or_a_mapping(tmp_path):
    from vaescope.api import _settings

    assert _settings(None, (), {"data": "template"}).data.known == "template"
    assert _settings(None, (), {"data": tmp_path / "texts.txt"}).data.path == tmp_path / "texts.txt"
    assert _settings(None, (), {"data": {"known": "polya"}}).data.known == "polya"


def test_a_run_is_assessed_by_its_folder(run):
    by_path = vaescope.assess(run.path, suite="fast")
    assert by_path.estimates["rate"] == vaescope.assess(run, suite="fast").estimates["rate"]
    assert by_path.metadata["split"] == "valid"
    assert vaescope.assess(run, split="test").metadata["split"] == "test"


def test_a_loaded_model_is_assessed_on_texts(run):
    vae = vaescope.load(run.path)
    texts = ["she launched the chorus", "nobody peeled another cake", "they sprinted"] * 2
    found = vaescope.assess(vae, texts, samples=4, diagnostics=["rate", "reconstruction"])
    assert found.metadata["texts"] == 6
    rate = vae.unit_rates(texts).sum(1).mean()
    assert found.estimates["rate"].value == pytest.approx(float(rate), rel=1e-4)


def test_draws_and_their_file_are_assessed(tmp_path):
    torch.manual_seed(0)
    draws = vaescope.Draws(**LinearGaussian.matched(latent_size=2, data_size=3, rate=2.0).sample_draws(100))
    draws.save(tmp_path / "draws.safetensors")
    numbers = [
        vaescope.assess(subject, diagnostics=["rate"]).estimates["rate"].value
        for subject in (draws, tmp_path / "draws.safetensors", vaescope.Evidence.of(draws))
    ]
    assert numbers[0] == numbers[1] == numbers[2]


def test_arguments_that_exclude_each_other_are_refused(run, tmp_path):
    with pytest.raises(UserError, match="assessed on texts"):
        vaescope.assess(vaescope.load(run.path))
    with pytest.raises(UserError, match="texts are for a loaded model"):
        vaescope.assess(run, ["a text"])
    with pytest.raises(UserError, match="at least one"):
        vaescope.compare(out=tmp_path)


def test_a_trained_run_is_loaded_and_its_encoded_texts_decoded(run):
    vae = vaescope.load(run)
    texts = ["she launched the chorus", "they sprinted"]
    assert vae.decode(vae.encode(texts)) == vae.reconstruct(texts)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: vaescope.train(5), "give a configuration, a YAML file or a mapping, not 5"),
        (lambda: vaescope.train([1]), "not \\[1\\]"),
        (lambda: vaescope.train({}, 5), "give sections by name"),
        (lambda: vaescope.assess(5), "give the path of a run folder, not 5"),
        (lambda: vaescope.assess(None), "give the path of a run folder, not nothing"),
        (lambda: vaescope.compare(["run"]), "give the path of a run folder"),
        (lambda: vaescope.refit("run", 5), "give the path of the new run, not 5"),
        (lambda: vaescope.refit("run", "new", nope=1), "unknown option 'nope'"),
        (lambda: vaescope.load(5), "a name of the hub, not 5"),
    ],
)
def test_an_argument_of_another_type_is_one_line(call, says):
    with pytest.raises(UserError, match=says):
        call()
