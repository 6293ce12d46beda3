"""Importance-weighted likelihood: token-samples per second against a Python loop, errors, samples for one error.

    python benchmarks/likelihood.py [--data FOLDER] [--run FOLDER]

A token-sample is one predicted token scored under one z. The baseline scores random padded batches, sample by sample;
ours is the sweep of ``vaescope assess``, in float32 and bfloat16. Errors are the mean absolute differences of
log p(x|z) from float64 on the same z; with a trained run (``--run``, on the data it was trained on) those of its model.
There too are the samples for a standard error of 0.1 nats per text (root mean square), by q(z|x) and by adapted
proposals. The claims: at least 1.5 times the baseline in float32 with an error below 0.01 nats, at least 3 times in
bfloat16 with one below 0.1.
"""

from __future__ import annotations

import argparse

import torch
from common import LATENT, SIZES, TOKENS, VOCABULARY, alternate, header, ratio_of, row, seconds, texts_of, tokenizer_of
from naive import NaiveVAE

from vaescope.config import ModelConfig
from vaescope.corpora.tokenized import Tokenized, tokenize
from vaescope.estimators.importance import log_mean_exp
from vaescope.model.build import build_model
from vaescope.model.checkpoints.load import load
from vaescope.model.vae import TransformerVAE
from vaescope.sweep.proposals import adapt_proposals
from vaescope.sweep.scoring import score
from vaescope.sweep.sweep import sweep


def architecture(texts: list[str]) -> tuple[TransformerVAE, Tokenized]:
    tokenizer = tokenizer_of(texts)
    settings = ModelConfig(encoder={"model_type": "roberta", **SIZES}, latent_size=LATENT)
    torch.manual_seed(0)
    return build_model(settings, tokenizer, TOKENS).eval(), tokenize(texts, tokenizer, max_length=TOKENS)


def rates(texts: list[str], samples: int, pairs: int) -> None:
    model, split = architecture(texts)
    naive = NaiveVAE(vocabulary=VOCABULARY, latent=LATENT, tokens=TOKENS, **SIZES).eval()
    count = len(split)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(0))

    def baseline(pair: int) -> None:
        for indices in order.split(32):
            batch = split.batch(indices)
            naive.log_weights(batch.input_ids, batch.attention_mask, samples)

    def ours(precision: str):
        return lambda pair: sweep(model, split, samples=samples, precision=precision)

    times = alternate({"naive": baseline, "fp32": ours("fp32"), "bf16": ours("bf16")}, pairs)
    work = samples * int((split.lengths - 1).sum())
    for precision in ("fp32", "bf16"):
        slow, fast = min(times["naive"]), min(times[precision])
        ratio = ratio_of(times["naive"], times[precision])
        claim = f"likelihood, S = {samples}, {count} texts, {precision}: token-samples/s"
        row(claim, f"{work / slow:.0f}", f"{work / fast:.0f}", f"{ratio:.1f} x")


def errors(model: TransformerVAE, split: Tokenized) -> None:
    draws = sweep(model, split, samples=1)
    exact = score(model.double(), split, draws.z.double(), group_tokens=8_192)
    for precision in ("fp32", "bf16"):
        error = (score(model.float(), split, draws.z, group_tokens=8_192, precision=precision) - exact).abs()
        claim = f"error of log p(x given z), {len(split)} texts, {precision}: mean, largest, bias in nats"
        bias = (score(model, split, draws.z, group_tokens=8_192, precision=precision) - exact).mean()
        row(claim, "0 (float64)", f"{error.mean():.1g}, {error.max():.1g}, {bias:+.1g}", "")


def samples_for_an_error(model: TransformerVAE, split: Tokenized, *, pilot: int = 512, target: float = 0.1) -> None:
    draws, single = (sweep(model, split, samples=count) for count in (pilot, 1))
    scoring = seconds(lambda: sweep(model, split, samples=pilot)) / pilot
    adapting = seconds(lambda: adapt_proposals(model, split, single, texts=len(split)))
    better = adapt_proposals(model, split, draws, texts=len(split)).log_weights_adapted
    times = []
    for name, log_w, once in (("q(z given x)", draws.log_weights, 0.0), ("adapted proposals", better, adapting)):
        # the delta method: Var log mean w = Var w / (S mean(w)^2)
        samples_N = (log_w.double() - log_mean_exp(log_w)).exp().var(0) / target**2
        times.append(500 / len(split) * (once + samples_N.mean().item() * scoring))
        claim = f"standard error {target} nats by {name}: samples per text (median text); seconds for 500; bound"
        found = f"{samples_N.mean():.0f} ({samples_N.median():.0f}); {times[-1]:.0f}; {log_mean_exp(log_w).mean():.2f}"
        row(claim, "", found, f"{times[0] / times[-1]:.2g} x")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data")
    parser.add_argument("--run")
    parser.add_argument("--texts", type=int, default=64, help="texts whose scoring is timed")
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--pairs", type=int, default=3)
    options = parser.parse_args()
    header()
    texts = texts_of(options.data, "test")[:500]
    rates(texts[: options.texts], options.samples, options.pairs)
    if options.run:
        space = load(options.run)
        model, tokenizer = space.model, space.tokenizer
        samples_for_an_error(model, tokenize(texts[:60], tokenizer, max_length=TOKENS))
    else:
        (model, _), tokenizer = architecture(texts), tokenizer_of(texts)
    errors(model, tokenize(texts, tokenizer, max_length=TOKENS))


if __name__ == "__main__":
    main()
