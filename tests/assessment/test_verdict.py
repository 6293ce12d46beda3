"""Three questions, three badges, one verdict and one sentence, on models of known truth."""

from __future__ import annotations

import ast
import inspect
import itertools
import re
from dataclasses import replace

import pytest
import torch

from vaescope import choices
from vaescope.assessment.assess import assess
from vaescope.assessment.findings import VERDICTS, Finding
from vaescope.assessment.verdict import QUESTIONS, RUN_VERDICTS, badges, question_of, verdict
from vaescope.evidence.draws import Draws
from vaescope.evidence.linear_gaussian import LinearGaussian


def assessed(rate=2.0, *, shift=0.0, mean=1.0, texts=400, drop_z=False):
    vae = LinearGaussian.matched(latent_size=4, data_size=5, rate=rate)
    vae = replace(vae, encoder_bias=vae.encoder_bias * mean + shift, encoder_weight=vae.encoder_weight * mean)
    vae = replace(vae, weight=vae.weight * 0) if drop_z else vae
    x, tensors = vae.sample_data(texts, seed=1), vae.sample_draws(texts, samples=64, seed=1)
    from_ = torch.arange(texts).roll(1)
    other = vae.log_conditional(x, tensors["z"][-1][from_][None])[0]
    return assess(Draws(**tensors, log_p_x_z_shuffled=other, shuffled_from=from_), suite="fast")


def language_model(texts=200):
    normal = torch.distributions.Normal(0.0, 1.0)
    z = torch.randn(4, texts, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    density = normal.log_prob(z).sum(-1)
    log_p_x = torch.linspace(-30, -10, texts, dtype=torch.float64)
    blind = torch.zeros(texts, 2, dtype=torch.float64)
    return Draws(
        posterior_mean=blind,
        posterior_std=blind + 1,
        z=z,
        log_p_x_z=log_p_x.expand(4, -1).contiguous(),
        log_p_z=density,
        log_q_z_x=density,
        tokens=torch.full((texts,), 6),
        log_p_x_z_shuffled=log_p_x.clone(),
    )


def test_a_healthy_model_passes_and_says_how_much_z_carries():
    found = assessed()
    assert (found.verdict, found.badges["use"].answer, found.badges["fit"].answer) == ("PASS", "used", "yes")
    assert re.fullmatch(
        r"z carries [\d.]+( to [\d.]+)? of the [\d.]+ nats of a text, in 4 of 4 units; "
        r"q\(z\) fits the prior within 0\.\d nats\.",
        found.headline,
    )


def test_a_collapsed_model_fails_and_other_findings_about_z_are_vacuous():
    found = assessed(rate=1e-3)
    assert (found.verdict, found.badges["use"].answer, found.badges["fit"].answer) == (
        "FAIL",
        "collapsed",
        "nothing to fit",
    )
    assert found.headline.startswith("z carries nothing")
    assert "fits" not in found.headline


def test_a_model_whose_codes_are_shifted_does_not_fit_but_is_used():
    found = assessed(shift=0.9)
    assert (found.verdict, found.badges["use"].answer, found.badges["fit"].answer) == ("FAIL", "used", "no")
    assert "does not fit the prior" in found.headline


def test_a_language_model_is_the_baseline():
    found = assess(language_model(), suite="fast")
    assert found.verdict == "BASELINE"
    assert found.headline == "A language model, the baseline without z; a text costs 20.0 nats."
    assert not [f for f in found.findings if f.verdict in ("FAIL", "WARN")]
    assert not [f for f in found.findings if f.verdict == "VACUOUS" and f.next_step]


def test_an_unreliable_estimate_marks_the_number_and_not_the_model():
    findings = [
        Finding("latent_use", "PASS", ""),
        Finding("marginal_kl", "PASS", ""),
        Finding("log_likelihood", "FAIL", ""),
    ]
    assert verdict(findings) == "PASS"
    assert badges(findings)["trust"].answer == "with care"


def test_a_broken_identity_gives_no_verdict_on_the_model():
    findings = [Finding("latent_use", "PASS", ""), Finding("identity_rate", "FAIL", "")]
    assert verdict(findings) == "FAIL"
    assert badges(findings)["trust"].answer == "no"


def test_a_finding_from_elsewhere_counts():
    assert verdict([Finding("latent_use", "PASS", ""), Finding("mine", "WARN", "")]) == "WARN"


@pytest.mark.parametrize(
    "names", [("latent_use", "decoder_use"), ("marginal_kl", "holes"), ("latent_use", "marginal_kl")]
)
def test_a_badge_never_says_better_than_a_sure_finding(names):
    for pair in itertools.product(("FAIL", "WARN", "UNRESOLVED", "PASS"), repeat=2):
        findings = [Finding(name, of, "") for name, of in zip(names, pair, strict=True)]
        found = verdict(findings)
        assert found in RUN_VERDICTS
        if set(pair) != {"PASS"}:
            assert found != "PASS" or pair == ("PASS", "UNRESOLVED"), pair
        if pair[0] == "FAIL":
            assert found == "FAIL"


def test_every_finding_of_the_package_has_its_question():
    """A finding of our own diagnostics that no question knows would decide the verdict by itself."""
    names, makers = set(), ("Finding", "judge", "judged")
    for diagnostic in choices.names("diagnostics"):
        source = inspect.getsource(inspect.getmodule(choices.load("diagnostics", diagnostic)))
        calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) and node.args]
        makers = [
            c for c in calls if getattr(c.func, "id", getattr(c.func, "attr", "")) in ("Finding", "judge", "judged")
        ]
        names |= {call.args[0].value for call in makers if isinstance(call.args[0], ast.Constant)}
    assert {"latent_use", "marginal_kl"} <= names
    assert [name for name in sorted(names) if question_of(name) == "other"] == []
    assert set(QUESTIONS) >= {question_of(name) for name in names}
    assert set(VERDICTS) < set(RUN_VERDICTS)
