"""Snapshots: the encodings of the same texts at chosen steps, also if the run was killed."""

import pytest
import torch
from safetensors.torch import save_file

from vaescope.config import parse_config
from vaescope.errors import UserError
from vaescope.runs.snapshots import Snapshot, load_snapshots
from vaescope.training.loop import train

STEPS = {"steps": 12, "save_every": 5, "snapshots": [0, 3, 7, 12]}


class KilledError(Exception):
    """Raised in place of SIGKILL within one process."""


def kill_at(step):
    def progress(done, total, note):
        if done == step:
            raise KilledError

    return progress


def test_a_resumed_run_has_the_same_snapshots(tmp_path, make_config):
    whole = train(make_config(tmp_path / "whole", **STEPS))
    config = make_config(tmp_path / "parts", **STEPS)
    for step in (2, 8):
        with pytest.raises(KilledError):
            train(config, progress=kill_at(step))
    parts = train(config)
    names = sorted(f.name for f in (whole.path / "snapshots").iterdir())
    assert names == sorted(f"step-{step}.safetensors" for step in STEPS["snapshots"])
    for name in names:
        one, other = (run.path / "snapshots" / name for run in (whole, parts))
        assert one.read_bytes() == other.read_bytes()
    assert [s.step for s in load_snapshots(parts.path)] == STEPS["snapshots"]


def test_snapshots_do_not_change_the_run(tmp_path, make_config):
    def losses(folder):
        return [line["loss"] for line in folder.metrics("train")]

    assert losses(train(make_config(tmp_path / "a", **STEPS))) == losses(
        train(make_config(tmp_path / "b", **STEPS | {"snapshots": []}))
    )
    assert not (tmp_path / "b" / "snapshots").exists()


def test_a_snapshot_has_the_posteriors_of_the_validation_texts(tmp_path, make_config):
    from vaescope.corpora.corpus import load_corpus
    from vaescope.corpora.tokenized import tokenize
    from vaescope.training.validation import fixed_subset

    config = make_config(tmp_path / "run", **STEPS)
    folder = train(config)
    first, *_, last = load_snapshots(folder.path)
    tokenizer = folder.load_tokenizer()
    valid = tokenize(load_corpus(config.data).valid, tokenizer, max_length=24, too_long="truncate")
    model = folder.load_model()
    with torch.no_grad():
        means = torch.cat([model.encode(batch).mean for batch in fixed_subset(valid, config)])
    assert last.posterior_mean.shape == (16, 4)
    torch.testing.assert_close(last.posterior_mean, means)
    assert not torch.allclose(first.posterior_mean, last.posterior_mean)
    # near the prior at the start
    assert (first.posterior_std - 1).abs().max() < 0.5


def test_a_learned_prior_is_kept_as_samples(tmp_path, make_config):
    raw = make_config(tmp_path / "run", **STEPS).model_dump(mode="json")
    raw["model"]["prior"] = "mixture"
    *_, last = load_snapshots(train(parse_config(raw)).path)
    assert last.prior_z.shape == (16, 4)


def test_a_snapshot_is_read_as_it_was_written(tmp_path):
    snapshot = Snapshot(10, torch.randn(3, 2), torch.rand(3, 2), torch.randn(3, 2))
    snapshot.save(tmp_path)
    Snapshot(9, torch.randn(3, 2), torch.rand(3, 2)).save(tmp_path)
    first, read = load_snapshots(tmp_path)
    assert (first.step, read.step) == (9, 10)
    assert first.prior_z is None
    assert torch.equal(read.prior_z, snapshot.prior_z)


def test_snapshots_that_cannot_be_taken_are_refused(tmp_path):
    data = {"data": {"known": "topic_pcfg"}}
    with pytest.raises(UserError, match="step 900 is after the last, 800"):
        parse_config(data | {"training": {"steps": 800, "snapshots": [0, 900]}})
    with pytest.raises(UserError, match="no latent to take snapshots of"):
        parse_config(data | {"objective": "language_model", "training": {"snapshots": [0]}})
    with pytest.raises(UserError, match="give at least 0, not -1"):
        parse_config(data | {"training": {"snapshots": [-1]}})
    with pytest.raises(UserError, match="no snapshots"):
        load_snapshots(tmp_path)


@pytest.mark.parametrize("damage", ["truncated", "nan", "integers", "names", "shape", "step"])
def test_a_damaged_snapshot_is_refused_by_name(tmp_path, damage):
    mean, std = torch.zeros(3, 2), torch.ones(3, 2)
    file = Snapshot(5, mean, std).save(tmp_path)
    assert torch.equal(load_snapshots(tmp_path)[0].posterior_std, std)
    tensors = {"posterior_mean": mean, "posterior_std": std}
    if damage == "truncated":
        file.write_bytes(file.read_bytes()[:40])
    elif damage == "step":
        file.rename(file.with_name("step-x.safetensors"))
    else:
        changed = {
            "nan": {"posterior_mean": mean * float("nan")},
            "integers": {"posterior_std": std.int()},
            "names": {"extra": std.clone()},
            "shape": {"posterior_std": std[:2].clone()},
        }
        save_file(tensors | changed[damage], file)
    with pytest.raises(UserError, match=r"step-\w+\.safetensors: .*remove it") as caught:
        load_snapshots(tmp_path)
    assert "\n" not in str(caught.value)
