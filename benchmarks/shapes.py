"""Few shapes: the cost of small bfloat16 steps on packed tokens whose number is rounded, against any number of them.

    python benchmarks/shapes.py [--data FOLDER]

Libraries prepare a kernel of a matrix product for every new shape. Each way runs in processes of its own, in turn,
since what is prepared is kept by the process.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from common import SMALL, header, row, texts_of
from training import trainer_of

from vaescope.corpora.tokenizer import train_bpe
from vaescope.model.kernels.packing import Packing

WARM, STEPS = 20, 100


def steps(way: str, data: str | None) -> None:
    if way == "any":
        Packing.rounded = classmethod(lambda cls, index, padding, texts, tokens: cls(index, texts, tokens))
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        train_bpe(texts_of(data), 5_000).save_pretrained(folder / "tokenizer")
        trainer = trainer_of(folder / "run", data, folder / "tokenizer", sizes=SMALL, precision="bf16")
        for _ in range(WARM):
            trainer.advance()
        begin = time.process_time()
        for _ in range(STEPS):
            trainer.advance()
        milliseconds = 1e3 * (time.process_time() - begin) / STEPS
    print(milliseconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data")
    parser.add_argument("--pairs", type=int, default=2)
    parser.add_argument("--only", choices=["any", "rounded"])
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.only:
        steps(options.only, options.data)
        return
    header()
    for _ in range(options.pairs):
        found = {}
        for way in ("any", "rounded"):
            words = [sys.executable, __file__, "--only", way] + (["--data", options.data] if options.data else [])
            out = subprocess.run(words, check=True, capture_output=True, text=True).stdout
            found[way] = [float(part) for part in out.split()[-2:]]
        (slow, large), (fast, small) = found["any"], found["rounded"]
        row(
            "2 layers x 128, bf16, any number of packed tokens against rounded ones: processor ms per step; peak MiB",
            f"{slow:.0f}; {large:.0f}",
            f"{fast:.0f}; {small:.0f}",
            f"{slow / fast:.2f} x",
        )


if __name__ == "__main__":
    main()
