"""The figures of a comparison in their order, each with what to see in it and why it may be missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.figure import Figure

from vaescope.report.comparison import Comparison
from vaescope.report.figures import against_rate, captions, each_run
from vaescope.report.pairs import against_reference


@dataclass(frozen=True)
class Plate:
    """A figure.

    Attributes:
        name: of its files.
        title: what it shows.
        caption: what to see in it, given what is drawn.
        draw: the figure of a comparison.
        missing: why there is no figure, or an empty string.
        wide: whether it takes the width of the page.
        long: whether it has a row or a panel for each run.
    """

    name: str
    title: str
    caption: Callable[[Comparison], str]
    draw: Callable[[Comparison], Figure]
    missing: Callable[[Comparison], str]
    wide: bool = False
    long: bool = False


def _needs(estimate: str) -> Callable[[Comparison], str]:
    def missing(comparison: Comparison) -> str:
        found = any(run.estimate(estimate) is not None for run in comparison.drawn)
        return "" if found else f"no run with a z has {estimate}"

    return missing


def _needs_two_likelihoods(comparison: Comparison) -> str:
    return "" if comparison.front else "fewer than two runs whose z is used"


def _needs_targets(comparison: Comparison) -> str:
    found = any(run.target is not None for run in comparison.drawn)
    return "" if found else "no run has an objective with a target rate"


def _needs_trajectories(comparison: Comparison) -> str:
    found = each_run.with_trajectories(comparison)
    return "" if found else "no run has a target rate and a record of its training"


def _needs_pairs(comparison: Comparison) -> str:
    found = against_reference(comparison)
    return "" if found else "no two runs are known to be assessed on the same texts; assess them again"


def _needs_posteriors(comparison: Comparison) -> str:
    found = each_run.with_posteriors(comparison)
    return "" if found else "no run with the prior N(0, I) has numbers of single texts; assess the runs again"


def _needs_one_latent_size(comparison: Comparison) -> str:
    sizes = {texts.posterior_mean.shape[1] for _, texts in each_run.with_posteriors(comparison)}
    if len(sizes) > 1:
        return f"the runs have latent spaces of different sizes ({', '.join(map(str, sorted(sizes)))})"
    return _needs_posteriors(comparison)


PLATES = (
    Plate(
        "rate-distortion",
        "Rate and distortion",
        captions.rate_distortion,
        against_rate.rate_distortion,
        _needs("rate"),
    ),
    Plate(
        "log-likelihood",
        "Log-likelihood against rate",
        captions.log_likelihood,
        against_rate.log_likelihood,
        _needs("log_likelihood"),
    ),
    Plate(
        "marginal-kl",
        "Marginal KL against rate",
        captions.always(
            "Bars enclose KL(q(z) ‖ p(z)) with 95% confidence; the marker is R − I of just these texts, which is not "
            "below the truth in expectation. On the diagonal all of the rate is spent on a q(z) unlike the prior."
        ),
        against_rate.marginal_kl,
        _needs("marginal_kl"),
    ),
    Plate(
        "information",
        "Information against rate",
        captions.always(
            "Bars enclose I(X;Z) with 95% confidence; the marker is the information about which of these texts it is, "
            "which cannot exceed log N (dashed). On the diagonal all of the rate is information."
        ),
        against_rate.information,
        _needs("mutual_information"),
    ),
    Plate(
        "pareto",
        "Likelihood against marginal KL",
        captions.always(
            "Up and left is better. Ringed: the runs that no other beats in both, judged by the bound on log p(x) and "
            "by the marker of the marginal KL; runs whose z carries nothing take no part."
        ),
        against_rate.pareto,
        _needs_two_likelihoods,
    ),
    Plate(
        "target-rate",
        "Target and realised rate",
        captions.always("On the diagonal the rate of these texts is what the objective aims at."),
        against_rate.target,
        _needs_targets,
    ),
    Plate(
        "rate-trajectories",
        "The rate during training",
        captions.always(
            "The rate of the training batches for each family with a target; dashed, and on the axis: the targets."
        ),
        each_run.trajectories,
        _needs_trajectories,
        wide=True,
    ),
    Plate(
        "paired-differences",
        "Paired differences",
        captions.always(
            "Mean difference from the reference over the same texts, with its 95% interval. ELBO and log p(x): right "
            "is better; distortion: left is better."
        ),
        each_run.paired,
        _needs_pairs,
        wide=True,
        long=True,
    ),
    Plate(
        "bounds",
        "Bounds diagram",
        captions.bounds,
        each_run.bounds,
        _needs("rate"),
        wide=True,
        long=True,
    ),
    Plate(
        "posterior-densities",
        "Aggregate posterior of each unit",
        captions.always(
            f"The density of q(z_d) against the prior (dotted) for at most {each_run.UNITS} units of the highest rate, "
            "in colour the two highest. A unit that says nothing lies on the prior."
        ),
        each_run.densities,
        _needs_posteriors,
        wide=True,
        long=True,
    ),
    Plate(
        "mixed-membership",
        "Mixed-membership map",
        captions.always(
            "Encodings of all runs and two samples of the prior share Gaussian components; a row shows how much of its "
            "mass is in each. Rows like the two nulls are where the prior is; the number at the right is the expected "
            "KL of the weights, whose noise is that of null 2. A map, not an estimate: it depends on which runs are in "
            "it."
        ),
        each_run.membership,
        _needs_one_latent_size,
        wide=True,
        long=True,
    ),
)
