"""Operations of the latent space agree with their definitions, and every mistake is one line."""

import logging

import pytest
import torch

import vaescope
from vaescope.config import ModelConfig
from vaescope.corpora.tokenizer import train_bpe
from vaescope.errors import UserError
from vaescope.model import build_model
from vaescope.model.latent_space import LatentSpace
from vaescope.model.paths import PATHS, linear, spherical

TEXTS = ["the sea is deep", "the sky is wide and blue", "a cat", "dogs run far over the green hills"]
SMALL = {
    "model_type": "roberta",
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}


@pytest.fixture(scope="module")
def vae():
    tokenizer = train_bpe(TEXTS, 290)
    torch.manual_seed(0)
    model = build_model(ModelConfig(encoder=SMALL, latent_size=3, injection="memory+embedding"), tokenizer, 16).eval()
    with torch.no_grad():
        # a decoder that reacts strongly to z, and posteriors that differ, without training
        model.injections["embedding"].projection.weight.mul_(300)
        model.posterior_head.projection.weight.mul_(20)
    return LatentSpace(model, tokenizer)


def test_the_encoding_of_a_text_does_not_depend_on_its_batch(vae):
    together = vae.encode(TEXTS)
    assert (together.batch_shape, together.event_shape) == ((4,), (3,))
    for row, text in enumerate(TEXTS):
        alone = vae.encode([text])
        torch.testing.assert_close(together.mean[row], alone.mean[0], atol=1e-5, rtol=0)
        torch.testing.assert_close(together.stddev[row], alone.stddev[0], atol=1e-5, rtol=0)
    assert (together.mean[0] - together.mean[1]).abs().max() > 0.1


def test_greedy_decoding_is_deterministic_and_follows_z(vae):
    z = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    first = vae.decode(z)
    assert first == vae.decode(z) == [vae.decode(point)[0] for point in z]
    assert len(set(first)) > 1


def test_sampled_decoding_follows_its_seed_and_leaves_the_global_state(vae):
    z = torch.zeros(4, 3)
    state = torch.get_rng_state()
    first, again, other = (vae.decode(z, temperature=1.0, seed=seed) for seed in (1, 1, 2))
    assert first == again != other
    assert vae.sample(3, seed=5) == vae.sample(3, seed=5) != vae.sample(3, seed=6)
    assert torch.equal(state, torch.get_rng_state())


def test_decoding_in_parts_is_the_same(vae, monkeypatch):
    z = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    whole = vae.decode(z)
    monkeypatch.setattr("vaescope.model.latent_space.TOKENS_AT_ONCE", 32)
    assert vae.decode(z) == whole


def test_reconstruction_is_the_text_at_the_mean(vae):
    assert vae.reconstruct(TEXTS) == vae.decode(vae.encode(TEXTS).mean)


@pytest.mark.parametrize("path", PATHS)
def test_interpolation_runs_from_one_reconstruction_to_the_other(vae, path):
    found = vae.interpolate(*TEXTS[:2], steps=4, path=path)
    assert len(found) == 4
    assert [found[0], found[-1]] == vae.reconstruct(TEXTS[:2])
    assert found == vae.decode(PATHS[path](*vae.encode(TEXTS[:2]).mean, torch.linspace(0, 1, 4)))


def test_the_straight_line_and_the_arc():
    a, b, t = torch.tensor([2.0, 0.0]), torch.tensor([0.0, 2.0]), torch.linspace(0, 1, 5)
    torch.testing.assert_close(linear(a, b, t)[2], torch.tensor([1.0, 1.0]))
    arc = spherical(a, b, t)
    torch.testing.assert_close(arc.norm(dim=1), torch.full((5,), 2.0))
    torch.testing.assert_close(arc[[0, -1]], torch.stack([a, b]))
    angles = torch.atan2(arc[:, 1], arc[:, 0])
    torch.testing.assert_close(angles.diff(), torch.full((4,), torch.pi / 8))


@pytest.mark.parametrize("b", [[3.0, 0.0], [-1.0, 0.0], [0.0, 0.0]])
def test_where_no_arc_is_defined_the_path_is_straight(b):
    a, b, t = torch.tensor([1.0, 0.0]), torch.tensor(b), torch.linspace(0, 1, 3)
    torch.testing.assert_close(spherical(a, b, t), linear(a, b, t))


def test_an_analogy_adds_the_difference(vae):
    assert vae.analogy(TEXTS[0], TEXTS[0], TEXTS[2]) == vae.reconstruct([TEXTS[2]])[0]
    assert vae.analogy(TEXTS[0], TEXTS[1], TEXTS[0]) == vae.reconstruct([TEXTS[1]])[0]
    a, b, c = vae.encode(TEXTS[:3]).mean
    assert vae.analogy(*TEXTS[:3]) == vae.decode(b - a + c)[0]


