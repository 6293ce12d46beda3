"""Collect what the page of the study shows from its finished runs, so that the page can be written without them.

    python examples/thesis/gather.py runs/thesis docs/results/thesis/numbers.json

Per run: estimates with their intervals, the rate along training, the MMD of encodings and prior, and, text by text on
the same sentences, its differences to the language model and to the minimum desired rate at the same target.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch

from vaescope.estimators.mmd import median_width, squared_mmd, standard_error
from vaescope.evidence.per_text import PerText, paired_difference

NAMES = (
    "rate",
    "distortion",
    "elbo",
    "log_likelihood",
    "mutual_information",
    "marginal_kl",
    "moment_kl",
    "active_units",
    "latent_use",
    "bits_per_byte",
    "perplexity_per_word",
)
PAIRED = ("rate", "distortion", "elbo", "log_likelihood")
ENCODINGS = 2_000


def collect(folder: Path) -> dict[str, Any]:
    """Return the content of the file for every finished run of the study."""
    runs = {f.parent.name: f for f in sorted(folder.glob("*/assessment-test.json"))}
    texts = {name: PerText.load(file.with_name("assessment-test-texts.safetensors")) for name, file in runs.items()}
    first = json.loads(next(iter(runs.values())).read_text(encoding="utf-8"))["metadata"]
    found = {"corpus": "Penn Treebank", "texts": first["texts"], "samples": first["samples"], "runs": {}}
    for name, file in runs.items():
        label, _, seed = name.rpartition("_seed")
        found["runs"][name] = {
            "label": label,
            "seed": int(seed),
            "estimates": estimates(file),
            "mmd": mmd(texts[name]),
            "trajectory": trajectory(file.parent),
            "against_language_model": against(texts, name, f"language_model_seed{seed}"),
            "against_mdr": against(texts, name, f"mdr-{label.rpartition('-')[2]}_seed{seed}"),
        }
    return found


def estimates(file: Path) -> dict[str, Any]:
    """Return the ends and errors of the estimates that the page shows, and the ceiling of the information."""
    all_of_them = json.loads(file.read_text(encoding="utf-8"))["estimates"]
    keys = ("value", "se", "low", "high", "kind", "ceiling")
    kept = {name: {k: e[k] for k in keys if e.get(k) is not None} for name, e in all_of_them.items() if name in NAMES}
    kept["information_index_code"] = {"value": all_of_them["mutual_information"]["detail"]["index_code"]}
    return kept


def mmd(texts: PerText) -> dict[str, float]:
    """Return MMD^2 of one z ~ q(z|x) per text and as many of the prior (median heuristic), with its error."""
    generator = torch.Generator().manual_seed(0)
    n, d = min(ENCODINGS, len(texts.tokens)), texts.posterior_mean.shape[1]
    prior_ND = torch.randn((n, d), generator=generator, dtype=torch.float64)
    encodings_ND = texts.sample(seed=1)[torch.randperm(len(texts.tokens), generator=generator)[:n]].double()
    width = median_width(prior_ND)
    value = squared_mmd(encodings_ND, prior_ND, [width]).item()
    return {"value": value, "se": standard_error(encodings_ND, prior_ND, width.item())}


def trajectory(folder: Path) -> list[tuple[int, float]]:
    """Return the rate of the training texts at the logged steps."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    return [(line["step"], round(line["rate"], 3)) for line in lines if line["kind"] == "train" and "rate" in line]


def against(texts: dict[str, PerText], ours: str, theirs: str) -> dict[str, tuple[float, float]] | None:
    """Return the mean difference and its standard error over the same sentences, None without a pair."""
    if theirs not in texts or ours == theirs:
        return None
    if texts[ours].panel != texts[theirs].panel:
        raise SystemExit(f"{ours} and {theirs} were assessed on different sentences")
    return {name: paired_difference(getattr(texts[ours], name), getattr(texts[theirs], name)) for name in PAIRED}


if __name__ == "__main__":
    out = Path(sys.argv[2])
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(collect(Path(sys.argv[1])), indent=1) + "\n", encoding="utf-8")
