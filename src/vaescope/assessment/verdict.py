"""The verdict on a model: three questions, each with a badge, and one sentence.

The verdict comes from the first two questions. The third is about the numbers: an unreliable estimate is no argument
against the model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vaescope.assessment.findings import VERDICTS, Finding
from vaescope.estimators.estimate import Estimate

QUESTIONS = {
    "use": "Is z used?",
    "fit": "Does q(z) fit the prior?",
    "trust": "Can these numbers be trusted?",
    "model": "What else is known of the model",
}
"""The questions in their order; findings of the last one do not enter the verdict."""

RUN_VERDICTS = (*VERDICTS, "BASELINE")
"""Verdicts on a run, the worst first. BASELINE: a language model, which has no z to judge."""

_FINDINGS = {
    "use": ("latent_use", "decoder_use", "mutual_information", "conversion_efficiency", "rate_return"),
    "fit": (
        "marginal_kl",
        "moments",
        "holes",
        "radius",
        "kolmogorov_smirnov",
        "sliced_wasserstein",
        "mmd",
        "classifier_two_sample",
    ),
    "trust": (
        "total_correlation",
        "surplus_rate",
        "outlying_texts",
        "joint_inconsistency",
        "log_likelihood",
        "annealed_likelihood",
        "repeated_texts",
        "training_texts",
        "lost_text",
        "unfinished_texts",
    ),
    "model": (
        "inference_gap",
        "joint_classifier",
        "posterior_calibration",
        "tarp",
        "information_ceiling",
        "pqmass",
        "generated_likelihood",
        "latent_attention",
        "constraint",
    ),
}
_QUESTION = {name: question for question, names in _FINDINGS.items() for name in names}

ANSWERS = {
    "use": {"FAIL": "collapsed", "WARN": "partly", "UNRESOLVED": "not resolved", "PASS": "used", "BASELINE": "no z"},
    "fit": {
        "FAIL": "no",
        "WARN": "nearly",
        "UNRESOLVED": "not resolved",
        "PASS": "yes",
        "VACUOUS": "nothing to fit",
        "BASELINE": "no z",
    },
    "trust": {"FAIL": "no", "WARN": "with care", "UNRESOLVED": "not all", "PASS": "yes"},
}


@dataclass(frozen=True)
class Badge:
    """The answer to a question.

    Attributes:
        question: a key of ``QUESTIONS``.
        verdict: one of ``RUN_VERDICTS``.
        answer: the answer in a word or two.
        because: the findings that decide it, by name.
    """

    question: str
    verdict: str
    answer: str
    because: tuple[str, ...] = ()


def question_of(name: str) -> str:
    """Return the question that a finding belongs to; findings of external diagnostics are ``other``.

    >>> question_of("decoder_use"), question_of("identity_rate"), question_of("text_length"), question_of("mine")
    ('use', 'trust', 'model', 'other')
    """
    if name.startswith("identity_"):
        return "trust"
    return "model" if name.startswith(("text_", "probe", "disentanglement")) else _QUESTION.get(name, "other")


def is_baseline(findings: Sequence[Finding]) -> bool:
    """Return whether the model is a language model, which has no z."""
    return any(finding.name == "latent_use" and finding.verdict == "VACUOUS" for finding in findings)


def badges(findings: Sequence[Finding]) -> dict[str, Badge]:
    """Return the answers to the three questions.

    >>> found = badges([Finding("latent_use", "PASS", ""), Finding("marginal_kl", "FAIL", "")])
    >>> found["use"].answer, found["fit"].answer, found["trust"].answer
    ('used', 'no', 'yes')
    """
    if is_baseline(findings):
        none = {question: Badge(question, "BASELINE", ANSWERS[question]["BASELINE"]) for question in ("use", "fit")}
        return none | {"trust": _trust(findings)}
    return {"use": _use(findings), "fit": _fit(findings), "trust": _trust(findings)}


def verdict(findings: Sequence[Finding]) -> str:
    """Return the verdict on a run: the worst of the first two badges and of findings of external diagnostics.

    If an identity fails, the draws or the program are wrong, so the model cannot be judged: FAIL.

    >>> verdict([Finding("latent_use", "PASS", ""), Finding("log_likelihood", "FAIL", "")])
    'PASS'
    """
    found = badges(findings)
    if found["trust"].verdict == "FAIL":
        return "FAIL"
    if found["use"].verdict == "BASELINE":
        return "BASELINE"
    judged = [found["use"], found["fit"]]
    counted = [badge.verdict for badge in judged if badge.because or badge.verdict == "FAIL"]
    counted += [finding.verdict for finding in findings if question_of(finding.name) == "other"]
    return _worst(counted)


def _worst(verdicts: Sequence[str]) -> str:
    return min(verdicts, key=VERDICTS.index, default="PASS")


def _named(findings: Sequence[Finding], question: str) -> dict[str, str]:
    """Return the verdicts of the findings of a question by name; the worst of several with the same name."""
    found: dict[str, str] = {}
    for finding in findings:
        if question_of(finding.name) == question:
            found[finding.name] = _worst([finding.verdict, found.get(finding.name, "PASS")])
    return found


def _badge(question: str, verdict: str, found: Mapping[str, str]) -> Badge:
    because = tuple(name for name, of in found.items() if of == verdict) or tuple(found)[:1]
    return Badge(question, verdict, ANSWERS[question].get(verdict, verdict.lower()), because)


def _use(findings: Sequence[Finding]) -> Badge:
    """Collapsed if the rate or the decoder's use of z fails; partial use if forced rate saves little distortion."""
    found = _named(findings, "use")
    judged = _worst([found[name] for name in ("latent_use", "decoder_use") if name in found])
    others = {name: of for name, of in found.items() if name not in ("latent_use", "decoder_use")}
    if judged == "PASS" and "FAIL" in others.values():
        return Badge("use", "WARN", ANSWERS["use"]["WARN"], tuple(n for n, of in others.items() if of == "FAIL"))
    badge = _badge("use", judged, {name: of for name, of in found.items() if name not in others})
    unread = judged == "FAIL" and found.get("latent_use") != "FAIL"
    return Badge("use", judged, "not by the decoder", badge.because) if unread else badge


