"""Does the default multiplier hold the rate at its target? MDR at 4, 8, 16, 24 and 32 nats on the built-in grammar.

    python benchmarks/constraint_targets.py --out runs/targets

Each run is a default run but for a smaller network; the table says where the rate ends and how far it strays over the
last fifth of the steps. The claim: within 3% of the target at the end, and never 10% away from it in the last fifth.
Finished runs are read, not trained again.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
from pathlib import Path

import torch

from vaescope.config import parse_config
from vaescope.runs.run_folder import RunFolder
from vaescope.training.loop import train


def settings(target: float, arguments: argparse.Namespace) -> dict:
    name = f"{arguments.term}-{target:g}-{arguments.seed}"
    sizes = {"hidden_size": arguments.hidden, "num_hidden_layers": 1, "num_attention_heads": 4}
    sizes["intermediate_size"] = 4 * arguments.hidden
    constraint: dict = {"term": arguments.term, "relation": arguments.relation, "bound": target}
    if arguments.step_size is not None:
        constraint["step_size"] = arguments.step_size
    objective = {"terms": {"distortion": 1.0, "rate": 1.0}, "constraints": [constraint]}
    return {
        "data": {"known": "topic_pcfg", "sizes": [20_000, 1_000, 1_000], "max_length": 64},
        "tokenizer": {"vocab_size": 1_000},
        "model": {"encoder": {"model_type": "roberta", **sizes}, "latent_size": 32},
        "objective": objective,
        "training": {
            "steps": arguments.steps,
            "learning_rate": arguments.learning_rate,
            "log_every": 20,
            "precision": "fp32",
        }
        | {"validate_every": arguments.steps, "save_every": arguments.steps, "tracker": "none"},
        "seed": arguments.seed,
        "out": str(arguments.out / name),
    }


def row(target: float, folder: RunFolder, term: str) -> str:
    values = [line[term] for line in folder.metrics("train")]
    last = torch.tensor(values[-len(values) // 5 :])
    reached = next((20 * (i + 1) for i, v in enumerate(values) if abs(v - target) <= 0.05 * target), None)
    (multiplier,) = folder.metrics("train")[-1]["multipliers"].values()
    stray = (last - target).abs().max().item() / target
    swing = (last.max() - last.min()).item() / target / 2
    final = folder.metrics("validation")[-1][term]
    distortion = folder.metrics("validation")[-1]["distortion"]
    return (
        f"| {target:g} | {final:.2f} | {100 * (final / target - 1):+.1f}% | {last.mean():.2f} | {100 * stray:.1f}% "
        f"| {100 * swing:.1f}% | {reached} | {multiplier:.3f} | {distortion:.2f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/targets"))
    parser.add_argument("--targets", type=float, nargs="+", default=[4, 8, 16, 24, 32])
    parser.add_argument("--term", default="rate")
    parser.add_argument("--relation", default=">=")
    parser.add_argument("--step-size", type=float, help="of the multiplier, instead of the default")
    parser.add_argument("--steps", type=int, default=5_000)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--learning-rate", type=float, default=5e-4)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, one thread, torch {torch.__version__}"
    print(f"{arguments.term} {arguments.relation} target, {arguments.steps} steps, D = 32, seed {arguments.seed}")
    print(f"{datetime.date.today()}, {machine}\n")
    print(
        "| target | final, valid | off by | mean, last fifth | strays | half swing | first within 5% | multiplier | D |"
    )
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    for target in arguments.targets:
        config = parse_config(settings(target, arguments))
        folder = RunFolder(config.out)
        if not folder.status.get("finished"):
            folder = train(config)
        print(row(target, folder, arguments.term), flush=True)


if __name__ == "__main__":
    main()
