"""Every bound of I(X;Z) that the evidence allows, as jackknife replicates; the interval uses the best on each side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from vaescope.estimators import jackknife
from vaescope.estimators.importance import effective_sample_size, tail_index
from vaescope.estimators.moments import skewness_of_squares
from vaescope.estimators.text_space_density import log_density_ends
from vaescope.evidence.aggregate_posterior import AggregatePosterior
from vaescope.evidence.draws import Draws
from vaescope.evidence.facts import Facts
from vaescope.evidence.least_noise import Form, least_noise
from vaescope.evidence.references import References
from vaescope.evidence.stacked_marginal import StackedMarginal

FEWEST = 5
"""Fewest distinct texts for which densities are fitted to the other texts."""


Best = tuple[float, str, dict[str, Tensor]]
"""An end, the name of its bound, and the bounds that it was chosen from."""


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
    * ``vocabulary``: tokens times log V, since H(X) is at most the cost of any code of the text.
    * ``language_model``: its mean -log p(x), for the same reason, unless the texts are training texts.
    * ``leave_one_out``: the text left out of its own mixture.
    * ``gaussian_marginal``, ``mixture_marginal``: R_g against a density fitted to the other half of the texts.
    * ``stacked_marginal``: R_g against a density made of the encodings of other texts.
    * ``text_space``.

    With fewer than five distinct texts no density of the others is fitted: with two, each would be scored by the other
    one, both errors would be equal, and no standard error could be computed. Infinite bounds are left out. If several
    bounds are compared, each end is widened by Bonferroni's rule.

    The rate of a text grows with the square of its posterior mean. A few texts without large ones have a small mean
    rate and a small error, so the upper end of the information (and the lower end of the marginal KL) is widened by the
    skewness of such squares (``estimate.widened``).

    A bound that has several forms of one expectation uses, for the information and for the marginal KL each, the form
    of least noise (``least_noise``).

    Attributes:
        lower: replicates of the lower bounds, by name.
        upper: replicates of the upper bounds, by name.
        marginal_lower: replicates of the lower bounds of the marginal KL, R minus an upper bound of the information.
        marginal_upper: replicates of its upper bounds, R minus a lower bound of the information.
        errors: standard errors of bounds that do not come from the assessed texts (that of H(X)), by name.
        skewness: of the mean rate.
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
        if wide.copies.distinct < 3:
            # with one of two texts left out I_self is 0, which is no measure of its error
            lower = {"definition": torch.zeros_like(aggregate.rate)}
        upper = {"rate": aggregate.rate}
        if aggregate.copies.distinct >= FEWEST:
            upper["leave_one_out"] = wide.information_others
            upper["gaussian_marginal"] = aggregate.information_gaussian
            upper["mixture_marginal"] = aggregate.information_mixture
        densities, index_N = [aggregate.log_density, aggregate.fitted.log_density], torch.arange(draws.texts)
        marginal_lower: dict[str, Tensor] = {}
        marginal_upper: dict[str, Tensor] = {}
        self.weights: list[dict[str, float]] = []
        if references.has_densities:
            stacked = StackedMarginal(draws, references)
            forms: list[Form] = [[(first_N - stacked.log_density, index_N)] for first_N in _firsts(aggregate, draws)]
            upper["stacked_marginal"] = least_noise(aggregate, forms)
            marginal_lower["stacked_marginal"] = -least_noise(aggregate, _without_rate(forms, draws))
            self.weights = stacked.weights
            densities.append(stacked.log_density)
        self.errors: dict[str, float] = {}
        if facts.entropy is not None and draws.log_q_x is not None:
            lower["known_entropy"] = -aggregate.means(draws.log_q_x.double() + draws.distortions)
            upper["entropy"] = -aggregate.means(draws.log_q_x)
        elif facts.entropy is not None:
            lower["known_entropy"] = facts.entropy - aggregate.means(draws.distortions)
            upper["entropy"] = torch.full_like(aggregate.rate, facts.entropy)
            self.errors = dict.fromkeys(("known_entropy", "entropy"), facts.entropy_se)
        upper |= {name: aggregate.means(cost_N) for name, cost_N in code_lengths(draws, facts).items()}
        self.text_space: dict[str, float] = {}
        if references.text_space is not None:
            self.text_space = _quality(references.text_space)
            low, high = _in_text_space(aggregate, draws, references.text_space, densities)
            lower["text_space"], upper["text_space"] = least_noise(aggregate, low), least_noise(aggregate, high)
            marginal_upper["text_space"] = -least_noise(aggregate, _without_rate(low, draws))
            marginal_lower["text_space"] = -least_noise(aggregate, _without_rate(high, draws))
        self.lower, self.upper = _finite(lower), _finite(upper)
        rest = {name: self._rate - bound for name, bound in self.upper.items() if name != "rate"}
        self.marginal_lower = _finite(rest | marginal_lower) or {"definition": torch.zeros_like(self._rate)}
        self.marginal_upper = _finite({name: self._rate - bound for name, bound in self.lower.items()} | marginal_upper)
        self.skewness = skewness_of_squares(draws.posterior_mean) / aggregate.copies.effective**0.5

    @cached_property
    def information(self) -> Interval:
        """The 95% interval of I(X;Z), starting at 0."""
        low, low_by = jackknife.highest_lower_end(self.lower, errors=self.errors)
        high, high_by = jackknife.lowest_upper_end(self.upper, errors=self.errors, skewness=self.skewness)
        return self._interval((low, low_by, self.lower), (high, high_by, self.upper))

    @cached_property
    def marginal_kl(self) -> Interval:
        """The 95% interval of KL(q(z) || p(z)) = R - I, paired by text, starting at 0."""
        lower, upper = self.marginal_lower, self.marginal_upper
        low, low_by = jackknife.highest_lower_end(lower, errors=self.errors, skewness=self.skewness)
        high, high_by = jackknife.lowest_upper_end(upper, errors=self.errors)
        return self._interval((low, low_by, lower), (high, high_by, upper))

    @cached_property
    def value(self) -> tuple[float, float]:
        """I_self and its standard error; if the interval is above I_self, its lower end and the error of that bound.

        R minus this value is the value of the marginal KL, which is then also inside its interval.
        """
        own, rate = jackknife.value(self._own), jackknife.value(self._rate)
        # sampled z can put I_self of few texts outside [0, R], where neither it nor R - I_self can be
        own = max(0.0, min(own, rate))
        lowest = {
            self.information.low_by: self.information.low,
            self.marginal_kl.high_by: rate - self.marginal_kl.high,
        }
        name = max(lowest, key=lambda key: lowest[key])
        if lowest[name] <= own:
            return own, jackknife.standard_error(self._own)
        return lowest[name], math.hypot(jackknife.standard_error(self.lower[name]), self.errors.get(name, 0.0))

    def _interval(self, lowest: Best, highest: Best) -> Interval:
        """The interval of two ends. If they cross, it holds what each of the two bounds says of the quantity.

        ``assessment.identities`` judges whether the two contradict each other.
        """
        (low, low_by, lower), (high, high_by, upper) = lowest, highest
        low, high = max(0.0, low), max(0.0, high)
        if low > high:
            below = jackknife.lower_end(upper[high_by], error=self.errors.get(high_by, 0.0))
            above = jackknife.upper_end(lower[low_by], error=self.errors.get(low_by, 0.0))
            low, high = max(0.0, min(high, below)), max(low, above)
        return Interval(low, low_by, high, high_by)


def _finite(bounds: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: bound for name, bound in bounds.items() if bound.isfinite().all()}


def _without_rate(forms: Sequence[Form], draws: Draws) -> list[Form]:
    """The forms of a bound of I - R: the rate of each text is taken off the first part, which is of all texts."""
    return [[(form[0][0] - draws.rates, form[0][1]), *form[1:]] for form in forms]


def code_lengths(draws: Draws, facts: Facts) -> dict[str, Tensor]:
    """Nats of each text in codes that do not know the model, ``[N]`` by name; each mean is at least H(X) >= I(X;Z)."""
    found = {}
    if facts.vocabulary is not None and facts.vocabulary > 0:
        found["vocabulary"] = draws.tokens.double() * math.log(facts.vocabulary)
    baseline = facts.language_model_nll
    # a language model may know its training texts by heart, which the population does not let it
    if baseline is not None and baseline.per_text is not None and draws.metadata.get("split") != "train":
        found["language_model"] = torch.tensor(baseline.per_text, dtype=torch.float64)
    return found


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
) -> tuple[list[Form], list[Form]]:
    """Both ends from the first P texts, with a density as a control variate: the forms of each.

    For every density g, I = E [log q(z|x) - log g(z)] + E [log g(z) - log q(z)], the first over all N texts and the
    second over P of them, in which g and q are correlated. The expectation does not depend on g, nor on whether
    log q(z|x) - log p(z) is taken at the z or as its mean over z, the rate of the text.
    """
    index_N, index_P = torch.arange(draws.texts), torch.arange(log_w_KP.shape[1])

    def by(end_P: Tensor) -> list[Form]:
        return [
            [(first_N - log_g_N, index_N), (log_g_N[index_P] - end_P, index_P)]
            for log_g_N in densities
            for first_N in _firsts(aggregate, draws)
        ]

    lower_P, upper_P = log_density_ends(log_w_KP)
    return by(upper_P), by(lower_P)
