"""The columns of a table are found by their content."""

from __future__ import annotations

import gzip
import json

import pytest

from vaescope.corpora.guess_columns import guess_columns
from vaescope.errors import UserError

ROWS = [
    {"id": i, "Category": "abc"[i % 3], "Question": f'how many "{i}" are there, exactly?', "stars": i % 5, "note": ""}
    for i in range(120)
]


def write_csv(path, delimiter=",", start=""):
    names = list(ROWS[0])
    quoted = [['"{}"'.format(str(row[name]).replace('"', '""')) for name in names] for row in ROWS]
    lines = [delimiter.join(names), *(delimiter.join(row) for row in quoted)]
    path.write_text(start + "\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(("delimiter", "start"), [(",", ""), (";", "\ufeff"), ("|", ""), ("\t", "")])
def test_csv_of_every_delimiter(tmp_path, delimiter, start):
    found = guess_columns(write_csv(tmp_path / "a.csv", delimiter, start))
    assert found.text == "Question"
    assert found.labels == ("stars", "Category") or found.labels == ("Category", "stars")
    assert set(found.columns) == set(ROWS[0])


def test_a_usual_name_comes_first(tmp_path):
    assert guess_columns(write_csv(tmp_path / "a.csv")).labels[0] == "Category"


def test_json_lines_an_array_and_a_folder(tmp_path):
    lines = tmp_path / "train.jsonl"
    lines.write_text("\n".join(map(json.dumps, ROWS)), encoding="utf-8")
    array = tmp_path / "b.json"
    array.write_text(json.dumps(ROWS), encoding="utf-8")
    packed = tmp_path / "c.json.gz"
    packed.write_bytes(gzip.compress(array.read_bytes()))
    assert {guess_columns(path).text for path in (lines, array, packed, tmp_path)} == {"Question"}


def test_a_text_file_has_no_columns(tmp_path):
    (tmp_path / "train.txt").write_text("one\ntwo\n", encoding="utf-8")
    assert guess_columns(tmp_path).text is None


def test_texts_without_spaces_are_found(tmp_path):
    rows = [{"k": "ab"[i % 2], "t": "\u4e00\u4e8c\u4e09\u56db\u4e94\u516d\u4e03\u516b" * 4 + str(i)} for i in range(60)]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert guess_columns(tmp_path / "a.jsonl").text == "t"
    assert guess_columns(tmp_path / "a.jsonl").labels == ("k",)


def test_short_texts_under_a_usual_name_are_texts_and_not_labels(tmp_path):
    (tmp_path / "a.csv").write_text("text\n" + "good\nbad\n" * 30, encoding="utf-8")
    assert guess_columns(tmp_path / "a.csv").text == "text"


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.jsonl", '{"n": 1}\n{"n": 2}\n', "no column of texts"),
        ("a.csv", "day,id\n" + "".join(f"2020-01-{i % 28 + 1:02d},{i}\n" for i in range(60)), "no column of texts"),
        ("a.csv", "mood\n" + "good\nbad\n" * 30, "no column of texts"),
        ("a.jsonl", "{broken\n", "cannot be read"),
        ("a.csv", "", "no column of texts"),
        ("a.doc", "x", "unknown kind of file"),
    ],
)
def test_ambiguous_columns_are_refused(tmp_path, name, content, says):
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=says):
        guess_columns(tmp_path / name)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(UserError, match="no training file"):
        guess_columns(tmp_path / "nothing")
