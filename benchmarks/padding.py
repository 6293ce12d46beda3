"""Padding: how many tokens are computed for each real one, by random batches, by length groups, and packed.

    python benchmarks/padding.py [--data FOLDER]

Counted, not timed: over 200 training steps of 32 texts, and over the whole split as a sweep reads it.
"""

from __future__ import annotations

import argparse

import torch
from common import TOKENS, header, row, texts_of, tokenizer_of

from vaescope.corpora.loader import StepBatches
from vaescope.corpora.tokenized import OVERHEAD, tokenize

STEPS, BATCH, BUDGET = 200, 32, 4_096


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data")
    options = parser.parse_args()
    header()
    texts = texts_of(options.data)
    split = tokenize(texts, tokenizer_of(texts), max_length=TOKENS)
    for name, overhead in (("random batches", BUDGET), ("length groups", OVERHEAD)):
        batches = StepBatches(split, batch_size=BATCH, group_tokens=BUDGET, overhead=overhead)
        parts = [batch for step in range(STEPS) for micro in batches.step(step) for batch in micro]
        real = sum(int(batch.attention_mask.sum()) for batch in parts)
        share = sum(batch.input_ids.numel() for batch in parts) / real - 1
        row(
            f"steps of {BATCH} texts, {name}: padding per real token, passes per step",
            "",
            f"{share:.0%}",
            f"{len(parts) / STEPS:.1f}",
        )
    row("steps of 32 texts, packed: padding per real token outside attention, passes per step", "", "0%", "1.0")
    whole = split.by_length(torch.arange(len(split)), 8_192)
    share = sum(batch.input_ids.numel() for batch in whole) / int(split.lengths.sum()) - 1
    row("whole split in length groups: padding per real token", "", f"{share:.1%}", "")


if __name__ == "__main__":
    main()
