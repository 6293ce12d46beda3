"""Checks of Draws: shapes, finite values, and densities that are those of the stated distributions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vaescope.errors import UserError
from vaescope.estimators import gaussian
from vaescope.evidence import metadata_check

if TYPE_CHECKING:
    from vaescope.evidence.draws import Draws

TOLERANCE = 0.05
"""Nats by which a density of the file may differ from the stated distribution, beside the rounding of float32."""


def check(draws: Draws) -> None:
    """Raise a UserError for the first thing that is wrong."""
    _check_shapes(draws)
    for name, tensor in draws.tensors().items():
        if not torch.isfinite(tensor).all():
            bad = int((~torch.isfinite(tensor)).sum())
            raise UserError(f"'{name}': expected finite numbers, found {bad} that are NaN or infinite")
    if draws.posterior_std.min() <= 0:
        raise UserError(
            f"'posterior_std': expected positive standard deviations, found {draws.posterior_std.min().item():.4g}"
        )
    for name, least in (("tokens", 1), ("words", 0), ("bytes", 0)):
        counts = getattr(draws, name)
        if counts is not None and counts.min() < least:
            raise UserError(f"'{name}': expected counts of at least {least}, found {counts.min().item():g}")
    if draws.shuffled_from is not None:
        place_N = torch.arange(draws.texts)
        others = torch.equal(draws.shuffled_from.sort().values, place_N) and bool(
            (draws.shuffled_from != place_N).all()
        )
        if not others:
            raise UserError("'shuffled_from': expected a permutation of the texts with none in its place")
    _check_densities(draws)
    metadata_check.check(draws.metadata)


def _check_shapes(draws: Draws) -> None:
    _expect(draws.posterior_mean.dim() == 2, "posterior_mean", "[N, D]", draws.posterior_mean)
    texts, size = draws.posterior_mean.shape
    _expect(texts >= 2 and size >= 1, "posterior_mean", "[N, D] with at least 2 texts", draws.posterior_mean)
    _expect(draws.log_p_x_z.dim() == 2, "log_p_x_z", f"[S, {texts}]", draws.log_p_x_z)
    samples = draws.log_p_x_z.shape[0]
    _expect(samples >= 1, "log_p_x_z", f"[S, {texts}] with at least 1 sample", draws.log_p_x_z)
    fits = draws.z.dim() == 3 and tuple(draws.z.shape[1:]) == (texts, size) and 1 <= draws.z.shape[0] <= samples
    _expect(fits, "z", f"[Z, {texts}, {size}] with 1 <= Z <= {samples}", draws.z)
    expected = {
        "posterior_std": (texts, size),
        "log_p_x_z": (samples, texts),
        "log_p_z": (samples, texts),
        "log_q_z_x": (samples, texts),
        "tokens": (texts,),
        "words": (texts,),
        "bytes": (texts,),
        "log_p_x_z_shuffled": (texts,),
        "shuffled_from": (texts,),
        "log_p_x_z_prior": (texts,),
        "log_q_x": (texts,),
    }
    tensors = draws.tensors()
    for name, shape in expected.items():
        if name in tensors:
            _expect(tuple(tensors[name].shape) == shape, name, str(list(shape)), tensors[name])
    if draws.prior_z is not None:
        fits = draws.prior_z.dim() == 2 and draws.prior_z.shape[1] == size and len(draws.prior_z) >= 2
        _expect(fits, "prior_z", f"[M, {size}] with at least 2 samples", draws.prior_z)
    if draws.log_weights_adapted is not None:
        shape = tuple(draws.log_weights_adapted.shape)
        fits = len(shape) == 2 and shape[0] >= 1 and 1 <= shape[1] <= texts
        _expect(fits, "log_weights_adapted", f"[S, P] with S >= 1 and 1 <= P <= {texts}", draws.log_weights_adapted)
    for name in ("strings", "labels"):
        found = getattr(draws, name)
        if found is not None and len(found) != texts:
            raise UserError(f"'{name}': expected {texts}, one for each text, found {len(found)}")
    for name, tensor in tensors.items():
        counts = name in ("tokens", "words", "bytes", "shuffled_from")
        if counts and (tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool):
            raise UserError(f"'{name}': expected integers, found {tensor.dtype}")
        if not counts and not tensor.is_floating_point():
            raise UserError(f"'{name}': expected floating point numbers, found {tensor.dtype}")


def _expect(condition: bool, name: str, expected: str, tensor: Tensor) -> None:
    if not condition:
        raise UserError(f"'{name}': expected the shape {expected}, found {list(tensor.shape)}")


def _check_densities(draws: Draws) -> None:
    z_ZND, kept = draws.z.double(), draws.z.shape[0]
    mean_ND, std_ND = draws.posterior_mean.double(), draws.posterior_std.double()
    rounding_ZND = 2**-23 * (z_ZND.abs() + mean_ND.abs()) / std_ND
    slack_ZN = (((z_ZND - mean_ND) / std_ND).abs() * rounding_ZND + rounding_ZND.square()).sum(-1)
    expected_ZN = gaussian.log_density(z_ZND, mean_ND, std_ND).sum(-1)
    _expect_density(
        draws.log_q_z_x[:kept],
        expected_ZN,
        slack_ZN,
        "log_q_z_x",
        "the density of N(posterior_mean, posterior_std) at z",
    )
    if draws.prior_z is None:
        expected_ZN = gaussian.standard_log_density(z_ZND).sum(-1)
        hint = "the standard Gaussian density at z (for another prior give samples of it as 'prior_z')"
        _expect_density(draws.log_p_z[:kept], expected_ZN, torch.zeros_like(slack_ZN), "log_p_z", hint)


def _expect_density(found_ZN: Tensor, expected_ZN: Tensor, slack_ZN: Tensor, name: str, what: str) -> None:
    error_ZN = (found_ZN.double() - expected_ZN).abs()
    excess_ZN = error_ZN - (TOLERANCE + 1e-5 * expected_ZN.abs() + slack_ZN)
    if excess_ZN.max() > 0:
        sample, text = divmod(int(excess_ZN.argmax()), found_ZN.shape[1])
        raise UserError(
            f"'{name}': expected {what}, but sample {sample} of text {text} has {found_ZN[sample, text].item():.4f} "
            f"instead of {expected_ZN[sample, text].item():.4f} nats"
        )
