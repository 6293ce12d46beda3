"""TextModel: a latent variable model of text from anywhere, given by functions of strings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

Encode = Callable[[list[str]], tuple[Tensor, Tensor]]
LogLikelihood = Callable[[list[str], Tensor], Tensor]


@dataclass(frozen=True)
class Sampled:
    """Texts drawn from p(x|z), with what the sampler knows of them.

    Attributes:
        texts: one string for each z.
        log_prob: log p(x|z) as the sampler added it up while it drew, nats per text, ``[M]``, or None. It shows
            whether the sampler draws from the model that ``log_likelihood`` scores.
        finished: whether each text ended by itself and not at a limit of length, ``[M]``, bool, or None for all.
    """

    texts: list[str]
    log_prob: Tensor | None = None
    finished: Tensor | None = None


Sample = Callable[[Tensor], list[str] | Sampled]


def words_and_end(texts: list[str]) -> list[int]:
    """Return the words of each text plus 1 for its end: the tokens where none are known.

    >>> words_and_end(["a b", ""])
    [3, 1]
    """
    return [len(text.split()) + 1 for text in texts]


@dataclass(frozen=True)
class TextModel:
    r"""p(x, z) = p(z) p(x|z) and q(z|x) as functions; tensors may be on any device and are read in float32.

    Which diagnostics run depends on what is given. ``encode`` and ``log_likelihood`` are enough for rate, distortion,
    likelihood, information and q(z) against p(z). ``sample`` adds what is asked of drawn texts, ``decode``
    reconstructions and paths. Where torch finds the gradient of ``log_likelihood`` with respect to z, posteriors are
    also optimised text by text. Numbers for single tokens (``token_accuracy``, ``token_divergence``) and for the
    attention need a model of vaescope.

    Put the networks in evaluation mode before: dropout would make each call another model.

    Attributes:
        encode: B texts -> mean and standard deviation of the diagonal Gaussian q(z|x), ``[B, D]`` each.
        log_likelihood: B texts and z ``[S, B, D]`` -> log p(x|z) in nats per text, ``[S, B]``: the sum over all tokens
            of the text and its end, never a mean.
        sample: z ``[M, D]`` -> one text from p(x|z) at temperature 1 for each z, as strings or as ``Sampled``. torch's
            random state is seeded before each call; other random numbers are the caller's to seed.
        decode: z ``[M, D]`` -> the most probable (greedy) text for each z.
        prior: p(z), a torch distribution over ``[D]`` or an object with ``log_prob(z)`` (``[..., D] -> [...]``) and
            ``sample(n)`` (``[n, D]``); None for N(0, I).
        count_tokens: B texts -> the number of predicted tokens of each, for numbers per token; by default its words
            and its end.

    >>> import torch, vaescope
    >>> from torch.distributions import Categorical
    >>> def logits(z):
    ...     return torch.stack([z[..., 0], -z[..., 0]], -1)  # of the words "yes" and "no"
    >>> def encode(texts):
    ...     mean = torch.tensor([[0.7 if text == "yes" else -0.7] for text in texts])
    ...     return mean, torch.full_like(mean, 0.8)
    >>> def log_likelihood(texts, z):
    ...     return Categorical(logits=logits(z)).log_prob(torch.tensor([int(text == "no") for text in texts]))
    >>> model = vaescope.TextModel(encode, log_likelihood)
    >>> found = vaescope.assess(model, ["yes", "no"] * 50, samples=16, diagnostics=["rate"])
    >>> round(found.estimates["rate"].value, 3)  # -log 0.8 + (0.8^2 + 0.7^2 - 1) / 2
    0.288
    """

    encode: Encode
    log_likelihood: LogLikelihood
    sample: Sample | None = None
    decode: Callable[[Tensor], list[str]] | None = None
    prior: Any = None
    count_tokens: Callable[[list[str]], Any] = words_and_end
