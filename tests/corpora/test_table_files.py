"""Tables in common formats: each is read correctly, or refused with the line and the fix."""

import bz2
import gzip
import json
import lzma

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vaescope.corpora.files import read_file, read_files
from vaescope.corpora.rows import Columns
from vaescope.errors import UserError

TEXT = Columns("text")
LABELLED = Columns("text", ("label",))


def made(folder, name, content):
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def mistake(file, columns=TEXT) -> str:
    with pytest.raises(UserError) as error:
        read_file(file, columns)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(("ending", "mark"), [("csv", ","), ("tsv", "\t"), ("csv", ";")])
def test_a_row_with_more_fields_than_the_header_is_refused_with_its_line(tmp_path, ending, mark):
    file = made(tmp_path, f"a.{ending}", f"text{mark}label\none{mark}1\ntwo{mark} and more{mark}1\n")
    assert "line 3 has 3 fields, but the header has 2" in mistake(file)
    assert "data.delimiter" in mistake(file)


def test_a_row_with_fewer_fields_is_refused_with_its_line(tmp_path):
    assert "line 3 has 1 fields" in mistake(made(tmp_path, "a.csv", "label,text\n1,one\ntwo\n"))


def test_a_quoted_record_over_several_lines_counts_lines(tmp_path):
    file = made(tmp_path, "a.csv", 'text,label\n"one\ntwo",1\nthree,four,1\n')
    assert "line 4 has 3 fields" in mistake(file)


@pytest.mark.parametrize(
    ("name", "content", "columns", "says"),
    [
        ("a.txt", "one\ntwo\n", Columns("body"), "a text file has no columns, so the column 'body' has no effect"),
        ("a.txt.gz", gzip.compress(b"one\n"), Columns("body"), "so the column 'body' has no effect"),
        ("a.json", '["one", "two"]', Columns("body"), "an array of strings has no columns"),
        ("a.txt", "one\ntwo\n", Columns(delimiter=";"), "a text file has no delimiter"),
        ("a.jsonl", '{"text": "one"}\n', Columns(delimiter=";"), "a JSON file has no delimiter"),
        ("a.json", '[{"text": "one"}]', Columns(delimiter=";"), "a JSON file has no delimiter"),
    ],
)
def test_a_setting_without_an_effect_on_a_file_is_stated(tmp_path, name, content, columns, says):
    file = made(tmp_path, name, content)
    assert says in " ".join(read_file(file, columns).notes)
    assert not read_file(file, TEXT).notes


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_another_delimiter_is_found_from_the_header_and_stated(tmp_path, mark):
    file = made(tmp_path, "a.csv", f"id{mark}text\n1{mark}one, two\n2{mark}three\n")
    rows = read_file(file, TEXT)
    assert rows.texts == ["one, two", "three"]
    assert f"separated by {mark!r}" in rows.notes[0]
    assert "data.delimiter" in rows.notes[0]
    given = read_file(file, Columns("text", (), mark))
    assert (given.texts, given.notes) == (rows.texts, ())


def test_the_names_of_a_semicolon_file_are_those_it_has(tmp_path):
    message = mistake(made(tmp_path, "a.csv", "\ufeffid;Question;category\n1;why?;x\n"))
    assert "(known: Question, category, id)" in message


@pytest.mark.parametrize(
    "text",
    ['"an open quote', 'a quote " inside', '"whole in quotes"', '"two" and "more"', "''", '"', '""'],
)
def test_quotes_of_an_unquoted_tsv_are_part_of_the_text(tmp_path, text):
    file = made(tmp_path, "a.tsv", f'text\tlabel\n{text}\t1\nanother text"\t0\nplain\t1\n')
    rows = read_file(file, LABELLED)
    assert rows.texts == [text, 'another text"', "plain"]
    assert rows.labels == {"label": ["1", "0", "1"]}


@pytest.mark.parametrize("texts", [["a\tb", "plain", 'say "x"'], ["two\nlines", "plain", "c"], ["all", "in", "quotes"]])
def test_a_tsv_written_with_quotes_is_read_without_them(tmp_path, texts):
    every = "all" in texts
    fields = ['"{}"'.format(t.replace('"', '""')) if every or any(c in t for c in '\t\n"') else t for t in texts]
    file = made(tmp_path, "a.tsv", "text\tlabel\n" + "".join(f"{field}\t1\n" for field in fields))
    assert read_file(file, LABELLED).texts == texts


def test_a_column_that_appears_twice_is_refused_only_where_it_is_read(tmp_path):
    file = made(tmp_path, "a.csv", "text,text,id,id\none,two,1,1\n")
    assert "column 'text' appears 2 times" in mistake(file)
    assert read_file(made(tmp_path, "b.csv", "text,id,id,,\none,1,1,,\n"), TEXT).texts == ["one"]
    table = pa.table([pa.array(["a"]), pa.array(["b"])], names=["text", "text"])
    pq.write_table(table, tmp_path / "a.parquet")
    assert "column 'text' appears 2 times" in mistake(tmp_path / "a.parquet")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.tsv", "a.jsonl"])
def test_every_kind_of_line_end(tmp_path, name, end):
    rows = ['{"text": "one"}', '{"text": "two"}'] if name == "a.jsonl" else ["one", "two"]
    header = ["text"] if name in ("a.csv", "a.tsv") else []
    file = made(tmp_path, name, end.join([*header, *rows, ""]))
    assert read_file(file, TEXT).texts == ["one", "two"]


