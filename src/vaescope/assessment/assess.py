"""assess: all diagnostics of one sweep, and their findings."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from importlib import metadata as packages
from typing import Any

from vaescope import __version__, choices
from vaescope.assessment import thresholds as conventions
from vaescope.assessment import verdict as verdicts
from vaescope.assessment.assessment import Assessment
from vaescope.assessment.diagnostic import Diagnostic
from vaescope.assessment.findings import Finding, worst_first
from vaescope.assessment.identities import estimate_identities, evidence_identities
from vaescope.assessment.lost_text import lost_text
from vaescope.assessment.remedies import advised
from vaescope.assessment.repeated_texts import repeated_texts, training_texts
from vaescope.assessment.thresholds import Thresholds
from vaescope.errors import Missing, UserError, unknown
from vaescope.estimators.estimate import Estimate
from vaescope.evidence.draws import Draws
from vaescope.evidence.evidence import Evidence
from vaescope.evidence.per_text import PerText

SUITES = ("fast", "full")


def assess(
    evidence: Evidence | Draws,
    *,
    suite: str = "full",
    diagnostics: Iterable[str | Diagnostic] | None = None,
    also: Iterable[str | Diagnostic] = (),
    thresholds: Mapping[str, float] | None = None,
) -> Assessment:
    """Run the diagnostics that the evidence allows on any latent variable model, and judge them.

    A diagnostic whose evidence is missing is skipped, with the reason. So is one that depends on an identity that
    fails: for instance, if sampler and scorer disagree, numbers on drawn texts have no meaning.

    Args:
        evidence: what is known of a model on N texts. The draws of a sweep are enough for rate, information and q(z);
            diagnostics of p(x, z) and of the texts need ``Evidence``.
        suite: ``full`` for all diagnostics, ``fast`` for those that are cheap enough for every validation.
        diagnostics: names, or diagnostics constructed with options, instead of a suite.
        also: further diagnostics, in addition.
        thresholds: values to override in the table of conventions.

    Raises:
        UserError: malformed evidence, an unknown suite, diagnostic or threshold.

    >>> from vaescope.evidence.linear_gaussian import LinearGaussian
    >>> model = LinearGaussian.matched(latent_size=2, data_size=3, rate=2.0)
    >>> assessment = assess(Draws(**model.sample_draws(500)), diagnostics=["rate", "mutual_information"])
    >>> rate = assessment.estimates["rate"]
    >>> rate.low < 2.0 < rate.high
    True
    """
    table = Thresholds.override(thresholds)
    chosen = (_suite(suite) if diagnostics is None else dict(map(_named, diagnostics))) | dict(map(_named, also))
    evidence = (Evidence.of(evidence) if isinstance(evidence, Draws) else evidence).validate()
    checked = evidence_identities(evidence, table) + repeated_texts(evidence.draws, table)
    checked += training_texts(evidence, table) + lost_text(evidence.facts)
    failed = [finding.name for finding in checked if finding.verdict == "FAIL"]
    ran, estimates, skipped = _run({name: d.under(table) for name, d in chosen.items()}, evidence, failed)
    checked += estimate_identities(evidence, estimates, table)
    metadata = {**_metadata(evidence.draws, table), "suite": suite}
    findings = worst_first(_judge(ran, estimates, evidence, table) + checked)
    return Assessment(
        estimates=estimates,
        findings=advised(findings, estimates, metadata),
        skipped=skipped,
        metadata=metadata,
        figures={n: f for n, d in ran.items() if (f := d.figure(evidence, estimates)) is not None},
        per_text=PerText.of(evidence),
    )


def _run(
    chosen: dict[str, Diagnostic], evidence: Evidence, failed: list[str]
) -> tuple[dict[str, Diagnostic], dict[str, Estimate], dict[str, str]]:
    """Run diagnostics; return those with complete evidence, the estimates, and the reasons why other names are
    absent."""
    ran: dict[str, Diagnostic] = {}
    estimates: dict[str, Estimate] = {}
    skipped: dict[str, str] = {}
    for name, diagnostic in chosen.items():
        if blocking := [identity for identity in diagnostic.blocked_by if identity in failed]:
            skipped[name] = f"blocked: {', '.join(blocking)} failed"
            continue
        try:
            results = diagnostic.estimate(evidence)
        except Missing as reason:
            skipped[name] = str(reason)
            continue
        ran[name] = diagnostic
        skipped |= {key: str(result) for key, result in results.items() if isinstance(result, Missing)}
        estimates |= {key: result for key, result in results.items() if isinstance(result, Estimate)}
    return ran, estimates, skipped


def check_suite(suite: str) -> None:
    """Refuse an unknown suite.

    Raises:
        UserError: the message suggests the nearest.
    """
    if suite not in SUITES:
        raise unknown("suite", suite, SUITES)


def _suite(suite: str) -> dict[str, Diagnostic]:
    check_suite(suite)
    built = {name: choices.build("diagnostics", name) for name in choices.names("diagnostics")}
    return {name: diagnostic for name, diagnostic in built.items() if suite == "full" or diagnostic.suite == "fast"}


def _named(item: str | Diagnostic) -> tuple[str, Diagnostic]:
    if isinstance(item, str):
        return item, choices.build("diagnostics", item)
    if isinstance(item, Diagnostic):
        return type(item).__module__.rsplit(".", 1)[-1], item
    raise UserError(f"a diagnostic is a name or a Diagnostic, not {type(item).__name__}")


def _judge(
    ran: dict[str, Diagnostic], estimates: dict[str, Estimate], evidence: Evidence, table: Thresholds
) -> list[Finding]:
    judged = {name: diagnostic.findings(estimates, evidence, table) for name, diagnostic in ran.items()}
    everything = [finding for findings in judged.values() for finding in findings]
    if not verdicts.is_collapsed(everything):
        return everything
    without = verdicts.is_baseline(everything)
    return [
        finding.without_latent()
        if without and not _applies_without_latent(finding, ran[name])
        else finding.vacuous()
        if not without and ran[name].consistency
        else finding
        for name, findings in judged.items()
        for finding in findings
    ]


def _applies_without_latent(finding: Finding, diagnostic: Diagnostic) -> bool:
    """Whether a finding applies to a language model: it is about the numbers or about texts."""
    if finding.name == "latent_use" or finding.name.startswith("text_"):
        return True
    return not diagnostic.consistency and verdicts.question_of(finding.name) in ("trust", "other")


def _metadata(draws: Draws, table: Thresholds) -> dict[str, Any]:
    return {
        **draws.metadata,
        "texts": draws.texts,
        "samples": draws.samples,
        "latent_size": draws.latent_size,
        "prior": "standard" if draws.prior_z is None else "samples",
        "thresholds": {"version": conventions.VERSION, **asdict(table)},
        "versions": {
            "vaescope": __version__,
            "python": platform.python_version(),
            "torch": packages.version("torch"),
            "transformers": packages.version("transformers"),
        },
    }
