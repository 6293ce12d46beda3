"""The mixed-membership map: where several models put the mass of q(z), compared with the prior."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from vaescope.errors import UserError
from vaescope.estimators import mixed_membership
from vaescope.estimators.mixed_membership import MixedMembership
from vaescope.randomness import stream

NULLS = ("prior (null 1)", "prior (null 2)")
MOST = 1000


def mixed_membership_map(
    encodings: Mapping[str, Tensor], *, components: int = 10, most: int = MOST, seed: int = 0
) -> MixedMembership:
    """Fit the map to encodings of each model and two groups of samples of the prior N(0, I).

    The two null groups have the same distribution: the difference of their weights, ``expected_kl(*NULLS)``, is the
    noise floor of every other pair. It does not estimate the marginal KL: a model's weights depend on the other models
    in the map.

    Args:
        encodings: one z of each text by model, ``[N, D]`` (``against_prior.encodings``, or a posterior mean with its
            noise); the prior of every model is N(0, I).
        components: shared Gaussian components K.
        most: the largest number of points of a group; larger groups are subsampled.
        seed: of the prior's samples, the choice and the fit.

    Raises:
        UserError: latent spaces of different sizes.
    """
    sizes = {z_ND.shape[1] for z_ND in encodings.values()}
    if len(sizes) != 1:
        raise UserError(f"a mixed-membership map needs models of one latent size, not of {sorted(sizes)}")
    generator = stream(seed, "mixed-membership map")
    shape = (most, sizes.pop())
    groups = {name: torch.randn(shape, generator=generator, dtype=torch.float64) for name in NULLS}
    for name, z_ND in encodings.items():
        groups[name] = z_ND[torch.randperm(len(z_ND), generator=generator)[:most]].double()
    return mixed_membership.fit(groups, components=components, seed=seed)
