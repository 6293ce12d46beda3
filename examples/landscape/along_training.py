"""The same during the training of a text VAE: free bits against a minimum desired rate, with snapshots of q(z).

    python examples/landscape/along_training.py --runs runs/landscape --out docs/results/landscape

Trains run.yaml with both objectives and three seeds (a run that is already there is only read), under a minute each on
one core. Writes along_training.json and along_training.png, the snapshots of the first seed, and the page.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from landscape_figure import save_small
from page import write_page

from vaescope.config import RunConfig, read_config
from vaescope.examine.assess_run import assess_run
from vaescope.examine.examined_run import Examined
from vaescope.report.figures.along_training import figure, numbers
from vaescope.runs.snapshots import load_snapshots
from vaescope.training.loop import train

OBJECTIVES, SEEDS = ("free_bits", "mdr"), (0, 1, 2)
SHOWN = ("rate", "distortion", "elbo", "mutual_information", "marginal_kl", "dimension_kl", "total_correlation")
HERE = Path(__file__).parent


def configuration(objective: str, seed: int, runs: Path) -> RunConfig:
    """Return run.yaml with an objective and a seed."""
    overrides = [f"objective.preset={objective}", f"seed={seed}", f"out={runs / f'{objective}-{seed}'}"]
    return read_config(HERE / "run.yaml", overrides)


def assessed(run: Path) -> dict[str, Any]:
    """Return the estimates of a run on its validation texts, and those of its snapshots."""
    estimates = assess_run(Examined.load(run), "valid").estimates
    snapshots = [
        {"step": s.step, **{name: [e.value, e.low, e.high] for name, e in numbers(s).items()}}
        for s in load_snapshots(run)
    ]
    final = {name: [estimates[name].value, estimates[name].low, estimates[name].high] for name in SHOWN}
    return {"final": final, "snapshots": snapshots}


def main(runs: Path, out: Path) -> None:
    """Train, assess, draw and write."""
    found: dict[str, list[dict[str, Any]]] = {objective: [] for objective in OBJECTIVES}
    for objective in OBJECTIVES:
        for seed in SEEDS:
            folder = train(configuration(objective, seed, runs))
            found[objective].append(assessed(folder.path))
            print(f"{folder.path}: {found[objective][-1]['final']}")
    out.mkdir(parents=True, exist_ok=True)
    (out / "along_training.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    picture = figure({name: load_snapshots(runs / f"{name}-{SEEDS[0]}") for name in OBJECTIVES})
    image = save_small(picture, out / "along_training.png", dpi=100)
    print(f"written: {out / 'along_training.json'}, {image}, {write_page(out)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, default=Path("runs/landscape"))
    parser.add_argument("--out", type=Path, default=Path("docs/results/landscape"))
    options = parser.parse_args()
    main(options.runs, options.out)
