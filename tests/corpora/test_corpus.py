"""Every source of texts, and a one-line error for everything that can be wrong with it."""

import json
import logging

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vaescope.config import DataConfig
from vaescope.corpora.corpus import load_corpus
from vaescope.errors import UserError

TEXTS = [f"text number {i}" for i in range(40)]


@pytest.fixture(autouse=True)
def _logged(caplog):
    caplog.set_level(logging.WARNING, logger="vaescope")


def write(file, texts):
    """Write the texts in the format given by the ending of the file."""
    rows = [{"id": i, "sentence": text} for i, text in enumerate(texts)]
    if file.suffix == ".txt":
        file.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    elif file.suffix == ".jsonl":
        file.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    elif file.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), file)
    else:
        mark = {".csv": ",", ".tsv": "\t"}[file.suffix]
        lines = [f"id{mark}sentence", *(f'{row["id"]}{mark}"{row["sentence"]}"' for row in rows)]
        file.write_text("\n".join(lines), encoding="utf-8")
    return file


def load(path, **options):
    return load_corpus(DataConfig(path=path, **options))


def mistake(path, **options) -> str:
    with pytest.raises(UserError) as error:
        load(path, **options)
    message = str(error.value)
    assert "\n" not in message
    assert ";" in message  # what is wrong; what mends it
    return message


@pytest.mark.parametrize("ending", ["txt", "csv", "tsv", "jsonl", "parquet"])
def test_a_folder_of_every_format(tmp_path, ending):
    for split, part in (("train", TEXTS[:20]), ("validation", TEXTS[20:30]), ("test", TEXTS[30:])):
        write(tmp_path / f"{split}.{ending}", part)
    corpus = load(tmp_path, column="sentence")
    assert (corpus.train, corpus.valid, corpus.test) == (TEXTS[:20], TEXTS[20:30], TEXTS[30:])
    assert corpus.known is None


@pytest.mark.parametrize("ending", ["txt", "csv", "tsv", "jsonl", "parquet"])
def test_one_file_is_split_by_seed(tmp_path, ending, caplog):
    file = write(tmp_path / f"all.{ending}", TEXTS)
    corpus = load(file, column="sentence", seed=1)
    assert sorted(corpus.train + corpus.valid + corpus.test) == sorted(TEXTS)
    assert [len(corpus.split(name)) for name in ("train", "valid", "test")] == [32, 4, 4]
    assert load(file, column="sentence", seed=1) == corpus
    assert load(file, column="sentence", seed=2) != corpus
    assert "no valid split; cut 4 of 40" in caplog.text


def test_a_folder_without_valid_keeps_its_test(tmp_path, caplog):
    write(tmp_path / "train.txt", TEXTS[:30])
    write(tmp_path / "test.txt", TEXTS[30:])
    corpus = load(tmp_path)
    assert corpus.test == TEXTS[30:]
    assert sorted(corpus.train + corpus.valid) == sorted(TEXTS[:30])
    assert "no valid split" in caplog.text
    assert "no test split" not in caplog.text


def test_blank_lines_are_skipped_and_counted(tmp_path, caplog):
    (tmp_path / "all.txt").write_text("  one \n\n \n" + "\r\n".join(TEXTS) + "\n", encoding="utf-8")
    corpus = load(tmp_path / "all.txt")
    assert sorted(corpus.train + corpus.valid + corpus.test) == sorted(["one", *TEXTS])
    assert "skipped 2 blank of 43 texts" in caplog.text


def test_a_clean_folder_logs_nothing(tmp_path, caplog):
    for split in ("train", "dev", "test"):
        write(tmp_path / f"{split}.txt", TEXTS)
    load(tmp_path)
    assert caplog.text == ""


def test_a_byte_order_mark_is_not_part_of_the_text(tmp_path):
    (tmp_path / "all.txt").write_bytes(b"\xef\xbb\xbf" + "\n".join(TEXTS).encode())
    corpus = load(tmp_path / "all.txt")
    assert sorted(corpus.train + corpus.valid + corpus.test) == sorted(TEXTS)


def test_missing_folder(tmp_path):
    assert "no such file or folder" in mistake(tmp_path / "nowhere")


def test_folder_without_training_file(tmp_path):
    write(tmp_path / "valid.txt", TEXTS)
    assert "name it train.txt" in mistake(tmp_path)


