"""NoisyCode: a deterministic code of N texts under an explicit noise channel, and its file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import torch
from sklearn.covariance import LedoitWolf
from torch import Tensor
from torch.distributions import MultivariateNormal

from vaescope.errors import UserError, unknown
from vaescope.estimators import gaussian
from vaescope.evidence import file
from vaescope.evidence.draws import Draws
from vaescope.evidence.encodings import Encodings
from vaescope.evidence.evidence import Evidence
from vaescope.evidence.references import References

PRIOR_SAMPLES = 4_096
PAGE = "docs/deterministic-codes.md"


@dataclass(frozen=True, repr=False)
class NoisyCode:
    r"""The code c(x) of N texts, and log p(x|z) at z = c(x) + sigma e for K sizes sigma of the noise, e from N(0, I).

    A code without noise has an infinite rate. With noise, q(z|x) = N(c(x), sigma^2 I) is a posterior like any other,
    and the rate falls while the distortion rises with sigma.

    Attributes:
        code: c(x), ``[N, D]``.
        std: the sizes sigma of the noise, ``[K]``, positive, ascending.
        unit: e, the same for every size, ``[S, N, D]``.
        log_p_x_z: log p(x|z) in nats per text at each size, ``[K, S, N]``.
        log_p_x_code: log p(x|z) at the code itself, ``[N]``.
        tokens: predicted tokens of each text, ``[N]``, int64.
        words: words of each text, or None.
        bytes: UTF-8 bytes of each text, or None.
        text_id: equal numbers for equal texts, or None.
        training: codes of training texts, ``[T, D]``, or None.
        standard: whether p(z) is N(0, I). If not, ``at`` takes the Gaussian that fits the codes.
        metadata: the origin, and facts under the names of ``Facts``.
    """

    code: Tensor
    std: Tensor
    unit: Tensor
    log_p_x_z: Tensor
    log_p_x_code: Tensor
    tokens: Tensor
    words: Tensor | None = None
    bytes: Tensor | None = None
    text_id: Tensor | None = None
    training: Tensor | None = None
    standard: bool = False
    metadata: dict[str, Any] = field(default_factory=dict)

    def at(self, std: float) -> Evidence:
        """Return the evidence at one size of the noise.

        Without a stated prior, p(z) is the Gaussian with the mean and the covariance (shrunk by Ledoit and Wolf 2004)
        of the training codes, or else of these codes, plus the noise.

        Raises:
            UserError: no such size among those that were scored.
        """
        found = [k for k, each in enumerate(self.std.tolist()) if abs(each - std) <= 1e-5 * each]
        if not found:
            raise UserError(f"noise {std:g}: log p(x|z) is not known there, only at {self.sizes}; give one of these")
        mean_ND, std_ND = self.code.float(), torch.full_like(self.code, float(std), dtype=torch.float32)
        z_SND = mean_ND + std_ND * self.unit.float()
        prior = {"log_p_z": gaussian.standard_log_density(z_SND.double()).sum(-1).float()}
        if not self.standard:
            fitted = self._fitted(float(std))
            noise = torch.randn(PRIOR_SAMPLES, len(fitted.loc), generator=torch.Generator().manual_seed(0))
            prior = {
                "log_p_z": fitted.log_prob(z_SND.double()).float(),
                "prior_z": (fitted.loc + noise.double() @ fitted.scale_tril.mT).float(),
            }
        draws = Draws(
            posterior_mean=mean_ND,
            posterior_std=std_ND,
            z=z_SND,
            log_p_x_z=self.log_p_x_z[found[0]].float(),
            log_q_z_x=gaussian.log_density(z_SND.double(), mean_ND.double(), std_ND.double()).sum(-1).float(),
            tokens=self.tokens,
            words=self.words,
            bytes=self.bytes,
            text_id=self.text_id,
            metadata=self.metadata | {"noise": float(std)},
            **prior,
        )
        evidence = Evidence.of(draws)
        if self.training is None:
            return evidence.validate()
        training = Encodings(self.training.float(), torch.full_like(self.training, float(std), dtype=torch.float32))
        return replace(evidence, references=References(training=training)).validate()

    def size_for(self, nats: float) -> float:
        """Return the largest size of the noise that raises the mean distortion by at most the given nats per text.

        Raises:
            UserError: even the smallest size raises it by more.
        """
        rises_K = (self.log_p_x_code.double() - self.log_p_x_z.double().mean(1)).mean(1)
        fits = [each for each, rise in zip(self.std.tolist(), rises_K.tolist(), strict=True) if rise <= nats]
        if not fits:
            raise UserError(
                f"a rise of {nats:g} nats: noise {self.std[0]:g}, the smallest that was scored, already raises the "
                f"distortion by {rises_K[0]:.3g}; score smaller noise, or allow more"
            )
        return fits[-1]

    @property
    def sizes(self) -> str:
        """The sizes of the noise in words."""
        return ", ".join(f"{each:g}" for each in self.std.tolist())

    def _fitted(self, std: float) -> MultivariateNormal:
        code = (self.code if self.training is None else self.training).double()
        found = LedoitWolf().fit(code.numpy())
        covariance = torch.from_numpy(found.covariance_) + std**2 * torch.eye(code.shape[1], dtype=torch.float64)
        return MultivariateNormal(torch.from_numpy(found.location_), covariance)

    def validate(self) -> NoisyCode:
        """Return the code if its tensors are complete and consistent.

        Raises:
            UserError: a tensor of a wrong shape, numbers that are not finite, or sizes that are not positive and
                ascending. The message names the tensor of the file.
        """
        sizes = {"N": self.code.shape[0] if self.code.dim() else 0, "D": self.code.shape[-1] if self.code.dim() else 0}
        sizes |= {"K": len(self.std) if self.std.dim() else 0, "S": len(self.unit) if self.unit.dim() else 0}
        for name, letters in SHAPES.items():
            tensor = getattr(self, ATTRIBUTES.get(name, name))
            expected = [sizes[letter] for letter in letters]
            if tensor is not None and list(tensor.shape) != expected:
                raise UserError(f"'{name}': expected [{', '.join(letters)}] = {expected}, found {list(tensor.shape)}")
            if tensor is not None and not tensor.isfinite().all():
                raise UserError(f"'{name}': expected finite numbers, found NaN or infinity")
        if sizes["N"] < 2:
            raise UserError(f"'posterior_mean': expected at least 2 texts, found {sizes['N']}")
        if not sizes["K"] or self.std[0] <= 0 or (self.std.diff() <= 0).any():
            raise UserError(f"'noise_std': expected positive, ascending sizes, found {self.std.tolist()}")
        if self.training is not None and (self.training.dim() != 2 or self.training.shape[1] != sizes["D"]):
            raise UserError(f"'training_code': expected [T, {sizes['D']}], found {list(self.training.shape)}")
        return self

    def save(self, path: Path | str) -> None:
        """Write a safetensors file, which ``vaescope assess --draws FILE --noise SIGMA`` reads."""
        names = {attribute: name for name, attribute in ATTRIBUTES.items()}
        values = {names.get(f.name, f.name): getattr(self, f.name) for f in fields(self)}
        tensors = {name: value for name, value in values.items() if isinstance(value, Tensor)}
        file.write_plain(Path(path), tensors, self.metadata, {"prior": "standard"} if self.standard else {})

    @classmethod
    def load(cls, path: Path | str) -> NoisyCode:
        """Read a file of a code.

        Raises:
            UserError: no such file, no code with scored noise in it, a tensor of an unknown name, or what ``validate``
                refuses.
        """
        tensors, texts = file.read_plain(Path(path))
        known = {f.name for f in fields(cls)} - set(ATTRIBUTES.values()) - {"standard", "metadata"} | set(ATTRIBUTES)
        std = tensors.pop("posterior_std", None)
        if std is not None and bool((std > 0).any()):
            raise UserError(
                f"{path}: --noise is for a code without a posterior, but 'posterior_std' is not 0; leave it out"
            )
        _check_names(tensors, known, path)
        standard = texts.pop("prior", "").strip('"') == "standard"
        values = {ATTRIBUTES.get(name, name): tensor for name, tensor in tensors.items()}
        return cls(
            **values, standard=standard, metadata={key: file.parsed(text) for key, text in texts.items()}
        ).validate()


ATTRIBUTES = {
    "posterior_mean": "code",
    "noise_std": "std",
    "noise_unit": "unit",
    "noise_log_p_x_z": "log_p_x_z",
    "code_log_p_x_z": "log_p_x_code",
    "training_code": "training",
}
"""The names in the file that differ from those of the attributes."""

SHAPES = {
    "posterior_mean": "ND",
    "noise_std": "K",
    "noise_unit": "SND",
    "noise_log_p_x_z": "KSN",
    "code_log_p_x_z": "N",
    "tokens": "N",
    "words": "N",
    "bytes": "N",
    "text_id": "N",
}


def _check_names(tensors: Mapping[str, Tensor], known: set[str], path: Path | str) -> None:
    missing = [name for name in ("posterior_mean", *list(ATTRIBUTES)[1:5], "tokens") if name not in tensors]
    if missing:
        raise UserError(
            f"{path}: the tensor '{missing[0]}' is missing; a code needs log p(x|z) at several sizes of noise, "
            f"which only its model can say ({PAGE})"
        )
    for name in tensors.keys() - known:
        raise UserError(f"{path}: {unknown('tensor', name, known)}")
