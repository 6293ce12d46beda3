"""Draws: the tensors of one sweep of a model over a split, and their file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vaescope.errors import UserError, unknown
from vaescope.estimators import gaussian
from vaescope.estimators.copies import Copies, equal_posteriors
from vaescope.evidence import file
from vaescope.evidence.check_draws import check
from vaescope.evidence.encodings import Encodings
from vaescope.evidence.facts import Facts
from vaescope.evidence.latent_sequences import check_latents, rates_of_latents, sequences
from vaescope.evidence.references import NAMES


@dataclass(frozen=True, repr=False)
class Draws:
    """The numbers of a latent variable model on N texts with S samples of q(z|x) each.

    Anything that fills it (a vaescope run, another framework's VAE, a file) can be assessed. All densities are in nats
    per text.

    A text may have K latents: give ``posterior_mean``, ``posterior_std``, ``z`` and ``prior_z`` as ``[..., K, D]``.
    They are kept as K D units, with K as ``latents``. A learned prior, which may be autoregressive, is given by
    ``log_p_z`` and its samples ``prior_z``. Pad a text of fewer latents with latents of posterior N(0, I), and let
    ``log_p_z`` and ``prior_z`` have N(0, I) at these places: they cost and hold nothing.

    Attributes:
        posterior_mean: mean of the diagonal Gaussian q(z|x), ``[N, D]``.
        posterior_std: its standard deviation, positive, ``[N, D]``.
        z: samples of q(z|x), ``[Z, N, D]`` with 1 <= Z <= S: the first Z of the S samples (a sweep of many texts keeps
            few; only the densities need all S).
        log_p_x_z: log p(x|z) summed over predicted tokens, ``[S, N]``.
        log_p_z: log p(z), ``[S, N]``.
        log_q_z_x: log q(z|x), ``[S, N]``.
        tokens: predicted tokens of each text (EOS counts, BOS and padding do not), ``[N]``, int64.
        words: words of each text, ``[N]``, or None.
        bytes: UTF-8 bytes of each text, ``[N]``, or None.
        prior_z: samples of p(z), ``[M, D]``, or None for the standard Gaussian N(0, I).
        log_p_x_z_shuffled: log p(x|z) with z drawn from the posterior of another text, ``[N]``, or None.
        shuffled_from: the text that this z comes from, a permutation that moves every text, ``[N]``, int64, or None.
        log_p_x_z_prior: log p(x|z) with z drawn from p(z), ``[N]``, or None.
        log_weights_adapted: importance weights of samples of a proposal adapted to each of the first P texts,
            ``[S, P]``, or None.
        log_q_x: log-probability of each text under the distribution that it was drawn from, ``[N]``, where that is
            known (the built-in corpora), or None.
        text_id: equal numbers for equal texts, ``[N]``, int64; if None, texts with equal posteriors count as equal.
        log_p_z_latents: log p(z_k|z_1, ..., z_k-1) of each latent at ``z``, ``[Z, N, K]``, or None.
        metadata: the origin of the draws (split, run, seed, versions), and facts under the names of ``Facts``
            (``strings``, ``labels``, ``entropy``, ``language_model_nll``, ...).
    """

    posterior_mean: Tensor
    posterior_std: Tensor
    z: Tensor
    log_p_x_z: Tensor
    log_p_z: Tensor
    log_q_z_x: Tensor
    tokens: Tensor
    words: Tensor | None = None
    bytes: Tensor | None = None
    prior_z: Tensor | None = None
    log_p_x_z_shuffled: Tensor | None = None
    shuffled_from: Tensor | None = None
    log_p_x_z_prior: Tensor | None = None
    log_weights_adapted: Tensor | None = None
    log_q_x: Tensor | None = None
    text_id: Tensor | None = None
    log_p_z_latents: Tensor | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        found, latents = sequences(self.tensors())
        for name, tensor in found.items():
            object.__setattr__(self, name, tensor)
        if latents is not None:
            object.__setattr__(self, "metadata", {**self.metadata, "latents": latents})

    def __repr__(self) -> str:
        """Return the sizes and the optional tensors, not their values."""
        given = list(self.tensors())[7:]
        also = f", with {', '.join(given)}" if given else ""
        return f"Draws({self.texts:,} texts, {self.samples} samples, {self.latent_size} latent units{also})"

    @property
    def texts(self) -> int:
        """Number of texts N."""
        return self.posterior_mean.shape[0]

    @property
    def latents(self) -> int:
        """Number of latents K of each text, which share the units."""
        return int(self.metadata.get("latents", 1))

    @cached_property
    def latent_rates(self) -> Tensor | None:
        """The rate of each latent given the ones before it, ``[N, K]``; None where its prior is not known."""
        log_q_ZND = gaussian.log_density(self.z.double(), self.posterior_mean.double(), self.posterior_std.double())
        return rates_of_latents(self.latents, self.unit_rates, log_q_ZND, self.log_p_z_latents)

    @property
    def samples(self) -> int:
        """Number S of posterior samples per text."""
        return self.log_p_x_z.shape[0]

    @property
    def latent_size(self) -> int:
        """Number of latent units D."""
        return self.posterior_mean.shape[1]

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors that are present, by name."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, torch.Tensor)}

    @cached_property
    def unit_rates(self) -> Tensor | None:
        """KL(q(z_d|x) || p(z_d)) of each text and unit, ``[N, D]``, or None unless the prior is N(0, I)."""
        if self.prior_z is not None:
            return None
        return gaussian.kl_to_standard(self.posterior_mean.double(), self.posterior_std.double())

    @cached_property
    def rates(self) -> Tensor:
        """KL(q(z|x) || p(z)) of each text, ``[N]``: the closed form where the prior is N(0, I), else Monte Carlo."""
        if self.unit_rates is not None:
            return self.unit_rates.sum(1)
        return (self.log_q_z_x.double() - self.log_p_z.double()).mean(0)

    @cached_property
    def distortions(self) -> Tensor:
        """-E log p(x|z) of each text by its S samples, ``[N]``."""
        return -self.log_p_x_z.double().mean(0)

    @cached_property
    def ignores_latent(self) -> bool:
        """Whether nothing depends on z, as in a language model: log p(x) is then log p(x|z), exact with one sample.

        Every q(z|x) is p(z), and log p(x|z) is the same at all z that were tried: those of the samples, of another text
        and of the prior.
        """
        if self.rates.abs().max() > 0:
            return False
        further = [x for x in (self.log_p_x_z_shuffled, self.log_p_x_z_prior) if x is not None]
        tried_TN = torch.cat([self.log_p_x_z, *(x[None] for x in further)])
        return len(tried_TN) > 1 and torch.allclose(tried_TN, tried_TN[:1], rtol=1e-5, atol=1e-3)

    @cached_property
    def copies(self) -> Copies:
        """Which texts are copies of one text: by ``text_id``, else by equal rows of posterior mean and std.

        Where all posteriors are equal the encoder has collapsed, and every text counts as distinct.
        """
        if self.text_id is not None:
            return Copies.of(self.text_id)
        return equal_posteriors(self.posterior_mean, self.posterior_std)

    def clusters(self, kept_N: Tensor | None = None) -> Copies | None:
        """Return the copies that count as one observation in a mean over all texts, or over those kept.

        ``kept_N`` is a mask of the texts, or their positions.

        None if the texts are known to be independent draws of a distribution (``log_q_x``), even if some are equal.
        """
        if self.log_q_x is not None:
            return None
        return self.copies if kept_N is None else Copies.of(self.copies.text[kept_N])

    def copies_with(self, further: Encodings) -> Copies:
        """Which of these and of the further texts are copies: by ``text_id`` of both, else by equal posteriors."""
        if self.text_id is not None and further.text_id is not None:
            return Copies.of(torch.cat([self.text_id, further.text_id]))
        mean_RD = torch.cat([self.posterior_mean.double(), further.mean.double()])
        return equal_posteriors(mean_RD, torch.cat([self.posterior_std.double(), further.std.double()]))

    @cached_property
    def log_weights(self) -> Tensor:
        """Importance weights log p(x|z) + log p(z) - log q(z|x), ``[S, N]``, float64."""
        return self.log_p_x_z.double() + self.log_p_z.double() - self.log_q_z_x.double()

    def validate(self) -> Draws:
        """Return the draws if they are complete and consistent.

        Raises:
            UserError: a tensor of a wrong shape or type, NaN or infinity, a standard deviation that is not positive,
                fewer than 2 texts or 1 sample, or densities that are not those of the stated q(z|x) and p(z). The
                message names the tensor, what was expected and what was found.
        """
        check(self.tensors())
        check_latents(self.metadata, self.tensors())
        Facts.of(self.metadata)
        return self

    def to_arviz(self) -> Any:
        """Return the samples as the data tree of ArviZ: one chain, texts and units as dimensions.

        Groups: ``posterior`` (z), ``log_likelihood`` (log p(x|z) of those z), ``constant_data`` (tokens).

        Raises:
            UserError: ``arviz-base`` is not installed.
        """
        try:
            from arviz_base import from_dict
        except ImportError as error:
            raise UserError("to_arviz needs arviz-base; install it with pip install 'vaescope[arviz]'") from error
        kept = self.z.shape[0]
        groups = {
            "posterior": {"z": self.z[None].numpy()},
            "log_likelihood": {"text": self.log_p_x_z[None, :kept].numpy()},
            "constant_data": {"tokens": self.tokens.numpy()},
        }
        return from_dict(groups, dims={"z": ["text_id", "unit"], "text": ["text_id"], "tokens": ["text_id"]})

    def save(self, path: Path | str) -> None:
        """Write a safetensors file: the tensors by name; metadata ``prior`` and the entries of ``metadata`` as JSON."""
        file.write(Path(path), self.tensors(), self.metadata)

    @classmethod
    def load(cls, path: Path | str) -> Draws:
        """Read and validate a safetensors file as written by ``save`` or by any other program.

        Parts of the file beyond the sweep (drawn texts, experiments) are left to ``Evidence.load``.

        Raises:
            UserError: no such file, not a complete safetensors file, a tensor of an unknown name, or the errors of
                ``validate``.
        """
        tensors, metadata = file.read(Path(path))
        return cls.of(tensors, metadata, str(path)).validate()

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any], source: str) -> Draws:
        """Return the sweep among the tensors and metadata of a file, not validated.

        Raises:
            UserError: a tensor that is not one of a sweep; the message names it and ``source``.
        """
        known = {f.name for f in fields(cls)} - {"metadata"}
        own = {name: tensor for name, tensor in tensors.items() if not file.is_part(name) and name not in NAMES}
        for name in own.keys() - known:
            raise UserError(f"{source}: {unknown('tensor', name, known)}")
        return cls(**own, metadata={key: value for key, value in metadata.items() if not file.is_part(key)})
