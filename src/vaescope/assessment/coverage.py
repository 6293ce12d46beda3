"""The judgement that tests of calibration share: is the coverage 90%, and is no band left?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vaescope.assessment.findings import Condition, Finding, Rule
from vaescope.assessment.thresholds import Thresholds
from vaescope.estimators.estimate import Estimate


def judge_coverage(
    name: str, coverage: Estimate, rejected: Sequence[str], message: str, thresholds: Thresholds
) -> Finding:
    """Judge the coverage of 90% regions; a distribution that leaves its band is only a warning."""
    near, far = thresholds.coverage_pass, thresholds.coverage_fail
    off = abs(coverage.value - 0.9)
    step = "q(z|x) is too narrow" if coverage.value < 0.9 else "q(z|x) is too wide"
    step += " on texts of the model: train longer, or a richer posterior"
    near_and_inside = off <= near and not rejected
    rule = Rule(
        far,
        far,
        subject="the distance of the coverage from 90%",
        needs=(Condition(f"its value is at most {near:g} and no band is left", near_and_inside, "WARN"),),
        seen=Condition(f"its value is above {near:g} or a band is left", not near_and_inside),
    )
    ends = [abs(end - 0.9) for end in (coverage.low, coverage.high)]
    nearest = 0.0 if coverage.low <= 0.9 <= coverage.high else min(ends)
    distance = replace(coverage, value=off, low=nearest, high=max(ends))
    return rule.judge(name, distance, message, next_step=step, more="draw more texts")


def first_five(names: Sequence[str]) -> str:
    """Return the names of what leaves its band in brackets, the first five of them; nothing if there are none."""
    return f" ({', '.join(names[:5])}{', ...' if len(names) > 5 else ''})" if names else ""
