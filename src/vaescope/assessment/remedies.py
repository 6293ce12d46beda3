"""What to do about a finding: one command that can be copied, with the reason for its numbers.

A diagnostic says in ``next_step`` what would help. Where the run is known, the remedy of the finding's name replaces
that by a command of this run and the reason for its target. Without one, the command shows the page of the finding.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vaescope.assessment.explanations import page_of
from vaescope.assessment.findings import Finding
from vaescope.assessment.first_rate import first_rate
from vaescope.estimators.estimate import Estimate

SILENT = ("PASS", "VACUOUS")
"""Verdicts that need no remedy."""


@dataclass(frozen=True)
class Situation:
    """What is known of an assessed run.

    Attributes:
        finding: what was found.
        estimates: the numbers by name.
        metadata: of the assessment: run, split, checkpoint, config, control, suite, sizes.
        collapsed: whether z carries nothing, which explains other findings.
    """

    finding: Finding
    estimates: Mapping[str, Estimate]
    metadata: Mapping[str, Any]
    collapsed: bool

    @property
    def run(self) -> str:
        """The folder of the run."""
        return str(self.metadata["run"])

    @property
    def target(self) -> float | None:
        """The rate that the objective aims at, where its options have one."""
        objective = self.setting("objective")
        rate = objective.get("rate") if isinstance(objective, dict) else None
        return float(rate) if isinstance(rate, int | float) else None

    def setting(self, key: str, otherwise: Any = None) -> Any:
        """Return a value of the configuration by its dotted key."""
        value: Any = self.metadata.get("config")
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return otherwise if value is None else value

    @property
    def cost(self) -> float | None:
        """Nats of a text: by the bound on log p(x)."""
        bound = self.estimates.get("log_likelihood") or self.estimates.get("elbo")
        return None if bound is None or not math.isfinite(bound.value) else -bound.value

    def train(self, name: str, *overrides: str) -> str:
        """Return the command that trains this configuration again with other values, into ``RUN-NAME``."""
        words = [f"{self.run}/config.yaml", *overrides, f"out={self.run}-{name}"]
        return " ".join(["vaescope train", *map(shlex.quote, words)])

    def assess(self, **changed: Any) -> str:
        """Return the command that assesses the same weights and split in the same way but for what is changed."""
        kept, suite = self.metadata.get("checkpoint", "model"), self.metadata.get("suite")
        options = {
            "split": self.metadata.get("split", "valid"),
            "suite": "full" if suite == "full" else None,
            "control": self.metadata.get("control"),
            "components": self.setting("assessment.components"),
            "checkpoint": None if kept == "model" else kept,
        }
        given = {name: str(value) for name, value in {**options, **changed}.items() if value is not None}
        words = [self.run, *(word for name, value in given.items() for word in (f"--{name}", value))]
        return " ".join(["vaescope assess", *map(shlex.quote, words)])


Remedy = tuple[str, str]
"""Why, and the command."""


def _rate(situation: Situation, rate: float, why: str) -> Remedy:
    """The same configuration with this target, by the objective that it has if that has a rate."""
    objective = situation.setting("objective")
    chosen = {**objective, "rate": rate} if situation.target is not None else {"preset": "mdr", "rate": rate}
    options = ", ".join(f"{key}: {_yaml(value)}" for key, value in chosen.items())
    return why, situation.train(f"rate-{rate:g}", f"objective={{{options}}}")


def _yaml(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)


def _collapsed(situation: Situation) -> Remedy:
    if situation.setting("model.freeze", "none") in ("encoder", "posterior", "both"):
        return "train the encoder too, which this run does not", situation.train("unfrozen", "model.freeze=none")
    if situation.target is not None:
        return _longer(situation, "the objective already asks for a rate, so give it time")
    rate, reason = first_rate(situation.cost)
    return _rate(situation, rate, f"put a floor under the rate: {reason}")


def _latent_use(situation: Situation) -> Remedy | None:
    rate = situation.estimates.get("rate")
    limit = float(situation.metadata.get("thresholds", {}).get("latent_use", 0.1))
    if rate is not None and rate.high < limit:
        return _collapsed(situation)
    return _more_texts(situation) if situation.finding.verdict == "UNRESOLVED" else _word_dropout(situation)


def _decoder_use(situation: Situation) -> Remedy | None:
    if situation.collapsed:
        return _latent_use(situation)
    return _more_texts(situation) if situation.finding.verdict == "UNRESOLVED" else _word_dropout(situation)


def _word_dropout(situation: Situation) -> Remedy:
    dropped = float(situation.setting("model.word_dropout", 0.0))
    if dropped < 0.2:
        why = "hide a fifth of the decoder's input words in training, so that it needs z"
        return why, situation.train("word-dropout", "model.word_dropout=0.2")
    return _injection(situation) or _longer(situation, "word dropout is on and every injection is used")


def _injection(situation: Situation) -> Remedy | None:
    """Add the two injections of the default that are missing."""
    given = situation.setting("model.injection", "")
    present = given.split("+") if isinstance(given, str) else list(given)
    missing = [name for name in ("memory", "embedding") if name not in present]
    if not missing or not isinstance(given, str):
        return None
    why = f"let z reach the decoder by {' and '.join(missing)} too"
    return why, situation.train("injection", f"model.injection={'+'.join([*present, *missing])}")


def _longer(situation: Situation, reason: str) -> Remedy:
    steps = 2 * int(situation.setting("training.steps", 5000))
    return f"{reason} (twice the steps)", situation.train(f"{steps}-steps", f"training.steps={steps}")


def _encoder_longer(situation: Situation) -> Remedy:
    if situation.finding.verdict == "UNRESOLVED":
        return _more_samples(situation)
    return _longer(situation, "train longer: q(z|x) is not yet the posterior of this decoder")


def _texts_longer(situation: Situation) -> Remedy | None:
    if situation.metadata.get("control") is not None:
        return _longer(situation, "the language model is the yardstick; train longer")
    if situation.metadata.get("config") is None or situation.setting("objective") == "language_model":
        return None
    why = "train a language model of the same size: its distance from the data is what a model of this size can reach"
    changes = ["objective=language_model", "model.injection=none"]
    changes += ["training.snapshots=[]"] if situation.setting("training.snapshots") else []
    return why, situation.train("language-model", *changes)


def _lower_target(situation: Situation) -> Remedy:
    if situation.target is None:
        return _word_dropout(situation)
    rate = float(f"{0.75 * situation.target:.2g}")
    why = f"lower the target from {situation.target:g} to {rate:g} nats: the last nats of it buy almost no distortion"
    return _rate(situation, rate, why)


def _higher_target(situation: Situation) -> Remedy:
    rate = situation.estimates.get("rate")
    now = situation.target or (0.0 if rate is None else rate.value)
    first, reason = first_rate(situation.cost)
    if now < first:
        return _rate(situation, first, f"train with a higher rate: {reason}")
    higher = float(f"{1.5 * now:.2g}")
    return _rate(situation, higher, f"train with a higher rate: {higher:g} nats, half as much again as now")


def _refit(situation: Situation) -> Remedy | None:
    if situation.finding.verdict == "UNRESOLVED":
        return _more_texts(situation)
    if situation.metadata.get("checkpoint", "model") != "model":
        return None
    return (
        "fit the prior to the encodings; encoder and decoder stay as they are",
        f"vaescope refit {shlex.quote(situation.run)}",
    )


def _more_texts(situation: Situation) -> Remedy | None:
    """More held-out texts as components of q(z): a built-in corpus has as many as one wants, another what is left."""
    given, built_in = situation.setting("assessment.components"), situation.setting("data.known") is not None
    if given is not None and not (built_in and str(given).isdigit()):
        return None
    count = str(10 * max(int(given or 0), int(situation.metadata.get("texts", 0)), 500)) if built_in else "all"
    words = f"{count} more texts" if built_in else "all held-out texts that are not assessed"
    why = f"encode {words} as components of q(z), which narrows the interval"
    return why, situation.assess(components=count)


def _more_samples(situation: Situation) -> Remedy:
    samples = max(64, 4 * int(situation.metadata.get("samples", 16)))
    return f"take {samples} samples per text", situation.assess(samples=samples)


def _likelihood(situation: Situation) -> Remedy:
    if situation.finding.verdict == "UNRESOLVED":
        return _more_samples(situation)
    if situation.metadata.get("suite") != "full":
        why = (
            "the full suite fits a proposal to each text, which is worth thousands of samples; until then it is a bound"
        )
        return why, situation.assess(suite="full")
    samples = 4 * int(situation.metadata.get("samples", 16))
    why = f"take {samples} samples per text; until then publish it as a bound only"
    return why, situation.assess(suite="full", samples=samples)


def _longer_texts(situation: Situation) -> Remedy:
    length = 2 * int(situation.setting("data.max_length", 64))
    return f"raise the length limit to {length} tokens", situation.train(
        f"{length}-tokens", f"data.max_length={length}"
    )


def _constraint(situation: Situation) -> Remedy:
    return _longer(situation, "train longer: the constraint was not met at the end")


def _joint(situation: Situation) -> Remedy | None:
    return _refit(situation) if "unlike the prior" in situation.finding.next_step else None


_REMEDIES: dict[str, Callable[[Situation], Remedy | None]] = {
    "latent_use": _latent_use,
    "decoder_use": _decoder_use,
    "mutual_information": _refit,
    "total_correlation": _more_texts,
    "surplus_rate": _more_texts,
    "conversion_efficiency": _lower_target,
    "rate_return": _lower_target,
    **dict.fromkeys(("marginal_kl", "moments", "holes", "radius", "mmd", "classifier_two_sample", "pqmass"), _refit),
    **dict.fromkeys(("kolmogorov_smirnov", "sliced_wasserstein"), _refit),
    "log_likelihood": _likelihood,
    "annealed_likelihood": _likelihood,
    "inference_gap": _encoder_longer,
    **dict.fromkeys(("posterior_calibration", "tarp"), _encoder_longer),
    "joint_classifier": _joint,
    "generated_likelihood": _texts_longer,
    "latent_attention": _injection,
    "unfinished_texts": _longer_texts,
    "constraint": _constraint,
}


def _remedy_of(name: str) -> Callable[[Situation], Remedy | None] | None:
    if name.startswith("probe"):
        return _higher_target
    return _texts_longer if name.startswith("text_") else _REMEDIES.get(name)


def advised(
    findings: Sequence[Finding], estimates: Mapping[str, Estimate], metadata: Mapping[str, Any]
) -> list[Finding]:
    """Return the findings, each that is not PASS with one command: a remedy for this run, or its page.

    Args:
        findings: of one assessment.
        estimates: its numbers.
        metadata: its metadata; without ``run`` and ``config`` only pages can be shown.

    >>> (found,) = advised([Finding("holes", "WARN", "28% of the prior")], {}, {"run": "runs/a", "config": {}})
    >>> found.command
    'vaescope refit runs/a'
    >>> advised([Finding("holes", "WARN", "28% of the prior")], {}, {})[0].command
    'vaescope explain holes'
    """
    collapsed = any(finding.name == "latent_use" and finding.verdict == "FAIL" for finding in findings)
    return [_with_command(Situation(finding, estimates, metadata, collapsed)) for finding in findings]


def _with_command(situation: Situation) -> Finding:
    finding = situation.finding
    if finding.verdict in SILENT:
        return finding
    known = situation.metadata.get("run") is not None and situation.metadata.get("config") is not None
    remedy = _remedy_of(finding.name) if known else None
    found = None if remedy is None else remedy(situation)
    if found is not None:
        return replace(finding, next_step=found[0], command=found[1])
    return replace(finding, command=f"vaescope explain {finding.name}" if page_of(finding.name) else "")
