"""Checks of the tensors of Draws: shapes, finite values, and densities that match the stated distributions."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from vaescope.errors import UserError
from vaescope.estimators import gaussian

TOLERANCE = 0.05
"""Nats by which a density may differ from that of the stated distribution, in addition to float32 rounding."""


COUNTS = {"tokens": 1, "words": 0, "bytes": 0}
"""Counts, with the smallest value that each can have."""

DISCRETE = ("log_p_x_z", "log_p_x_z_shuffled", "log_p_x_z_prior", "log_q_x")
"""Tensors of log-probabilities of texts: tokens are discrete, so they are never positive."""

ROUNDING = 1e-3
"""Nats by which rounding may raise the log-probability of a certain text above 0."""


def check(tensors: Mapping[str, Tensor]) -> None:
    """Raise a UserError for the first thing that is wrong with the tensors of a sweep, given by name."""
    _check_shapes(tensors)
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            bad = int((~torch.isfinite(tensor)).sum())
            raise UserError(f"'{name}': expected finite numbers, found {bad} that are NaN or infinite")
    for name in DISCRETE:
        if name in tensors and tensors[name].max() > ROUNDING:
            largest = tensors[name].max().item()
            raise UserError(f"'{name}': expected log-probabilities of texts, which are at most 0, found {largest:.6g}")
    std_ND = tensors["posterior_std"]
    if std_ND.min() <= 0:
        smallest = f"found {std_ND.min().item():.4g}"
        advice = "; a code without noise has an infinite rate: give it noise (docs/deterministic-codes.md)"
        only = advice if not std_ND.any() else ""
        raise UserError(f"'posterior_std': expected positive standard deviations, {smallest}{only}")
    for name, least in COUNTS.items():
        if name in tensors and tensors[name].min() < least:
            found = tensors[name].min().item()
            raise UserError(f"'{name}': expected counts of at least {least}, found {found:g}")
    if (from_N := tensors.get("shuffled_from")) is not None:
        place_N = torch.arange(len(from_N))
        if not torch.equal(from_N.sort().values, place_N) or bool((from_N == place_N).any()):
            raise UserError("'shuffled_from': expected a permutation of the texts with none in its place")
    if (text_id := tensors.get("text_id")) is not None and bool((text_id == text_id[0]).all()):
        raise UserError("'text_id': expected at least 2 distinct texts, found 1")
    _check_densities(tensors)


def _check_shapes(tensors: Mapping[str, Tensor]) -> None:
    mean_ND, log_p_x_z = tensors["posterior_mean"], tensors["log_p_x_z"]
    _expect(mean_ND.dim() == 2, "posterior_mean", "[N, D]", mean_ND)
    texts, size = mean_ND.shape
    _expect(texts >= 2 and size >= 1, "posterior_mean", "[N, D] with at least 2 texts", mean_ND)
    _expect(log_p_x_z.dim() == 2, "log_p_x_z", f"[S, {texts}]", log_p_x_z)
    samples = log_p_x_z.shape[0]
    _expect(samples >= 1, "log_p_x_z", f"[S, {texts}] with at least 1 sample", log_p_x_z)
    expected: dict[str, tuple[int, ...]] = {
        "posterior_std": (texts, size),
        **dict.fromkeys(("log_p_x_z", "log_p_z", "log_q_z_x"), (samples, texts)),
        **dict.fromkeys(
            (*COUNTS, "log_p_x_z_shuffled", "shuffled_from", "log_p_x_z_prior", "log_q_x", "text_id"), (texts,)
        ),
    }
    for name, shape in expected.items():
        if name in tensors:
            _expect(tuple(tensors[name].shape) == shape, name, str(list(shape)), tensors[name])
    z = tensors["z"]
    fits = z.dim() == 3 and tuple(z.shape[1:]) == (texts, size) and 1 <= z.shape[0] <= samples
    _expect(fits, "z", f"[Z, {texts}, {size}] with 1 <= Z <= {samples}", z)
    if (prior := tensors.get("prior_z")) is not None:
        fits = prior.dim() == 2 and prior.shape[1] == size and len(prior) >= 2
        _expect(fits, "prior_z", f"[M, {size}] with at least 2 samples", prior)
    if (adapted := tensors.get("log_weights_adapted")) is not None:
        fits = adapted.dim() == 2 and adapted.shape[0] >= 1 and 1 <= adapted.shape[1] <= texts
        _expect(fits, "log_weights_adapted", f"[S, P] with S >= 1 and 1 <= P <= {texts}", adapted)
    for name, tensor in tensors.items():
        counted = name in COUNTS or name in ("shuffled_from", "text_id")
        if counted and (tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool):
            raise UserError(f"'{name}': expected integers, found {tensor.dtype}")
        if not counted and not tensor.is_floating_point():
            raise UserError(f"'{name}': expected floating point numbers, found {tensor.dtype}")
        if tensor.dtype in (torch.float16, torch.bfloat16):
            raise UserError(f"'{name}': expected float32 or float64, found {tensor.dtype}, which rounds nats away")


def _expect(condition: bool, name: str, expected: str, tensor: Tensor) -> None:
    if not condition:
        raise UserError(f"'{name}': expected the shape {expected}, found {list(tensor.shape)}")


def _check_densities(tensors: Mapping[str, Tensor]) -> None:
    z_ZND, mean_ND, std_ND = (tensors[name].double() for name in ("z", "posterior_mean", "posterior_std"))
    kept = len(z_ZND)
    rounding_ZND = 2**-23 * (z_ZND.abs() + mean_ND.abs()) / std_ND
    slack_ZN = (((z_ZND - mean_ND) / std_ND).abs() * rounding_ZND + rounding_ZND.square()).sum(-1)
    expected_ZN = gaussian.log_density(z_ZND, mean_ND, std_ND).sum(-1)
    _expect_density(
        tensors["log_q_z_x"][:kept],
        expected_ZN,
        slack_ZN,
        "log_q_z_x",
        "the density of N(posterior_mean, posterior_std) at z",
    )
    if "prior_z" not in tensors:
        expected_ZN = gaussian.standard_log_density(z_ZND).sum(-1)
        hint = "the standard Gaussian density at z (for another prior give samples of it as 'prior_z')"
        _expect_density(tensors["log_p_z"][:kept], expected_ZN, torch.zeros_like(slack_ZN), "log_p_z", hint)


def _expect_density(found_ZN: Tensor, expected_ZN: Tensor, slack_ZN: Tensor, name: str, what: str) -> None:
    error_ZN = (found_ZN.double() - expected_ZN).abs()
    excess_ZN = error_ZN - (TOLERANCE + 1e-5 * expected_ZN.abs() + slack_ZN)
    if excess_ZN.max() > 0:
        sample, text = divmod(int(excess_ZN.argmax()), found_ZN.shape[1])
        raise UserError(
            f"'{name}': expected {what}, but sample {sample} of text {text} has {found_ZN[sample, text].item():.6g} "
            f"instead of {expected_ZN[sample, text].item():.6g} nats"
        )
