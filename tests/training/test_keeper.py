"""Kept checkpoints: the front of the validations as folders, the same for a run that was killed."""

import pytest
import torch

from vaescope import load
from vaescope.config import parse_config
from vaescope.errors import UserError
from vaescope.objectives.objective import build_objective
from vaescope.runs.run_folder import RunFolder
from vaescope.training.keeper import build_keeper, read_front, select
from vaescope.training.loop import train

MDR = {"preset": "mdr", "rate": 2.0}
STEPS = {"steps": 20, "validate_every": 2, "save_every": 7, "log_every": 4}
KEEP = {"criteria": {"elbo": "max", "rate": "near", "marginal_kl": "min"}, "most": 3}


class KilledError(Exception):
    """Raised in place of SIGKILL within one process."""


def examine(model):
    """A replacement of the fast suite: a function of the weights that falls and rises."""
    weight = model.posterior_head.projection.weight.detach().double()
    return {"marginal_kl": torch.sin(200 * weight.square().sum()).item(), "findings": {}}


def folders(run):
    return sorted(f.name for f in (run / "pareto").iterdir() if f.is_dir())


def expected(folder):
    """The steps of the validations on the front, from the logged lines."""
    lines = {line["step"]: dict(line) for line in folder.metrics("validation")}
    for line in folder.metrics("assessment"):
        lines[line["step"]] |= {k: v for k, v in line.items() if k == "marginal_kl"}
    costs = {step: (-v["elbo"], abs(v["rate"] - 2), v["marginal_kl"]) for step, v in lines.items()}
    return {
        step
        for step, mine in costs.items()
        if not any(c != mine and all(a <= b for a, b in zip(c, mine, strict=True)) for c in costs.values())
    }


def test_the_models_of_the_front_are_kept_and_no_others(tmp_path, make_config):
    folder = train(make_config(tmp_path / "run", objective=MDR, keep=KEEP | {"most": 50}, **STEPS), assess=examine)
    front, dropped = read_front(folder.path)
    steps = [point.step for point in front.points]
    assert set(steps) == expected(folder)
    assert 1 < len(steps) < 10
    assert folders(folder.path) == sorted(f"step-{step}" for step in steps)
    assert not dropped
    assert {name: str(c) for name, c in front.criteria.items()} == {
        "elbo": "max",
        "rate": "near 2",
        "marginal_kl": "min",
    }
    logged = {line["step"]: line["marginal_kl"] for line in folder.metrics("assessment")}
    assert all(point.values["marginal_kl"] == logged[point.step] for point in front.points)


def test_a_kept_model_is_that_of_its_step_and_loads_as_any(tmp_path, make_config):
    config = make_config(tmp_path / "run", objective=MDR, keep=KEEP | {"most": 50}, **STEPS)
    seen = {}

    def watch(model):
        found = examine(model)
        seen[found["marginal_kl"]] = {k: v.clone() for k, v in model.state_dict().items()}
        return found

    folder = train(config, assess=watch)
    for point in read_front(folder.path)[0].points:
        name = f"pareto/step-{point.step}"
        weights = folder.load_model(name).state_dict()
        assert all(torch.equal(weights[k], v) for k, v in seen[point.values["marginal_kl"]].items() if k in weights)
        assert load(folder.path / name).model.config.latent_size == 4


def killed(config, *steps):
    for step in steps:

        def stop(done, total, note, at=step):
            if done == at:
                raise KilledError

        with pytest.raises(KilledError):
            train(config, progress=stop, assess=examine)
    return train(config, assess=examine)


@pytest.mark.parametrize("most", [3, 50])
def test_a_killed_run_ends_with_the_same_front_and_files(tmp_path, make_config, most):
    options = {"objective": MDR, "keep": KEEP | {"most": most}, **STEPS}
    whole = train(make_config(tmp_path / "whole", **options), assess=examine)
    # before the first checkpoint, between a validation and the next checkpoint, at the end
    parts = killed(make_config(tmp_path / "parts", **options), 5, 12, 18, 20)
    assert read_front(parts.path) == read_front(whole.path)
    assert folders(parts.path) == folders(whole.path)
    for name in folders(whole.path):
        one, other = (run.path / "pareto" / name / "model.safetensors" for run in (whole, parts))
        assert one.read_bytes() == other.read_bytes()


