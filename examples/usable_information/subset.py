"""Take a seeded sample of labelled texts: files sorted by label must be shuffled before a part is taken.

    python examples/usable_information/subset.py FOLDER OUT --train 40000 --valid 4000

FOLDER holds ``train.txt``, ``valid.txt``, ``test.txt`` (one text per line) and for each either ``SPLIT.labels`` (one
label per line) or ``SPLIT.attrs.tsv`` (a header, then one line of attribute values per text). OUT gets the same files,
the labels always as ``.attrs.tsv``.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

LABEL = "label"
"""The name of the attribute where a file of labels has none."""


def read(folder: Path, split: str) -> tuple[str, list[tuple[str, str]]]:
    """Return the header of the attributes, and pairs of a text and its line of attributes."""
    texts = (folder / f"{split}.txt").read_text(encoding="utf-8").splitlines()
    table = folder / f"{split}.attrs.tsv"
    if table.exists():
        header, *rows = table.read_text(encoding="utf-8").splitlines()
    else:
        header, rows = LABEL, (folder / f"{split}.labels").read_text(encoding="utf-8").splitlines()
    if len(rows) != len(texts):
        raise SystemExit(f"{folder}: {len(rows)} labels for {len(texts)} texts of {split}")
    return header, [(text.strip(), row) for text, row in zip(texts, rows, strict=True) if text.strip()]


def main() -> None:
    """Read, shuffle, cut and write each split."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--train", type=int, default=40_000)
    parser.add_argument("--valid", type=int, default=4_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for split, most in (("train", arguments.train), ("valid", arguments.valid), ("test", arguments.valid)):
        header, pairs = read(arguments.folder, split)
        chosen = random.Random(arguments.seed).sample(pairs, min(most, len(pairs)))
        texts, rows = ([pair[i] for pair in chosen] for i in (0, 1))
        (arguments.out / f"{split}.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
        (arguments.out / f"{split}.attrs.tsv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
        print(f"{split}: {len(chosen)} of {len(pairs)} texts")


if __name__ == "__main__":
    main()
