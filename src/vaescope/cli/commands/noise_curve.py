"""``vaescope noise-curve``: rate, information and distortion of a deterministic code over the size of its noise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vaescope.cli.numbers import numbers_of

if TYPE_CHECKING:
    from vaescope.evidence.noisy_code import NoisyCode


def noise_curve(
    subject: Annotated[str, typer.Argument(help="a file of a code (.safetensors), or FILE.py:NAME of a TextModel")],
    file: Annotated[Path | None, typer.Argument(help="for FILE.py:NAME, the texts: a file with one per line")] = None,
    out: Annotated[Path, typer.Option(help="folder for the table (curve.csv) and the figure")] = Path("noise-curve"),
    noise: Annotated[
        str | None, typer.Option(help="for FILE.py:NAME, sizes of the noise in units of z, for instance 0.01,0.1,1")
    ] = None,
    allow: Annotated[
        float, typer.Option(min=0.0, help="the rise of the distortion that the bits needed allow, nats per text")
    ] = 1.0,
    samples: Annotated[int, typer.Option(min=1, max=10_000, help="for FILE.py:NAME, noise samples per text")] = 4,
    texts: Annotated[int | None, typer.Option(min=2, help="for FILE.py:NAME, only this many texts, the first")] = None,
) -> None:
    """Show what a code without a posterior carries under noise, and how many bits it needs.

    The bits needed are I(X;Z)/ln 2 at the largest noise that raises the distortion by at most --allow nats.
    """
    from vaescope.cli.console import console, print_columns
    from vaescope.evidence.noise_curve import NoiseCurve
    from vaescope.evidence.noisy_code import NoisyCode
    from vaescope.plotting import save
    from vaescope.report.figures.over_noise import over_noise
    from vaescope.report.tables import number
    from vaescope.writing import write_text

    if subject.endswith(".safetensors"):
        if file is not None or noise is not None or texts is not None:
            raise typer.BadParameter("TEXTS, --noise and --texts are for FILE.py:NAME; the file has its own")
        code = NoisyCode.load(subject)
    else:
        code = _scored(subject, file, noise, samples, texts)
    curve = NoiseCurve.of(code)
    rows = [
        (
            number(level.std),
            f"{number(level.distortion.value)} ± {level.distortion.se:.2g}",
            f"{number(level.rise.value)} ± {level.rise.se:.2g}",
            f"≤ {number(level.rate.value)}",
            f"[{number(level.information.low)}, {number(level.information.high)}]",
            f"[{number(level.bits[0])}, {number(level.bits[1])}]",
        )
        for level in curve.levels
    ]
    print_columns(("noise", "distortion", "rise", "rate", "I, nats", "I, bits"), rows)
    console.print(f"\n{curve.texts} texts; nats per text, I(X;Z) with 95% intervals; the rate is of a fitted Gaussian.")
    out.mkdir(parents=True, exist_ok=True)
    write_text(out / "curve.csv", _csv(curve.rows()))
    save(over_noise(curve), out, "curve")
    level = curve.bits_needed(allow)
    low, high = level.bits
    console.print(
        f"Bits needed for a rise of at most {allow:g} nats: {low:.1f} to {high:.1f} per text (noise {level.std:g}, "
        f"rise {level.rise.value:.3g} ± {level.rise.se:.2g}).",
        soft_wrap=True,
    )
    typer.echo(f"written: {out}/curve.csv, curve.svg and curve.pdf")


def _scored(subject: str, file: Path | None, noise: str | None, samples: int, texts: int | None) -> NoisyCode:
    from vaescope.corpora.files import read_file
    from vaescope.corpora.rows import Columns, strip
    from vaescope.examine.load_text_model import load_text_model
    from vaescope.sweep.score_codes import score_code
    from vaescope.sweep.text_model import TextModel

    if file is None or noise is None:
        raise typer.BadParameter("FILE.py:NAME needs TEXTS and --noise, for instance --noise 0.01,0.1,1")
    sizes = numbers_of(noise, "--noise", "0.01,0.1,1", above=0)
    rows = strip(read_file(file, Columns()), str(file), 2).texts[:texts]
    found = load_text_model(subject)
    functions = found if isinstance(found, TextModel) else found.text_model
    return score_code(functions, rows, sizes, samples=samples)


def _csv(rows: list[dict[str, float]]) -> str:
    import csv
    import io

    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()
