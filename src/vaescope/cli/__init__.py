"""The command line: the application, made of the commands."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from vaescope import __version__
from vaescope.cli.boundary import run
from vaescope.cli.commands.assess import assess
from vaescope.cli.commands.assess_model import assess_model
from vaescope.cli.commands.compare import compare
from vaescope.cli.commands.convert_reference import convert_reference
from vaescope.cli.commands.demo import demo
from vaescope.cli.commands.diagnose import diagnose
from vaescope.cli.commands.evidence import evidence
from vaescope.cli.commands.explain import explain
from vaescope.cli.commands.explore import explore
from vaescope.cli.commands.init import init
from vaescope.cli.commands.latent import COMMANDS as LATENT_COMMANDS
from vaescope.cli.commands.list import list_choices
from vaescope.cli.commands.noise_curve import noise_curve
from vaescope.cli.commands.push import push
from vaescope.cli.commands.refit import refit
from vaescope.cli.commands.sample import sample
from vaescope.cli.commands.schema import schema
from vaescope.cli.commands.score import score
from vaescope.cli.commands.snapshots import snapshots
from vaescope.cli.commands.steer import steer
from vaescope.cli.commands.study import study
from vaescope.cli.commands.train import train
from vaescope.cli.commands.world import world
from vaescope.cli.examples import epilog
from vaescope.cli.generation import with_generation
from vaescope.cli.noise import with_noise
from vaescope.cli.output import with_format

app = typer.Typer(
    help="Train Transformer VAEs on text and examine them as latent variable models first.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(demo)
app.command()(init)
app.command()(train)
app.command()(world)
app.command()(study)
app.command()(with_format(with_noise(assess)))
app.command(name="assess-model")(with_format(with_noise(assess_model)))
app.command(name="noise-curve")(noise_curve)
app.command()(compare)
app.command()(diagnose)
app.command()(explain)
app.command()(refit)
app.command()(with_generation(sample))
app.command()(score)
app.command()(evidence)
app.command()(snapshots)
app.command(name="list")(list_choices)
app.command()(push)
app.command()(schema)
app.command(name="convert-reference")(convert_reference)
for _command in (*LATENT_COMMANDS, steer, explore):
    app.command(rich_help_panel="Latent space")(_command)
for _info in app.registered_commands:
    _info.epilog = epilog(str(_info.name or getattr(_info.callback, "__name__", "")))


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vaescope {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error, for a bug report.")] = False,
) -> None:
    pass


def main() -> None:
    """Run a command; a mistake of the input becomes one line on stderr and exit status 1."""
    sys.exit(run(app, sys.argv[1:]))
