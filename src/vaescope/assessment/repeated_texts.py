"""Findings on repeated texts, and their effect on the numbers."""

from __future__ import annotations

from vaescope.assessment.findings import Check, Finding
from vaescope.assessment.thresholds import Thresholds
from vaescope.evidence.draws import Draws
from vaescope.evidence.evidence import Evidence


def repeated_texts(draws: Draws, thresholds: Thresholds) -> list[Finding]:
    """Report copies of texts among the assessed ones; nothing if there are none."""
    copies = draws.copies
    extra = draws.texts - copies.distinct
    if extra == 0:
        return []
    share = extra / draws.texts
    message = f"{extra} of {draws.texts} texts ({share:.1%}) are copies of another one; the {copies.distinct} distinct "
    message += f"texts are worth {copies.effective:.0f} independent ones. The numbers are those of the population as "
    message += "drawn, in which a text counts as often as it appears. All copies of a text are left out where it is "
    message += "left out, and resampled together; comparisons of samples of z with the prior take each text once"
    if draws.log_q_x is not None:
        message += ". In a mean and in these comparisons each counts, since the texts are independent draws of a known "
        message += "distribution"
    if draws.text_id is None:
        message += ". Equal posteriors are read as copies: give text_id if these are different texts"
    check = Check(f"at most {thresholds.copies:.0%} of the texts are copies")
    step = "remove repeated texts from the split, or take more texts"
    return [check.judge("repeated_texts", share <= thresholds.copies, message, next_step=step)]


def training_texts(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Report assessed texts that are also training texts; nothing if there are none, or if it is unknown."""
    facts, texts = evidence.facts, evidence.draws.texts
    if not facts.in_train:
        return []
    share = facts.in_train / texts
    message = f"{facts.in_train} of {texts} texts ({share:.1%}) are also in train"
    known = facts.entropy is not None
    if known:
        message += ", as fresh draws of one distribution may be"
    else:
        message += ": a model may know these by heart, so the distortion and the likelihood of new texts may be worse"
    few = f"at most {thresholds.copies:.0%} of the texts are in train"
    check = Check(f"{few}, or the texts are draws of a known distribution")
    step = "remove the texts of train from this split, or assess other texts"
    return [check.judge("training_texts", known or share <= thresholds.copies, message, next_step=step)]
