"""YAML within limits: numbers as people write them, and a one-line error for anything that is not plain data."""

import pytest

from vaescope.errors import UserError
from vaescope.yaml_file import apply_override, parse_value, read_yaml

BOMB = "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "\n".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join([f'*{chr(97 + i)}'] * 10)}]" for i in range(12)
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1e6", 1_000_000),
        ("+.5E+1", 5),
        ("1e23", 10**23),
        ("1_0e1", 100),
        ("1.5", 1.5),
        ("'1e3'", "1e3"),
        ("e3", "e3"),
        ("2020-13-45", "2020-13-45"),
        ("12:30", "12:30"),
        ("{rate: [1e1, -2e-1]}", {"rate": [10, -0.2]}),
    ],
)
def test_numbers_with_an_exponent_are_numbers_and_dates_are_strings(text, value):
    found = parse_value(text, "x")
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BOMB, "more than 200,000 values"),
        ("a: &a [*a]", "an alias that contains itself"),
        ("[" * 5000, "nested more than 50 levels deep"),
        ("!!int abc", "'abc' is not an integer"),
        ("1" * 5000, "is not an integer of at most 4,300 digits"),
        ("1e999", "'1e999' is too large for a number"),
        ("!!python/object/apply:os.system [ls]", "could not determine a constructor"),
        ("{a: 1, a: 2}", "'a' appears twice"),
        ("? [1]\n: 2", "unhashable"),
        ("[1", "line 1"),
        ("\0", "unacceptable character"),
        ("!!timestamp x", None),
    ],
)
def test_yaml_that_is_not_plain_data_is_one_line(tmp_path, text, says):
    path = tmp_path / "c.yaml"
    path.write_text(text, encoding="utf-8")
    if says is None:
        assert read_yaml(path) == "x"
        return
    with pytest.raises(UserError) as caught:
        read_yaml(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert says in message
    assert "\n" not in message


def test_file_that_is_none_is_one_line(tmp_path):
    (tmp_path / "latin.yaml").write_bytes("a: 1\nb: é".encode("latin-1"))
    for name, says in [(".", "a folder"), ("no.yaml", "no such study file"), ("latin.yaml", r"not UTF-8 \(line 2\)")]:
        with pytest.raises(UserError, match=says):
            read_yaml(tmp_path / name, "study")


@pytest.mark.parametrize("override", ["steps", "=5", "a..b=1", ".a=1", "a.b.c=1", "a=[1"])
def test_override_that_is_none_names_itself(override):
    with pytest.raises(UserError, match=r"^'"):
        apply_override({"a": {"b": 1}}, override)