def test_two_files_for_one_split(tmp_path):
    for name in ("train.txt", "valid.txt", "dev.csv"):
        write(tmp_path / name, TEXTS)
    assert "valid.txt and dev.csv are the same split" in mistake(tmp_path)


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_empty_file(tmp_path, content):
    write(tmp_path / "train.txt", TEXTS)
    (tmp_path / "valid.txt").write_text(content, encoding="utf-8")
    assert "(valid): no text in it" in mistake(tmp_path)


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_empty_table(tmp_path, ending):
    (tmp_path / f"all.{ending}").write_text("", encoding="utf-8")
    assert f"all.{ending}" in mistake(tmp_path / f"all.{ending}")


@pytest.mark.parametrize("ending", ["txt", "csv", "jsonl"])
def test_not_utf8(tmp_path, ending):
    file = tmp_path / f"all.{ending}"
    file.write_bytes(b"text\nfine\ncaf\xe9\n")
    assert "not UTF-8 (line 3)" in mistake(file)


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
def test_missing_column_names_the_nearest(tmp_path, ending):
    file = write(tmp_path / f"all.{ending}", TEXTS)
    message = mistake(file, column="sentense")
    assert "did you mean 'sentence'? (known: id, sentence)" in message
    assert "data.column" in message


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_column_that_is_not_text(tmp_path, ending):
    file = write(tmp_path / f"all.{ending}", TEXTS)
    assert "column 'id' holds int in row 1" in mistake(file, column="id")


def test_a_missing_value_is_a_blank_text(tmp_path, caplog):
    rows = [{"text": text} for text in TEXTS] + [{"text": None}, {"other": 1}]
    (tmp_path / "all.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    load(tmp_path / "all.jsonl")
    assert "skipped 2 blank of 42" in caplog.text


def test_too_few_texts(tmp_path):
    assert "give at least 2 per split" in mistake(write(tmp_path / "all.txt", TEXTS[:5]))
    write(tmp_path / "train.txt", TEXTS)
    write(tmp_path / "valid.txt", TEXTS[:1])
    assert "1 texts for valid" in mistake(tmp_path)


@pytest.mark.parametrize("fractions", [(0.0, 0.1), (0.6, 0.5), (-0.1, 0.1)])
def test_fractions_out_of_range(tmp_path, fractions):
    assert "data.fractions" in mistake(write(tmp_path / "all.txt", TEXTS), fractions=fractions)


def test_fractions_and_a_seed_have_no_effect_on_three_splits(tmp_path, caplog):
    for split in ("train", "valid", "test"):
        write(tmp_path / f"{split}.txt", [f"{split} {text}" for text in TEXTS])
    load(tmp_path)
    assert "no effect" not in caplog.text
    load(tmp_path, seed=3, fractions=(0.2, 0.2))
    assert "data.seed has no effect" in caplog.text
    assert "data.fractions has no effect" in caplog.text


def test_unknown_ending(tmp_path):
    (tmp_path / "all.doc").write_text("x", encoding="utf-8")
    assert "unknown kind of file" in mistake(tmp_path / "all.doc")


def test_damaged_files(tmp_path):
    (tmp_path / "a.csv").write_text('text\n"never closed\nmore\n', encoding="utf-8")
    assert "damaged near line" in mistake(tmp_path / "a.csv")
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n{"text": \n', encoding="utf-8")
    assert "line 2 is not JSON" in mistake(tmp_path / "a.jsonl")
    (tmp_path / "b.jsonl").write_text('["a"]\n', encoding="utf-8")
    assert "line 1 is not a JSON object" in mistake(tmp_path / "b.jsonl")
    (tmp_path / "a.parquet").write_text("not parquet", encoding="utf-8")
    assert "not a Parquet file" in mistake(tmp_path / "a.parquet")


def test_a_text_that_is_not_valid_utf8(tmp_path):
    rows = [{"text": text} for text in [*TEXTS, "half \ud83d"]]
    (tmp_path / "all.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert "text 41 contains an unpaired surrogate" in mistake(tmp_path / "all.jsonl")


def test_known_splits_are_independent_draws():
    config = DataConfig(known="topic_pcfg", sizes=(300, 50, 40), options={"topics": 3}, seed=5)
    corpus = load_corpus(config)
    assert [len(corpus.train), len(corpus.valid), len(corpus.test)] == [300, 50, 40]
    assert corpus.train[:40] != corpus.valid[:40] != corpus.test
    assert load_corpus(config).train == corpus.train
    assert corpus.known is not None
    assert corpus.known.log_prob(corpus.test).isfinite().all()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"known": "topic_pcg"}, "did you mean 'topic_pcfg'"),
        ({"known": "topic_pcfg", "options": {"topic": 3}}, "did you mean 'topics'"),
        ({"known": "topic_pcfg", "sizes": (100, 1, 10)}, "data.sizes"),
    ],
)
def test_mistakes_of_a_built_in_corpus(options, named):
    with pytest.raises(UserError, match=named):
        load_corpus(DataConfig(**options))


