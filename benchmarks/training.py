"""Training: real (non-padding) tokens per second against the plain transformers loop, effective batch 32.

    python benchmarks/training.py [--data FOLDER]

Both take turns of 4 optimiser steps on the same texts: forward, backward, clipping, AdamW; each in a process of its
own, as a user would run either. Ours is the trainer of ``vaescope train`` with its defaults. The claim:
at least 5 times the baseline on CPUs that multiply bfloat16. ``--losses N`` trains ours for N steps in float32 and
bfloat16 instead and compares the last losses; ``--profile`` prints the share of each operation in ours.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from accelerate import Accelerator
from common import (
    LATENT,
    SIZES,
    SMALL,
    TOKENS,
    VOCABULARY,
    alternate_processes,
    header,
    ratio_of,
    row,
    texts_of,
    tokenizer_of,
)
from naive import NaiveVAE

from vaescope.config import RunConfig, parse_config
from vaescope.corpora.batch import Batch
from vaescope.corpora.tokenizer import train_bpe
from vaescope.model.kernels.allocator import keep_freed_memory
from vaescope.runs.run_folder import RunFolder
from vaescope.training.task import prepare
from vaescope.training.trainer import Trainer

STEPS = 4
"""Steps of a turn: a process that is waited for has lost the caches, which a training never does."""


def config_of(
    folder: Path, data: str | None, tokenizer: Path, sizes: dict[str, int] = SIZES, **training: object
) -> RunConfig:
    source = {"path": data} if data else {"known": "topic_pcfg"}
    return parse_config(
        {
            "data": {**source, "max_length": TOKENS},
            "tokenizer": {"path": str(tokenizer)},
            "model": {"encoder": {"model_type": "roberta", **sizes}, "latent_size": LATENT},
            "training": {"batch_size": 32, "tracker": "none", **training},
            "out": str(folder),
        }
    )


def trainer_of(folder: Path, data: str | None, tokenizer: Path, **options: object) -> Trainer:
    config = config_of(folder, data, tokenizer, **options)
    accelerator = Accelerator(cpu=not torch.cuda.is_available())
    return Trainer(prepare(config, RunFolder(config.out), accelerator), accelerator)


def baseline(batches: list[Batch]) -> Callable[[int], object]:
    """Return the plain loop: its steps are on the texts that ours takes in those steps."""
    torch.manual_seed(0)
    naive = NaiveVAE(vocabulary=VOCABULARY, latent=LATENT, tokens=TOKENS, **SIZES)
    optimiser = torch.optim.AdamW(naive.parameters(), lr=5e-4)

    def turn(pair: int) -> None:
        for batch in batches[pair * STEPS : (pair + 1) * STEPS]:
            loss = naive.loss(batch.input_ids, batch.attention_mask)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(naive.parameters(), 1.0)
            optimiser.step()
            optimiser.zero_grad()
            loss.item()

    return turn


def kept_baseline(batches: list[Batch]) -> Callable[[int], object]:
    """Return the plain loop in a process whose allocator keeps freed memory, as ours does."""
    keep_freed_memory()
    return baseline(batches)


def ours(data: str | None, work: Path) -> Callable[[int], object]:
    """Return the loop of ``vaescope train``."""
    keep_freed_memory()
    trainer = trainer_of(work / "ours", data, work / "tokenizer")

    def turn(pair: int) -> None:
        for _ in range(STEPS):
            trainer.advance()

    return turn


def compare(data: str | None, pairs: int, work: Path, plain: Callable[[list[Batch]], Callable[[int], object]]) -> None:
    tokenizer_of(texts_of(data)).save_pretrained(work / "tokenizer")
    trainer = trainer_of(work / "run", data, work / "tokenizer")
    texts = trainer.task.batches.tokenized
    batches = [texts.batch(trainer.task.batches.indices(step)) for step in range((pairs + 1) * STEPS)]
    times = alternate_processes({"naive": partial(plain, batches), "ours": partial(ours, data, work)}, pairs)
    tokens = torch.stack([batch.tokens.sum() for batch in batches]).view(-1, STEPS).sum(1).tolist()[1:]
    rate = {name: statistics.median(n / t for n, t in zip(tokens, time, strict=True)) for name, time in times.items()}
    ratio = ratio_of(times["naive"], times["ours"])
    weights = sum(p.numel() for p in trainer.model.parameters()) / 1e6
    claim = f"training, {weights:.1f}M parameters, batch 32, {trainer.plain.dtype or 'float32'}: tokens/s"
    row(claim, f"{rate['naive']:.0f}", f"{rate['ours']:.0f}", f"{ratio:.1f} x")


def profile(data: str | None, steps: int, work: Path) -> None:
    tokenizer_of(texts_of(data)).save_pretrained(work / "tokenizer")
    turn = ours(data, work)
    turn(0)
    with torch.profiler.profile() as found:
        for pair in range(1, steps // STEPS + 1):
            turn(pair)
    operations = sorted(found.key_averages(), key=lambda operation: -operation.self_cpu_time_total)
    total = sum(operation.self_cpu_time_total for operation in operations)
    for operation in operations[:25]:
        share, milliseconds = operation.self_cpu_time_total / total, operation.self_cpu_time_total / 1e3 / steps
        row(operation.key, "", f"{milliseconds:.1f} ms a step", f"{share:.1%}")
    row("all", "", f"{total / 1e3 / steps:.1f} ms a step", "")


def losses(data: str | None, steps: int, sizes: dict[str, int], work: Path) -> None:
    train_bpe(texts_of(data), 8_000).save_pretrained(work / "tokenizer")
    means = {}
    for precision in ("fp32", "bf16"):
        trainer = trainer_of(work / precision, data, work / "tokenizer", sizes=sizes, steps=steps, precision=precision)
        last = []
        for step in range(steps):
            trainer.advance()
            if step >= steps - 50:
                last.append(trainer.meter.read()["loss"])
            else:
                trainer.meter.read()
        means[precision] = statistics.mean(last)
    change = means["bf16"] / means["fp32"] - 1
    row(
        f"{sizes['hidden_size']} wide, loss after {steps} steps (mean of the last 50), bf16 against fp32: nats/text",
        f"{means['fp32']:.2f}",
        f"{means['bf16']:.2f}",
        f"{change:+.2%}",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data")
    parser.add_argument("--pairs", type=int, default=11)
    parser.add_argument("--kept", action="store_true", help="the baseline too keeps the memory that a step frees")
    parser.add_argument("--losses", type=int)
    parser.add_argument("--small", action="store_true", help="losses of a model of 2 layers, 128 wide")
    parser.add_argument("--profile", action="store_true", help="the share of each operation in 8 of our steps")
    options = parser.parse_args()
    header()
    with tempfile.TemporaryDirectory() as work:
        if options.profile:
            profile(options.data, 2 * STEPS, Path(work))
        elif options.losses:
            losses(options.data, options.losses, SMALL if options.small else SIZES, Path(work))
        else:
            plain = kept_baseline if options.kept else baseline
            compare(options.data, options.pairs, Path(work), plain)


if __name__ == "__main__":
    main()
