"""``vaescope encode``, ``decode``, ``reconstruct``, ``interpolate``, ``analogy``, ``neighbours`` and ``traverse``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vaescope.cli.generation import with_generation
from vaescope.cli.numbers import numbers_of

if TYPE_CHECKING:
    from torch import Tensor

    from vaescope.model.latent_space import LatentSpace

Run = Annotated[Path, typer.Argument(help="a run folder, a model folder or a name of the hub")]
Text = Annotated[str, typer.Argument(help="a text")]
UNITS_SHOWN = 8


def encode(
    run: Run,
    texts: Annotated[list[str], typer.Argument(help="texts")],
    out: Annotated[
        Path | None, typer.Option(help="a safetensors file to write posterior_mean and posterior_std to, [N, D]")
    ] = None,
) -> None:
    """Show q(z|x) of texts: their latent units, those that carry most first."""
    from vaescope.report.tables import number
    from vaescope.writing import write_tensors

    if out is not None:
        _refuse_foreign(out)
    vae = _load(run)
    q, rates = vae.encode(texts), vae.unit_rates(texts)
    for row, text in enumerate(texts):
        mean_D, std_D = q.mean[row], q.stddev[row]
        order = (mean_D.abs() if rates is None else rates[row]).argsort(descending=True)[:UNITS_SHOWN].tolist()
        carried = ["–" if rates is None else number(rates[row, d].item()) for d in order]
        cells = [
            (str(d), number(mean_D[d].item()), number(std_D[d].item()), rate)
            for d, rate in zip(order, carried, strict=True)
        ]
        _show(("unit", "mean", "std", "rate (nats)"), cells, title=text, numbers=4)
    if out is not None:
        write_tensors(out, {"posterior_mean": q.mean, "posterior_std": q.stddev})
        typer.echo(f"written: {out}")


def decode(
    run: Run,
    codes: Annotated[Path, typer.Argument(help="a safetensors file with z or posterior_mean, [N, D]")],
    temperature: Annotated[
        float, typer.Option(min=0.0, max=1000.0, help="0 is greedy, 1 samples p(x|z) as it is")
    ] = 0.0,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="seed of the tokens")] = 0,
    generation: Any = None,
) -> None:
    """Print the text of every point of a file (what encode --out wrote, or your own)."""
    from safetensors.torch import load_file

    from vaescope.errors import UserError, why_not_there
    from vaescope.reading import refuse_device

    refuse_device(codes)
    try:
        tensors = load_file(codes)
    except Exception as error:  # safetensors raises its own errors for damaged files
        raise UserError(
            f"{codes}: not a safetensors file ({why_not_there(error)}); give what vaescope encode --out wrote"
        ) from error
    z_ND = tensors.get("z", tensors.get("posterior_mean"))
    if z_ND is None:
        raise UserError(f"{codes}: no tensor 'z' or 'posterior_mean' (found: {', '.join(sorted(tensors)) or 'none'})")
    if not z_ND.is_floating_point() or z_ND.dim() != 2:
        raise UserError(f"{codes}: expected floating point numbers [N, D], found {z_ND.dtype} {list(z_ND.shape)}")
    for text in _load(run).decode(z_ND, temperature=temperature, seed=seed, generation=generation):
        typer.echo(text)


def reconstruct(run: Run, texts: Annotated[list[str], typer.Argument(help="texts")], generation: Any = None) -> None:
    """Show texts next to the greedy texts at their posterior means."""
    _show(("text", "reconstruction"), zip(texts, _load(run).reconstruct(texts, generation=generation), strict=True))


def interpolate(
    run: Run,
    a: Text,
    b: Text,
    steps: Annotated[int, typer.Option(min=2, max=10_000, help="points, both ends included")] = 7,
    path: Annotated[str, typer.Option(help="linear or spherical")] = "linear",
) -> None:
    """Show the texts on a path between two texts."""
    vae = _load(run)
    points = vae.path(a, b, steps=steps, path=path)
    found = vae.decode(points)
    rows = [("", a), *((f"{i / (steps - 1):.2f}", text) for i, text in enumerate(found)), ("", b)]
    _show(("t", "text"), rows)
    _say_holes(run, vae, points)


def analogy(run: Run, a: Text, b: Text, c: Text) -> None:
    """Show what is to C as B is to A."""
    vae = _load(run)
    points = vae.fourth(a, b, c)
    (found,) = vae.decode(points)
    _show(("", "text"), [("a", a), ("is to b", b), ("as c", c), ("is to", found)])
    _say_holes(run, vae, points)


def neighbours(
    run: Run,
    text: Text,
    among: Annotated[Path | None, typer.Option(help="a file of texts; by default the run's training texts")] = None,
    column: Annotated[str | None, typer.Option(help="the column of that file, if it has columns (text)")] = None,
    count: Annotated[int, typer.Option("-k", "--count", min=1, help="how many")] = 5,
) -> None:
    """Show the texts whose posteriors are nearest to that of a text (2-Wasserstein distance)."""
    from vaescope.cli.load_and_train import read_texts
    from vaescope.corpora.corpus import read_corpus
    from vaescope.errors import UserError
    from vaescope.runs.run_folder import RunFolder

    if among is not None:
        texts = read_texts(among, column or "text")
    elif column is not None:
        raise UserError(f"--column {column}: no effect without --among FILE, whose column it is; leave it out")
    else:
        texts = read_corpus(RunFolder(run).config.data).train
    kept = [t for t in texts if t.strip()]
    if among is not None and not kept:
        raise UserError(f"{among}: no text in it; give a file with texts")
    if count > len(kept):
        place = "the training texts of the run" if among is None else among
        raise UserError(f"-k {count}: more than there are texts in {place}; give at most {len(kept)}")
    found = _load(run).neighbours(text, kept, k=count)
    _show(("distance", "text"), [("", text), *((f"{n.distance:.2f}", n.text) for n in found)])


def traverse(
    run: Run,
    text: Text,
    unit: Annotated[
        int, typer.Option(min=0, help="the latent unit, from 0 on; vaescope encode shows which carry most")
    ],
    values: Annotated[str, typer.Option(help="what the unit is set to")] = "-3,-2,-1,0,1,2,3",
) -> None:
    """Show what one latent unit does to a text."""
    points = numbers_of(values, "--values", "-2,0,2")
    vae = _load(run)
    line = vae.line(text, unit, points)
    _show((f"z[{unit}]", "text"), [(f"{value:g}", x) for value, x in zip(points, vae.decode(line), strict=True)])
    _say_holes(run, vae, line)


def _refuse_foreign(out: Path) -> None:
    """Before the model is loaded, refuse to replace a file that holds no codes, and a place that cannot be written."""
    from safetensors import SafetensorError, safe_open

    from vaescope.errors import UserError
    from vaescope.reading import refuse_device

    refuse_device(out)
    if out.exists():
        try:
            with safe_open(out, framework="pt") as file:
                if "posterior_mean" in file.keys():  # noqa: SIM118
                    return
        except (SafetensorError, OSError):
            pass
        raise UserError(f"{out}: exists and was not written by vaescope encode; give another --out")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.touch()
    out.unlink()


COMMANDS = (encode, with_generation(decode), with_generation(reconstruct), interpolate, analogy, neighbours, traverse)


def _load(run: Path) -> LatentSpace:
    from transformers.utils import logging

    from vaescope.model.checkpoints.load import load

    logging.disable_progress_bar()
    return load(str(run))


def _say_holes(run: Path, vae: LatentSpace, points: Tensor) -> None:
    from vaescope.cli.hole_share import hole_share

    typer.echo(f"\n{hole_share(run, vae, points)}")


def _show(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]], title: str = "", numbers: int = 0) -> None:
    """Print a table; the first ``numbers`` columns are aligned to the right."""
    from rich.table import Table
    from rich.text import Text

    from vaescope.cli.console import console

    table = Table(box=None, padding=(0, 2, 0, 0), title=Text(title, "bold") if title else None, title_justify="left")
    for i, column in enumerate(columns):
        table.add_column(column, justify="right" if i < numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)