def _fit(findings: Sequence[Finding]) -> Badge:
    """The marginal KL decides if it is resolved; other distances are then at most a WARN."""
    found = _named(findings, "fit")
    whole, others = found.get("marginal_kl"), {name: of for name, of in found.items() if name != "marginal_kl"}
    seen = _worst([of for of in others.values() if of in ("FAIL", "WARN")])
    if whole == "PASS" and seen != "PASS":
        return Badge("fit", "WARN", ANSWERS["fit"]["WARN"], tuple(n for n, of in others.items() if of == seen))
    if whole in ("FAIL", "WARN", "PASS", "VACUOUS"):
        return _badge("fit", whole, {"marginal_kl": whole})
    if whole is None and others:
        return _badge("fit", _worst(list(others.values())), others)
    if seen == "PASS":
        return _badge("fit", whole or "PASS", {} if whole is None else {"marginal_kl": whole})
    return _badge("fit", seen, others)


def _trust(findings: Sequence[Finding]) -> Badge:
    """Only a failed identity makes the numbers wrong; a loose bound or a wide interval concerns some of them."""
    found = _named(findings, "trust")
    if _named(findings, "use").get("mutual_information") == "UNRESOLVED":
        found["mutual_information"] = "UNRESOLVED"
    identities = [name for name in found if name.startswith("identity_") or name == "joint_inconsistency"]
    broken = {name: "FAIL" for name in identities if found[name] == "FAIL"}
    if broken:
        return _badge("trust", "FAIL", broken)
    marked = {name: "WARN" if of == "FAIL" else of for name, of in found.items() if of != "VACUOUS"}
    return _badge("trust", _worst(list(marked.values())), marked)


