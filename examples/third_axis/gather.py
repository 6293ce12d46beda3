"""Save the numbers of finished runs for the page, one small file per run, so that any machine can continue the study.

    python examples/third_axis/gather.py runs/third-axis docs/results/third_axis

Per run: the world that its texts were drawn from, estimates with their ends and the bounds that bind, the validation
curve, and the same estimates after refitting the prior (RUN-refit) and the decoder (RUN-decoder), where these were
assessed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

from vaescope.writing import write_text

NAMES = (
    "rate",
    "distortion",
    "elbo",
    "log_likelihood",
    "mutual_information",
    "marginal_kl",
    "joint_inconsistency",
    "active_units",
    "latent_use",
)
ENDS = ("low_by", "high_by", "lower_bounds", "text_space", "prior_mismatch", "decoder_mismatch", "entropy")


def estimates(run: Path) -> dict[str, Any] | None:
    """Return the estimates of an assessed run: value, error, ends, and which bounds they are; None without them."""
    file = run / "assessment-test.json"
    if not file.exists():
        return None
    found = json.loads(file.read_text(encoding="utf-8"))["estimates"]
    keys = ("value", "se", "n", "low", "high", "kind")
    return {
        name: {key: found[name][key] for key in keys if found[name].get(key) is not None}
        | {key: value for key, value in (found[name].get("detail") or {}).items() if key in ENDS}
        for name in NAMES
        if name in found
    }


def curve(run: Path) -> list[dict[str, float]]:
    """Return step, distortion and rate of the validations."""
    lines = map(json.loads, (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines())
    keys = ("step", "distortion", "rate")
    return [{key: round(line[key], 3) for key in keys} for line in lines if line["kind"] == "validation"]


def world(run: Path) -> dict[str, Any]:
    """Return what identifies the world of a run: its model, H(X) with its error, and how many texts it has."""
    settings = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
    described = json.loads((Path(settings["data"]["world"]) / "world.json").read_text(encoding="utf-8"))
    return {key: value for key, value in described.items() if key != "source"}


def collect(run: Path) -> dict[str, Any]:
    """Return the content of the file of a run."""
    label, _, seed = run.name.rpartition("_seed")
    return {
        "label": label,
        "seed": int(seed),
        "world": world(run),
        "curve": curve(run),
        "trained": estimates(run),
        "refit": estimates(run.with_name(f"{run.name}-refit")),
        "decoder": estimates(run.with_name(f"{run.name}-decoder")),
    }


def main() -> None:
    """Write a file for each finished run; existing files of other runs stay."""
    folder, out = map(Path, sys.argv[1:])
    out.mkdir(parents=True, exist_ok=True)
    for run in sorted(folder.glob("*_seed?")):
        if (run / "assessment-test.json").exists():
            write_text(out / f"{run.name}.json", json.dumps(collect(run), indent=1) + "\n")
            print(out / f"{run.name}.json")


if __name__ == "__main__":
    main()