def test_models_on_the_front_of_the_checkpoint_stay_until_the_next_one(tmp_path, make_config):
    saved = []
    keep = make_config(tmp_path, keep={"criteria": {"elbo": "max"}}).training.keep
    keeper = build_keeper(keep, build_objective("vae"), tmp_path, latent=True, save=saved.append)
    keeper._save = lambda name: (tmp_path / name).mkdir(parents=True)
    keeper.offer(1, {"elbo": 1.0}, [])
    keeper.checkpointed()
    keeper.offer(2, {"elbo": 2.0}, [])
    assert folders(tmp_path) == ["step-1", "step-2"]
    keeper.offer(3, {"elbo": 3.0}, [])
    assert folders(tmp_path) == ["step-1", "step-3"]
    (tmp_path / "pareto" / ".step-4.new").mkdir()
    keeper.checkpointed()
    assert folders(tmp_path) == ["step-3"]


def keeper_of(tmp_path, criteria, objective="vae", *, latent=True):
    keep = parse_config({"data": {"known": "topic_pcfg"}, "training": {"keep": {"criteria": criteria}}}).training.keep
    return build_keeper(keep, build_objective(objective), tmp_path, latent=latent, save=lambda name: None)


def test_criteria_that_do_not_exist_are_dropped_with_the_reason(tmp_path, make_config, caplog):
    keeper = keeper_of(tmp_path, {"rate": "near", "marginal_kl": "min", "elbo": "max"})
    assert keeper.dropped == {"rate": "near needs a value (near 8): the objective has no target for it"}
    assert "criterion rate is dropped" in caplog.text
    keeper.offer(1, {"elbo": 1.0}, [])
    assert keeper.dropped["marginal_kl"] == "the validation does not have it"
    assert [p.values for p in keeper.front.points] == [{"elbo": 1.0}]
    keeper.offer(2, {"elbo": float("nan")}, [])
    assert "step 2 is not kept: it has no finite elbo" in caplog.text
    assert [p.step for p in keeper.front.points] == [1]


def test_a_language_model_is_kept_by_its_likelihood(tmp_path, make_config):
    config = make_config(tmp_path / "run", objective="vae", keep={}, **STEPS)
    raw = config.model_dump(mode="json") | {"objective": "language_model"}
    raw["model"]["injection"] = "none"
    run = train(parse_config(raw), assess=lambda model: {"log_likelihood": 1.0, "rate": 0.0, "marginal_kl": 0.0})
    front, dropped = read_front(run.path)
    assert list(front.criteria) == ["log_likelihood"]
    assert set(dropped.values()) == {"a language model has no latent"}
    # all are equal, and at most five stay: the earliest
    assert [p.step for p in front.points] == [2, 4, 6, 8, 10]


def test_targets_are_those_of_the_objective():
    assert build_objective(MDR).target_rate == 2.0
    assert build_objective({"preset": "free_bits", "rate": 3}).target_rate == 3
    assert build_objective("vae").target_rate is None


@pytest.mark.parametrize(
    ("criteria", "says"),
    [
        ({"log_likelyhood": "max"}, "did you mean 'log_likelihood'"),
        ({"rate": "close"}, "is not max, min, near"),
        (dict.fromkeys(["elbo", "rate", "distortion", "mmd", "marginal_kl", "radius"], "max"), "5 is too few for 6"),
    ],
)
def test_mistakes_are_refused_at_the_start(tmp_path, criteria, says):
    with pytest.raises(UserError, match=says):
        keeper_of(tmp_path, criteria)


def test_an_unknown_key_of_keep_is_refused_with_a_suggestion():
    with pytest.raises(UserError, match=r"'training.keep.mst'; did you mean 'training.keep.most'"):
        parse_config({"data": {"known": "topic_pcfg"}, "training": {"keep": {"mst": 3}}})


def test_a_rule_chooses_a_checkpoint(tmp_path, make_config):
    run = train(make_config(tmp_path / "run", objective=MDR, keep=KEEP, **STEPS), assess=examine).path
    front, _ = read_front(run)
    assert (
        select(run, "best-marginal_kl")
        == select(run, "best-marginal-kl")
        == f"pareto/step-{front.best('marginal_kl').step}"
    )
    with pytest.raises(UserError, match="did you mean 'best-elbo'"):
        select(run, "best-elbow")
    with pytest.raises(UserError, match="no pareto/step-1/ yet; the kept ones are pareto/step-"):
        RunFolder(run).load_model("pareto/step-1")
    plain = train(make_config(tmp_path / "plain"))
    assert not (plain.path / "pareto").exists()
    with pytest.raises(UserError, match="no kept checkpoints"):
        select(plain.path, "best-elbo")