def headline(estimates: Mapping[str, Estimate], findings: Sequence[Finding], metadata: Mapping[str, Any]) -> str:
    """Return one sentence on a run: the information in z, the number of active units, and the fit of q(z) to the
    prior."""
    found = badges(findings)
    if found["trust"].verdict == "FAIL":
        return f"The draws contradict themselves ({', '.join(found['trust'].because)}): no number here means anything."
    if found["use"].verdict == "BASELINE":
        return f"A language model, the baseline without z{_cost(estimates, metadata, '; a text costs ')}."
    if _collapsed(findings):
        rate = estimates["rate"].value if "rate" in estimates else 0.0
        return f"z carries nothing: all texts are encoded alike (rate {rate:.2g} nats{_units(estimates, ', ')})."
    parts = [text for text in (_carried(estimates, findings, metadata), _fitted(estimates, found["fit"])) if text]
    return "; ".join(parts) + "." if parts else "Nothing is known of z."


def _collapsed(findings: Sequence[Finding]) -> bool:
    return any(finding.name == "latent_use" and finding.verdict == "FAIL" for finding in findings)


def _cost(estimates: Mapping[str, Estimate], metadata: Mapping[str, Any], before: str) -> str:
    """The information content of a text: the entropy if it is known, else the bound on log p(x)."""
    if isinstance(entropy := metadata.get("entropy"), int | float):
        return f"{before}{entropy:.1f} nats"
    bound = estimates.get("log_likelihood") or estimates.get("elbo")
    return "" if bound is None else f"{before}{-bound.value:.1f} nats"


def _units(estimates: Mapping[str, Estimate], before: str) -> str:
    units = estimates.get("active_units")
    if units is None or "units" not in units.detail:
        return ""
    return f"{before}{units.value:.0f} of {units.detail['units']} units"


def _carried(estimates: Mapping[str, Estimate], findings: Sequence[Finding], metadata: Mapping[str, Any]) -> str:
    information = estimates.get("mutual_information")
    if information is None:
        return ""
    sure = not any(f.name == "mutual_information" and f.verdict == "UNRESOLVED" for f in findings)
    text = f"z carries {_span(information) if sure else f'at least {max(0.0, information.low):.1f}'}"
    text += f"{_cost(estimates, metadata, ' of the ')} of a text" if _cost(estimates, metadata, "") else " nats"
    text += _units(estimates, ", in ")
    ignored = any(f.name == "decoder_use" and f.verdict == "FAIL" for f in findings)
    return f"{text}, but the decoder ignores it" if ignored else text


def _fitted(estimates: Mapping[str, Estimate], fit: Badge) -> str:
    kl = estimates.get("marginal_kl")
    if kl is None:
        return ""
    if fit.verdict == "UNRESOLVED":
        return f"whether q(z) fits the prior is not resolved (0 to {kl.high:.1f} nats apart)"
    if fit.verdict == "PASS":
        return f"q(z) fits the prior within {kl.high:.1f} nats"
    words = "does not fit the prior" if fit.verdict == "FAIL" else "nearly fits the prior"
    others = ", ".join(name for name in fit.because if name != "marginal_kl")
    return f"q(z) {words} ({_span(kl)} nats apart{f'; see {others}' if others else ''})"


def _span(estimate: Estimate) -> str:
    """Return one number if the interval is narrow, else both ends."""
    low, high = f"{max(0.0, estimate.low):.1f}", f"{estimate.high:.1f}"
    near = estimate.high - max(0.0, estimate.low) <= max(0.1, 0.1 * estimate.high)
    return f"{(max(0.0, estimate.low) + estimate.high) / 2:.1f}" if near or low == high else f"{low} to {high}"


def is_collapsed(findings: Sequence[Finding]) -> bool:
    """Return whether z carries nothing."""
    return any(finding.name == "latent_use" and finding.verdict in ("FAIL", "VACUOUS") for finding in findings)
