"""Training as a share of the rate at which the hardware multiplies matrices, and its real tokens per second.

    python benchmarks/utilisation.py [--data FOLDER] [--texts N] [--steps N]

The FLOPs are those of the matrix products that real tokens need (docs/performance.md), without attention scores and
padding; the rate is the best of large square products in the type of the training. On an accelerator the networks have
the size of RoBERTa-base, where the claim is 40%; on a CPU that of ``training.py``.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

import torch
from common import SIZES, header, row, seconds, texts_of, tokenizer_of
from training import trainer_of

from vaescope.model.kernels.allocator import keep_freed_memory
from vaescope.model.vae import TransformerVAE

ROBERTA_BASE = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3_072}


def product_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Return the FLOPs per second of the fastest of 10 large products."""
    size = 8_192 if device.type == "cuda" else 2_048
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    return 2 * size**3 / min(seconds(lambda: a @ b) for _ in range(10))


def flops_per_token(model: TransformerVAE) -> float:
    """Return the FLOPs of a training step per real token: encoder, decoder and head, 6 for every weight."""
    sizes, vocabulary = model.config.decoder, model.config.decoder.vocab_size
    width, layers, inner = sizes.hidden_size, sizes.num_hidden_layers, sizes.intermediate_size
    layer = 4 * width**2 + 2 * width * inner
    return 6.0 * (2 * layers * layer + (vocabulary + width) * width)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data")
    parser.add_argument("--texts", type=int, help="texts per step (256 on an accelerator, else 32)")
    parser.add_argument("--steps", type=int, default=20)
    options = parser.parse_args()
    header()
    keep_freed_memory()
    gpu = torch.cuda.is_available()
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        tokenizer_of(texts_of(options.data)).save_pretrained(folder / "tokenizer")
        batch = options.texts or (256 if gpu else 32)
        sizes = ROBERTA_BASE if gpu else SIZES
        trainer = trainer_of(folder / "run", options.data, folder / "tokenizer", sizes=sizes, batch_size=batch)
        for _ in range(5):
            trainer.advance()
        rates = []
        for _ in range(options.steps):
            trainer.meter.read()
            elapsed = seconds(trainer.advance)
            rates.append(trainer.meter.read()["tokens"] / elapsed)
    rate = statistics.median(rates)
    dtype = trainer.plain.dtype or torch.float32
    peak = product_rate(trainer.accelerator.device, dtype)
    found = rate * flops_per_token(trainer.model)
    claim = (
        f"training, {sizes['num_hidden_layers']} layers, {sizes['hidden_size']} wide, {batch} texts per step, {dtype}"
    )
    row(f"{claim}: real tokens/s; TFLOP/s of products", "", f"{rate:,.0f}; {found / 1e12:.3g}", "")
    row("its share of the rate of large products: TFLOP/s", f"{peak / 1e12:.3g}", "", f"{found / peak:.0%}")


if __name__ == "__main__":
    main()
