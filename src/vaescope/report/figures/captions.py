"""Captions of figures whose lines depend on the runs: a caption mentions only what is drawn."""

from __future__ import annotations

from collections.abc import Callable

from vaescope.report.comparison import Comparison
from vaescope.report.pairs import against_reference


def always(text: str) -> Callable[[Comparison], str]:
    """Return a caption that is the same for all runs."""
    return lambda comparison: text


def rate_distortion(comparison: Comparison) -> str:
    """Return the caption of the rate-distortion plane."""
    text = "Each point is a run, with 95% intervals over texts."
    if _joined(comparison):
        text += " A thin line joins a family of objectives at several settings, through the means of its seeds."
    text += " All points on a dotted line have the same ELBO = −(R + D)."
    if comparison.language_model is not None:
        text += " The dashed line is the distortion of the language model, which has no z."
    if comparison.entropy is not None:
        text += " The solid line is R + D = H, the exact entropy: no model is below it."
    return text


def log_likelihood(comparison: Comparison) -> str:
    """Return the caption of the likelihood against the rate."""
    text = "The importance-weighted lower bound on log p(x)."
    if len(comparison.runs) > 1:
        text += " All runs share the texts, so two runs can differ even if their intervals overlap"
        text += ": see the paired differences below." if against_reference(comparison) else "."
    if comparison.language_model is not None:
        text += " Dashed: the language model."
    if comparison.entropy is not None:
        text += " Solid: −H, the highest possible value."
    return text


def bounds(comparison: Comparison) -> str:
    """Return the caption of the bounds diagram."""
    if comparison.entropy is None:
        text = (
            "Left: distortion and rate add up to −ELBO. Right: the information in z is at most R; the rest of R is the "
        )
        return text + "marginal KL. The colours are those of the families."
    return (
        "Left: distortion and rate add up to −ELBO, which cannot be below H. Right: the information in z is between "
        "H − D and R. From it up to R is the marginal KL; from H − D up to it is how far the decoder p(x|z) is from "
        "q(x|z). The colours are those of the families."
    )


def _joined(comparison: Comparison) -> bool:
    """Whether a family has several settings, which a line joins."""
    settings: dict[str, set[str]] = {}
    for run in comparison.drawn:
        settings.setdefault(run.family, set()).add(run.label)
    return any(len(labels) > 1 for labels in settings.values())
