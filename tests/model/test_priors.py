"""Every prior satisfies its contract, and its own further properties."""

import sys
from importlib.util import find_spec

import pytest
import torch
from torch.distributions import Distribution, Normal

from vaescope import choices
from vaescope.errors import UserError
from vaescope.estimators.distributions import DiagonalGaussian
from vaescope.model.build import tiny_model
from vaescope.testing.priors import PriorContract

from . import outside

NAMES = choices.names("priors")
OUTSIDE = [f"{outside.__name__}:{name}" for name in ("DoubleExponential", "Shifted")]


@pytest.mark.parametrize("name", [*(name for name in NAMES if name != "flow"), *OUTSIDE])
class TestPriors(PriorContract):
    """Every prior of the package, and two from outside of it."""


@pytest.mark.skipif(find_spec("zuko") is None, reason="needs zuko")
@pytest.mark.parametrize("name", ["flow"])
class TestFlow(PriorContract):
    """With rougher networks the flow is steeper than the grid can resolve."""

    spread = 0.1


def needs_zuko():
    # not importorskip: importing zuko alone would switch off the checks of torch
    if find_spec("zuko") is None:
        pytest.skip("needs zuko")


def model_of(name, **options):
    """A tiny model with two units and a prior whose parameters are far from their initial values."""
    if name == "flow":
        needs_zuko()
    model, batch = tiny_model(prior=name, latent_size=2, **options)
    torch.manual_seed(1)
    # a flow of rougher networks is steeper than the grid is fine
    spread = 0.1 if name == "flow" else 0.3
    with torch.no_grad():
        for parameter in model.prior.parameters():
            parameter.add_(spread * torch.randn_like(parameter))
        if name == "vamp":
            model.posterior_head.projection.weight.mul_(8)
    return model, batch


@pytest.mark.parametrize("name", ["mixture", "flow"])
def test_a_free_density_learns_two_modes_that_the_standard_cannot(name):
    model, _ = model_of(name)
    torch.manual_seed(0)
    z = 0.3 * torch.randn(256, 2) + torch.tensor([2.0, 0.0]) * (torch.randint(0, 2, (256, 1)) * 2 - 1)
    optimiser = torch.optim.Adam(model.prior.parameters(), lr=2e-2)
    for _ in range(150):
        optimiser.zero_grad()
        loss = -model.prior.log_prob(z).mean()
        loss.backward()
        optimiser.step()
    # H = log 2 + log(2 pi e 0.09) = 1.12 nats; the standard Gaussian has 3.93
    assert loss.item() < 1.5


def test_vamp_is_the_mixture_of_the_posteriors_of_its_pseudo_inputs():
    model, _ = model_of("vamp")
    prior, z = model.prior, torch.randn(6, 2)
    with torch.no_grad():
        each = [model.encode_embeddings(u[None]).log_prob(z) for u in prior.pseudo_inputs]
        torch.testing.assert_close(prior.log_prob(z), torch.stack(each).logsumexp(0) - torch.tensor(32.0).log())


def test_vamp_with_a_real_text_as_pseudo_input_is_the_posterior_of_the_text():
    model, batch = model_of("vamp")
    table = model.encoder.get_input_embeddings()
    with torch.no_grad():
        of_text = model.encode(batch)
        of_embeddings = model.encode_embeddings(table(batch.input_ids[:1]))
    torch.testing.assert_close(of_embeddings.mean, of_text.mean[:1], atol=1e-5, rtol=0)
    torch.testing.assert_close(of_embeddings.stddev, of_text.stddev[:1], atol=1e-5, rtol=0)


@pytest.mark.parametrize("tie", [True, False])
def test_vamp_follows_the_encoder_and_moves_it(tie):
    model, _ = model_of("vamp", tie_encoder_decoder=tie)
    z = torch.randn(3, 2)
    before = model.prior.log_prob(z)
    before.sum().backward()
    weight = model.encoder.encoder.layer[0].attention.self.query.weight
    assert weight.grad.abs().sum() > 0
    with torch.no_grad():
        weight.add_(0.5 * torch.randn_like(weight))
    assert (model.prior.log_prob(z) - before).abs().min() > 0


def test_vamp_owns_only_its_pseudo_inputs():
    model, _ = tiny_model(prior="vamp")
    assert [name for name, _ in model.prior.named_parameters()] == ["pseudo_inputs"]
    assert len(list(model.prior.modules())) == 1


def test_priors_start_near_the_standard_one():
    z = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
    standard = tiny_model()[0].prior.log_prob(z).mean()
    for name in NAMES:
        if name == "flow":
            needs_zuko()
        with torch.no_grad():
            assert abs(tiny_model(prior=name)[0].prior.log_prob(z).mean() - standard) < 0.5


def test_diagonal_gaussians_alone_have_a_closed_form_and_one_of_them_is_standard():
    q = DiagonalGaussian(torch.zeros(2, 4), torch.ones(2, 4))
    priors = {name: tiny_model(prior=name)[0].prior for name in ("standard", "gaussian", "mixture", "vamp")}
    assert [name for name, prior in priors.items() if prior.rate(q) is not None] == ["standard", "gaussian"]
    assert [name for name, prior in priors.items() if prior.is_standard] == ["standard"]


def test_the_flow_leaves_the_checks_of_torch_on():
    needs_zuko()
    tiny_model(prior="flow")
    assert Distribution._validate_args is True
    assert isinstance(vars(Distribution)["arg_constraints"], property)
    with pytest.raises(ValueError, match="scale"):
        Normal(0.0, torch.tensor(-1.0))


def test_the_flow_without_its_extra_says_what_to_install(monkeypatch):
    for module in ("zuko", "zuko.flows"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError, match=r"pip install vaescope\[flows\]"):
        tiny_model(prior="flow")


@pytest.mark.parametrize(
    ("prior", "message"),
    [
        ({"mixture": {"components": 0}}, "components must be at least 1"),
        ({"vamp": {"length": 0}}, "length must be at least 1"),
        ({"vamp": {"length": 13}}, r"longer than any text \(12 tokens\)"),
        ({"vamp": {"component": 3}}, "did you mean 'components'"),
        ({"flow": {"bins": 1}}, "bins must be at least 2"),
    ],
)
def test_mistakes_are_one_line(prior, message):
    with pytest.raises(UserError, match=message) as caught:
        tiny_model(prior=prior)
    assert "\n" not in str(caught.value)
