"""The code of a sentence encoder, which has no posterior, written for ``vaescope assess --draws FILE --noise SIGMA``.

    pip install sentence-transformers==6.2.0 transformers==5.24.0 torch==2.14.1 safetensors==0.8.0     # Python 3.11
    python examples/adapters/sentence_transformers.py --encoder all-MiniLM-L6-v2 --train train.txt --texts test.txt \
        --out codes.safetensors
    vaescope noise-curve codes.safetensors
    vaescope assess --draws codes.safetensors --noise 0.02

A sentence encoder has no decoder, so nobody knows log p(x|z). Here a small GRU learns to say the text from the code,
with noise of all the sizes that are written. Its distortion is an upper bound of what the best decoder could do. With
an autoencoder (SONAR, a decoder of your own) put its log p(x|z) in the place of ``Decoder.log_likelihood``.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from draws_file import read_texts, write_codes
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

LEVELS = (0.01, 0.02, 0.03, 0.05, 0.1, 0.2)
"""Sizes of the noise in each unit; the code of MiniLM has length 1 in 384 units, so 0.05 is as large as a unit."""
WORDS, WIDTH, STEPS, BATCH, SAMPLES = 1000, 128, 800, 64, 4


def encode(checkpoint: str, texts: list[str]) -> Tensor:
    """Return the codes, ``[N, D]``."""
    sys.path.remove(str(Path(__file__).resolve().parent))  # this file has the name of the package
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(checkpoint, device="cpu").encode(texts, convert_to_tensor=True, batch_size=64).clone()


class Decoder(nn.Module):
    """p(x|z): a GRU whose every step reads the code; words beyond WORDS are one word, and the end is 1."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.words, self.read = nn.Embedding(WORDS, WIDTH), nn.Linear(size, WIDTH)
        self.network, self.write = nn.GRU(2 * WIDTH, WIDTH, batch_first=True), nn.Linear(WIDTH, WORDS)

    def log_likelihood(self, ids: Tensor, z: Tensor) -> Tensor:
        """Return log p(x|z), ``[B]``; ids are padded by 0, which also starts a text."""
        start = torch.zeros_like(ids[:, :1])
        code = self.read(z * z.shape[1] ** 0.5)[:, None].expand(-1, ids.shape[1], -1)
        states, _ = self.network(torch.cat([self.words(torch.cat([start, ids[:, :-1]], 1)), code], -1))
        return -(cross_entropy(self.write(states).mT, ids, reduction="none") * (ids > 0)).sum(1)


def ids_of(texts: list[str], number: dict[str, int]) -> Tensor:
    """Return ids with the end, padded by 0, ``[N, T]``."""
    rows = [[*(number.get(word, 2) for word in text.split()), 1] for text in texts]
    longest = max(map(len, rows))
    return torch.tensor([row + [0] * (longest - len(row)) for row in rows])


def train(ids: Tensor, codes: Tensor) -> Decoder:
    """Train the decoder on codes with noise of random size, including none."""
    torch.manual_seed(0)
    decoder = Decoder(codes.shape[1])
    optimiser = torch.optim.Adam(decoder.parameters(), lr=3e-3)
    sizes = torch.tensor((0.0, *LEVELS))
    for step in range(STEPS):
        rows = torch.randint(len(ids), (BATCH,))
        noise = sizes[torch.randint(len(sizes), (BATCH, 1))] * torch.randn(BATCH, codes.shape[1])
        for group in optimiser.param_groups:
            group["lr"] = 3e-3 * (1 - step / STEPS)
        optimiser.zero_grad()
        (-decoder.log_likelihood(ids[rows], codes[rows] + noise).mean()).backward()
        optimiser.step()
    return decoder.eval()


@torch.no_grad()
def fill(decoder: Decoder, ids: Tensor, code: Tensor, training: Tensor, texts: list[str], path: Path) -> None:
    """Write the code and log p(x|z) of the decoder at each size of the noise."""
    unit = torch.randn(SAMPLES, *code.shape)
    scored = [[decoder.log_likelihood(ids, code + size * each) for each in unit] for size in LEVELS]
    write_codes(
        path,
        texts,
        code.numpy(),
        np.array(LEVELS),
        unit.numpy(),
        noise_log_p_x_z=torch.stack([torch.stack(row) for row in scored]).numpy(),
        code_log_p_x_z=decoder.log_likelihood(ids, code).numpy(),
        tokens=(ids > 0).sum(1).numpy(),
        training_code=training.numpy(),
        metadata={"model": "sentence encoder with a GRU", "versions": {"torch": torch.__version__}},
    )


def main() -> None:
    """Encode, train the decoder, and write the file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--encoder", required=True)
    for name in ("--train", "--texts", "--out"):
        parser.add_argument(name, type=Path, required=True)
    given = parser.parse_args()
    training, texts = read_texts(given.train, most=4000, words=14), read_texts(given.texts, most=400, words=14)
    counted = Counter(word for text in training for word in text.split())
    number = {word: 3 + i for i, (word, _) in enumerate(counted.most_common(WORDS - 3))}
    codes = encode(given.encoder, [*training, *texts])
    decoder = train(ids_of(training, number), codes[: len(training)])
    ids, code = ids_of(texts, number), codes[len(training) :]
    fill(decoder, ids, code, codes[: len(training)], texts, given.out)
    with torch.no_grad():
        print(f"distortion without noise: {-decoder.log_likelihood(ids, code).mean():.3f}")
        print(f"with the code of another text: {-decoder.log_likelihood(ids, code.roll(1, 0)).mean():.3f}")
        print(f"variance of a unit: {code.var(0).mean():.6f}")


if __name__ == "__main__":
    main()
