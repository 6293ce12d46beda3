"""``vaescope init``: a commented configuration for the texts that a user has."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

TEMPLATE = """\
# vaescope train {file}      any key can be set on the command line: training.steps=1000
data:
  path: {data}               # {counts}
  column: {column}           # the column with the text, in CSV, JSON and Parquet
  # label: category          # a column with labels: the assessment says what z knows of them
  max_length: 64             # in tokens; longer texts are cut, and counted
tokenizer:
  vocab_size: 8000           # a BPE trained on the training texts
model:
  encoder:                   # any encoder of transformers, or the name of a pre-trained one
    {{model_type: roberta, hidden_size: 128, num_hidden_layers: 2, num_attention_heads: 4, intermediate_size: 512}}
  latent_size: 32            # units of z
  injection: memory+embedding # how z reaches the decoder: vaescope list injections
  prior: standard            # p(z): vaescope list priors
objective: {{preset: mdr, rate: 8}} # at least 8 nats of rate per text; others: vaescope list objectives
training:
  steps: 5000
  batch_size: 32
  learning_rate: 5.0e-4
assessment:
  splits: [valid]
out: {out}
"""


def init(
    data: Annotated[Path, typer.Option(help="the texts: a file, or a folder with train, valid and test")],
    column: Annotated[str, typer.Option(help="the column with the text, in CSV, JSON and Parquet")] = "text",
    out: Annotated[Path, typer.Option(help="the configuration to write")] = Path("run.yaml"),
) -> None:
    """Write a commented configuration for the texts given, after reading them."""
    import json

    from vaescope.config import parse_config
    from vaescope.corpora.corpus import load_corpus
    from vaescope.errors import UserError
    from vaescope.writing import write_text

    if out.exists():
        raise UserError(f"{out}: exists; give another by --out FILE")
    config = parse_config({"data": {"path": str(data), "column": column}}, source="vaescope init")
    corpus = load_corpus(config.data)
    counts = ", ".join(f"{len(corpus.split(split)):,} {split}" for split in ("train", "valid", "test"))
    # JSON strings are YAML too, whatever a name contains
    quoted = {"data": str(data), "column": column, "out": f"runs/{data.resolve().stem}"}
    values = {name: json.dumps(value, ensure_ascii=False) for name, value in quoted.items()}
    content = TEMPLATE.format(file=shlex.quote(str(out)).replace("\n", " "), counts=f"texts: {counts}", **values)
    write_text(out, content)
    typer.echo(f"written: {out}. Next: vaescope train {shlex.quote(str(out))}")
