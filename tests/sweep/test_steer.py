"""Steering: a model where the attribute is a unit of z has closed forms for all that is reported."""

import pytest
import torch

import vaescope
from vaescope.errors import UserError
from vaescope.estimators.encoded_region import EncodedRegion
from vaescope.sweep.steer import attribute_vector, steer

NUMBERS = 400


def place(text):
    word, number = text.split()
    generator = torch.Generator().manual_seed(int(number))
    noise = 0.3 * torch.randn(2, generator=generator)
    return torch.tensor([1.0 if word == "good" else -1.0, 0.0]) + noise


def encode(texts):
    mean = torch.stack([place(text) for text in texts])
    return mean, torch.full_like(mean, 0.3)


def log_likelihood(texts, z):
    """log p(x|z) = -1 - |z - c(x)|^2 / 2."""
    return -1 - (z - encode(texts)[0]).square().sum(-1) / 2


def decode(z):
    return [f"{'good' if each[0] > 0 else 'bad'} {int(1000 * abs(each[1]))}" for each in z.tolist()]


MODEL = vaescope.TextModel(encode, log_likelihood, decode=decode)
TEXTS = [f"{'good' if i % 2 else 'bad'} {i}" for i in range(NUMBERS)]
LABELS = ["up" if i % 2 else "down" for i in range(NUMBERS)]


def test_a_whole_step_changes_the_word_and_costs_its_square():
    found = steer(MODEL, TEXTS, LABELS, "up", strengths=[0.1, 1.0, 8.0])
    torch.testing.assert_close(found.vector, torch.tensor([2.0, 0.0]), atol=0.15, rtol=0)
    assert found.length == pytest.approx(found.vector.norm().item())
    assert found.length_by_chance == pytest.approx((2 * 0.18 / 100) ** 0.5, rel=0.2)
    assert found.accuracy.value == 1.0
    small, whole, far = found.levels
    assert small.change.value == pytest.approx(0.0, abs=0.02)
    assert whole.change.value > 0.6
    assert abs(whole.random_change.value) < whole.change.value
    assert {text.split()[0] for text in whole.texts} == {"good"}
    for level in found.levels:
        exact = -((level.strength * found.length) ** 2) / 2
        assert level.own_likelihood.value == pytest.approx(exact, rel=1e-3)
    # the path between two classes and beyond: outside from where q(z) ends
    assert small.holes.value < 0.1
    assert far.holes.value == pytest.approx(1 - 3.5 / 16, abs=0.15)
    assert all(text.startswith("bad") for text in found.steered)


def test_the_steered_texts_made_neither_the_vector_nor_the_probe():
    seen = []

    def spying(texts):
        seen.append(list(texts))
        return encode(texts)

    found = steer(vaescope.TextModel(spying, log_likelihood, decode=decode), TEXTS + TEXTS, LABELS + LABELS, "up")
    assert len(found.steered) == len(set(found.steered)) <= NUMBERS // 4


def test_a_label_that_is_noise_steers_nothing():
    noise = torch.randint(2, (NUMBERS,), generator=torch.Generator().manual_seed(3)).tolist()
    found = steer(MODEL, TEXTS, [str(label) for label in noise], "1", strengths=[1.0])
    assert found.length < 4 * found.length_by_chance
    assert abs(found.levels[0].change.value) < 0.2


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"toward": "upp"}, "unknown label 'upp'; did you mean 'up'"),
        ({"toward": "up", "away": "up"}, "'up' is both ends"),
        ({"labels": ["up"] * NUMBERS}, "'up' is both ends"),
        ({"labels": ["up"]}, "labels: 1 for 400 texts"),
        ({"texts": TEXTS[:20], "labels": LABELS[:20]}, "for the vector; give more texts"),
        ({"functions": vaescope.TextModel(encode, log_likelihood)}, "steer needs decode"),
    ],
)
def test_a_mistake_is_named(change, says):
    given = {"functions": MODEL, "texts": TEXTS, "labels": LABELS, "toward": "up"} | change
    with pytest.raises(UserError, match=says):
        steer(given.pop("functions"), given.pop("texts"), given.pop("labels"), given.pop("toward"), **given)


def test_one_percent_of_the_encodings_lie_outside_their_region():
    mean = 0.8 * torch.randn(4000, 2, generator=torch.Generator().manual_seed(0))
    region = EncodedRegion.of(mean[:2000], torch.full((2000, 2), 0.6))
    fresh = torch.randn(4000, 2, generator=torch.Generator().manual_seed(1))
    assert region.holes(fresh).double().mean().item() == pytest.approx(0.01, abs=0.006)
    with pytest.raises(ValueError, match="at least 20"):
        EncodedRegion.of(mean[:5], mean[:5].abs())


def test_the_vector_of_one_class_has_its_length_by_chance():
    lengths = []
    for seed in range(200):
        z = torch.randn(40, 3, generator=torch.Generator().manual_seed(seed))
        vector, chance = attribute_vector(z, torch.arange(40) < 15)
        lengths.append((vector.square().sum().item(), chance**2))
    squares = torch.tensor(lengths).mean(0)
    assert squares[0].item() == pytest.approx(3 / 15 + 3 / 25, rel=0.15)
    assert squares[1].item() == pytest.approx(3 / 15 + 3 / 25, rel=0.05)
