"""The figures of a comparison in their order, each with its caption and the reason why it may be missing."""

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
        caption: what the figure shows, given what is drawn.
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
        return "" if found else f"no run with a z has the estimate {estimate}"

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
    return "" if found else "no run with the prior N(0, I) has numbers of each text; assess the runs again"


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
            "A bar contains KL(q(z) ‖ p(z)) with 95% confidence. The marker is R − I_self of these texts, which is too "
            "high rather than too low. On the diagonal, all of the rate is marginal KL."
        ),
        against_rate.marginal_kl,
        _needs("marginal_kl"),
    ),
    Plate(
        "information",
        "Information against rate",
        captions.always(
            "A bar contains I(X;Z) with 95% confidence. The marker is the information about which of these texts it "
            "is, which cannot exceed log N (dashed). On the diagonal, all of the rate is information."
        ),
        against_rate.information,
        _needs("mutual_information"),
    ),
    Plate(
        "pareto",
        "Likelihood against marginal KL",
        captions.always(
            "Up and left is better. Runs with a ring are the Pareto front: no other run is better in both. It uses the "
            "bound on log p(x) and the marker of the marginal KL. Runs whose z carries nothing are left out."
        ),
        against_rate.pareto,
        _needs_two_likelihoods,
    ),
    Plate(
        "target-rate",
        "Target and realised rate",
        captions.always("On the diagonal, the rate of these texts equals the target of the objective."),
        against_rate.target,
        _needs_targets,
    ),
    Plate(
        "rate-trajectories",
        "The rate during training",
        captions.always(
            "The rate of the training batches, for each family with a target. The dashed lines are the targets."
        ),
        each_run.trajectories,
        _needs_trajectories,
        wide=True,
    ),
    Plate(
        "paired-differences",
        "Paired differences",
        captions.always(
            "Mean difference to the reference over the same texts, with its 95% interval. For ELBO and log p(x), right "
            "is better; for distortion, left is better."
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
            f"The density of q(z_d) and of the prior (dotted), for at most {each_run.UNITS} units with the highest "
            "rate; the two highest are in colour. A unit that says nothing equals the prior."
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
            "One Gaussian mixture is fitted to the encodings of all runs and two samples of the prior (the nulls). A "
            "row shows the weight of each component in a run. If it looks like the nulls, its encodings lie where the "
            "prior does. The number at the right is the expected KL of the weights; that of null 2 is due to chance. "
            "This is a map, not an estimate: it depends on which runs are in it."
        ),
        each_run.membership,
        _needs_one_latent_size,
        wide=True,
        long=True,
    ),
)
