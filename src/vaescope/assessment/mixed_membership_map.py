"""The mixed-membership map: which of several models put mass where the prior does, and where else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from vaescope.assessment.against_prior import encodings, prior_samples
from vaescope.assessment.draws import Draws
from vaescope.errors import UserError
from vaescope.estimators import mixed_membership
from vaescope.estimators.mixed_membership import MixedMembership

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NULLS = ("prior (null 1)", "prior (null 2)")
MOST = 1000


def mixed_membership_map(draws: Mapping[str, Draws], *, components: int = 10, seed: int = 0) -> MixedMembership:
    """Fit the map to at most 1,000 encodings of each model and two groups of prior samples.

    The two null groups have the same distribution: what their weights differ by, ``expected_kl(*NULLS)``, is the
    noise floor of every other pair. It is a map and no estimator of the marginal KL: a model's weights depend on
    which other models are in it.

    Raises:
        UserError: latent spaces of different sizes, or priors that are not all N(0, I).
    """
    sizes = {one.latent_size for one in draws.values()}
    if len(sizes) != 1 or any(one.prior_z is not None for one in draws.values()):
        raise UserError("a mixed-membership map needs models of one latent size whose prior is N(0, I)")
    any_draws = next(iter(draws.values()))
    groups = {name: prior_samples(any_draws, MOST, seed=seed + i) for i, name in enumerate(NULLS)}
    groups |= {name: encodings(one, most=MOST, seed=seed) for name, one in draws.items()}
    return mixed_membership.fit(groups, components=components, seed=seed)


def figure(found: MixedMembership) -> Figure:
    """Heat map of the weights; components in the order of their weight in the prior."""
    from matplotlib.figure import Figure

    order_K = found.weights[found.names.index(NULLS[0])].argsort(descending=True)
    figure = Figure(figsize=(1.5 + 0.5 * len(order_K), 1 + 0.4 * len(found.names)), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(found.weights[:, order_K].numpy(), vmin=0, vmax=1, cmap="Blues", aspect="auto")
    axes.set(xlabel="component", yticks=range(len(found.names)), yticklabels=found.names)
    axes.set_xticks(torch.arange(len(order_K)).tolist(), [str(k) for k in order_K.tolist()])
    figure.colorbar(image, label="weight")
    return figure
