"""Memory: the peak of a training process at 4,096 tokens per step, and of a sweep over 42,068 texts.

    python benchmarks/memory.py

Each is a process of its own, whose peak resident memory is printed beside that of the same process before. The claims:
training below 6 GiB; a sweep never holds all z, all logits or a matrix of pairs (its model here costs nothing, so that
what is held is the sweep's own).
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from common import LATENT, TOKENS, header, row, texts_of, tokenizer_of

from vaescope.corpora.batch import Batch
from vaescope.corpora.tokenized import tokenize
from vaescope.estimators.distributions import DiagonalGaussian
from vaescope.model.kernels.allocator import keep_freed_memory
from vaescope.model.priors.standard import Standard
from vaescope.sweep.sweep import sweep

TEXTS, SAMPLES = 42_068, 64
STEPS = 10
"""Steps of training, since what is freed is kept and may come to lie in pieces."""


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def training() -> None:
    from training import trainer_of

    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        tokenizer_of(texts_of(None)).save_pretrained(folder / "tokenizer")
        keep_freed_memory()
        trainer = trainer_of(folder / "run", None, folder / "tokenizer", batch_size=4_096 // 16)
        before = peak_mib()
        for _ in range(STEPS):
            trainer.advance()
        tokens = trainer.meter.read()["tokens"]
    row(
        f"training, {tokens:.0f} tokens per step: peak MiB, before the first step",
        f"{before:.0f}",
        f"{peak_mib():.0f}",
        "",
    )


class Free:
    """A model that costs nothing."""

    def __init__(self) -> None:
        self.prior = Standard(LATENT)

    def encode(self, batch: Batch) -> DiagonalGaussian:
        mean = torch.zeros(len(batch), LATENT)
        return DiagonalGaussian(mean, torch.ones_like(mean))

    def log_likelihood(self, batch: Batch, z: torch.Tensor) -> torch.Tensor:
        return -z.square().sum(-1)


def assessment() -> None:
    texts = (texts_of(None) * 3)[:TEXTS]
    split = tokenize(texts, tokenizer_of(texts), max_length=TOKENS)
    sweep(Free(), split, samples=2, texts=100)
    before = peak_mib()
    sweep(Free(), split, samples=SAMPLES)
    all_z = SAMPLES * TEXTS * LATENT * 4 / 2**20
    claim = f"sweep, {TEXTS:,} texts, S = {SAMPLES}: extra MiB, all z alone"
    row(claim, f"{all_z:.0f}", f"{peak_mib() - before:.0f}", "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["training", "assessment"])
    options = parser.parse_args()
    if options.only:
        {"training": training, "assessment": assessment}[options.only]()
        return
    header()
    for part in ("training", "assessment"):
        subprocess.run([sys.executable, __file__, "--only", part], check=True)


if __name__ == "__main__":
    main()
