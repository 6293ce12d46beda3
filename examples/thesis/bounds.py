"""How far the bounds on log p(x) are from it, with proposals adapted to each text:

    python examples/thesis/bounds.py DATA docs/results/thesis/bounds.json RUN ...

The first 250 test texts. The language model among the runs (its log p(x) is exact) is what the others are compared
with, text by text.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

from torch import Tensor

from vaescope.config import DataConfig
from vaescope.corpora.corpus import load_corpus
from vaescope.corpora.tokenized import tokenize
from vaescope.estimators.importance import log_mean_exp
from vaescope.model.checkpoints.load import load
from vaescope.sweep.proposals import adapt_proposals
from vaescope.sweep.sweep import sweep

TEXTS, SAMPLES, FEW = 250, 64, 8


def bounds(run: str, texts: list[str]) -> dict[str, Tensor]:
    """Return the bounds on log p(x) of each text, ``[N]``."""
    space = load(run)
    tokenized = tokenize(texts, space.tokenizer, max_length=64)
    draws = sweep(space.model, tokenized, samples=SAMPLES)
    log_w_SN = draws.log_weights.double()
    few = log_w_SN.unflatten(0, (-1, FEW)).logsumexp(1).mean(0) - math.log(FEW)
    found = {"elbo": log_w_SN.mean(0), "few": few, "many": log_mean_exp(log_w_SN)}
    if space.model.config.is_language_model:
        return {**found, "adapted": found["many"]}
    better = adapt_proposals(space.model, tokenized, draws, texts=len(texts)).log_weights_adapted
    return {**found, "adapted": log_mean_exp(better)}


def of_texts(values: dict[str, Tensor]) -> dict[str, tuple[float, float]]:
    """Return the mean over the texts of each, with its standard error."""
    return {name: (of_N.mean().item(), of_N.std().item() / len(of_N) ** 0.5) for name, of_N in values.items()}


def main() -> None:
    """Write the file."""
    data, out, *runs = sys.argv[1:]
    texts = load_corpus(DataConfig(path=Path(data))).test[:TEXTS]
    found = {}
    for run in runs:
        label = Path(run).name.removesuffix("_seed0")
        found[label] = bounds(run, texts)
        print(label, {name: round(value_N.mean().item(), 2) for name, value_N in found[label].items()}, flush=True)
    exact_N = found["language_model"]["adapted"]
    measured: dict[str, dict[str, object]] = {}
    for run, values in found.items():
        gains = {name: values[name] - exact_N for name in ("many", "adapted")}
        measured[run] = {**of_texts(values), "gain": of_texts(gains)}
    Path(out).write_text(
        json.dumps({"texts": len(texts), "samples": SAMPLES, "few": FEW, "runs": measured}, indent=1) + "\n", "utf-8"
    )


if __name__ == "__main__":
    main()
