"""When does bfloat16 pay on this machine? CPU time of training steps in both precisions, by size of the step.

    python benchmarks/precision.py

``training.precision: auto`` takes bfloat16 on a CPU from ``training.precision.BREAK_EVEN`` FLOPs per step; this
is where that number comes from. One thread, so that the time is that of the arithmetic, whatever else runs.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch
from accelerate import Accelerator
from common import header, row

from vaescope.config import parse_config
from vaescope.runs.run_folder import RunFolder
from vaescope.training.precision import step_flops
from vaescope.training.task import prepare
from vaescope.training.trainer import Trainer

CASES = ((64, 2, 16), (64, 2, 64), (96, 2, 64), (128, 2, 16), (128, 2, 64), (192, 3, 32), (256, 2, 32), (384, 6, 32))


def trainer_of(width: int, layers: int, texts: int, precision: str, folder: Path) -> Trainer:
    sizes = {"hidden_size": width, "num_hidden_layers": layers, "intermediate_size": 4 * width}
    raw = {
        "data": {"known": "topic_pcfg", "sizes": [5_000, 500, 500], "max_length": 32},
        "tokenizer": {"vocab_size": 2_000},
        "model": {"encoder": {"model_type": "roberta", "num_attention_heads": 4, **sizes}, "latent_size": 8},
        "training": {"batch_size": texts, "precision": precision, "tracker": "none"},
        "out": str(folder / f"{width}-{layers}-{texts}-{precision}"),
    }
    config = parse_config(raw)
    accelerator = Accelerator(cpu=True)
    return Trainer(prepare(config, RunFolder(config.out), accelerator), accelerator)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=11)
    options = parser.parse_args()
    torch.set_num_threads(1)
    header()
    with tempfile.TemporaryDirectory() as work:
        for width, layers, texts in CASES:
            trainers = {p: trainer_of(width, layers, texts, p, Path(work)) for p in ("fp32", "bf16")}
            times: dict[str, list[float]] = {precision: [] for precision in trainers}
            for pair in range(options.pairs + 2):
                for precision, trainer in trainers.items():
                    start = time.process_time()
                    trainer.advance()
                    if pair >= 2:
                        times[precision].append(time.process_time() - start)
            trainer = trainers["fp32"]
            flops = step_flops(sum(p.numel() for p in trainer.model.parameters()), trainer.meter.read()["tokens"])
            median = {precision: 1e3 * statistics.median(values) for precision, values in times.items()}
            ratio = statistics.median(a / b for a, b in zip(times["fp32"], times["bf16"], strict=True))
            claim = f"{layers} layers, {width} wide, {texts} texts, {flops / 1e9:.2f} GFLOP: CPU ms per step"
            row(claim, f"{median['fp32']:.0f} (fp32)", f"{median['bf16']:.0f} (bf16)", f"{ratio:.2f} x")


if __name__ == "__main__":
    main()
