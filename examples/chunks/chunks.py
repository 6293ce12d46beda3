"""Where do the allowed nats go? A clamp of half a nat per unit, and a minimum desired rate at the same distortion.

    python examples/chunks/chunks.py --target 50 --out FILE
    python examples/chunks/chunks.py --train TRAIN.txt --test TEST.txt --target 50 --out FILE

The model is in the manner of continuous autoregressive language models (arXiv:2510.27688): an autoencoder turns every
chunk of 4 tokens into one latent of 64 units, and a prior over the sequence of latents is fitted afterwards. Without
files, the texts are those of the built-in corpus ``topic_pcfg``, whose probabilities are known.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from model import AutoregressivePrior, ChunkAutoencoder, MinimumRate, Step, clamp, fit_prior, standard_like, train
from texts import Chunks, built_in, from_files
from torch import Tensor

import vaescope

FREE = 0.5
"""Free nats of each unit and text under the clamp."""

SAMPLES = 8
PRIOR_STEPS = 500
DIAGNOSTICS = (
    "rate",
    "distortion",
    "mutual_information",
    "marginal_kl",
    "information_ceiling",
    "latent_sequence",
    "active_units",
    "moment_kl",
    "dimension_kl",
)


@torch.no_grad()
def fill(model: ChunkAutoencoder, data: Chunks, prior: AutoregressivePrior | None = None) -> vaescope.Draws:
    """Return the tensors of the model for the test texts, under N(0, I) or under a learned prior."""
    x_NKW = data.test
    q = model.posterior(x_NKW)
    z_SNKD = q.sample((SAMPLES,))
    learned: dict[str, Tensor] = {}
    if prior is None:
        log_p_z = standard_like(q).log_prob(z_SNKD).sum((-1, -2))
    else:
        each = torch.stack([prior(z_NKD).log_prob(z_NKD).sum(-1) for z_NKD in z_SNKD])
        log_p_z = each.sum(-1)
        learned = {"prior_z": prior.sample(len(x_NKW), x_NKW.shape[1]), "log_p_z_latents": each}
    return vaescope.Draws(
        posterior_mean=q.mean,
        posterior_std=q.stddev,
        z=z_SNKD,
        log_p_x_z=torch.stack([model.log_likelihood(x_NKW, z_NKD) for z_NKD in z_SNKD]),
        log_p_z=log_p_z,
        log_q_z_x=q.log_prob(z_SNKD).sum((-1, -2)),
        tokens=(x_NKW != data.pad).sum((-1, -2)),
        log_q_x=data.log_q_x,
        metadata={"split": "test", "vocabulary": data.vocabulary, **data.facts},
        **learned,
    )


def numbers(draws: vaescope.Draws) -> dict[str, Any]:
    """Assess, and return each estimate with its interval, and the bounds behind it."""
    found = vaescope.assess(draws, diagnostics=DIAGNOSTICS).estimates
    numbers: dict[str, Any] = {n: {"value": e.value, "low": e.low, "high": e.high} for n, e in found.items()}
    for name in ("mutual_information", "marginal_kl", "information_ceiling", "latent_sequence"):
        numbers[name]["detail"] = found[name].detail
    return numbers


def study(data: Chunks, losses: dict[str, Step], *, steps: int, seed: int = 0) -> dict[str, Any]:
    """Train a model by each loss, and assess it under N(0, I) and under a prior that is fitted afterwards."""
    results: dict[str, Any] = {}
    for name, loss in losses.items():
        print(name, flush=True)
        model = train(data, loss, steps=steps, seed=seed)
        prior = fit_prior(model, data.train, steps=min(steps, PRIOR_STEPS))
        results[name] = {"standard": numbers(fill(model, data)), "learned": numbers(fill(model, data, prior))}
        for kind, found in results[name].items():
            print(f"  {kind} prior: {in_words(found)}", flush=True)
    return results


def in_words(found: dict[str, Any]) -> str:
    """Return the main numbers in one line."""
    shown = ("rate", "distortion", "mutual_information", "marginal_kl", "information_ceiling")
    return ", ".join(f"{n} {found[n]['value']:.2f} [{found[n]['low']:.2f}, {found[n]['high']:.2f}]" for n in shown)


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    """Run the study that the command line describes, and write its numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=Path, help="training texts, one per line (default: the built-in corpus)")
    parser.add_argument("--test", type=Path, help="texts to assess")
    parser.add_argument("--target", type=float, default=50.0, help="minimum desired rate, nats per text")
    parser.add_argument("--only", choices=("clamp", "mdr"), help="one of the two models")
    parser.add_argument("--chunks", type=int, default=3, help="keep texts of this number of chunks")
    parser.add_argument("--vocabulary", type=int, default=2000)
    parser.add_argument("--texts", type=int, default=2000, help="texts to assess, at most")
    parser.add_argument("--drawn", type=int, default=100_000, help="texts drawn from the built-in corpus")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="JSON file of all numbers")
    a = parser.parse_args(arguments)
    if (a.train is None) != (a.test is None):
        parser.error("give both --train and --test, or neither")
    sizes = {"chunks": a.chunks, "vocabulary": a.vocabulary, "most": a.texts}
    data = built_in(**sizes, drawn=a.drawn) if a.train is None else from_files(a.train, a.test, **sizes)
    print(f"{len(data.train):,} training texts, {len(data.test):,} to assess, {data.vocabulary} tokens")
    losses: dict[str, Step] = {"clamp": clamp(FREE), "mdr": MinimumRate(a.target)}
    results = study(data, {n: f for n, f in losses.items() if a.only in (None, n)}, steps=a.steps, seed=a.seed)
    given = {"steps": a.steps, "seed": a.seed, "target": a.target, "chunks": a.chunks, "texts": len(data.test)}
    results["settings"] = {**given, "training_texts": len(data.train), "vocabulary": data.vocabulary}
    if a.out is not None:
        a.out.parent.mkdir(parents=True, exist_ok=True)
        a.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return results


if __name__ == "__main__":
    main()
