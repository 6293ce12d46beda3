"""A model by functions of strings in the form that a sweep reads: batches of strings, a checked model, a sampler."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from vaescope.errors import UserError
from vaescope.estimators.distributions import DiagonalGaussian
from vaescope.randomness import seeded
from vaescope.sweep.drawn_texts import CHUNK, DrawnTexts
from vaescope.sweep.text_model import Sampled, TextModel

NOISE_ADVICE = (
    "a code without noise has an infinite rate; give it a noise channel, for instance noise=0.1, "
    "and compare several sizes of the noise"
)


@dataclass(frozen=True)
class StringBatch:
    """Some texts as strings, with the attributes of a ``Batch`` that a sweep reads."""

    strings: list[str]
    tokens: Tensor
    index: Tensor

    def __len__(self) -> int:
        """Return the number of texts B."""
        return len(self.strings)

    @property
    def size(self) -> int:
        """Tokens of the rectangle that the texts fill, padding included."""
        return len(self) * int(self.tokens.max())

    def to(self, device: torch.device | str) -> StringBatch:
        """Return the batch itself: strings are on no device."""
        return self


@dataclass(frozen=True)
class StringTexts:
    """A split of strings with their tokens counted.

    Attributes:
        texts: the N strings.
        lengths: predicted tokens of each, ``[N]``, int64.
    """

    texts: list[str]
    lengths: Tensor

    @classmethod
    def of(cls, texts: Sequence[str], model: TextModel) -> StringTexts:
        """Return texts with their tokens counted by the model.

        Raises:
            UserError: something that is not a list of strings, or counts that are not one for each.
        """
        if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
            raise UserError("texts: expected a list of strings")
        counts = torch.as_tensor(model.count_tokens(list(texts)) if len(texts) else [], dtype=torch.int64).cpu()
        if tuple(counts.shape) != (len(texts),) or (len(texts) and counts.min() < 1):
            raise UserError(f"count_tokens: expected {len(texts)} counts of at least 1 (the end counts as one)")
        return cls(list(texts), counts)

    def __len__(self) -> int:
        """Return the number of texts N."""
        return len(self.texts)

    @property
    def words(self) -> Tensor:
        """Words of each text, ``[N]``."""
        return torch.tensor([len(text.split()) for text in self.texts])

    @property
    def bytes(self) -> Tensor:
        """UTF-8 bytes of each text, ``[N]``."""
        return torch.tensor([len(text.encode()) for text in self.texts])

    @property
    def text_id(self) -> Tensor:
        """The number of each distinct string, ``[N]``, int64."""
        numbers: dict[str, int] = {}
        return torch.tensor([numbers.setdefault(text, len(numbers)) for text in self.texts], dtype=torch.int64)

    def batch(self, indices: Tensor | list[int]) -> StringBatch:
        """Return the texts at ``indices``."""
        index_B = torch.as_tensor(indices, dtype=torch.int64)
        return StringBatch([self.texts[i] for i in index_B.tolist()], self.lengths[index_B], index_B)

    def by_length(self, indices: Tensor | list[int], budget: int) -> list[StringBatch]:
        """Return batches of texts of similar length within a token budget, the longest first."""
        order = sorted(torch.as_tensor(indices).tolist(), key=lambda i: -int(self.lengths[i]))
        batches = []
        while order:
            count = max(1, budget // int(self.lengths[order[0]]))
            batches.append(self.batch(order[:count]))
            order = order[count:]
        return batches


class StringModel:
    """The ``Model`` of a sweep that calls the functions of a ``TextModel`` and checks what they return.

    Args:
        functions: the model.
        size: number D of latent units.
        noise: standard deviation that takes the place of that of ``encode``, or None.
    """

    def __init__(self, functions: TextModel, size: int, noise: float | None = None) -> None:
        self.functions, self.noise, self.size = functions, noise, size
        given = functions.prior
        self.prior = DrawnByNumber(DiagonalGaussian.standard(size) if given is None else given)

    def encode(self, batch: StringBatch) -> DiagonalGaussian:
        """Return q(z|x)."""
        mean_BD, std_BD = encoded(self.functions, batch.strings, self.noise)
        if mean_BD.shape[1] != self.size:
            raise UserError(f"encode: {self.size} latent units for some texts and {mean_BD.shape[1]} for others")
        return DiagonalGaussian(mean_BD, std_BD)

    def log_likelihood(self, batch: StringBatch, z_SBD: Tensor) -> Tensor:
        """Return log p(x|z), ``[S, B]``."""
        found = self.functions.log_likelihood(batch.strings, z_SBD)
        expected = tuple(z_SBD.shape[:2])
        if not isinstance(found, Tensor) or tuple(found.shape) != expected:
            shape = list(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise UserError(f"log_likelihood: expected a tensor [S, B] = {list(expected)}, found {shape}")
        return found.to(z_SBD)

    def has_gradient(self, batch: StringBatch, z_BD: Tensor) -> bool:
        """Return whether torch finds the gradients of log p(x|z) and log p(z) with respect to z."""
        with torch.enable_grad():
            z_1BD = z_BD[None].clone().requires_grad_()
            values = (self.log_likelihood(batch, z_1BD), self.prior.log_prob(z_1BD))
        return all(value.requires_grad for value in values)


def encoded(functions: TextModel, strings: list[str], noise: float | None) -> tuple[Tensor, Tensor]:
    """Return what ``encode`` says of texts as checked float32 tensors on the CPU, ``[B, D]`` each.

    With ``noise`` that is the standard deviation, and ``encode`` may return the code alone.

    Raises:
        UserError: not a mean and a standard deviation of one shape, or no noise in the code.
    """
    found = functions.encode(strings)
    if isinstance(found, Tensor):
        found = (found, torch.zeros_like(found))
    parts = [torch.as_tensor(part).detach().float().cpu() for part in found]
    shapes = [list(part.shape) for part in parts]
    fits = len(parts) == 2 and shapes[0] == shapes[1] and len(shapes[0]) == 2 and shapes[0][0] == len(strings)
    if not fits:
        raise UserError(f"encode: expected mean and std of the shape [{len(strings)}, D] each, found {shapes}")
    mean_BD, std_BD = parts
    if noise is not None:
        std_BD = torch.full_like(mean_BD, noise)
    if bool((std_BD == 0).any()):
        raise UserError(f"encode: a standard deviation of 0; {NOISE_ADVICE}")
    return mean_BD, std_BD


class DrawnByNumber:
    """A prior whose ``sample`` takes a number of samples; torch's distributions take a shape."""

    def __init__(self, given: Any) -> None:
        if not (callable(getattr(given, "log_prob", None)) and callable(getattr(given, "sample", None))):
            raise UserError(f"prior: expected log_prob and sample, or None for N(0, I), found {type(given).__name__}")
        self.given, self.is_standard = given, bool(getattr(given, "is_standard", False))

    def log_prob(self, z: Tensor) -> Tensor:
        """Return log p(z), ``[..., D] -> [...]``."""
        found = self.given.log_prob(z)
        if tuple(found.shape) != tuple(z.shape[:-1]):
            expected = f"[...] = {list(z.shape[:-1])} for z {list(z.shape)}"
            raise UserError(
                f"prior.log_prob: expected {expected}, found {list(found.shape)}; sum over the latent units"
            )
        return found

    def sample(self, n: int) -> Tensor:
        """Return ``[n, D]``."""
        return self.given.sample((n,)) if isinstance(self.given, Distribution) else self.given.sample(n)


