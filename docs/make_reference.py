"""Write docs/reference/configuration.md and docs/reference/commands.md from the program itself.

python docs/make_reference.py
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from vaescope import choices
from vaescope.cli import app
from vaescope.config import RunConfig

REFERENCE = Path(__file__).parent / "reference"
DIAGNOSTICS = Path(__file__).parent / "diagnostics"


def _type_of(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type_of(part) for part in schema["anyOf"]))
    if schema.get("type") == "array":
        return f"list of {_type_of(schema['items'])}" if "items" in schema else "list"
    names = {"string": "text", "integer": "whole number", "number": "number", "object": "mapping", "null": "nothing"}
    return names.get(schema.get("type", ""), schema.get("type", "any"))


def _default_of(schema: dict[str, Any]) -> str:
    if "default" not in schema:
        return ""
    return f"`{schema['default']}`" if schema["default"] is not None else "nothing"


def _rows(properties: dict[str, Any]) -> Iterator[str]:
    yield "| key | meaning | type | default |\n|---|---|---|---|"
    for key, schema in properties.items():
        cells = (schema.get("description", ""), _type_of(schema), _default_of(schema))
        yield f"| `{key}` | " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def configuration() -> str:
    """Return the page of all keys of a configuration, section by section."""
    schema = RunConfig.model_json_schema()
    sections = {key: part["$ref"].rsplit("/", 1)[1] for key, part in schema["properties"].items() if "$ref" in part}
    top = {key: part for key, part in schema["properties"].items() if key not in sections}
    lines = [
        "# Configuration\n",
        "A run is described by one YAML file. Every key can also be set on the command line: "
        "`vaescope train FILE training.steps=1000`. Unknown keys are refused. This page is made from the program.",
        "\n## Top level\n",
        *_rows(top),
    ]
    for key, name in sections.items():
        part = schema["$defs"][name]
        lines += [f"\n## `{key}`", "", part.get("description", ""), "", *_rows(part["properties"])]
    lines += ["\n## Choices\n", "What `vaescope list` prints. A choice of your own is given as `module:Name`."]
    for kind in choices.KINDS:
        lines += [f"\n### {kind}", "", "| name | what it is |\n|---|---|"]
        lines += [f"| `{name}` | {choices.summary(kind, name)} |" for name in choices.names(kind)]
    lines += [line for name in choices.names("diagnostics") for line in _page_in_its_file(name)]
    return "\n".join(lines) + "\n"


def _page_in_its_file(name: str) -> list[str]:
    """Return the explanation of a diagnostic that has no page of its own."""
    if (DIAGNOSTICS / f"{name}.md").exists():
        return []
    return [f"\n### {name}\n", choices.explanation("diagnostics", name)]


def commands() -> str:
    """Return the page of all commands with their options."""
    group: Any = typer.main.get_command(app)
    lines = ["# Commands\n", "This page is made from the program; `vaescope COMMAND --help` says the same."]
    for name, command in sorted(group.commands.items()):
        lines += [f"\n## vaescope {name}\n", (command.help or "").split("\f")[0].strip(), ""]
        lines += ["| argument or option | meaning | default |\n|---|---|---|"]
        for parameter in command.params:
            option = parameter.param_type_name == "option"
            label = " ".join(parameter.opts) if option else parameter.name.upper()
            meaning = " ".join((getattr(parameter, "help", "") or "").split()).replace("|", "\\|")
            default = parameter.default
            shown = "" if default in (None, False, ()) or callable(default) else f"`{default}`"
            lines.append(f"| `{label}` | {meaning} | {shown} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the pages that have changed."""
    REFERENCE.mkdir(exist_ok=True)
    for name, text in (("configuration", configuration()), ("commands", commands())):
        path = REFERENCE / f"{name}.md"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
