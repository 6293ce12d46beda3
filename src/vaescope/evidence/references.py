"""References: evidence about q(z) from other texts than the assessed ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from vaescope.errors import UserError
from vaescope.evidence.encodings import Encodings

NAMES = (
    *(f"{group}_{part}" for group in ("training", "components") for part in ("mean", "std", "text_id")),
    "text_space",
)
"""The tensors of references in a file of draws."""


@dataclass(frozen=True)
class References:
    """Evidence about the aggregate posterior q(z) from other texts than the assessed ones; missing parts are None.

    Attributes:
        training: encodings of training texts, for densities g(z) that do not depend on the assessed texts.
        components: encodings of further texts of the population that the encoder was *not* trained on: more components
            of the mixture q_N(z).
        log_densities: log g(z_i) at the first z of each assessed text, ``[N]``, under densities that were fitted to
            the encodings of training texts, by name.
        text_space: log importance weights of texts drawn at the first z of each of the first P texts, ``[1 + K, P]``
            (``estimators.text_space_density``).
    """

    training: Encodings | None = None
    components: Encodings | None = None
    log_densities: Mapping[str, Tensor] = field(default_factory=dict)
    text_space: Tensor | None = None

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor]) -> References:
        """Return the references among the tensors of a file.

        Raises:
            UserError: a mean without its standard deviation, or the reverse.
        """
        found: dict[str, Encodings] = {}
        for group in ("training", "components"):
            parts = {part: tensors.get(f"{group}_{part}") for part in ("mean", "std", "text_id")}
            mean, std = parts["mean"], parts["std"]
            if mean is not None and std is not None:
                found[group] = Encodings(mean, std, parts["text_id"])
            elif any(value is not None for value in parts.values()):
                raise UserError(f"'{group}': expected {group}_mean and {group}_std, found one of them or none")
        return cls(found.get("training"), found.get("components"), text_space=tensors.get("text_space"))

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors of a file; densities that were fitted elsewhere (``log_densities``) are not kept."""
        parts: dict[str, Tensor | None] = {"text_space": self.text_space}
        for group, encodings in (("training", self.training), ("components", self.components)):
            if encodings is not None:
                parts |= {f"{group}_{part}": getattr(encodings, part) for part in ("mean", "std", "text_id")}
        return {name: tensor for name, tensor in parts.items() if tensor is not None}

    @property
    def has_densities(self) -> bool:
        """Whether densities of q(z) can be made that no assessed text has shaped."""
        return self.training is not None or self.components is not None or bool(self.log_densities)

    def check(self, texts: int, size: int) -> None:
        """Raise a UserError for shapes that do not fit N texts and D latent units."""
        for name, encodings in (("training", self.training), ("components", self.components)):
            if encodings is None:
                continue
            shapes = {tuple(tensor.shape) for tensor in (encodings.mean, encodings.std)}
            if shapes != {(len(encodings), size)} or len(encodings) == 0:
                raise UserError(f"'{name}': expected mean and std of the shape [T, {size}], found {sorted(shapes)}")
            if not (encodings.mean.isfinite().all() and encodings.std.isfinite().all() and encodings.std.min() > 0):
                raise UserError(f"'{name}': expected finite means and finite, positive standard deviations")
        for name, log_g_N in self.log_densities.items():
            if tuple(log_g_N.shape) != (texts,):
                raise UserError(f"'log_densities', '{name}': expected the shape [{texts}], found {list(log_g_N.shape)}")
        weights = self.text_space
        if weights is not None:
            fits = weights.dim() == 2 and weights.shape[0] >= 2 and 2 <= weights.shape[1] <= texts
            if not fits or not weights[0].isfinite().all():
                shape = f"[1 + K, P] with K >= 1 and 2 <= P <= {texts}, the first row finite"
                raise UserError(f"'text_space': expected {shape}, found {list(weights.shape)}")
