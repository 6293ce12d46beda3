"""The captions of figures whose lines depend on the runs: each sentence is there if what it is about is drawn."""

from __future__ import annotations

from collections.abc import Callable

from vaescope.report.comparison import Comparison
from vaescope.report.pairs import against_reference


def always(text: str) -> Callable[[Comparison], str]:
    """Return a caption that is the same for all runs."""
    return lambda comparison: text


def rate_distortion(comparison: Comparison) -> str:
    """Return the caption of the rate-distortion plane."""
    text = "A point with its 95% intervals over texts is a run."
    if _joined(comparison):
        text += " A thin line joins a family of objectives at several settings, through the means of its seeds."
    text += " On a dotted line all models have the same ELBO = −(R + D)."
    if comparison.language_model is not None:
        text += " Below the dashed line a text costs less, given z, than the language model says it does."
    if comparison.entropy is not None:
        text += " The solid line is R + D = H, the exact entropy: no model lies below it."
    return text


def log_likelihood(comparison: Comparison) -> str:
    """Return the caption of the likelihood against the rate."""
    text = "The importance-weighted lower bound on log p(x)."
    if len(comparison.runs) > 1:
        text += " All runs read the same texts, so their intervals over texts move together"
        text += ": the paired differences below say whether two runs differ." if against_reference(comparison) else "."
    if comparison.language_model is not None:
        text += " Dashed: the language model."
    if comparison.entropy is not None:
        text += " Solid: −H, which no model exceeds."
    return text


def bounds(comparison: Comparison) -> str:
    """Return the caption of the bounds diagram."""
    if comparison.entropy is None:
        text = (
            "Left: distortion and rate add up to −ELBO. Right: the information in z is at most R, and its gap to R is "
        )
        return text + "the marginal KL. Colours are those of the families."
    return (
        "Left: distortion and rate add up to −ELBO, which cannot be below H. Right: the information in z lies between "
        "H − D and R. Its gap to R is the marginal KL; its gap to H − D is how far the decoder p(x|z) is from q(x|z). "
        "Colours are those of the families."
    )


def _joined(comparison: Comparison) -> bool:
    """Whether a family has several settings, which a line joins."""
    settings: dict[str, set[str]] = {}
    for run in comparison.drawn:
        settings.setdefault(run.family, set()).add(run.label)
    return any(len(labels) > 1 for labels in settings.values())
