"""Warnings at a validation name what goes wrong, and only that."""

import pytest

from vaescope.assessment.findings import Finding
from vaescope.examine.red_flags import red_flags


def lines(*rates):
    return [{"step": 100 * (i + 1), "rate": rate} for i, rate in enumerate(rates)]


@pytest.mark.parametrize(
    ("rates", "target", "flagged"),
    [
        ((30.0, 2.0), 8.0, True),
        ((30.0, 7.9), 8.0, False),  # down to its target, from above
        ((4.0, 0.5), None, True),
        ((30.0, 2.0), None, False),
        ((1.0, 0.7), 8.0, False),  # low, but it does not fall
        ((0.5,), 8.0, False),
    ],
)
def test_a_rate_that_falls_too_fast_is_named(rates, target, flagged):
    found = red_flags([], lines(*rates), target)
    assert [("fell from" in flag) for flag in found] == [True] * flagged


def test_findings_on_the_use_of_z_are_said_in_words_and_others_are_not():
    findings = [
        Finding("decoder_use", "FAIL", "z is ignored", "", "raise word_dropout"),
        Finding("mutual_information", "WARN", "the rate is not information", "", "train in stages"),
        Finding("conversion_efficiency", "PASS", "fine"),
        Finding("holes", "FAIL", "holes"),
    ]
    assert red_flags(findings, lines(8.0, 8.0), 8.0) == [
        "z is ignored. Try: raise word_dropout",
        "the rate is not information. Try: train in stages",
    ]
