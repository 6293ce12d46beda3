"""Does each objective do what it is for? Every preset on the built-in grammar, with a fixed budget and several seeds.

    python examples/objectives/prove.py --out runs/objectives --table docs/results/objectives.md

Every run has the same network, texts and number of optimiser steps. Runs that are finished are read, not trained again,
so an interrupted proof resumes where it was; ``--only-table`` writes the table of the runs that are there.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch
from tables import write_page

from vaescope.assessment.assess import assess
from vaescope.config import RunConfig, parse_config
from vaescope.examine.examined_run import Examined
from vaescope.sweep.sweep import sweep
from vaescope.training.loop import train

STEPS = 800
TARGETS = (2.0, 4.0, 8.0)
DIAGNOSTICS = ("rate", "distortion", "mutual_information", "marginal_kl", "active_units", "joint_inconsistency")
OBJECTIVES: dict[str, Any] = {
    "language_model": "language_model",
    "autoencoder": "autoencoder",
    "vae": "vae",
    "beta_vae": {"preset": "beta_vae", "beta": 0.5},
    "linear": {"preset": "linear", "steps": STEPS // 2},
    "cyclical": {"preset": "cyclical", "period": STEPS // 4},
    "beta_tc_vae": "beta_tc_vae",
    "hoffman": "hoffman",
    "infovae": "infovae",
    "lagvae": {"preset": "lagvae", "elbo": -15.0},
    "lagging": {"preset": "lagging", "most": 10, "burst": 5, "warmup": STEPS // 2},
    "iwae": "iwae",
    "information_floor 2": {"preset": "information_floor", "information": 2.0},
    "geco": {"preset": "geco", "language_model": 12.16, "saved": 2.0},
    "bn_vae": "vae",
    "du_vae": "vae",
    "fixed_scale": "vae",
}
"""The objectives with one setting; free bits and the minimum desired rate come with each target."""
TARGETED = {
    "mdr": {"preset": "mdr"},
    "free_bits": {"preset": "free_bits"},
    "free_bits_hinge": {"preset": "free_bits", "form": "free_bits_hinge"},
    "free_bits_total": {"preset": "free_bits", "form": "free_bits_total"},
    "marginal_cap": {"preset": "marginal_cap"},
    "control_vae": {"preset": "control_vae"},
}
POSTERIORS = ("bn_vae", "du_vae", "fixed_scale")
"""Labels that are forms of q(z|x), trained as a VAE."""


def runs(seeds: int) -> dict[str, tuple[str, Any, int]]:
    """Return for each run by name its label, objective and seed, the seeds of one kind after each other."""
    labelled = dict(OBJECTIVES)
    for target in TARGETS:
        labelled |= {f"{name} {target:g}": {**objective, "rate": target} for name, objective in TARGETED.items()}
    return {
        f"{label.replace(' ', '-')}-{seed}": (label, objective, seed)
        for seed in range(seeds)
        for label, objective in labelled.items()
    }


def configuration(label: str, objective: Any, seed: int, out: Path) -> RunConfig:
    """Return the configuration of a run: all but the objective are alike."""
    sizes = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 256}
    model: dict[str, Any] = {"encoder": {"model_type": "roberta", **sizes}, "latent_size": 32, "tie": False}
    if label == "language_model":
        model["injection"] = "none"
    if label in POSTERIORS:
        model["posterior"] = label
    training = {
        "steps": STEPS,
        "batch_size": 64,
        "samples": 5 if label == "iwae" else 1,
        "learning_rate": 2e-3,
        "precision": "fp32",
        "validate_every": STEPS // 8,
        "save_every": STEPS // 4,
        "tracker": "none",
    }
    data = {"known": "topic_pcfg", "options": {"depth": 0}, "sizes": [20_000, 4_000, 100], "max_length": 32}
    raw = {"data": data, "tokenizer": {"vocab_size": 2_000}, "model": model, "objective": objective}
    return parse_config(raw | {"training": training, "seed": seed, "out": str(out)})


def prove(name: str, label: str, objective: Any, seed: int, out: Path) -> dict[str, Any]:
    """Train a run and assess it on 4,000 texts it has not seen, unless its numbers are there."""
    file = out / name / "proof.json"
    if file.exists():
        return json.loads(file.read_text(encoding="utf-8"))
    begin = time.process_time()
    folder = train(configuration(label, objective, seed, out / name))
    run = Examined.load(folder.path)
    draws = sweep(run.model, run.tokenized("valid"), samples=2, seed=seed)
    known = run.corpus.known
    assert known is not None
    draws.metadata["entropy"] = known.entropy()
    estimates = assess(draws, diagnostics=DIAGNOSTICS).estimates
    proof = {
        "label": label,
        "seed": seed,
        "estimates": {key: {"value": e.value, "low": e.low, "high": e.high} for key, e in estimates.items()},
        "entropy": known.entropy(),
        "warnings": folder.status["warnings"],
        "encoder_steps": folder.metrics("train")[-1].get("encoder_steps", 0),
        "seconds": time.process_time() - begin,
    }
    file.write_text(json.dumps(proof, indent=1) + "\n", encoding="utf-8")
    return proof


def main() -> None:
    """Prove all, and write the page after each run, so that what is there can be read."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/objectives"))
    parser.add_argument("--table", type=Path, default=Path("docs/results/objectives.md"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="+", help="labels, for instance vae 'mdr 4'")
    parser.add_argument("--only-table", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    proofs = []
    for name, (label, objective, seed) in runs(arguments.seeds).items():
        if arguments.only_table and not (arguments.out / name / "proof.json").exists():
            continue
        if arguments.only and label not in arguments.only:
            continue
        proofs.append(prove(name, label, objective, seed, arguments.out))
        found = {key: round(e["value"], 3) for key, e in proofs[-1]["estimates"].items()}
        print(f"{name}: {found} {proofs[-1]['seconds']:.0f} s", flush=True)
    write_page(arguments.table, proofs, steps=STEPS, targets=TARGETS)


if __name__ == "__main__":
    main()