def labelled(folder, name, numbers):
    lines = [f'"{TEXTS[i]}",{i % 3},{"even" if i % 2 == 0 else "odd"}' for i in numbers]
    lines[1:1] = ["  ,blank,blank"]
    (folder / name).write_text("\n".join(["text,a,b", *lines]), encoding="utf-8")
    return folder / name


def number_of(text):
    return int(text.split()[-1])


def test_labels_travel_with_their_texts_through_blanks_and_cuts(tmp_path):
    corpus = load(labelled(tmp_path, "all.csv", range(40)), label=["a", "b"], seed=3)
    for split in ("train", "valid", "test"):
        texts, labels = corpus.split(split), corpus.labels[split]
        assert labels["a"] == [str(number_of(text) % 3) for text in texts]
        assert labels["b"] == ["even" if number_of(text) % 2 == 0 else "odd" for text in texts]


def test_one_label_needs_no_list(tmp_path):
    assert list(load(labelled(tmp_path, "all.csv", range(40)), label="b").labels["train"]) == ["b"]


def test_digests_are_of_the_texts_alone(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        for split in ("train", "valid", "test"):
            write(tmp_path / name / f"{split}.{'txt' if name == 'one' else 'jsonl'}", TEXTS)
    one, two = load(tmp_path / "one"), load(tmp_path / "two", column="sentence")
    assert one.digest("train") == two.digest("train") == one.digest("valid")
    write(tmp_path / "one" / "test.txt", TEXTS[::-1])
    changed = load(tmp_path / "one")
    assert changed.digest("train") == one.digest("train")
    assert changed.digest("test") != one.digest("test")


def test_copies_are_counted_inside_and_across_splits(tmp_path):
    write(tmp_path / "train.txt", TEXTS[:20] + TEXTS[:5])
    write(tmp_path / "valid.txt", TEXTS[18:30])
    write(tmp_path / "test.txt", TEXTS[30:] + TEXTS[30:33] + TEXTS[:1])
    corpus = load(tmp_path)
    counts = {split: tuple(vars(corpus.copies(split)).values()) for split in ("train", "valid", "test")}
    assert counts == {"train": (25, 20, 0), "valid": (12, 12, 2), "test": (14, 11, 1)}
    train, valid, test = corpus.repeated()
    assert "(train): 5 of 25 texts are duplicates" in train
    assert "(valid): 2 of 12 texts are also in train" in valid
    assert "3 of 14 texts are duplicates of another one; 1 of 14 texts are also in train" in test


@pytest.mark.parametrize("invisible", ["\u200b", "\ufeff \u200b", "\u2060"])
def test_a_text_that_nobody_can_see_is_blank(tmp_path, invisible, caplog):
    write(tmp_path / "all.txt", [*TEXTS, invisible])
    load(tmp_path / "all.txt")
    assert "skipped 1 blank of 41" in caplog.text


def test_a_nul_character_is_refused_wherever_it_comes_from(tmp_path):
    rows = [{"text": text} for text in [*TEXTS, "a\0b"]]
    (tmp_path / "all.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert "text 41 holds a NUL character" in mistake(tmp_path / "all.jsonl")


def test_nothing_is_logged_before_an_error(tmp_path, caplog):
    (tmp_path / "train.txt").write_text("\n \n" + "\n".join(TEXTS[:3]), encoding="utf-8")
    mistake(tmp_path)
    assert caplog.text == ""