def test_neighbours_are_those_of_least_wasserstein_distance(vae):
    found = vae.neighbours(TEXTS[1], TEXTS, k=4)
    assert (found[0].index, found[0].text) == (1, TEXTS[1])
    assert found[0].distance == pytest.approx(0, abs=1e-4)
    assert [n.distance for n in found] == sorted(n.distance for n in found)
    assert sorted(n.index for n in found) == [0, 1, 2, 3]
    q = vae.encode(TEXTS)
    for n in found[1:]:
        squared = (q.mean[1] - q.mean[n.index]).square().sum() + (q.stddev[1] - q.stddev[n.index]).square().sum()
        assert n.distance**2 == pytest.approx(squared.item(), rel=1e-4)


def test_a_traversal_sets_one_unit(vae):
    mean = vae.encode([TEXTS[0]]).mean[0]
    found = vae.traverse(TEXTS[0], 1, [mean[1].item(), 5.0])
    assert found[0] == vae.reconstruct([TEXTS[0]])[0]
    assert found[1] == vae.decode(torch.stack([mean[0], torch.tensor(5.0), mean[2]]))[0]
    assert len(vae.traverse(TEXTS[0], 2)) == 7


def test_rates_by_unit_are_those_of_the_prior(vae):
    torch.testing.assert_close(vae.unit_rates(TEXTS), vae.model.prior.rate(vae.encode(TEXTS)))


def test_long_and_unknown_texts_are_counted(vae, caplog):
    with caplog.at_level(logging.WARNING, logger="vaescope"):
        vae.encode(["word " * 40, "short", "again " * 40])
    assert "2 of 3 texts" in caplog.text


def test_texts_without_an_end_are_counted(vae, caplog):
    with caplog.at_level(logging.WARNING, logger="vaescope"):
        vae.decode(torch.zeros(50, 3), temperature=1.0)
    assert "did not end within 16 tokens" in caplog.text


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda vae: vae.encode([]), "at least one text"),
        (lambda vae: vae.encode("text"), "list of texts"),
        (lambda vae: vae.encode(["a", " "]), "text 2 of 2 is empty"),
        (lambda vae: vae.decode(torch.zeros(2, 4)), r"z has shape \[2, 4\], but this model needs \[N, 3\]"),
        (lambda vae: vae.decode(torch.zeros(1, 2, 3)), r"needs \[N, 3\]"),
        (lambda vae: vae.decode(torch.zeros(0, 3)), r"needs \[N, 3\]"),
        (lambda vae: vae.decode(torch.full((1, 3), torch.nan)), "finite"),
        (lambda vae: vae.decode(torch.zeros(1, 3), temperature=-1), "temperature"),
        (lambda vae: vae.sample(0), "at least 1"),
        (lambda vae: vae.interpolate("a", "b", steps=1), "at least 2 steps"),
        (lambda vae: vae.interpolate("a", "b", path="sperical"), "did you mean 'spherical'"),
        (lambda vae: vae.neighbours("a", ["b"], k=2), "k must be in 1 to 1"),
        (lambda vae: vae.traverse("a", 3), "unit 3: the model has 3 latent units, 0 to 2"),
        (lambda vae: vae.traverse("a", -1), "0 to 2"),
        (lambda vae: vae.traverse("a", 0, []), "at least one value"),
        (lambda vae: LatentSpace(vae.model, train_bpe(TEXTS * 9, 300)).encode(["the green hills"]), "token ids up to"),
    ],
)
def test_mistakes_are_one_line(vae, wrong, message):
    with pytest.raises(UserError, match=message) as caught:
        wrong(vae)
    assert "\n" not in str(caught.value)


def save(vae, folder):
    vae.model.save_pretrained(folder)
    vae.tokenizer.save_pretrained(folder)


@pytest.mark.parametrize("inside", [".", "model"])
def test_load_a_run_or_a_model(vae, tmp_path, inside):
    save(vae, tmp_path / inside)
    again = vaescope.load(tmp_path)
    assert not again.model.training
    assert torch.equal(again.encode(TEXTS).mean, vae.encode(TEXTS).mean)
    assert again.reconstruct(TEXTS) == vae.reconstruct(TEXTS)


def test_load_says_what_is_missing(vae, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UserError, match="neither a run with a trained model"):
        vaescope.load(tmp_path)
    with pytest.raises(UserError, match="it does not exist"):
        vaescope.load(tmp_path / "nowhere")
    vae.model.encoder.save_pretrained(tmp_path / "encoder")
    with pytest.raises(UserError, match="type 'roberta', not one that vaescope trained"):
        vaescope.load(tmp_path / "encoder")
    vae.model.save_pretrained(tmp_path / "untold")
    with pytest.raises(UserError, match="no tokenizer"):
        vaescope.load(tmp_path / "untold")
