"""The configuration of a run from the command line: a file, KEY=VALUE, and a few options."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaescope.errors import UserError

if TYPE_CHECKING:
    from vaescope.config import RunConfig


def settings_of(
    words: list[str], *, data: Path | None, objective: str | None, rate: float | None, out: Path | None
) -> RunConfig:
    """Return the configuration of ``[CONFIG] [KEY=VALUE]...`` and the options.

    Raises:
        UserError: neither a configuration nor ``data``, or an option that the configuration or a KEY=VALUE contradicts.
    """
    from vaescope.config import parse_config
    from vaescope.yaml_file import apply_override, read_yaml

    file = Path(words[0]) if words and ("=" not in words[0] or Path(words[0]).is_file()) else None
    if file is None and data is None and not any(word.startswith("data.") for word in words):
        raise UserError("give a configuration, or the texts by --data FILE")
    raw = {} if file is None else read_yaml(file)
    if not isinstance(raw, dict):
        raise UserError(f"{file}: not a configuration, which is a mapping of sections; vaescope init writes one")
    for override in words if file is None else words[1:]:
        apply_override(raw, override)
    if data is not None:
        _set(raw, "data", {"path": str(data)}, f"--data {data}")
    if objective is not None or rate is not None:
        _set_objective(raw, objective, rate)
    if out is not None:
        _set(raw, "out", str(out), f"--out {out}")
    return parse_config(raw, source="configuration" if file is None else str(file))


def _set(raw: dict[str, Any], key: str, value: Any, option: str) -> None:
    """Set a value, or the keys of a section; refuse a different value that is already set."""
    present = raw.get(key)
    if isinstance(value, dict) and isinstance(present, dict):
        sources = {name: present[name] for name in ("known", "path", "hub", "world") if present.get(name) is not None}
        if sources in ({}, value):
            raw[key] = present | value
            return
        present = sources
    if present is not None and str(present) != str(value):
        raise UserError(f"{option}: the configuration has {key} = {present}; leave the option out or change the value")
    raw[key] = value


def _set_objective(raw: dict[str, Any], name: str | None, rate: float | None) -> None:
    present = raw.get("objective")
    chosen = {"preset": present} if isinstance(present, str) else dict(present or {})
    given = {key: value for key, value in (("preset", name), ("rate", rate)) if value is not None}
    for key, value in given.items():
        known = chosen.get(key)
        if (known is None and "terms" in chosen) or (known is not None and known != value):
            option = "--objective" if key == "preset" else "--rate"
            raise UserError(f"{option} {value}: the configuration has objective = {present}; leave one of them out")
    chosen |= given
    if "preset" not in chosen:
        raise UserError(f"--rate {rate}: of which objective? give --objective too, for instance --objective mdr")
    raw["objective"] = chosen if set(chosen) != {"preset"} else chosen["preset"]
