"""LatentSpace: a trained model and its tokenizer, to encode texts and decode points."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor
from torch.distributions import Distribution
from transformers import PreTrainedTokenizerFast

from vaescope.arguments import checked
from vaescope.checks import shown
from vaescope.corpora.ids_to_text import decode, unknown_tokens
from vaescope.corpora.tokenized import Tokenized, tokenize
from vaescope.errors import UserError, unknown
from vaescope.estimators.distributions import DiagonalGaussian
from vaescope.model.generation import Generation
from vaescope.model.paths import PATHS
from vaescope.model.vae import TransformerVAE
from vaescope.randomness import seeded

log = logging.getLogger("vaescope")

TOKENS_AT_ONCE = 8_192
"""Number of tokens in one pass of the encoder or the decoder."""


@dataclass(frozen=True)
class Neighbour:
    """A text, its index in the list it came from, and the distance of its posterior."""

    index: int
    text: str
    distance: float


@dataclass(frozen=True)
class LatentSpace:
    r"""The latent space of a trained text VAE: encode, decode, interpolate, find neighbours.

    The point of a text is the mean of its posterior, :math:`\mu(x) = E_{q(z|x)} z`, and the text of a point z is the
    greedy text of p(x|z). Everything is deterministic unless a temperature is given. Points are float32 on the CPU.

    Attributes:
        model: the model, in evaluation mode, on any device.
        tokenizer: the tokenizer that it was trained with.

    >>> from vaescope.config import ModelConfig
    >>> from vaescope.corpora.tokenizer import train_bpe
    >>> from vaescope.model.build import build_model
    >>> tokenizer = train_bpe(["a text", "another text"], 300)
    >>> vae = LatentSpace(build_model(ModelConfig(latent_size=4), tokenizer, max_length=16).eval(), tokenizer)
    >>> vae.encode(["a text", "another"]).mean.shape
    torch.Size([2, 4])
    >>> len(vae.interpolate("a text", "another text", steps=5))
    5
    """

    model: TransformerVAE
    tokenizer: PreTrainedTokenizerFast

    def encode(self, texts: Sequence[str]) -> DiagonalGaussian:
        """Return q(z|x) of N texts: a diagonal Gaussian, batch shape ``[N]``, event shape ``[D]``.

        Texts that are too long for the model are truncated; a warning reports how many.

        Raises:
            UserError: no text, an empty one, or a model without latent.
        """
        tokenized = self.model.readable(self.tokenize(texts))
        mean_ND = torch.empty(len(tokenized), self.model.config.latent_size)
        std_ND = torch.empty_like(mean_ND)
        with torch.inference_mode():
            for batch in tokenized.by_length(list(range(len(tokenized))), TOKENS_AT_ONCE):
                posterior = self.model.encode(batch.to(self.model.device))
                mean_ND[batch.index], std_ND[batch.index] = posterior.mean.cpu(), posterior.stddev.cpu()
        return DiagonalGaussian(mean_ND, std_ND)

    @checked
    def decode(
        self,
        z: Tensor | Distribution,
        *,
        temperature: float = 0.0,
        seed: int = 0,
        generation: Generation | None = None,
    ) -> list[str]:
        """Return one text for every point: the greedy one, or a sample of p(x|z) at a temperature.

        Args:
            z: points, ``[N, D]`` or ``[D]``; or a posterior from ``encode``, whose means are decoded.
            temperature: 0 takes the most probable token each time, 1 samples p(x|z) as it is.
            seed: of the samples; the global random state is neither read nor changed.
            generation: another way of choosing texts, which are then no draws of p(x|z).

        Raises:
            UserError: points that are not finite or of another size than the model's.
        """
        z_ND = self._points(z.mean if isinstance(z, Distribution) else z)
        texts: list[str] = []
        unfinished = 0
        with seeded(seed, "texts", device=self.model.device):
            for part in z_ND.split(max(1, TOKENS_AT_ONCE // self.model.config.text_length)):
                points = part.to(self.model.device, self.model.dtype)
                if generation is None or not generation.note:
                    drawn = self.model.sample(points, temperature=temperature)
                else:
                    drawn = generation.generate(self.model, points, temperature=temperature)
                texts += decode(drawn.input_ids, self.tokenizer)
                unfinished += int((~drawn.finished).sum())
        if unfinished:
            limit = self.model.config.text_length
            log.warning("%d of %d decoded texts did not end within %d tokens", unfinished, len(texts), limit)
        return texts

    @checked
    def sample(
        self, n: int, *, temperature: float = 1.0, seed: int = 0, generation: Generation | None = None
    ) -> list[str]:
        """Return n texts sampled from the model: z ~ p(z), x ~ p(x|z)."""
        if n < 1:
            raise UserError(f"the number of samples must be at least 1, not {n}")
        with seeded(seed, "z", device=self.model.device), torch.inference_mode():
            z_ND = self.model.prior.sample(n)
        return self.decode(z_ND, temperature=temperature, seed=seed, generation=generation)

    def reconstruct(self, texts: Sequence[str], *, generation: Generation | None = None) -> list[str]:
        """Return the greedy text at the posterior mean of each text, or the one that ``generation`` chooses there."""
        return self.decode(self.encode(texts).mean, generation=generation)

    @checked
    def interpolate(self, a: str, b: str, *, steps: int = 7, path: str = "linear") -> list[str]:
        """Return the texts at equal steps on a path from text ``a`` to text ``b``, both ends included.

        Args:
            a: the text at the start; the first result is its reconstruction.
            b: the text at the end.
            steps: how many points.
            path: ``linear`` or ``spherical`` (see ``model.paths``).

        Raises:
            UserError: fewer than 2 steps or an unknown path, and the errors of ``encode``.
        """
        return self.decode(self.path(a, b, steps=steps, path=path))

    def path(self, a: str, b: str, *, steps: int = 7, path: str = "linear") -> Tensor:
        """Return the points of ``interpolate``, ``[steps, D]``."""
        if steps < 2:
            raise UserError(f"interpolation needs at least 2 steps (its ends), not {steps}")
        if path not in PATHS:
            raise unknown("path", path, PATHS)
        start_D, end_D = self.encode([a, b]).mean
        return PATHS[path](start_D, end_D, torch.linspace(0, 1, steps))

    @checked
    def analogy(self, a: str, b: str, c: str) -> str:
        r"""Return the analogy "a is to b as c is to ?": the text at :math:`\mu(c) + \mu(b) - \mu(a)`."""
        return self.decode(self.fourth(a, b, c))[0]

    def fourth(self, a: str, b: str, c: str) -> Tensor:
        """Return the point of ``analogy``, ``[1, D]``."""
        mean_a, mean_b, mean_c = self.encode([a, b, c]).mean
        return (mean_c + mean_b - mean_a)[None]

    def neighbours(self, text: str, texts: Sequence[str], *, k: int = 5) -> list[Neighbour]:
        r"""Return the k of ``texts`` whose posteriors are nearest to that of ``text``, the nearest first.

        The distance is the 2-Wasserstein distance of the posteriors,
        :math:`W_2^2 = \|\mu - \mu'\|^2 + \|\sigma - \sigma'\|^2`: a metric, in units of z. A unit that ignores the text
        adds nothing, and distances of narrow posteriors stay finite.

        Raises:
            UserError: k is not in 1 ... N, and the errors of ``encode``.
        """
        if not 1 <= k <= len(texts):
            raise UserError(f"k must be in 1 to {len(texts)} (the number of texts), not {k}")
        here, there = self.encode([text]), self.encode(texts)
        distance_N = ((here.mean - there.mean).square() + (here.stddev - there.stddev).square()).sum(-1).sqrt()
        nearest = distance_N.sort(stable=True)
        found = zip(nearest.indices[:k].tolist(), nearest.values[:k].tolist(), strict=True)
        return [Neighbour(index, texts[index], distance) for index, distance in found]

    @checked
    def traverse(self, text: str, unit: int, values: Sequence[float] = (-3, -2, -1, 0, 1, 2, 3)) -> list[str]:
        """Return the texts at the posterior mean of ``text`` with one latent unit set to each of the values.

        Under the standard prior the values are standard deviations.

        Raises:
            UserError: no such unit or no values, and the errors of ``encode``.
        """
        return self.decode(self.line(text, unit, values))

    def line(self, text: str, unit: int, values: Sequence[float]) -> Tensor:
        """Return the points of ``traverse``, one for each value, ``[V, D]``."""
        size = self.model.config.latent_size
        if not 0 <= unit < size:
            raise UserError(f"unit {unit}: the model has {size} latent units, 0 to {size - 1}")
        if not len(values):
            raise UserError("a traversal needs at least one value")
        z_ND = self.encode([text]).mean.repeat(len(values), 1)
        z_ND[:, unit] = torch.as_tensor(values, dtype=z_ND.dtype)
        return z_ND

    def unit_rates(self, texts: Sequence[str]) -> Tensor | None:
        """Return KL(q(z_d|x) || p(z_d)) of each text and unit in nats, ``[N, D]``, or None without a closed form."""
        return self.model.prior.rate(self.encode(texts))

    def tokenize(self, texts: Sequence[str]) -> Tokenized:
        """Return the texts as the model reads them.

        Raises:
            UserError: no text, an empty one, a tokenizer of another model, or a model without latent.
        """
        if self.model.config.is_language_model:
            raise UserError("this model is a language model (injection 'none'): it has no latent space")
        if isinstance(texts, str) or not hasattr(texts, "__len__"):
            raise UserError(f"give a list of texts, not {'one string' if isinstance(texts, str) else shown(texts)}")
        if not len(texts):
            raise UserError("give at least one text")
        for number, text in enumerate(texts, start=1):
            if not isinstance(text, str):
                raise UserError(f"text {number} of {len(texts)} is {shown(text)}; give strings")
            if not text.strip():
                raise UserError(f"text {number} of {len(texts)} is empty")
        tokenized = tokenize(list(texts), self.tokenizer, max_length=self.model.config.text_length)
        rows = len(cast(Tensor, self.model.get_input_embeddings().weight))
        if int(tokenized.ids.max()) >= rows:
            raise UserError(
                f"the tokenizer has token ids up to {int(tokenized.ids.max())}, but the model only {rows} tokens; "
                "give the tokenizer that it was trained with"
            )
        unread = unknown_tokens(tokenized, self.tokenizer)
        if unread:
            log.warning("texts: %d of %d tokens are unknown to the tokenizer", unread, len(tokenized.ids))
        return tokenized

    def _points(self, z: Tensor) -> Tensor:
        z_ND = torch.atleast_2d(torch.as_tensor(z, dtype=torch.float32))
        size = self.model.config.latent_size
        if z_ND.dim() != 2 or z_ND.shape[1] != size or not len(z_ND):
            raise UserError(f"z has shape {list(torch.as_tensor(z).shape)}, but this model needs [N, {size}]")
        if not z_ND.isfinite().all():
            raise UserError("z: expected finite numbers, found NaN or infinity")
        return z_ND
