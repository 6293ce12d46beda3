"""The answers of the explorer are the numbers of the model."""

import math

import pytest
import torch
from torch.distributions import kl_divergence

from vaescope.config import ModelConfig
from vaescope.corpora.tokenized import tokenize
from vaescope.corpora.tokenizer import train_bpe
from vaescope.errors import UserError
from vaescope.estimators.gaussian import kl_to_standard
from vaescope.explore import explorer as module
from vaescope.explore.explorer import Explorer
from vaescope.explore.latent_map import LatentMap
from vaescope.model.build import build_model
from vaescope.model.latent_space import LatentSpace
from vaescope.randomness import seed_of
from vaescope.sweep.scoring import noise

from .training import train_tiny


@pytest.fixture(scope="module")
def pair(explorer):
    return explorer.start()["texts"]


@pytest.fixture(scope="module")
def answer(explorer, pair):
    return explorer.compare(*pair, steps=5)


def test_start_names_two_texts_and_orders_the_units(explorer):
    start = explorer.start()
    a, b = start["texts"]
    assert a != b
    assert {a, b} <= set(explorer.map.texts)
    assert sorted(start["order"]) == list(range(4))
    activity = [start["activity"][unit] for unit in start["order"]]
    assert activity == sorted(activity, reverse=True)
    rate_ND = explorer.vae.unit_rates(explorer.map.texts)
    assert start["activity"] == pytest.approx(rate_ND.mean(0).tolist())
    assert start["rate"] == pytest.approx(rate_ND.sum(1).mean().item(), rel=1e-5)


def test_numbers_of_a_text(explorer, pair, answer):
    for row, (text, told) in enumerate(zip(pair, answer["texts"], strict=True)):
        q = explorer.vae.encode([text])
        assert told["mean"] == pytest.approx(q.mean[0].tolist(), abs=1e-5)
        assert told["std"] == pytest.approx(q.stddev[0].tolist(), abs=1e-5)
        rates_D = kl_to_standard(q.mean[0], q.stddev[0])
        assert told["unit_rates"] == pytest.approx(rates_D.tolist(), abs=1e-4)
        assert told["rate"] == pytest.approx(rates_D.sum().item(), abs=1e-4)
        batch = tokenize([text], explorer.vae.tokenizer, max_length=24).batch([0])
        z_S1D = q.mean + q.stddev * noise(seed_of(0, "latent map"), torch.tensor([row]), module.SAMPLES, 4)
        with torch.inference_mode():
            distortion_S = -explorer.vae.model.log_likelihood(batch, z_S1D)[:, 0]
        assert told["distortion"] == pytest.approx(distortion_S.mean().item(), rel=1e-4)
        assert told["distortion_se"] == pytest.approx(distortion_S.std().item() / module.SAMPLES**0.5, rel=1e-2)
        assert told["elbo"] == pytest.approx(-told["distortion"] - told["rate"], rel=1e-5)
        assert told["tokens"] == batch.tokens.item()
        assert told["read"] == told["text"] == text


def test_reconstructions_and_the_path_are_those_of_the_latent_space(explorer, pair, answer):
    vae = explorer.vae
    assert [text["reconstruction"]["text"] for text in answer["texts"]] == vae.reconstruct(pair)
    assert [point["text"] for point in answer["path"]] == vae.interpolate(*pair, steps=5)
    assert [point["t"] for point in answer["path"]] == [0, 0.25, 0.5, 0.75, 1]
    bent = explorer.compare(*pair, steps=4, path="spherical")["path"]
    assert [point["text"] for point in bent] == vae.interpolate(*pair, steps=4, path="spherical")
    assert len({point["text"] for point in answer["path"]}) > 1
    for text in answer["texts"]:
        assert len(text["samples"]) == module.SHOWN_SAMPLES


def test_log_probabilities_of_a_decoded_point(explorer, answer):
    point = answer["path"][1]
    alone = explorer.decode(point["z"])
    assert alone["text"] == point["text"]
    assert alone["log_p_x_z"] == pytest.approx(point["log_p_x_z"], rel=1e-4)
    square = sum(value**2 for value in point["z"])
    assert point["log_p_z"] == pytest.approx(-0.5 * square - 2 * math.log(2 * math.pi), rel=1e-5)
    z_1D = torch.tensor([point["z"]])
    with torch.inference_mode():
        drawn = explorer.vae.model.sample(z_1D, temperature=0.0)
        logits = explorer.vae.model(drawn.input_ids, latents=z_1D).logits[0, :-1].float()
    assert point["log_p_x_z"] == pytest.approx(logits.log_softmax(-1).amax(-1).sum().item(), rel=1e-3)


def test_divergences_of_the_two_posteriors(explorer, pair, answer):
    one, other = (explorer.vae.encode([text]) for text in pair)
    expected = [kl_divergence(one, other).item(), kl_divergence(other, one).item()]
    assert answer["kl"] == pytest.approx(expected, rel=1e-4)
    assert explorer.compare(pair[0], pair[0])["kl"] == [0, 0]


