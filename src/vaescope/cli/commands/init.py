"""``vaescope init``: a commented configuration for the texts that a user has."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from vaescope.corpora.guess_columns import Guess

TEMPLATE = """\
# vaescope train {file}
# Any key can be set on the command line, for instance training.steps=1000. All keys: vaescope schema
data:
  path: {data} # {counts}
{columns}
  max_length: {p.max_length} # tokens: 99.5% of the texts fit, the longest has {p.longest}; longer ones are cut
tokenizer:
  vocab_size: {p.vocab_size} # of a BPE trained on these texts; {p.words:,} words appear at least 5 times
model:
  # a small network, which trains on a laptop; any encoder of transformers, or the name of a pre-trained one
  encoder:
    {{model_type: roberta, hidden_size: 128, num_hidden_layers: 2, num_attention_heads: 4, intermediate_size: 512}}
  latent_size: {p.latent_size} # units of z, about twice the rate
  injection: memory+embedding # how z reaches the decoder: vaescope list injections
  prior: standard # p(z): vaescope list priors
# The texts compress to {p.cost:.0f} nats each. {reason}.
# The assessment says whether a higher rate would help. Others: vaescope list objectives
objective: {{preset: mdr, rate: {p.rate:g}}}
training:
  steps: {p.steps} # each text is seen {p.epochs:.0f} times
  batch_size: 32
  learning_rate: 1.0e-3
assessment:
  splits: [valid]
out: {out}
"""


def init(
    file: Annotated[Path | None, typer.Argument(help="the texts: a file, or a folder with train, valid, test")] = None,
    data: Annotated[Path | None, typer.Option(help="the same, as an option")] = None,
    column: Annotated[str | None, typer.Option(help="the column with the text; found by default")] = None,
    label: Annotated[str | None, typer.Option(help="a column with labels; found by default")] = None,
    out: Annotated[Path, typer.Option(help="the configuration to write")] = Path("run.yaml"),
) -> None:
    """Write a commented configuration for the texts given, after reading them.

    The columns of a table are found by what they hold. Length, vocabulary, rate and latent size are proposed for these
    texts, each with its reason.
    """
    import json

    from vaescope.cli.propose_sizes import propose
    from vaescope.config import parse_config
    from vaescope.corpora.corpus import load_corpus
    from vaescope.errors import UserError
    from vaescope.writing import check_place, write_text

    given = file or data
    if given is None or (file and data and file != data):
        raise UserError("give the texts once: vaescope init FILE")
    if out.exists():
        raise UserError(f"{out}: exists; give another by --out FILE")
    check_place(out)
    found = _guess(given, column)
    if column is not None and found.text is None:
        raise UserError(f"{given}: a text file has no columns; leave --column {column} out")
    text, labels = column or found.text, (label,) if label else found.labels
    options = {name: value for name, value in (("column", text), ("label", labels[0] if labels else None)) if value}
    corpus = load_corpus(parse_config({"data": {"path": str(given), **options}}, source="vaescope init").data)
    counts = ", ".join(f"{len(corpus.split(split)):,} {split}" for split in ("train", "valid", "test"))
    proposal = propose(corpus)
    content = TEMPLATE.format(
        file=shlex.quote(str(out)).replace("\n", " "),
        data=json.dumps(str(given), ensure_ascii=False),
        counts=f"texts: {counts}",
        columns=_columns(found, options, has_labels=bool(corpus.labels.get("train"))),
        p=proposal,
        reason=proposal.reason[0].upper() + proposal.reason[1:],
        out=json.dumps(f"runs/{given.resolve().stem}", ensure_ascii=False),
    )
    write_text(out, content)
    if text is not None:
        about = f", its labels from '{options['label']}'" if "label" in options else ""
        typer.echo(f"texts from the column '{text}'{about}")
    typer.echo(f"{counts} texts; a rate of {proposal.rate:g} nats is proposed: {proposal.reason}")
    typer.echo(f"written: {out}. Next: vaescope train {shlex.quote(str(out))}")


def _guess(path: Path, column: str | None) -> Guess:
    """Find the columns; where the user names that of the texts, it does not matter that none looks like one."""
    from vaescope.corpora.guess_columns import Guess, guess_columns
    from vaescope.errors import UserError

    try:
        return guess_columns(path)
    except UserError:
        if column is None:
            raise
        return Guess(column, (), (column,))


def _columns(found: Guess, options: dict[str, str], *, has_labels: bool) -> str:
    """Return the lines about columns; JSON strings are YAML too, whatever a name contains."""
    import json

    if found.text is None:
        labelled = "their labels are read from the .labels file" if has_labels else "labels go into train.labels"
        return f"  # a text per line; {labelled}"
    others = [name.replace("\n", " ") for name in found.columns if name not in options.values()]
    shown = f" # columns too: {', '.join(others[:8])}" if others else ""
    lines = [f"  column: {json.dumps(options['column'], ensure_ascii=False)}{shown}"]
    if "label" in options:
        label = json.dumps(options["label"], ensure_ascii=False)
        lines.append(f"  label: {label} # the assessment says how well it can be read from z")
    else:
        lines.append("  # label: category # a column with labels: the assessment says what z knows of them")
    return "\n".join(lines)
