"""Assess a latent variable model of text from outside vaescope, given by functions of strings.

    python examples/assess_any_model.py

The model below is plain PyTorch: a text is 6 words, and every word is drawn from one of two topics with a probability
that z in R^2 sets. Five functions are all that you write for a model of your own.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import Tensor
from torch.distributions import Categorical

import vaescope

WORDS = ["red", "green", "blue", "one", "two", "three"]
LENGTH, TEXTS = 6, 300
TOPIC = torch.tensor([1.0, 1.0, 1.0, -1.0, -1.0, -1.0])
SECOND = torch.tensor([1.0, 0.0, -1.0, 1.0, 0.0, -1.0])
WEIGHT = torch.stack([1.5 * TOPIC, 0.5 * SECOND])


def ids(texts: list[str]) -> Tensor:
    """Return the number of each word, ``[B, LENGTH]``."""
    return torch.tensor([[WORDS.index(word) for word in text.split()] for text in texts])


def encode(texts: list[str]) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of q(z|x), ``[B, 2]`` each: the mean direction of the words, shrunk."""
    mean_BD = WEIGHT.mT[ids(texts)].mean(1) * torch.tensor([0.65, 0.8])
    return mean_BD, torch.tensor([0.35, 0.75]).expand_as(mean_BD)


def distribution(z: Tensor) -> Categorical:
    """Return p(word|z)."""
    return Categorical(logits=z @ WEIGHT)


def log_likelihood(texts: list[str], z_SBD: Tensor) -> Tensor:
    """Return log p(x|z), summed over the words, ``[S, B]``; every text has LENGTH words, so its end costs nothing."""
    return distribution(z_SBD[..., None, :]).log_prob(ids(texts)).sum(-1)


def sample(z_MD: Tensor) -> list[str]:
    """Return one text from p(x|z) for each z."""
    rows = distribution(z_MD).sample((LENGTH,)).mT.tolist()
    return [" ".join(WORDS[i] for i in row) for row in rows]


def decode(z_MD: Tensor) -> list[str]:
    """Return the most probable text for each z."""
    return [" ".join([WORDS[i]] * LENGTH) for i in (z_MD @ WEIGHT).argmax(-1).tolist()]


def main(file: Path | None = None) -> vaescope.Assessment:
    """Draw texts from the model, assess it on them; with a file, also write it for ``vaescope assess --draws FILE``."""
    torch.manual_seed(0)
    z_ND = torch.randn(TEXTS, 2)
    texts = sample(z_ND)
    assessment = vaescope.assess_model(
        texts,
        encode,
        log_likelihood,
        sample=sample,
        decode=decode,
        count_tokens=lambda texts: [LENGTH] * len(texts),
        labels=["left" if z < 0 else "right" for z in z_ND[:, 0].tolist()],
        samples=32,
        simulations=200,
        adapted_texts=32,
        panel_texts=16,
        save=file,
    )
    for finding in assessment.findings:
        print(f"{finding.verdict:10} {finding.name}: {finding.message}")
    return assessment


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
