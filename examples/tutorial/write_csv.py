"""Write a CSV of sentences with a label, to follow the tutorial without data of your own.

    python examples/tutorial/write_csv.py reviews.csv

The sentences are those of the built-in grammar ``topic_pcfg``; the label is the topic that each was drawn from.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from vaescope import choices

ROWS = 12_000


def main(path: Path) -> None:
    """Write ``ROWS`` sentences with their topics."""
    texts, topics = choices.build("corpora", "topic_pcfg", depth=0).sample_with_cause(ROWS, seed=0)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "topic"])
        writer.writerows((text, f"topic {topic}") for text, topic in zip(texts, topics.tolist(), strict=True))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
