"""``vaescope explore``: the latent space of a run in the browser."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated

import typer


def explore(
    run: Annotated[Path, typer.Argument(help="a run folder")],
    host: Annotated[str, typer.Option(help="where to listen: by default for this machine alone")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one")] = 7860,
    labels: Annotated[
        Path | None, typer.Option(help="colours of the map: a file with one label per text, or a label column")
    ] = None,
    browser: Annotated[bool, typer.Option(help="open the page in a browser")] = True,
) -> None:
    """Explore a latent space in the browser: type texts, follow paths, move units, look at the map."""
    from vaescope.explore.server import require_extra

    require_extra()

    import webbrowser

    from transformers.utils import logging

    from vaescope.explore.explorer import Explorer
    from vaescope.explore.server import LOCAL, application, listen, serve

    logging.disable_progress_bar()
    with listen(host, port) as listening:
        if host not in LOCAL:
            typer.secho(
                f"{host}: whoever can reach this port and has the address below can use the model and read the texts",
                fg="yellow",
                err=True,
            )
        typer.echo(f"{run}: encoding the validation texts")
        token = None if host in LOCAL else secrets.token_urlsafe(24)
        app = application(Explorer.load(run, labels), host, token)
        name = f"[{host}]" if ":" in host else host
        url = f"http://{name}:{listening.getsockname()[1]}" + (f"/?token={token}" if token else "")
        typer.echo(f"{url} (Ctrl-C ends it)")
        if browser:
            webbrowser.open(url)
        serve(app, listening)
