"""Every form of q(z|x) satisfies its contract, and its own further properties."""

import math

import pytest
import torch

from vaescope import choices
from vaescope.errors import UserError
from vaescope.model.build import tiny_model
from vaescope.model.posteriors.bn_vae import BnVae
from vaescope.model.posteriors.du_vae import DuVae
from vaescope.model.posteriors.fixed_scale import FixedScale
from vaescope.testing import PosteriorContract

TEXTS, UNITS = 200, 3


@pytest.mark.parametrize("name", choices.names("posteriors"))
class TestPosteriors(PosteriorContract):
    """The contract over every file of the folder."""


def outputs(seed=0):
    torch.manual_seed(seed)
    return 5 + 3 * torch.randn(TEXTS, UNITS), torch.randn(TEXTS, UNITS) - 1


@pytest.mark.parametrize("scale", [1.0, 1e-4])
@pytest.mark.parametrize(("posterior", "gamma"), [(BnVae(UNITS), 0.6), (DuVae(UNITS), 0.5)])
def test_normalised_means_have_the_variance_that_was_asked_for(posterior, gamma, scale):
    mean, log_variance = outputs()
    q = posterior.train()(scale * (mean - 5), log_variance)
    torch.testing.assert_close(q.mean.mean(0), torch.zeros(UNITS), atol=1e-5, rtol=0)
    torch.testing.assert_close(q.mean.square().mean(0), torch.full((UNITS,), gamma**2), atol=1e-5, rtol=0)
    # E KL >= D gamma^2 / 2 whatever the variances, the paper's bound
    assert q.unit_kl(type(q).standard(UNITS)).sum(-1).mean() >= UNITS * gamma**2 / 2


def test_running_statistics_reach_those_of_the_batches():
    posterior = BnVae(UNITS).train()
    for _ in range(100):
        in_training = posterior(*outputs()).mean
    torch.testing.assert_close(posterior.eval()(*outputs()).mean, in_training, atol=1e-4, rtol=1e-4)


def test_a_learned_gain_keeps_its_root_mean_square():
    posterior = DuVae(UNITS, gamma=0.7)
    with torch.no_grad():
        posterior.direction.copy_(torch.tensor([1.0, 2.0, 5.0]))
    assert posterior.gain.square().mean().sqrt().item() == pytest.approx(0.7)


def test_dropout_of_the_variance_keeps_its_mean_and_its_floor():
    posterior = DuVae(UNITS, dropout=0.5)
    mean, log_variance = outputs()
    exact = posterior.eval()(mean, log_variance).variance
    torch.manual_seed(1)
    drawn = torch.stack([posterior.train()(mean, log_variance).variance for _ in range(400)])
    floor = 1 / (2 * math.pi * math.e)
    assert drawn.min().item() == pytest.approx(floor)
    assert exact.min() > floor
    # entropy of a unit at the floor is log(alpha) / 2 = 0
    assert posterior(mean, log_variance).entropy().min() >= -1e-5
    torch.testing.assert_close(drawn.mean(), exact.mean(), rtol=0.02, atol=0)


def test_a_fixed_scale_fixes_the_entropy():
    q = FixedScale(UNITS, scale=0.3)(outputs()[0])
    expected = UNITS * (0.5 * math.log(2 * math.pi * math.e) + math.log(0.3))
    torch.testing.assert_close(q.entropy(), torch.full((TEXTS,), expected))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"posterior": {"bn_vae": {"gamma": 0}}}, "gamma of a normalised posterior must be positive"),
        ({"posterior": {"du_vae": {"dropout": 1.0}}}, r"dropout must be in \[0, 1\)"),
        ({"posterior": {"fixed_scale": {"scale": -1}}}, "scale must be positive"),
        ({"posterior": "bn_vae", "prior": "vamp"}, "posterior 'bn_vae' reads the whole batch"),
        ({"posterior": "bn_vae", "injection": "none"}, r"set model\.posterior=gaussian"),
        ({"posterior": "gausian"}, "did you mean 'gaussian'"),
        ({"posterior": "gaussian+bn_vae"}, r"model\.posterior: give one, not 2"),
        ({"prior": "standard+mixture"}, r"model\.prior: give one, not 2"),
    ],
)
def test_mistakes_are_one_line(options, message):
    with pytest.raises(UserError, match=message):
        tiny_model(**options)


def test_one_text_has_no_batch_statistics():
    with pytest.raises(UserError, match=r"raise training\.batch_size"):
        BnVae(UNITS).train()(torch.zeros(1, UNITS), torch.zeros(1, UNITS))
