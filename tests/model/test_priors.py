"""The contract of every prior: a normalised density that its samples follow, learned, saved and loaded."""

import sys
from importlib.util import find_spec

import pytest
import torch
from scipy.stats import chisquare
from torch.distributions import Distribution, Normal

from vaescope import choices
from vaescope.errors import UserError
from vaescope.estimators.distributions import DiagonalGaussian
from vaescope.model import Pass, TransformerVAE
from vaescope.model.build import tiny_model

NAMES = choices.names("priors")
every = pytest.mark.parametrize("name", NAMES)
learned = pytest.mark.parametrize("name", [name for name in NAMES if name != "standard"])


def needs_zuko():
    # not importorskip: importing zuko alone would switch off the checks of torch
    if find_spec("zuko") is None:
        pytest.skip("needs zuko")


def model_of(name, **options):
    """A tiny model with z in the plane and a prior whose parameters are far from where they start."""
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


def grid_of(prior, *, reach=9.0, points=361):
    """The density on a square grid ``[points, points]``, and the width of a cell."""
    axis = torch.linspace(-reach, reach, points)
    with torch.no_grad():
        density = prior.log_prob(torch.cartesian_prod(axis, axis)).double().exp().view(points, points)
    return axis, density, (axis[1] - axis[0]).item()


@every
def test_integrates_to_one(name):
    model, _ = model_of(name)
    _, density, width = grid_of(model.prior)
    assert density.sum().item() * width**2 == pytest.approx(1, abs=1e-3)


@every
def test_samples_follow_the_density(name):
    prior = model_of(name)[0].prior
    axis, density, width = grid_of(prior)
    torch.manual_seed(0)
    with torch.no_grad():
        z = prior.sample(4000)
    edges = [z_n.quantile(torch.linspace(0.1, 0.9, 5)) for z_n in z.unbind(1)]
    row, column = (torch.bucketize(z_n.contiguous(), e) for z_n, e in zip(z.unbind(1), edges, strict=True))
    cell = row * 6 + column
    of_grid = torch.bucketize(axis, edges[0])[:, None] * 6 + torch.bucketize(axis, edges[1])
    expected = torch.zeros(36, dtype=torch.float64).scatter_add(0, of_grid.flatten(), density.flatten()) * width**2
    observed = torch.bincount(cell, minlength=36).double()
    keep = expected * len(z) > 5
    observed, expected = observed[keep], expected[keep] / expected[keep].sum() * observed[keep].sum()
    assert chisquare(observed.numpy(), expected.numpy()).pvalue > 1e-4


@every
def test_entropy_by_samples_is_entropy_by_the_grid(name):
    prior = model_of(name)[0].prior
    _, density, width = grid_of(prior)
    torch.manual_seed(0)
    with torch.no_grad():
        surprise = -prior.log_prob(prior.sample(4000)).double()
    exact = -torch.xlogy(density, density).sum() * width**2
    assert abs(surprise.mean() - exact) < 5 * surprise.std() / len(surprise) ** 0.5 + 1e-3


@every
def test_shapes_types_and_the_global_random_state(name):
    prior = model_of(name)[0].prior
    z = torch.randn(3, 5, 2)
    assert prior.log_prob(z).shape == (3, 5)
    assert prior.log_prob(z[0, 0]).shape == ()
    torch.testing.assert_close(prior.log_prob(z)[1], prior.log_prob(z[1]), atol=1e-5, rtol=1e-5)
    assert prior.log_prob(z.double()).dtype in (torch.float32, torch.float64)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = prior.log_prob(z)
    assert inside.dtype == torch.float32
    torch.testing.assert_close(inside, prior.log_prob(z), atol=2e-2, rtol=1e-2)
    draws = []
    for _ in range(2):
        torch.manual_seed(3)
        draws.append(prior.sample(6))
    assert draws[0].shape == (6, 2)
    assert torch.equal(*draws)
    assert not torch.equal(draws[0], prior.sample(6))


@learned
def test_every_parameter_gets_a_gradient(name):
    model, _ = model_of(name)
    model.prior.log_prob(torch.randn(50, 2)).sum().backward()
    assert [n for n, p in model.prior.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


@learned
def test_the_gradient_reaches_z(name):
    prior = model_of(name)[0].prior
    z = torch.randn(4, 2, requires_grad=True)
    prior.log_prob(z).sum().backward()
    assert (z.grad.abs() > 0).all()


@every
def test_save_and_load_is_bit_exact(name, tmp_path):
    model, _ = model_of(name)
    model.save_pretrained(tmp_path)
    again, info = TransformerVAE.from_pretrained(tmp_path, output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    z = torch.randn(7, 2)
    with torch.no_grad():
        assert torch.equal(model.prior.log_prob(z), again.prior.log_prob(z))
        draws = []
        for prior in (model.prior, again.prior):
            torch.manual_seed(0)
            draws.append(prior.sample(5))
    assert torch.equal(*draws)


@every
def test_training_stays_finite_and_gains(name):
    if name == "flow":
        needs_zuko()
    model, batch = tiny_model(prior=name)
    torch.manual_seed(0)
    model.train()
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(40):
        q = model.encode(batch)
        z, log_q_z_x = q.draw(torch.randn(4, 2, 4))
        says = Pass(
            posterior=q,
            prior=model.prior,
            z=z,
            log_p_x_z=model.log_likelihood(batch, z),
            log_p_z=model.prior.log_prob(z),
            log_q_z_x=log_q_z_x,
            tokens=batch.tokens,
            dataset_size=2,
        )
        loss = (says.distortion + says.rate).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert all(torch.isfinite(p).all() for p in model.parameters())
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])


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


def test_the_rate_of_a_learned_gaussian_is_the_mean_over_samples():
    prior = model_of("gaussian")[0].prior
    q = DiagonalGaussian(torch.tensor([[0.5, -1.0]]), torch.tensor([[0.3, 0.7]]))
    torch.manual_seed(0)
    with torch.no_grad():
        z, log_q = q.draw(torch.randn(20_000, 1, 2))
        gap = log_q - prior.log_prob(z)
        assert abs(gap.mean() - prior.rate(q).sum()) < 5 * gap.std() / len(gap) ** 0.5


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