def test_same_question_same_answer(explorer, pair, answer):
    torch.manual_seed(7)
    assert explorer.compare(*pair, steps=5) == answer


def test_text_beyond_the_length_limit_is_said_to_be_cut(explorer):
    long = "the goal trained the galaxy " * 30
    told = explorer.compare(long, "they sprinted")["texts"][0]
    assert long.startswith(told["read"])
    assert told["read"] != told["text"]


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ({"a": " \n"}, "the first text is empty"),
        ({"b": ""}, "the second text is empty"),
        ({"b": "x" * 10_001}, "10,001 characters; give at most 10,000"),
        ({"a": "\ud800"}, "surrogate"),
        ({"steps": 1}, "give 2 to 25"),
        ({"steps": 26}, "give 2 to 25"),
        ({"path": "liner"}, "did you mean 'linear'"),
    ],
)
def test_mistakes_of_a_question(explorer, question, says):
    with pytest.raises(UserError, match=says):
        explorer.compare(**({"a": "they sprinted", "b": "she sank"} | question))


@pytest.mark.parametrize("z", [[], [0.0] * 3, [0.0, 0.0, 0.0, math.inf], [math.nan] * 4])
def test_an_invalid_point_is_refused(explorer, z):
    with pytest.raises(UserError, match="4 finite numbers"):
        explorer.decode(z)


def test_map_by_units_and_by_components(explorer):
    mean_ND = explorer.map.posterior.mean
    units, components = (explorer.map.seen(view) for view in ("units", "components"))
    first, second = explorer.map.order[:2]
    assert units["names"] == [f"z[{first}]", f"z[{second}]"]
    assert torch.allclose(torch.tensor(units["points"]), mean_ND[:, [first, second]])
    directions_2D = torch.tensor(components["directions"])
    assert torch.allclose(directions_2D @ directions_2D.T, torch.eye(2), atol=1e-5)
    spread = torch.tensor(components["points"]).var(0)
    largest = torch.linalg.eigvalsh(mean_ND.T.cov()).flip(0)[:2]
    assert torch.allclose(spread, largest, rtol=1e-3)
    assert units["prior"] is None
    assert len(units["texts"]) == len(units["rate"]) == len(units["length"]) == len(units["label"]) == 40
    with pytest.raises(UserError, match="did you mean 'units'"):
        explorer.map.seen("unit")


@pytest.mark.parametrize("view", ["units", "components"])
def test_map_of_one_unit_is_a_line(view):
    texts = ["a text", "another text", "no text"]
    tokenizer = train_bpe(texts, 300)
    vae = LatentSpace(build_model(ModelConfig(latent_size=1), tokenizer, max_length=16).eval(), tokenizer)
    seen = LatentMap.of(vae, texts).seen(view)
    x_N, y_N = torch.tensor(seen["points"]).T
    assert torch.equal(x_N.abs(), vae.encode(texts).mean.abs()[:, 0])
    assert not y_N.any()


def test_labels_are_the_causes_or_those_of_a_file(run, explorer, tmp_path):
    assert explorer.start()["colours"] == ["label", "rate", "length"]
    (tmp_path / "labels.txt").write_text("\n".join(["yes", "no"] * 20), encoding="utf-8")
    assert Explorer.load(run, tmp_path / "labels.txt").map.seen("units")["label"] == ["yes", "no"] * 20
    (tmp_path / "labels.txt").write_text("yes", encoding="utf-8")
    with pytest.raises(UserError, match="1 labels for 40 texts"):
        Explorer.load(run, tmp_path / "labels.txt")


def test_prior_without_closed_form_has_samples_instead_of_circles():
    texts = ["a text", "another text", "no text"]
    tokenizer = train_bpe(texts, 300)
    torch.manual_seed(0)
    model = build_model(ModelConfig(latent_size=3, prior={"mixture": {"components": 2}}), tokenizer, max_length=16)
    vae = LatentSpace(model.eval(), tokenizer)
    explorer = Explorer(vae, "mixture", LatentMap.of(vae, texts))
    assert explorer.start()["colours"] == ["rate", "length"]
    seen = explorer.map.seen("components")
    assert torch.tensor(seen["prior"]).shape == (500, 2)
    told = explorer.compare(*texts[:2])["texts"][0]
    assert told["unit_rates"] is None
    q = vae.encode(texts[:1])
    with torch.inference_mode():
        z_SND = q.mean + q.stddev * torch.randn(20_000, 1, 3)
        exact = (q.log_prob(z_SND) - model.prior.log_prob(z_SND)).mean().item()
    assert told["rate"] == pytest.approx(exact, abs=0.2)


def test_collapsed_model_is_said_to_be_one(run, explorer):
    loaded = Explorer.load(run)
    assert loaded.collapse.startswith("z carries nothing: rate ")
    assert "collapsed" in loaded.collapse
    assert "objective=mdr" in loaded.collapse


def test_language_model_has_nothing_to_explore(tmp_path):
    run = train_tiny(tmp_path / "run", steps=2, objective="language_model", model={"injection": "none"})
    with pytest.raises(UserError, match="has no latent space; give the run of a VAE"):
        Explorer.load(run)
