"""``vaescope schema``: the configuration's JSON schema, for editors that complete and check YAML."""

from __future__ import annotations

import json

import typer


def schema() -> None:
    """Print the JSON schema of a configuration (save it, and name it in your editor's YAML settings)."""
    from vaescope.config import RunConfig

    typer.echo(json.dumps(RunConfig.model_json_schema(), indent=2))
