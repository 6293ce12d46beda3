"""Every bound on the information against closed forms: on the correct side, and wrong if its assumption is violated."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from vaescope import Draws, UserError, assess
from vaescope.assessment.diagnostics.marginal_kl import marginal_kl
from vaescope.assessment.diagnostics.mutual_information import mutual_information
from vaescope.estimators import jackknife
from vaescope.estimators.text_space_density import log_density_ends
from vaescope.evidence import information_ends
from vaescope.evidence.encodings import Encodings
from vaescope.evidence.evidence import Evidence
from vaescope.evidence.facts import Facts
from vaescope.evidence.linear_gaussian import LinearGaussian
from vaescope.evidence.references import References

N = 400


def model(rate: float = 9.0) -> LinearGaussian:
    """An encoder that is too wide and shifted, and a decoder with too much noise that knows of the shift."""
    vae = LinearGaussian.matched(latent_size=3, data_size=5, rate=rate)
    shift = torch.full_like(vae.encoder_bias, 0.4)
    return replace(
        vae,
        encoder_std=1.1 * vae.encoder_std,
        encoder_bias=vae.encoder_bias + shift,
        bias=vae.bias - vae.weight @ shift,
        noise=1.5,
    )


def encodings(vae: LinearGaussian, count: int, seed: int) -> Encodings:
    return Encodings(*vae.encode(vae.sample_data(count, seed=seed)))


def evidence_of(
    vae: LinearGaussian, seed: int, *, n: int = N, training: int = 8000, components: int = 2000, drawn: int = 32
) -> Evidence:
    """All evidence of the third axis; the first 200 texts have texts drawn at their z."""
    draws = Draws(**vae.sample_draws(n, seed=seed))
    references = References(
        training=encodings(vae, training, 50_000 + seed),
        components=encodings(vae, components, 90_000 + seed),
        text_space=text_space(vae, draws, n // 2, drawn, seed),
    )
    return Evidence(draws, facts=Facts(entropy=vae.entropy), references=references)


def text_space(vae: LinearGaussian, draws: Draws, texts: int, drawn: int, seed: int) -> torch.Tensor:
    """Weights at the z of the draws."""
    z_PD = draws.z[0][:texts]
    generator = torch.Generator().manual_seed(seed + 123)
    noise = torch.randn(drawn, texts, vae.data_size, generator=generator, dtype=torch.float64)
    x_KPn = z_PD @ vae.weight.mT + vae.bias + math.sqrt(vae.noise) * noise
    data = torch.distributions.MultivariateNormal(vae.data_mean, vae.data_covariance)
    own_P = draws.log_q_x[:texts] + draws.log_q_z_x[0, :texts] - draws.log_p_x_z[0, :texts]
    mean, std = vae.encode(x_KPn)
    log_q = torch.distributions.Independent(torch.distributions.Normal(mean, std), 1).log_prob(z_PD)
    log_r = torch.stack([vae.log_conditional(x, z_PD[None])[0] for x in x_KPn])
    return torch.cat([own_P[None], data.log_prob(x_KPn) + log_q - log_r])


def test_every_bound_is_on_its_side_and_the_new_ones_are_the_near_ones():
    vae = model()
    found = [evidence_of(vae, seed).information_ends for seed in range(8)]
    for side, sign in (("lower", 1), ("upper", -1)):
        for name in getattr(found[0], side):
            bounds = [getattr(ends, side)[name] for ends in found]
            value = sum(map(jackknife.value, bounds)) / 8
            error = sum(map(jackknife.standard_error, bounds)) / 8 / math.sqrt(8)
            assert sign * (vae.information - value) > -4 * error - 1e-9, (side, name)
    for name in ("text_space", "stacked_marginal"):
        value = sum(jackknife.value(ends.upper[name]) for ends in found) / 8
        assert abs(value - vae.information) < 0.4
    for name in ("text_space", "known_entropy"):
        assert jackknife.value(found[0].lower[name]) > math.log(N) + 2


def test_the_intervals_are_narrow_and_say_which_bounds_they_are():
    vae = model()
    evidence = evidence_of(vae, 3)
    information, marginal = mutual_information(evidence), marginal_kl(evidence)
    assert information.low <= vae.information <= information.high <= information.low + 0.8
    assert marginal.low <= vae.marginal_kl <= marginal.high <= marginal.low + 0.8
    assert (information.detail["low_by"], marginal.detail["high_by"]) == ("text_space", "text_space")
    assert information.detail["high_by"] == marginal.detail["low_by"]
    assert information.detail["text_space_drawn"] == 32
    assert 1 < information.detail["text_space_effective"] <= 32
    finding = {f.name: f for f in assess(evidence, diagnostics=["mutual_information"]).findings}["mutual_information"]
    assert finding.verdict == "PASS"
    assert "at least by texts drawn at z" in finding.message


def test_further_texts_raise_the_ceiling():
    vae = model()
    plain, more = evidence_of(vae, 1), evidence_of(vae, 1)
    plain = replace(plain, references=References())
    more = replace(more, references=References(components=encodings(vae, 20_000, 7)))
    few, many = (jackknife.value(e.information_ends.lower["self"]) for e in (plain, more))
    assert few < math.log(N) < many < vae.information
    # the value stays the information about which of the assessed texts it is
    assert mutual_information(plain).value == mutual_information(more).value


def test_further_texts_that_repeat_an_assessed_one_are_its_copies():
    vae = model()
    draws = Draws(**vae.sample_draws(60))
    same = Encodings(draws.posterior_mean, draws.posterior_std)
    twice = Evidence(draws, references=References(components=same)).information_ends
    once = Evidence(draws).information_ends
    torch.testing.assert_close(twice.lower["self"], once.lower["self"], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(twice.upper["leave_one_out"], once.upper["leave_one_out"], rtol=1e-5, atol=1e-5)


def test_training_texts_that_are_assessed_are_left_out_of_the_density_that_scores_them():
    """The mutation: if g includes the scored texts, R_g falls to I_self, below I."""
    vae = model(12.0)
    draws = replace(Draws(**vae.sample_draws(300)), log_q_x=None)
    clean = encodings(vae, 600, 11)
    leaked = Encodings(torch.cat([clean.mean, draws.posterior_mean]), torch.cat([clean.std, draws.posterior_std]))
    bounds = [
        Evidence(draws, references=References(training=training)).information_ends.upper["stacked_marginal"]
        for training in (clean, leaked)
    ]
    assert all(jackknife.value(bound) > vae.information - 3 * jackknife.standard_error(bound) for bound in bounds)
    # told that all texts are different, the same numbers would be a false bound
    blind = Encodings(leaked.mean, leaked.std, text_id=torch.arange(300, 1200))
    numbered = replace(draws, text_id=torch.arange(300))
    false = Evidence(numbered, references=References(training=blind)).information_ends.upper["stacked_marginal"]
    assert jackknife.value(false) < vae.information - 1


def test_common_texts_of_a_known_language_keep_their_share_of_the_density():
    """K texts with separate codes, many also in training: I = H(X), and leaving a text out would cost its share."""
    classes, n = 8, 400
    mean_KD = 15.0 * torch.eye(classes)[:, :4] + 30.0 * torch.eye(classes)[:, 4:]
    chance_K = torch.arange(1, classes + 1).double() / 36
    generator = torch.Generator().manual_seed(0)
    index_N, index_T = (torch.multinomial(chance_K, count, True, generator=generator) for count in (n, 2000))
    posterior_mean, log_q_x = mean_KD[index_N], chance_K[index_N].log()
    z = posterior_mean[None] + torch.randn(1, n, 4, generator=generator)
    normal = torch.distributions.Independent(torch.distributions.Normal(posterior_mean, 1.0), 1)
    draws = Draws(
        posterior_mean=posterior_mean,
        posterior_std=torch.ones(n, 4),
        z=z,
        log_p_x_z=torch.zeros(1, n),
        log_p_z=torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(-1),
        log_q_z_x=normal.log_prob(z),
        tokens=torch.ones(n, dtype=torch.int64),
        log_q_x=log_q_x,
        text_id=index_N,
    )
    training = Encodings(mean_KD[index_T], torch.ones(2000, 4), text_id=index_T)
    information = -(chance_K * chance_K.log()).sum().item()
    ends = Evidence(draws, references=References(training=training)).information_ends
    assert abs(jackknife.value(ends.upper["stacked_marginal"]) - information) < 0.1
    # of an unknown language the other copies may be a leak, and are not used
    unknown = Evidence(replace(draws, log_q_x=None), references=References(training=training)).information_ends
    assert jackknife.value(unknown.upper["stacked_marginal"]) > information + 1
    # no text keeps more than its probability: a leak of rare texts gains nothing
    rare = replace(draws, log_q_x=torch.full((n,), -40.0))
    bound = Evidence(rare, references=References(training=training)).information_ends.upper["stacked_marginal"]
    assert jackknife.value(bound) > information + 1


def test_a_forgotten_own_text_would_give_a_lower_end_above_the_truth(monkeypatch):
    vae = replace(model(), noise=4.0)
    evidence = evidence_of(vae, 0, drawn=2)
    assert jackknife.value(evidence.information_ends.lower["text_space"]) < vae.information
    forget = log_density_ends
    monkeypatch.setattr(information_ends, "log_density_ends", lambda w: (forget(w)[0], forget(w[1:])[1]))
    forgotten = information_ends.InformationEnds(
        evidence.aggregate, evidence.draws, evidence.facts, evidence.references
    )
    assert jackknife.value(forgotten.lower["text_space"]) > vae.information + 0.05


def test_a_fitted_density_enters_where_it_is_the_best():
    vae = model()
    draws = Draws(**vae.sample_draws(N))
    exact = torch.distributions.MultivariateNormal(vae.aggregate_mean, vae.aggregate_covariance).log_prob(draws.z[0])
    references = References(training=encodings(vae, 50, 3), log_densities={"flow": exact})
    ends = Evidence(draws, references=references).information_ends
    assert all(max(weights, key=weights.get) == "flow" for weights in ends.weights)
    bound = ends.upper["stacked_marginal"]
    assert vae.information - 3 * jackknife.standard_error(bound) < jackknife.value(bound)
    assert jackknife.value(bound) < vae.information + 0.06 + 3 * jackknife.standard_error(bound)


@pytest.mark.parametrize(
    ("references", "message"),
    [
        (References(training=Encodings(torch.zeros(5, 2), torch.ones(5, 2))), r"'training'.*\[T, 3\]"),
        (References(components=Encodings(torch.zeros(5, 3), torch.zeros(5, 3))), "'components'.*positive"),
        (References(log_densities={"flow": torch.zeros(3)}), "'log_densities', 'flow'"),
        (References(text_space=torch.zeros(1, 10)), "'text_space'.*K >= 1"),
    ],
)
def test_malformed_references_are_refused(references, message):
    draws = Draws(**model().sample_draws(20))
    with pytest.raises(UserError, match=message):
        Evidence(draws, references=references).validate()


@pytest.mark.slow
@pytest.mark.parametrize("parts", ["training", "components", "known_entropy", "text_space", "all"])
def test_intervals_cover_the_truth_over_400_repetitions(parts):
    """Two-sided 95% intervals of I and of the marginal KL, and how narrow they are, for each kind of evidence."""
    vae, missed, widths = model(), {"information": 0, "marginal_kl": 0}, []
    for seed in range(400):
        whole = evidence_of(vae, seed, n=300, training=2000, components=1000, drawn=16)
        if parts != "all":
            none = References(training=None, components=None, text_space=None)
            kept = {parts: getattr(whole.references, parts)} if parts != "known_entropy" else {}
            facts = whole.facts if parts == "known_entropy" else Facts()
            whole = Evidence(whole.draws, facts=facts, references=replace(none, **kept))
        for name, estimate in (("information", mutual_information(whole)), ("marginal_kl", marginal_kl(whole))):
            missed[name] += not estimate.low <= getattr(vae, name) <= estimate.high
            widths.append(estimate.high - estimate.low)
    assert max(missed.values()) <= 0.06 * 400, missed