@dataclass(frozen=True)
class StringSampler:
    """Draws texts by the functions of a ``TextModel``."""

    functions: TextModel

    def draw(self, z_MD: Tensor, seed: int, progress: Any = None) -> DrawnTexts:
        """Return a text from p(x|z) for each z, in chunks with a seed each."""
        if self.functions.sample is None:
            raise ValueError("the model has no sample")
        texts: list[str] = []
        log_prob, finished = [], []
        for chunk, z_CD in enumerate(z_MD.split(CHUNK)):
            with seeded(seed, "chunk", chunk), torch.no_grad():
                found = self.functions.sample(z_CD)
            part = found if isinstance(found, Sampled) else Sampled(found)
            texts += checked(part.texts, len(z_CD), "sample")
            log_prob.append(part.log_prob)
            finished.append(torch.ones(len(z_CD), dtype=torch.bool) if part.finished is None else part.finished)
            if progress is not None:
                progress(len(texts), len(z_MD))
        known = [part.detach().float().cpu() for part in log_prob if part is not None]
        finished_M = torch.cat([part.bool().cpu() for part in finished])
        # the scorer counts the end of a text, which a text that was cut does not have
        ended_M = torch.cat(known).where(finished_M, torch.nan) if len(known) == len(log_prob) else None
        return DrawnTexts(StringTexts.of(texts, self.functions), finished_M, ended_M)

    def greedy(self, z_MD: Tensor) -> DrawnTexts | None:
        """Return the most probable text for each z, or None where the model cannot say it."""
        if self.functions.decode is None:
            return None
        with torch.no_grad():
            texts = [t for z_CD in z_MD.split(CHUNK) for t in checked(self.functions.decode(z_CD), len(z_CD), "decode")]
        return DrawnTexts(StringTexts.of(texts, self.functions), torch.ones(len(texts), dtype=torch.bool))


def checked(texts: Any, count: int, name: str) -> list[str]:
    """Return the texts of a function.

    Raises:
        UserError: not one string for each z.
    """
    if not isinstance(texts, list | tuple) or len(texts) != count or not all(isinstance(t, str) for t in texts):
        raise UserError(f"{name}: expected {count} strings, one for each z, found {repr(texts)[:60]}")
    return list(texts)
