"""A VAE of pythae, trained on bags of words and written for ``vaescope assess --draws``.

    pip install pythae==0.1.2 torch==2.14.1 numpy==2.4.6 safetensors==0.8.0     # Python 3.11
    python examples/adapters/pythae.py --train train.txt --texts test.txt --out pythae.safetensors
    vaescope assess --draws pythae.safetensors

pythae models vectors, so a text is here the set of its words among the 200 most frequent ones, and p(x|z) is a product
of Bernoulli distributions. pythae does not expose log p(x|z): ``log_likelihood`` chooses it, as its loss "bce" does.
For a model of your own keep ``fill`` and load your model in place of ``train``.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch
from draws_file import cycle, read_texts, write_draws
from torch.nn.functional import binary_cross_entropy

SIZE, WORDS, EPOCHS, SAMPLES = 8, 200, 15, 32


def bags(texts: list[str], vocabulary: list[str]) -> torch.Tensor:
    """Return which words each text has, ``[N, WORDS]``."""
    return torch.tensor([[float(word in row) for word in vocabulary] for row in (set(text.split()) for text in texts)])


def train(x: torch.Tensor) -> Any:
    """Train the VAE of pythae with its loss."""
    sys.path.remove(str(Path(__file__).resolve().parent))  # this file has the name of the package
    from pythae.models import VAE, VAEConfig

    torch.manual_seed(0)
    model = VAE(VAEConfig(input_dim=(WORDS,), latent_dim=SIZE, reconstruction_loss="bce"))
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(x)).split(100):
            optimiser.zero_grad()
            model({"data": x[rows]}).loss.backward()
            optimiser.step()
    return model.eval()


def log_likelihood(model: Any, x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    """Return log p(x|z) for z ``[..., N, D]``."""
    p = model.decoder(z.reshape(-1, SIZE)).reconstruction.reshape(*z.shape[:-1], WORDS)
    return -binary_cross_entropy(p, x.expand_as(p), reduction="none").sum(-1)


@torch.no_grad()
def fill(model: Any, x: torch.Tensor, texts: list[str], path: Path) -> None:
    """Write the numbers of the model for the texts."""
    found = model.encoder(x)
    mean, std = found.embedding, (found.log_covariance / 2).exp()
    z = mean + std * torch.randn(SAMPLES, *mean.shape)
    others = torch.from_numpy(cycle(len(x), np.random.default_rng(0)))
    write_draws(
        path,
        texts,
        mean.numpy(),
        std.numpy(),
        z.numpy(),
        log_p_x_z=log_likelihood(model, x, z).numpy(),
        log_p_x_z_shuffled=log_likelihood(model, x, z[0, others]).numpy(),
        log_p_x_z_prior=log_likelihood(model, x, torch.randn_like(mean)).numpy(),
        shuffled_from=others.numpy(),
        tokens=np.full(len(x), WORDS),
        text_id=x.unique(dim=0, return_inverse=True)[1].numpy(),  # equal sets of words are one text
        metadata={"model": "pythae VAE", "versions": {"pythae": "0.1.2", "torch": torch.__version__}},
    )


@torch.no_grad()
def report(model: Any, x: torch.Tensor) -> dict[str, float]:
    """Return the numbers of pythae itself for these texts."""
    said = model({"data": x})
    few = x[:100]
    return {
        "recon_loss": said.recon_loss.item(),
        "reg_loss": said.reg_loss.item(),
        "loss": said.loss.item(),
        "get_nll(n_samples=200), 100 texts": model.get_nll(few, n_samples=200, batch_size=100),
    }


def main() -> None:
    """Train, write the file, and print the numbers of pythae."""
    parser = argparse.ArgumentParser()
    for name in ("--train", "--texts", "--out"):
        parser.add_argument(name, type=Path, required=True)
    given = parser.parse_args()
    training, texts = read_texts(given.train, most=10_000, words=50), read_texts(given.texts, most=1000, words=50)
    counted = Counter(word for text in training for word in set(text.split()))
    vocabulary = [word for word, _ in counted.most_common(WORDS)]
    model = train(bags(training, vocabulary))
    x = bags(texts, vocabulary)
    fill(model, x, texts, given.out)
    for name, value in report(model, x).items():
        print(f"{name}: {value:.3f}")


if __name__ == "__main__":
    main()