def test_joined_files_with_their_marks_and_headers(tmp_path):
    part = "\ufefftext,label\r\none,1\r\n"
    rows = read_file(made(tmp_path, "a.csv", part * 3), LABELLED)
    assert rows.texts == ["one"] * 3
    assert read_file(made(tmp_path, "a.txt", "\ufeffone\n\ufefftwo\n"), TEXT).texts == ["one", "two"]
    assert read_file(made(tmp_path, "a.jsonl", '\ufeff{"text": "one"}\n' * 2), TEXT).texts == ["one"] * 2


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.txt"])
def test_a_field_of_any_length(tmp_path, name):
    long = "word " * 40_000 + "end"
    content = {"a.txt": long, "a.jsonl": json.dumps({"text": long})}.get(name, f"text\n{long}")
    assert read_file(made(tmp_path, name, content), TEXT).texts == [long]


@pytest.mark.parametrize(("ending", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)])
def test_compressed_files(tmp_path, ending, pack):
    assert read_file(made(tmp_path, f"a.txt.{ending}", pack(b"one\ntwo\n")), TEXT).texts == ["one", "two"]
    assert read_file(made(tmp_path, f"a.csv.{ending}", pack(b"text\none\n")), TEXT).texts == ["one"]
    assert f"not a whole .{ending} file" in mistake(made(tmp_path, f"b.txt.{ending}", pack(b"one\n" * 999)[:-9]))
    assert f"not a whole .{ending} file" in mistake(made(tmp_path, f"c.txt.{ending}", b"plain text"))


def test_json_files_with_an_array_or_with_lines(tmp_path):
    objects = [{"text": "one", "label": 1}, {"text": "two", "label": None}]
    rows = read_file(made(tmp_path, "a.json", json.dumps(objects, indent=1)), LABELLED)
    assert (rows.texts, rows.labels) == (["one", "two"], {"label": ["1", ""]})
    assert read_file(made(tmp_path, "b.json", '["one", "two"]'), TEXT).texts == ["one", "two"]
    assert read_file(made(tmp_path, "c.json", '{"text": "one"}\n{"text": "two"}'), TEXT).texts == ["one", "two"]
    assert "item 1 is int" in mistake(made(tmp_path, "d.json", "[1]"))
    assert "not JSON" in mistake(made(tmp_path, "e.json", '[{"text": "one"'))
    assert "join the parts" in mistake(made(tmp_path, "f.json", '[{"text": ["one"]}]'))


@pytest.mark.parametrize("content", ["", "\n\n"])
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.json", "a.jsonl"])
def test_an_empty_file_is_called_empty(tmp_path, name, content):
    assert "the file is empty; give" in mistake(made(tmp_path, name, content))


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark_and_nul_bytes_are_refused(tmp_path, encoding):
    assert "NUL bytes (line 1)" in mistake(made(tmp_path, "a.txt", "one\ntwo\n".encode(encoding)))
    assert "NUL bytes (line 2)" in mistake(made(tmp_path, "b.txt", b"one\nt\0wo\n"))
    assert "not UTF-8 (line 1)" in mistake(made(tmp_path, "c.txt", "one\ntwo\n".encode("utf-16")))


def test_shards_are_read_in_order_and_none_may_be_missing(tmp_path):
    for number, text in enumerate(["one", "two", "three"]):
        made(tmp_path, f"train-{number:05d}-of-00003.txt", text + "\n")
    made(tmp_path, "validation-00000-of-00001-0a1b2c.jsonl", '{"text": "four"}')
    rows = read_files(tmp_path, TEXT)
    assert rows["train"].texts == ["one", "two", "three"]
    assert rows["valid"].texts == ["four"]
    (tmp_path / "train-00001-of-00003.txt").unlink()
    with pytest.raises(UserError, match=r"train-00001-of-00003\.txt is missing \(2 of 3 shards are there\)"):
        read_files(tmp_path, TEXT)


@pytest.mark.parametrize("name", ["valid", "validation", "val", "dev", "eval", "Dev", "development"])
def test_names_of_the_validation_split(tmp_path, name):
    made(tmp_path, "TRAIN.TXT", "one\n")
    made(tmp_path, f"{name}.txt.gz", gzip.compress(b"two\n"))
    assert read_files(tmp_path, TEXT)["valid"].texts == ["two"]


def test_a_folder_of_datasets_names_the_option(tmp_path):
    made(tmp_path, "dataset_info.json", "{}")
    with pytest.raises(UserError, match=r"give it as data\.hub"):
        read_files(tmp_path, TEXT)


def test_labels_in_several_columns_and_in_a_file_next_to_the_texts(tmp_path):
    file = made(tmp_path, "a.csv", "text,topic,mood\none,x,1\ntwo,y,0\n")
    assert read_file(file, Columns("text", ("mood", "topic"))).labels == {"mood": ["1", "0"], "topic": ["x", "y"]}
    assert "unknown column 'tpic'; did you mean 'topic'" in mistake(file, Columns("text", ("tpic",)))
    text = made(tmp_path, "b.txt", "one\n\ntwo\n")
    made(tmp_path, "b.labels", "1\n0\n")
    assert read_file(text, TEXT).labels == {"label": ["1", "", "0"]}
    made(tmp_path, "b.labels", "1\n-\n0\n")
    assert read_file(text, TEXT).labels == {"label": ["1", "-", "0"]}
    made(tmp_path, "b.labels", "1\n0\n0\n0\n")
    assert "b.labels: 4 labels for 2 texts" in mistake(text)
    assert "no columns" in mistake(made(tmp_path, "c.txt", "one\n"), LABELLED)
