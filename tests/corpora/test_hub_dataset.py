import datasets
import pytest

from vaescope.config import DataConfig
from vaescope.corpora.corpus import load_corpus
from vaescope.errors import UserError

TEXTS = [f"text number {i}" for i in range(40)]


@pytest.fixture(autouse=True)
def _offline(monkeypatch, tmp_path):
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def saved(folder, **splits):
    tables = {
        name: datasets.Dataset.from_dict({"text": texts, "id": range(len(texts))}) for name, texts in splits.items()
    }
    datasets.DatasetDict(tables).save_to_disk(folder)
    return str(folder)


def test_splits_are_mapped_and_the_missing_one_is_cut(tmp_path):
    name = saved(tmp_path / "data", train=TEXTS[:30], validation=TEXTS[30:])
    corpus = load_corpus(DataConfig(hub=name))
    assert corpus.valid == TEXTS[30:]
    assert sorted(corpus.train + corpus.test) == sorted(TEXTS[:30])


def test_a_local_folder_of_files(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    for split, part in (("train", TEXTS[:30]), ("test", TEXTS[30:])):
        (folder / f"{split}.csv").write_text("text\n" + "\n".join(part), encoding="utf-8")
    corpus = load_corpus(DataConfig(hub=str(folder)))
    assert corpus.test == TEXTS[30:]


def test_mistakes_are_one_line(tmp_path):
    name = saved(tmp_path / "data", train=TEXTS)
    with pytest.raises(UserError, match=r"\(train\): unknown column 'txt'; did you mean 'text'"):
        load_corpus(DataConfig(hub=name, column="txt"))
    with pytest.raises(UserError, match="column 'id' holds int in row 1"):
        load_corpus(DataConfig(hub=name, column="id"))
    other = saved(tmp_path / "other", test=TEXTS)
    with pytest.raises(UserError, match="no split named train"):
        load_corpus(DataConfig(hub=other))
    with pytest.raises(UserError, match="not readable as a data set") as error:
        load_corpus(DataConfig(hub=str(tmp_path / "no" / "such" / "data")))
    assert "\n" not in str(error.value)
