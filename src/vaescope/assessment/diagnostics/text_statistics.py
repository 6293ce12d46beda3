"""Text statistics: are drawn texts like the data in length, repetition, word pairs and topics; does z steer them?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from vaescope.assessment import string_statistics as of
from vaescope.assessment.diagnostic import Diagnostic, Estimates, Results
from vaescope.assessment.findings import Finding, Rule
from vaescope.assessment.thresholds import Thresholds
from vaescope.assessment.units import Split, unit_of
from vaescope.errors import Missing
from vaescope.estimators.copies import Copies
from vaescope.estimators.estimate import Estimate
from vaescope.estimators.share import share_of
from vaescope.evidence.evidence import Evidence, need
from vaescope.evidence.simulations import Simulations
from vaescope.randomness import numpy_stream

UNITS = {"length": "{}s", "repetition": "share", "surprisal": "nats/{}", "topic": "nats/{}"}
RESAMPLES = 50
FEWEST = 20
DIGITS = 9


class TextStatistics(Diagnostic):
    """Wasserstein distance of each statistic between drawn texts and data, against that between halves of the data.

    Word pairs are counted and topics fitted in the second half of the distinct texts; all are compared with the first.
    Copies of a text count as one observation. The distance of a language model, if given, shows how close a model of
    that size can come. If the texts have no spaces between words, characters replace words. Does z steer? The rank
    correlation of a text's statistic with that of a text drawn from its z, compared with that for the text of another z
    (shuffled).
    """

    no_truth: ClassVar[str] = "it compares texts that the model decodes"
    blocked_by = ("identity_sampler",)
    suite = "full"

    def estimate(self, evidence: Evidence) -> Results:
        """Return ``text_statistics_NAME`` for each statistic, and ``text_statistics_distinct``."""
        simulations = _simulations(evidence)
        strings = need(evidence.strings, "strings of the texts", "give them as Facts(strings=...)")
        first_N = _first_half(evidence)
        data, counted = ([text for text, first in zip(strings, first_N, strict=True) if first == of] for of in (1, 0))
        unit, split = unit_of(strings)
        statistics: dict[str, of.Statistic] = {
            "length": partial(of.length, split=split),
            "repetition": partial(of.repetition, split=split),
            "surprisal": of.Bigrams(counted, split),
            "topic": of.Topics(counted, split),
        }
        estimates = {
            f"text_statistics_{name}": _compared(statistic, UNITS[name].format(unit), evidence, simulations)
            for name, statistic in statistics.items()
        }
        return {
            **estimates,
            "text_statistics_distinct": _distinct(data, _copies(evidence, first_N), simulations.strings, split),
        }

    def findings(self, estimates: Estimates, evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
        """Compare each distance with that between halves of the data, and report how many drawn texts did not end."""
        found = [
            _judged(name.removeprefix("text_statistics_"), estimate, thresholds)
            for name, estimate in estimates.items()
            if name.startswith("text_statistics_") and not name.endswith("distinct")
        ]
        share = share_of(~_simulations(evidence).finished, unit="of the drawn texts")
        message = f"{share.value:.1%} of the drawn texts did not end within the length limit"
        rule = Rule(thresholds.unfinished_share, math.inf, share.unit, sure=False)
        step = "train longer, or raise data.max_length"
        return [*found, rule.judge("unfinished_texts", share, message, next_step=step)]


def _simulations(evidence: Evidence) -> Simulations:
    return need(evidence.simulations, "drawn texts", "assess with suite=full")


def _copies(evidence: Evidence, kept_N: Tensor) -> Copies:
    """Return which of the kept texts count as one observation."""
    return evidence.draws.clusters(kept_N) or Copies.of(torch.arange(int(kept_N.sum())))


def _first_half(evidence: Evidence) -> Tensor:
    """Return which texts are in the first half of the distinct texts, ``[N]``, bool: all copies are in one half."""
    copies = _copies(evidence, torch.ones(evidence.draws.texts, dtype=torch.bool))
    if copies.distinct < FEWEST:
        raise Missing(f"{copies.distinct} distinct texts are too few to be halved: assess at least {FEWEST}")
    return copies.text < copies.distinct // 2


def _compared(statistic: of.Statistic, unit: str, evidence: Evidence, simulations: Simulations) -> Estimate:
    strings, first_N = evidence.strings or [], _first_half(evidence)
    data, copies = [text for text, first in zip(strings, first_N, strict=True) if first], _copies(evidence, first_N)
    # equal texts can differ in the last digits, by the order of a sum
    observed, drawn = (statistic(texts).round(DIGITS) for texts in (data, simulations.strings))
    detail = {
        "data_mean": observed.mean(),
        "drawn_mean": drawn.mean(),
        "data_std": observed.std(),
        "drawn_std": drawn.std(),
        "null_p95": of.null_quantile(observed, len(drawn), copies),
        "drawn_other_share": float((drawn != observed[0]).mean()) if np.ptp(observed) == 0 else None,
    }
    if simulations.control is not None:
        detail["control"] = stats.wasserstein_distance(observed, statistic(simulations.control))
    detail |= _steering(statistic, strings, first_N, simulations)
    generator = numpy_stream(0, "bootstrap of text statistics")
    resampled = [
        stats.wasserstein_distance(observed, generator.choice(drawn, len(drawn)), copies.resampled(generator))
        for _ in range(RESAMPLES)
    ]
    found = Estimate(
        value=float(stats.wasserstein_distance(observed, drawn)),
        se=float(np.std(resampled)),
        unit=unit,
        kind="consistent",
        n=max(2, min(round(copies.effective), len(drawn))),
        detail={name: None if value is None else float(value) for name, value in detail.items()},
    )
    return replace(found, low=max(0.0, found.low))


def _steering(
    statistic: of.Statistic, strings: Sequence[str], first_N: Tensor, simulations: Simulations
) -> dict[str, float | None]:
    """Rank correlation between the statistic of a text and that of a text drawn from its z, or from the z of another
    text.

    Only texts of the first half are used: pairs are counted in the second half, which would add to the correlation.
    """
    if simulations.resampled is None or simulations.seeds is None:
        return {}
    pairs = [
        (strings[seed], text)
        for seed, text in zip(simulations.seeds.tolist(), simulations.resampled, strict=True)
        if first_N[seed]
    ]
    if not pairs:
        return {}
    seeds, again = (statistic(texts).round(DIGITS) for texts in zip(*pairs, strict=True))
    return {
        "correlation": _correlation(seeds, again),
        "correlation_shuffled": _correlation(seeds, np.roll(again, len(again) // 2)),
    }


def _correlation(first: np.ndarray, second: np.ndarray) -> float | None:
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(stats.spearmanr(first, second).statistic)


def _distinct(data: Sequence[str], copies: Copies, drawn: Sequence[str], split: Split) -> Estimate | Missing:
    """Ratio of the distinct pairs of units in drawn texts to those in as many texts of the data; the error by half
    samples, in which all copies of a text are together."""
    size = min(len(data), len(drawn))
    text_N, generator = copies.text[:size].numpy(), numpy_stream(0, "halves of drawn texts")
    texts = int(text_N.max()) + 1

    def ratio(index: np.ndarray) -> float | None:
        shares = [of.distinct([texts[i] for i in index], 2, split) for texts in (drawn, data)]
        return None if None in shares else shares[0] / shares[1]  # type: ignore[operator]

    def half() -> np.ndarray:
        return np.flatnonzero(np.isin(text_N, generator.permutation(texts)[: texts // 2]))

    whole = ratio(np.arange(size))
    found = [value for value in (ratio(half()) for _ in range(RESAMPLES)) if value is not None]
    if whole is None or len(found) < RESAMPLES // 2:
        return Missing("too few texts have two words in a row")
    return Estimate(whole, float(np.std(found)), "ratio", "consistent", max(2, min(size, round(copies.effective))))


def _judged(name: str, estimate: Estimate, thresholds: Thresholds) -> Finding:
    detail, unit = estimate.detail, estimate.unit
    null, other = detail["null_p95"], detail["drawn_other_share"]

    def apart(distance: float) -> str:
        # halves of identical texts have distance 0, and a ratio to it is undefined
        return f"{distance / null:.1f} times" if null else "0.0 times" if not distance else f"{distance:.3g} {unit}"

    message = f"{name} of drawn texts is {estimate.value:.3g} {unit} from the data "
    message += f"({detail['drawn_mean']:.3g} ± {detail['drawn_std']:.2g} against {detail['data_mean']:.3g} ± "
    message += f"{detail['data_std']:.2g}), "
    if other is None:
        message += f"{apart(estimate.value)} what halves of the data are apart"
    else:
        message += f"which has this one value; {other:.1%} of the drawn texts have another"
    if detail.get("control") is not None:
        message += f"; a language model is {apart(detail['control'])}"
    if detail.get("correlation") is not None and detail.get("correlation_shuffled") is not None:
        message += f"; z steers it with rank correlation {detail['correlation']:.2f} "
        message += f"(shuffled {detail['correlation_shuffled']:.2f})"
    multiple = estimate.value / max(null, 1e-12)
    rule = Rule(thresholds.null_multiple_pass, thresholds.null_multiple_fail, "times", sure=False)
    if other is not None:
        unit = "of the drawn texts"
        rule, multiple = Rule(thresholds.constant_share_pass, thresholds.constant_share_fail, unit, sure=False), other
    step = "compare with a language model of the same size"
    return rule.judge(f"text_{name}", replace(estimate, value=multiple), message, next_step=step)
