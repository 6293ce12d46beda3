"""DiagnosticContract: what every diagnostic must satisfy."""

from __future__ import annotations

import math
from typing import ClassVar

import pytest
from matplotlib.figure import Figure

from vaescope import choices
from vaescope.assessment.diagnostic import Diagnostic
from vaescope.assessment.findings import Finding
from vaescope.assessment.thresholds import Thresholds
from vaescope.estimators.estimate import Estimate
from vaescope.evidence.linear_gaussian import LinearGaussian
from vaescope.testing.choice import ChoiceContract
from vaescope.testing.example_evidence import complete, mixed

TEXTS = 600
"""Texts on which a number is compared with its truth."""


class DiagnosticContract(ChoiceContract):
    """Numbers in order, the same at every call, and true where a closed form of the linear-Gaussian VAE is named."""

    kind: ClassVar[str] = "diagnostics"

    def test_names_its_truth_or_why_there_is_none(self, name: str) -> None:
        """A number that nothing checks may be wrong for years."""
        diagnostic = choices.build("diagnostics", name)
        assert isinstance(diagnostic, Diagnostic)
        assert bool(diagnostic.truths) != bool(diagnostic.no_truth), "state either truths or no_truth"

    @pytest.mark.parametrize("encoder", ["right", "wrong"])
    def test_is_true_where_the_truth_is_known(self, name: str, encoder: str) -> None:
        """The interval, widened by two standard errors, holds the truth; that of a bound reaches it on its side."""
        diagnostic = choices.build("diagnostics", name)
        vae = LinearGaussian.matched(latent_size=4, data_size=7, rate=4.0)
        vae = mixed(vae) if encoder == "wrong" else vae
        found = diagnostic.estimate(complete(vae, TEXTS)) if diagnostic.truths else {}
        for estimate, attribute in diagnostic.truths.items():
            e, truth = found[estimate], float(getattr(vae, attribute))
            assert isinstance(e, Estimate), f"{estimate}: {e}"
            slack = 2 * e.se + 1e-9
            low = -math.inf if e.kind == "upper" else e.low - slack
            high = math.inf if e.kind == "lower" else e.high + slack
            assert low <= truth <= high, f"{estimate}: the truth {truth} is not in [{e.low}, {e.high}], kind {e.kind}"

    def test_estimates_are_ordered_and_repeatable(self, name: str) -> None:
        """Every number has texts and a unit, lies in its interval, and is the same at every call."""
        diagnostic = choices.build("diagnostics", name)
        vae = LinearGaussian.matched(latent_size=4, data_size=7, rate=4.0)
        known = complete(vae)
        found = diagnostic.estimate(known)
        assert found == diagnostic.estimate(complete(vae)), "another call gives other numbers"
        for estimate in (e for e in found.values() if isinstance(e, Estimate)):
            assert estimate.n > 0
            assert estimate.unit
            assert estimate.low <= estimate.value <= estimate.high
        estimates = {key: e for key, e in found.items() if isinstance(e, Estimate)}
        assert all(isinstance(f, Finding) for f in diagnostic.findings(estimates, known, Thresholds()))
        figure = diagnostic.figure(known, estimates)
        assert figure is None or isinstance(figure, Figure)

    def test_figure_names_its_axes(self, name: str) -> None:
        """Every axis of a figure has a label."""
        diagnostic = choices.build("diagnostics", name)
        known = complete(LinearGaussian.matched(latent_size=4, data_size=7, rate=4.0))
        estimates = {key: e for key, e in diagnostic.estimate(known).items() if isinstance(e, Estimate)}
        figure: Figure | None = diagnostic.figure(known, estimates)
        for ax in figure.axes if figure is not None else []:
            assert ax.get_xlabel() or ax.get_ylabel(), "an axis without a label"
