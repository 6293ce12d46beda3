"""MLflow as the tracker: what it is sent, by a double of its client; the real one where it is installed."""

import sys
from types import ModuleType, SimpleNamespace

import pytest

from vaescope.errors import UserError
from vaescope.training.trackers import build_tracker


class Client:
    """The calls of ``mlflow.MlflowClient`` that the tracker makes, with one store for all clients."""

    runs: dict = {}
    experiments: dict = {}

    def get_experiment_by_name(self, name):
        return self.experiments.get(name)

    def create_experiment(self, name):
        self.experiments[name] = SimpleNamespace(experiment_id=str(len(self.experiments)))
        return self.experiments[name].experiment_id

    def search_runs(self, experiments, filter_string, max_results):
        name, value = filter_string.replace("tags.", "").replace("`", "").split(" = ")
        fits = [run for run in self.runs.values() if run.tags.get(name) == value.strip("'")]
        return [SimpleNamespace(info=SimpleNamespace(run_id=run.id)) for run in fits[:max_results]]

    def create_run(self, experiment, tags, run_name):
        run = SimpleNamespace(id=f"r{len(self.runs)}", tags=tags, name=run_name, status="RUNNING")
        run.params, run.metrics = {}, []
        self.runs[run.id] = run
        return SimpleNamespace(info=SimpleNamespace(run_id=run.id))

    def update_run(self, run, status):
        self.runs[run].status = status

    def log_param(self, run, name, value):
        self.runs[run].params[name] = value

    def log_metric(self, run, name, value, step):
        self.runs[run].metrics.append((name, value, step))

    def set_terminated(self, run):
        self.runs[run].status = "FINISHED"


@pytest.fixture
def store(monkeypatch):
    module = ModuleType("mlflow")
    module.MlflowClient = type("Fresh", (Client,), {"runs": {}, "experiments": {}})
    monkeypatch.setitem(sys.modules, "mlflow", module)
    return module.MlflowClient


def test_numbers_and_settings_are_sent_and_the_folder_resumes_its_run(store, tmp_path):
    config = {"training": {"steps": 4, "until": {}}, "seed": 0, "note": "x" * 900}
    first = build_tracker("mlflow", tmp_path / "mine", config, 0)
    first.log({"distortion": 3.5, "multiplier/rate>=": 0.1}, 2)
    first.close()
    (run,) = store.runs.values()
    assert run.status == "FINISHED"
    assert run.name == "mine"
    assert run.params == {"training.steps": "4", "training.until": "{}", "seed": "0", "note": "x" * 500}
    assert run.metrics == [("distortion", 3.5, 2), ("multiplier/rate__", 0.1, 2)]
    again = build_tracker("mlflow", tmp_path / "mine", config, 2)
    assert run.status == "RUNNING"
    again.log({"distortion": 3.0}, 4)
    other = build_tracker("mlflow", tmp_path / "other", config, 0)
    other.close()
    assert [len(each.metrics) for each in store.runs.values()] == [3, 0]
    assert len(store.experiments) == 1


def test_missing_mlflow_is_reported(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(UserError, match=r"pip install 'vaescope\[mlflow\]'"):
        build_tracker("mlflow", tmp_path, {}, 0)


def test_the_real_client_takes_the_same_calls(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"file:{tmp_path}/store")
    for step in (0, 2):
        tracker = build_tracker("mlflow", tmp_path / "mine", {"training": {"steps": 4}}, step)
        tracker.log({"distortion": 3.5 - step, "multiplier/rate>=": 0.1}, step)
        tracker.close()
    client = mlflow.MlflowClient()
    (run,) = client.search_runs([client.get_experiment_by_name("vaescope").experiment_id])
    assert run.data.params == {"training.steps": "4"}
    assert run.data.metrics == {"distortion": 1.5, "multiplier/rate__": 0.1}
    assert run.info.status == "FINISHED"
