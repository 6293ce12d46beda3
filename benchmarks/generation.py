"""Generation: sentences from the prior per second, with the log-probability of each, against a cached sampling loop.

    python benchmarks/generation.py [--count 1000]

Both sample the architecture of ``training.py`` from the same prior, with a cache, until every text of a batch has
ended; the baseline in batches of 100. A new model hardly ever ends a text, so the bias of EOS is set for texts of 22
tokens on average, as in the Penn Treebank. The claim: at least 3 times the baseline, and the log-probabilities are
those of scoring the texts without a cache.
"""

from __future__ import annotations

import argparse
import math

import torch
from common import LATENT, SIZES, TOKENS, VOCABULARY, alternate, header, ratio_of, row, texts_of, tokenizer_of
from naive import NaiveVAE

from vaescope.config import ModelConfig
from vaescope.corpora.batch import Batch
from vaescope.model.build import build_model

MEAN_LENGTH = 22


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1_000)
    parser.add_argument("--pairs", type=int, default=3)
    options = parser.parse_args()
    header()
    settings = ModelConfig(encoder={"model_type": "roberta", **SIZES}, latent_size=LATENT)
    torch.manual_seed(0)
    model = build_model(settings, tokenizer_of(texts_of(None)), TOKENS).eval()
    naive = NaiveVAE(vocabulary=VOCABULARY, latent=LATENT, tokens=TOKENS, **SIZES).eval()
    eos = model.config.eos_token_id
    with torch.no_grad():
        for decoder in (model.decoder, naive.decoder):
            decoder.lm_head.bias[eos] = math.log(VOCABULARY / (MEAN_LENGTH - 1))
    z = torch.randn(options.count, LATENT)

    def baseline(pair: int) -> None:
        for part in z.split(100):
            naive.generate(part, bos=model.config.bos_token_id, eos=eos, tokens=TOKENS)

    times = alternate({"naive": baseline, "ours": lambda pair: model.sample(z)}, options.pairs)
    ratio = ratio_of(times["naive"], times["ours"])
    claim = f"{options.count:,} sentences from the prior: seconds"
    row(claim, f"{min(times['naive']):.1f}", f"{min(times['ours']):.1f}", f"{ratio:.1f} x")
    drawn = model.sample(z[:64])
    with torch.inference_mode():
        scored = model.log_likelihood(Batch(drawn.input_ids, drawn.attention_mask, torch.arange(64)), z[:64])
    error = (scored - drawn.log_prob).abs().max()
    row("log-probability while sampling against scoring: largest difference in nats", "", f"{error:.0e}", "")


if __name__ == "__main__":
    main()
