"""The boundary of the command line: every error becomes one line, about a mistake in the input or about a bug."""

from __future__ import annotations

import os
import re
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from vaescope.cli.notes import notes
from vaescope.errors import Interrupted, UserError, explained, one_line

MISTAKE, USAGE, BUG, SIGNALLED = 1, 2, 70, 128
INTERRUPTED = SIGNALLED + 2
"""Exit statuses: a mistake of the input, wrong usage of a command, a fault of vaescope itself, a signal, Ctrl-C."""

_UsageError: Any = typer.BadParameter.__base__
_CommandError: Any = _UsageError.__base__


def run(app: Callable[..., Any], arguments: list[str]) -> int:
    """Run a command and return its exit status; an error is one line on stderr.

    ``--debug`` anywhere on the command line shows the traceback of an error as well.
    """
    debug = "--debug" in _options(arguments)
    arguments = [word for i, word in enumerate(arguments) if word != "--debug" or i >= len(_options(arguments))]
    _prepare(debug)
    notes.holding = not debug
    try:
        _refuse_bad_encoding(arguments)
        status = int(app(args=arguments or ["--help"], prog_name="vaescope", standalone_mode=False) or 0)
        notes.show()
        return status
    except _CommandError as error:
        return _tell(_usage(error), USAGE)
    except (KeyboardInterrupt, typer.Abort) as error:
        cause = error if isinstance(error, Interrupted) else error.__cause__
        if isinstance(cause, Interrupted):
            return _tell(str(cause), SIGNALLED + cause.number)
        return _tell("stopped", INTERRUPTED)
    except BrokenPipeError:
        # the reader of the output has exited, for instance `head`; Python must not flush stdout at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return MISTAKE
    except Exception as error:
        if debug:
            traceback.print_exc()
        mistake = explained(error)
        return _tell(_report(error), BUG) if mistake is None else _tell(mistake, MISTAKE)


def _options(arguments: list[str]) -> list[str]:
    """The arguments before ``--``, after which nothing is an option."""
    return arguments[: arguments.index("--")] if "--" in arguments else arguments


def _prepare(debug: bool) -> None:
    """Let the console replace letters that it cannot show, and silence warnings of libraries that are not errors."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
    if not debug:
        os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
        os.environ.setdefault("HF_HUB_VERBOSITY", "error")
        if not sys.warnoptions:
            warnings.simplefilter("ignore")


def _refuse_bad_encoding(arguments: list[str]) -> None:
    for number, argument in enumerate(arguments, start=1):
        if any("\ud800" <= letter <= "\udfff" for letter in argument):
            shown = argument.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
            raise UserError(f"argument {number}, '{shown}', is not UTF-8; type it again, or rename the file")


def _usage(error: Any) -> str:
    """The message of a wrong usage, with the command whose help says more."""
    context = getattr(error, "ctx", None)
    message = (
        str(error.format_message()).rstrip(".?").replace("Input should be", "it should be").replace("Value error, ", "")
    )
    message = re.sub(r"valid integer, unable to parse .*", "whole number", message)
    message = re.sub(r"valid number, unable to parse .*", "number", message)
    return f"{message}; see {context.command_path} --help" if context is not None else message


def _report(error: Exception) -> str:
    """One line about an error in vaescope itself: what it is and where it happened."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if f"{os.sep}vaescope{os.sep}" in frame.filename] or frames
    place = f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else "an unknown place"
    return (
        f"a bug in vaescope, not a mistake of yours: {type(error).__name__} at {place} ({str(error)[:300]}); "
        "run the command again with --debug and report what it prints"
    )


def _tell(message: str, status: int) -> int:
    typer.secho(f"vaescope: {one_line(message)}", fg="red", err=True)
    return status
