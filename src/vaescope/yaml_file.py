"""YAML files and KEY=VALUE overrides: plain data only, 1e-3 is a number, and size and nesting are limited."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from vaescope.errors import UserError, one_line
from vaescope.reading import refuse_device

DEEPEST = 50
"""Most levels of nesting in a file."""

LARGEST_FILE = 16 * 2**20
"""The largest file in bytes; a configuration has a page, a study of a thousand runs a few pages."""

MOST_VALUES = 200_000
"""Most values of a file after its aliases are expanded."""

_DATE = "tag:yaml.org,2002:timestamp"
_NUMBER = re.compile(r"[-+]?(?:\.[0-9][0-9_]*|[0-9][0-9_]*(?:\.[0-9_]*)?)[eE][-+]?[0-9]+$")


def read_yaml(path: Path, what: str = "configuration") -> Any:
    """Return the content of a YAML file.

    A number may have an exponent without a dot or a sign (1e-3, as in YAML 1.2), a date is a string.

    Args:
        path: the file.
        what: what it should be, for the message.

    Raises:
        UserError: no such file, not YAML, a key that appears twice in one mapping, or nesting that is too deep.
    """
    try:
        folder = path.is_dir()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{path}: cannot be read ({reason}); check the path and its rights") from error
    if folder:
        raise UserError(f"{path}: a folder, not a {what} file; give the YAML file in it")
    refuse_device(path)
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST_FILE + 1)
        text = raw.decode("utf-8-sig")
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such {what} file") from error
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise UserError(f"{path}: not UTF-8 (line {line}); convert it, for instance with iconv -t utf-8") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{path}: cannot be read ({reason}); check the path and its rights") from error
    if len(raw) > LARGEST_FILE:
        raise UserError(f"{path}: larger than {LARGEST_FILE // 2**20} MiB; this is not a {what} file")
    return _parsed(text, str(path))


def parse_value(text: str, source: str) -> Any:
    """Return the value of a piece of YAML, for instance of an override.

    >>> parse_value("1e-3", "rate=1e-3"), parse_value("[1, 2e1]", "x"), parse_value("2020-01-01", "x")
    (0.001, [1, 20], '2020-01-01')
    """
    return _parsed(text, source)


def apply_override(raw: dict[str, Any], override: str) -> None:
    """Set a key of a nested mapping by ``key.path=value``; the value is YAML.

    >>> raw = {"training": {"steps": 5}}
    >>> apply_override(raw, "training.steps=10"); raw
    {'training': {'steps': 10}}
    """
    key, equals, value = override.partition("=")
    if not equals or not key.strip():
        raise UserError(f"'{override}': an override is KEY=VALUE, for instance training.steps=1000")
    set_key(raw, key.strip(), parse_value(value, f"'{override}'"))


def set_key(raw: dict[str, Any], key: str, value: Any) -> None:
    """Set ``raw[a][b]`` for the key ``a.b``; missing sections are created."""
    target = raw
    *parents, last = key.split(".")
    if not all((*parents, last)):
        raise UserError(f"'{key}': a part of the key is empty; give for instance training.steps")
    for parent in parents:
        if target.get(parent) is None:
            target[parent] = {}
        target = target[parent]
        if not isinstance(target, dict):
            raise UserError(f"'{key}': {parent} is not a section of the configuration")
    target[last] = value


class _Loader(yaml.SafeLoader):
    """A loader for plain data, without the surprises of YAML 1.1, and within limits."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [(key.tag, key.value) for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise yaml.constructor.ConstructorError(None, None, f"'{twice[1]}' appears twice", node.start_mark)
        return super().construct_mapping(node, deep)

    def construct_number(self, node: yaml.ScalarNode) -> int | float:
        """Return a number with an exponent, as an integer if it is whole, so that steps may be 1e4."""
        text = node.value.replace("_", "")
        value = float(text)
        if not math.isfinite(value):
            raise yaml.constructor.ConstructorError(None, None, f"'{text}' is too large for a number", node.start_mark)
        exact = Decimal(text)
        return int(exact) if abs(value) < 1e30 and exact == exact.to_integral_value() else value

    def construct_whole(self, node: yaml.ScalarNode) -> int | str:
        """Return an integer; 12:30 is a string, not a number in base 60."""
        if ":" in node.value:
            return str(node.value)
        try:
            return self.construct_yaml_int(node)
        except ValueError as error:
            raise yaml.constructor.ConstructorError(
                None, None, f"'{node.value[:40]}' is not an integer of at most 4,300 digits", node.start_mark
            ) from error

    def construct_text(self, node: yaml.ScalarNode) -> str:
        """Return the text as written."""
        return str(node.value)


# a key such as 2020-01-01 or 1e3 is kept as written
_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag != _DATE]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("!number", _NUMBER, list("-+.0123456789"))
_Loader.yaml_implicit_resolvers = {
    letter: sorted(resolvers, key=lambda resolver: resolver[0] != "!number")
    for letter, resolvers in _Loader.yaml_implicit_resolvers.items()
}
_Loader.add_constructor("!number", _Loader.construct_number)
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_whole)
_Loader.add_constructor(_DATE, _Loader.construct_text)


def _parsed(text: str, source: str) -> Any:
    try:
        _refuse_depth(text, source)
        content = yaml.load(text, Loader=_Loader)
        _count(content, source)
    except yaml.MarkedYAMLError as error:
        place = f" in line {error.problem_mark.line + 1}" if error.problem_mark is not None else ""
        raise UserError(f"{source}: not YAML{place} ({one_line(str(error.problem))[:200]}); fix that place") from error
    except (yaml.YAMLError, ValueError, TypeError, OverflowError, RecursionError, LookupError, AttributeError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{source}: not YAML ({one_line(str(error))[:200]}); fix that place") from error
    return content


def _refuse_depth(text: str, source: str) -> None:
    """Refuse nesting that would exhaust the stack of the parser, before parsing."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEEPEST:
            raise UserError(f"{source}: nested more than {DEEPEST} levels deep; a configuration has a few")


def _count(content: Any, source: str) -> None:
    """Refuse aliases that expand to more values than any configuration has, or that contain themselves."""
    left, stack = MOST_VALUES, [(content, 0)]
    while stack:
        value, depth = stack.pop()
        left -= 1
        if depth > DEEPEST:
            raise UserError(f"{source}: an alias that contains itself; write the values out")
        if left < 0:
            raise UserError(f"{source}: more than {MOST_VALUES:,} values with aliases expanded; use fewer aliases")
        if isinstance(value, dict):
            stack += [(inner, depth + 1) for pair in value.items() for inner in pair]
        elif isinstance(value, list | tuple | set):
            stack += [(inner, depth + 1) for inner in value]
