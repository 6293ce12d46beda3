"""Start-up: the command line, the import, and a corpus read for the first and the second time.

    python benchmarks/startup.py [--data FOLDER]

Every number is a fresh process. The claims: ``vaescope --help`` below 0.5 s, ``import vaescope`` below 0.3 s, reading
and tokenising the Penn Treebank below 15 s, and from the cache below 2 s.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

from common import header, row

READ = """
import sys, time
from pathlib import Path
from vaescope.config import DataConfig, TokenizerConfig
from vaescope.corpora.corpus import load_corpus
from vaescope.corpora.tokenized import tokenize
from vaescope.corpora.tokenizer import load_tokenizer
start = time.perf_counter()
folder = sys.argv[1]
source = DataConfig(path=Path(folder)) if folder else DataConfig(known="topic_pcfg", sizes=(42068, 3370, 3761))
corpus = load_corpus(source)
tokenizer = load_tokenizer(TokenizerConfig(), corpus.train)
for texts in (corpus.train, corpus.valid):
    tokenize(texts, tokenizer, max_length=64)
print(time.perf_counter() - start)
"""


def process(*command: str, cache: str | None = None) -> tuple[float, str]:
    environment = {**os.environ, **({"VAESCOPE_CACHE": cache} if cache else {})}
    start = time.perf_counter()
    done = subprocess.run([sys.executable, *command], env=environment, check=True, capture_output=True, text=True)
    return time.perf_counter() - start, done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="")
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    header()
    for claim, command in (
        ("python -c pass: seconds", ["-c", "pass"]),
        ("import vaescope: seconds", ["-c", "import vaescope"]),
        ("vaescope --help: seconds", ["-m", "vaescope", "--help"]),
    ):
        taken = statistics.median(process(*command)[0] for _ in range(options.repeats))
        row(claim, "", f"{taken:.2f}", "")
    with tempfile.TemporaryDirectory() as cache:
        first, second = (float(process("-c", READ, options.data, cache=cache)[1]) for _ in range(2))
    row("read, train a BPE, tokenise: seconds, then from the cache", f"{first:.1f}", f"{second:.1f}", "")


if __name__ == "__main__":
    main()
