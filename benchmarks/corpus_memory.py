"""Peak memory of reading, tokenizing and batching a corpus: python -m benchmarks.corpus_memory FOLDER [VOCABULARY].

The folder has train.txt, valid.txt and test.txt. Nothing is cached, so that the tokenizer runs. Linux: kilobytes.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
from pathlib import Path

from vaescope.config import DataConfig
from vaescope.corpora.corpus import read_corpus
from vaescope.corpora.loader import StepBatches
from vaescope.corpora.split import read_split
from vaescope.corpora.tokenizer import train_bpe


def say(stage: str) -> None:
    print(f"{stage:40} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB", flush=True)


def main(folder: Path, vocabulary: int = 4_000) -> None:
    say("imports")
    data = DataConfig(path=folder)
    corpus = read_corpus(data)
    say(f"read {len(corpus.train):,} texts")
    tokenizer = train_bpe(corpus.train[:20_000], vocabulary)
    tokenized = read_split(corpus, data, tokenizer, "train")
    say(f"tokenized, {len(tokenized.ids):,} tokens")
    batches = StepBatches(tokenized, batch_size=64)
    for step in range(50):
        batches.step(step)
    say("50 steps of batches")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as cache:
        os.environ["VAESCOPE_CACHE"] = cache
        main(Path(sys.argv[1]), *map(int, sys.argv[2:3]))
