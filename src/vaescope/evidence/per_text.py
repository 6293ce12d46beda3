"""PerText: numbers of each text, stored so that models can be compared text by text."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from vaescope.errors import UserError
from vaescope.estimators import importance
from vaescope.estimators.copies import Copies, equal_posteriors
from vaescope.estimators.estimate import Estimate, mean_of
from vaescope.evidence.evidence import Evidence
from vaescope.randomness import stream
from vaescope.writing import write_tensors


@dataclass(frozen=True)
class PerText:
    """Numbers of N texts under one model, in nats per text.

    Two models assessed on the same texts have equal ``digest``; their numbers can then be compared text by text, with a
    much smaller error than the difference of two means.

    Attributes:
        rate: KL(q(z|x) || p(z)), ``[N]``.
        distortion: -E log p(x|z), ``[N]``.
        log_likelihood: the importance-weighted bound on log p(x), ``[N]``.
        tokens: predicted tokens, ``[N]``, int64.
        posterior_mean: mean of q(z|x), ``[N, D]``, float32.
        posterior_std: its standard deviation, ``[N, D]``, float32.
        digest: SHA-256 of the texts and their order; empty where the strings are not known.
        text_id: equal numbers for rows that count as one piece of evidence, ``[N]``, int64: copies of a text, unless
            the texts are known to be independent draws of a distribution.
    """

    rate: Tensor
    distortion: Tensor
    log_likelihood: Tensor
    tokens: Tensor
    posterior_mean: Tensor
    posterior_std: Tensor
    text_id: Tensor
    digest: str = ""

    @classmethod
    def of(cls, evidence: Evidence) -> PerText:
        """Return the numbers of each text of a sweep."""
        draws, strings = evidence.draws, evidence.strings
        copies = draws.clusters()
        return cls(
            rate=draws.rates,
            distortion=draws.distortions,
            log_likelihood=importance.log_mean_exp(draws.log_weights),
            tokens=draws.tokens,
            posterior_mean=draws.posterior_mean.float(),
            posterior_std=draws.posterior_std.float(),
            text_id=torch.arange(draws.texts) if copies is None else copies.text,
            digest="" if strings is None else hashlib.sha256("\n".join(strings).encode()).hexdigest(),
        )

    @property
    def copies(self) -> Copies:
        """Which rows are copies of one text."""
        return Copies.of(self.text_id)

    @property
    def elbo(self) -> Tensor:
        """-(distortion + rate) of each text, ``[N]``."""
        return -(self.distortion + self.rate)

    def sample(self, seed: int) -> Tensor:
        """Return one z ~ q(z|x) of each text, ``[N, D]``, float32, the same for the same seed."""
        noise_ND = torch.randn(self.posterior_mean.shape, generator=stream(seed, "posterior"))
        return self.posterior_mean + self.posterior_std * noise_ND

    def save(self, path: Path) -> None:
        """Write a safetensors file: the tensors by name, the digest in the metadata."""
        tensors = {f.name: getattr(self, f.name).cpu() for f in fields(self) if f.name != "digest"}
        write_tensors(path, tensors, {"digest": self.digest})

    @classmethod
    def load(cls, path: Path) -> PerText:
        """Read what ``save`` wrote.

        Raises:
            UserError: no such file, or not a complete one.
        """
        names = [f.name for f in fields(cls) if f.name not in ("digest", "text_id")]
        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                # files of earlier versions call it panel
                digest = metadata.get("digest", metadata.get("panel", ""))
                tensors = {name: file.get_tensor(name) for name in names}
                # files of earlier versions have none
                known = "text_id" in file.keys()  # noqa: SIM118
                text_id = file.get_tensor("text_id") if known else torch.arange(tensors["rate"].numel())
                found = cls(**tensors, text_id=text_id, digest=digest)
        except (SafetensorError, OSError) as error:
            raise UserError(f"{path}: it has no numbers of each text; assess the run again") from error
        if not found.consistent:
            raise UserError(f"{path}: damaged (shapes, or values that are no numbers); assess the run again")
        if not known:
            return replace(found, text_id=equal_posteriors(found.posterior_mean, found.posterior_std).text)
        return found

    @property
    def consistent(self) -> bool:
        """Whether the tensors are of the same texts, of floating point, and numbers."""
        count, codes = self.rate.numel(), (self.posterior_mean, self.posterior_std)
        vectors = (self.rate, self.distortion, self.log_likelihood, self.tokens, self.text_id)
        shapes = all(x.shape == (count,) for x in vectors) and all(
            x.dim() == 2 and x.shape == (count, x.shape[-1]) and x.shape == codes[0].shape for x in codes
        )
        floats = all(x.is_floating_point() for x in (*vectors[:3], *codes))
        return shapes and floats and not any(bool(x.isnan().any()) for x in (*vectors, *codes))


def paired_difference(ours_N: Tensor, theirs_N: Tensor, copies: Copies, *, kind: str = "unbiased") -> Estimate:
    """Return the mean of ours - theirs over the same texts, in nats per text; copies of a text count as one.

    >>> import torch
    >>> ours, theirs = torch.tensor([1.0, 2.0, 4.0]), torch.tensor([0.0, 1.0, 3.0])
    >>> difference = paired_difference(ours, theirs, Copies.of(torch.arange(3)))
    >>> difference.value, difference.se
    (1.0, 0.0)
    """
    return mean_of(ours_N.double() - theirs_N.double(), unit="nats/text", kind=kind, copies=copies)
