"""Every bound of I(X;Z) that the evidence allows, as jackknife replicates; the interval uses the best on each side."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from vaescope.estimators import jackknife
from vaescope.estimators.importance import effective_sample_size, tail_index
from vaescope.estimators.text_space_density import log_density_ends
from vaescope.evidence.aggregate_posterior import AggregatePosterior
from vaescope.evidence.draws import Draws
from vaescope.evidence.facts import Facts
from vaescope.evidence.references import References
from vaescope.evidence.stacked_marginal import StackedMarginal

FEWEST = 4
"""Fewest distinct texts for which densities are fitted to the other texts."""


@dataclass(frozen=True)
class Interval:
    """An interval of a quantity of the population, with the names of the bounds at its ends."""

    low: float
    low_by: str
    high: float
    high_by: str


class InformationEnds:
    r"""Bounds of I = I(X;Z) under q, each in expectation, and so of the marginal KL R - I.

    From below:

    * ``self``: E log q(z|x) - E log q_N(z), the text in its own mixture; at most log N (Poole et al. 2019).
    * ``known_entropy``: H(X) - D, where the entropy of the texts is known; with log P(x) of each, -log P(x) - D(x)
      (Barber and Agakov 2003; Alemi et al. 2018).
    * ``text_space``: by importance sampling of q(z) in text space, where P(x) is known.

    From above:

    * ``rate``: R.
    * ``entropy``: H(X), where it is known.
    * ``leave_one_out``: the text left out of its own mixture.
    * ``gaussian_marginal``, ``mixture_marginal``: R_g against a density fitted to the other half of the texts.
    * ``stacked_marginal``: R_g against a density made of the encodings of other texts.
    * ``text_space``.

    With fewer than four distinct texts no density of the others is fitted: with two, each would be scored by the other
    one, both errors would be equal, and no standard error could be computed. Infinite bounds are left out. If several
    bounds are compared, each end is widened by Bonferroni's rule.

    Attributes:
        lower: replicates of the lower bounds, by name.
        upper: replicates of the upper bounds, by name.
        components: the number of texts whose posteriors are the mixture q_N(z).
        text_space: the quality of the weights in text space: K, P, the share of drawn texts of weight 0, the median
            effective sample size and the median Pareto k; empty without them.
        weights: of the densities in ``stacked_marginal`` for each half of the texts; empty without other texts.
    """

    def __init__(self, aggregate: AggregatePosterior, draws: Draws, facts: Facts, references: References) -> None:
        self._own, self._rate = aggregate.information, aggregate.rate
        wide = aggregate if references.components is None else AggregatePosterior(draws, references.components)
        self.components = wide.copies.rows
        lower = {"self": wide.information}
        upper = {"rate": aggregate.rate}
        if aggregate.copies.distinct >= FEWEST:
            upper["leave_one_out"] = wide.information_others
            upper["gaussian_marginal"] = aggregate.information_gaussian
            upper["mixture_marginal"] = aggregate.information_mixture
        densities = [aggregate.log_density, aggregate.fitted.log_density]
        self.weights: list[dict[str, float]] = []
        if references.has_densities:
            stacked = StackedMarginal(draws, references)
            rates = [aggregate.means(first_N - stacked.log_density) for first_N in _firsts(aggregate, draws)]
            upper["stacked_marginal"], self.weights = min(rates, key=jackknife.standard_error), stacked.weights
            densities.append(stacked.log_density)
        if facts.entropy is not None and draws.log_q_x is not None:
            lower["known_entropy"] = -aggregate.means(draws.log_q_x.double() + draws.distortions)
            upper["entropy"] = -aggregate.means(draws.log_q_x)
        elif facts.entropy is not None:
            lower["known_entropy"] = facts.entropy - aggregate.means(draws.distortions)
            upper["entropy"] = torch.full_like(aggregate.rate, facts.entropy)
        self.text_space: dict[str, float] = {}
        if references.text_space is not None:
            self.text_space = _quality(references.text_space)
            lower["text_space"], upper["text_space"] = _in_text_space(
                aggregate, draws, references.text_space, densities
            )
        self.lower = {name: bound for name, bound in lower.items() if bound.isfinite().all()}
        self.upper = {name: bound for name, bound in upper.items() if bound.isfinite().all()}

    @cached_property
    def information(self) -> Interval:
        """The 95% interval of I(X;Z), starting at 0."""
        return _interval(self.lower, self.upper)

    @cached_property
    def marginal_kl(self) -> Interval:
        """The 95% interval of KL(q(z) || p(z)) = R - I, paired on the texts, starting at 0."""
        lower = {name: self._rate - bound for name, bound in self.upper.items() if name != "rate"}
        lower = lower or {"definition": torch.zeros_like(self._rate)}
        return _interval(lower, {name: self._rate - bound for name, bound in self.lower.items()})

    @cached_property
    def value(self) -> tuple[float, float]:
        """I_self and its standard error; if the interval is above I_self, its lower end and the error of that bound.

        R minus this value is the value of the marginal KL, which is then also inside its interval.
        """
        own, rate = jackknife.value(self._own), jackknife.value(self._rate)
        lowest = {
            self.information.low_by: self.information.low,
            self.marginal_kl.high_by: rate - self.marginal_kl.high,
        }
        name = max(lowest, key=lambda key: lowest[key])
        if lowest[name] <= own:
            return own, jackknife.standard_error(self._own)
        return lowest[name], jackknife.standard_error(self.lower[name])


def _interval(lower: dict[str, Tensor], upper: dict[str, Tensor]) -> Interval:
    (low, low_by), (high, high_by) = jackknife.highest_lower_end(lower), jackknife.lowest_upper_end(upper)
    low, high = sorted((max(0.0, low), max(0.0, high)))
    return Interval(low, low_by, high, high_by)


def _firsts(aggregate: AggregatePosterior, draws: Draws) -> tuple[Tensor, Tensor]:
    """Two terms of the expectation E log q(z|x), each ``[N]``, whose errors differ.

    log q(z|x) at the z, and the rate of the text + log p(z), which knows E [log q(z|x) - log p(z)] in closed form: its
    noise is that of log p(z) in the place of that of log q(z|x).
    """
    return aggregate.own, draws.rates + draws.log_p_z[0].double()


def _quality(log_w_KP: Tensor) -> dict[str, float]:
    """Quality measures of the weights of drawn texts."""
    drawn_KP = log_w_KP[1:]
    possible_P = drawn_KP.isfinite().any(0)
    sizes_P, tails_P = (f(drawn_KP[:, possible_P]) for f in (effective_sample_size, tail_index))
    return {
        "text_space_drawn": len(drawn_KP),
        "text_space_texts": drawn_KP.shape[1],
        "text_space_outside": 1 - drawn_KP.isfinite().double().mean().item(),
        "text_space_effective": sizes_P.median().item() if len(sizes_P) else 0.0,
        "text_space_pareto_k": tails_P.median().item() if len(tails_P) else math.inf,
    }


def _in_text_space(
    aggregate: AggregatePosterior, draws: Draws, log_w_KP: Tensor, densities: list[Tensor]
) -> tuple[Tensor, Tensor]:
    """Both ends from the first P texts, with the density that gives the smallest error as a control variate.

    For every density g, I = E [log q(z|x) - log g(z)] + E [log g(z) - log q(z)], the first over all N texts and the
    second over P of them, in which g and q are correlated. The expectation does not depend on g, nor on whether
    log q(z|x) - log p(z) is taken at the z or as its mean over z, the rate of the text.
    """
    index_P = torch.arange(log_w_KP.shape[1])
    text_P = aggregate.copies.text[index_P]

    def by(end_P: Tensor) -> Tensor:
        found = [
            aggregate.means(first_N - log_g_N)
            + jackknife.means(log_g_N[index_P] - end_P, aggregate.blocks, index_N=text_P)
            for log_g_N in densities
            for first_N in _firsts(aggregate, draws)
        ]
        return min(found, key=jackknife.standard_error)

    lower_P, upper_P = log_density_ends(log_w_KP)
    return by(upper_P), by(lower_P)
