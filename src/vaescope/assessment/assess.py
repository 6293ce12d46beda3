"""assess: all diagnostics of one sweep, their findings, and the file that they are kept in."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from importlib import metadata as packages
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaescope import __version__, choices
from vaescope.assessment import thresholds as conventions
from vaescope.assessment import verdict as verdicts
from vaescope.assessment.diagnostic import Diagnostic
from vaescope.assessment.findings import Finding, worst_first
from vaescope.assessment.identities import estimate_identities, evidence_identities
from vaescope.assessment.repeated_texts import repeated_texts
from vaescope.assessment.thresholds import Thresholds
from vaescope.errors import Missing, UserError, unknown
from vaescope.estimators.estimate import Estimate
from vaescope.evidence.draws import Draws
from vaescope.evidence.evidence import Evidence
from vaescope.evidence.per_text import PerText

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUITES = ("fast", "full")


@dataclass(frozen=True)
class Assessment:
    """What is known about a model from one sweep.

    Attributes:
        estimates: the numbers by name.
        findings: the judgements, worst first.
        skipped: why a diagnostic did not run, by name.
        metadata: sizes, thresholds, versions, and what the draws say of their origin (split, run, seed).
        figures: the pictures of the diagnostics by name.
        per_text: the numbers of each single text, for comparisons of models; not part of the JSON.
    """

    estimates: dict[str, Estimate]
    findings: list[Finding]
    skipped: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    figures: dict[str, Figure] = field(default_factory=dict, repr=False)
    per_text: PerText | None = field(default=None, repr=False)

    @property
    def collapsed(self) -> bool:
        """Whether z carries nothing."""
        return _collapsed(self.findings)

    @property
    def verdict(self) -> str:
        """The verdict on the model: FAIL, WARN, UNRESOLVED, PASS, or BASELINE for a language model."""
        return verdicts.verdict(self.findings)

    @property
    def badges(self) -> dict[str, verdicts.Badge]:
        """The answers to the three questions: ``use``, ``fit`` and ``trust``."""
        return verdicts.badges(self.findings)

    @property
    def headline(self) -> str:
        """One sentence on the model."""
        return verdicts.headline(self.estimates, self.findings, self.metadata)

    def to_json(self) -> dict[str, Any]:
        """Return the content of ``assessment.json``; what is not a finite number becomes null."""
        content = {
            "verdict": self.verdict,
            "headline": self.headline,
            "badges": {name: badge.answer for name, badge in self.badges.items()},
            "estimates": {name: estimate.to_json() for name, estimate in self.estimates.items()},
            "findings": [finding.to_json() for finding in self.findings],
            "skipped": self.skipped,
            "metadata": self.metadata,
        }
        return _finite(content)

    def save(self, folder: Path | str, *, name: str = "assessment", figures: Iterable[str] = ("svg",)) -> Path:
        """Write ``NAME.json``, ``NAME-texts.safetensors`` and, into ``NAME-figures``, each figure in each format."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}.json"
        path.write_text(json.dumps(self.to_json(), indent=2, allow_nan=False) + "\n", encoding="utf-8")
        if self.per_text is not None:
            self.per_text.save(folder / f"{name}-texts.safetensors")
        for diagnostic, figure in self.figures.items():
            for suffix in figures:
                target = folder / f"{name}-figures" / f"{diagnostic}.{suffix}"
                target.parent.mkdir(exist_ok=True)
                figure.savefig(target)
        return path

    @classmethod
    def load(cls, folder: Path | str, *, name: str = "assessment") -> Assessment:
        """Read what ``save`` wrote, but for the figures; without ``NAME-texts.safetensors`` there is no ``per_text``.

        Raises:
            UserError: no such file, or not that of an assessment.
        """
        path, texts = Path(folder) / f"{name}.json", Path(folder) / f"{name}-texts.safetensors"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                estimates={name: Estimate.from_json(fields) for name, fields in content["estimates"].items()},
                findings=[Finding(**fields) for fields in content["findings"]],
                skipped=content["skipped"],
                metadata=content["metadata"],
                per_text=PerText.load(texts) if texts.exists() else None,
            )
        except OSError as error:
            raise UserError(f"{path}: no such assessment; make it with vaescope assess") from error
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise UserError(f"{path}: not an assessment ({error}); make it again with vaescope assess") from error

    def rows(self) -> list[dict[str, Any]]:
        """Return one row per estimate for a table: name, value, se, low, high, unit, kind, n."""
        names = ("value", "se", "low", "high", "unit", "kind", "n")
        return [{"name": name, **{k: getattr(e, k) for k in names}} for name, e in self.estimates.items()]


def assess(
    evidence: Evidence | Draws,
    *,
    suite: str = "full",
    diagnostics: Iterable[str | Diagnostic] | None = None,
    also: Iterable[str | Diagnostic] = (),
    thresholds: Mapping[str, float] | None = None,
) -> Assessment:
    """Run the diagnostics that the evidence allows on any latent variable model, and judge them.

    A diagnostic whose evidence is missing is skipped with the reason, as is one that an identity blocks: where the
    sampler is not the scorer, say, no number on drawn texts means anything.

    Args:
        evidence: what is known of a model on N texts. The draws of a sweep alone are enough for what concerns rate,
            information and q(z); what concerns p(x, z) and the texts themselves needs ``Evidence``.
        suite: ``full`` for all diagnostics, ``fast`` for those that are cheap enough for every validation.
        diagnostics: names, or diagnostics constructed with options, instead of a suite.
        also: more of them, in addition.
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
    failed = [finding.name for finding in checked if finding.verdict == "FAIL"]
    ran, estimates, skipped = _run({name: d.under(table) for name, d in chosen.items()}, evidence, failed)
    checked += estimate_identities(evidence, estimates, table)
    return Assessment(
        estimates=estimates,
        findings=worst_first(_judge(ran, estimates, evidence, table) + checked),
        skipped=skipped,
        metadata={**_metadata(evidence.draws, table), "suite": suite},
        figures={n: f for n, d in ran.items() if (f := d.figure(evidence, estimates)) is not None},
        per_text=PerText.of(evidence),
    )


def _run(
    chosen: dict[str, Diagnostic], evidence: Evidence, failed: list[str]
) -> tuple[dict[str, Diagnostic], dict[str, Estimate], dict[str, str]]:
    """Run diagnostics; return those that had what they need, the estimates, and why other names are absent."""
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
    """Refuse a suite that is none.

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
    if verdicts.is_baseline(everything):
        return [f if _applies_without_latent(f) else f.without_latent() for f in everything]
    if _collapsed(everything):
        everything = [
            finding.vacuous() if ran[name].consistency else finding
            for name, findings in judged.items()
            for finding in findings
        ]
    return everything


def _applies_without_latent(finding: Finding) -> bool:
    """Whether a finding asks for something that a language model has."""
    return finding.name == "latent_use" or verdicts.question_of(finding.name) in ("trust", "other")


def _collapsed(findings: list[Finding]) -> bool:
    return any(finding.name == "latent_use" and finding.verdict in ("FAIL", "VACUOUS") for finding in findings)


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


def _finite(content: Any) -> Any:
    if isinstance(content, dict):
        return {str(key): _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    if isinstance(content, float) and not math.isfinite(content):
        return None
    return content if isinstance(content, str | int | float | bool | None) else str(content)
