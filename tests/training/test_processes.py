"""Two processes give the numbers of one with the same texts per step."""

import json
import os
import socket
import subprocess
import sys

import pytest

from vaescope.runs.run_folder import RunFolder
from vaescope.runs.snapshots import load_snapshots
from vaescope.training.keeper import read_front
from vaescope.training.loop import train

CODE = (
    "import sys; from vaescope.config import RunConfig; from vaescope.training.loop import train;"
    "train(RunConfig.model_validate_json(open(sys.argv[1]).read()))"
)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run_as_two(config, file):
    file.write_text(config.model_dump_json())
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CODE, str(file)],
            env={**os.environ, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(2)
    ]
    assert [process.wait(timeout=300) for process in processes] == [0, 0]
    return RunFolder(config.out)


SEVERAL = {
    "terms": {"distortion": 1.0, "rate": {"schedule": "cyclical", "period": 4}},
    "constraints": [
        {"term": "rate", "relation": "==", "bound": 2.0, "method": "augmented"},
        {"term": "mmd", "relation": "<=", "bound": 0.001},
        {"term": "mutual_information", "relation": ">=", "bound": 1.0, "method": "lagrangian"},
    ],
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "preset",
    [{"preset": "mdr", "rate": 2.0}, {"preset": "autoencoder"}, SEVERAL, "iwae", {"preset": "lagging", "most": 4}],
)
def test_two_processes_equal_one(tmp_path, make_config, preset):
    keep = {"criteria": {"elbo": "max", "rate": "near 2"}}
    options = {"objective": preset, "steps": 10, "patience": 5, "samples": 2, "keep": keep, "snapshots": [0, 10]}
    configs = [make_config(tmp_path / name, accumulate=a, **options) for name, a in (("one", 4), ("two", 2))]
    for config in configs:
        config.model.tie = "lagging" not in str(preset)
    one, two = train(configs[0]), run_as_two(configs[1], tmp_path / "config.json")
    assert one.status == two.status
    fronts = [[point.step for point in read_front(run.path)[0].points] for run in (one, two)]
    assert fronts[0] == fronts[1] != []
    assert len(load_snapshots(two.path)) == 2
    for a, b in zip(one.metrics(), two.metrics(), strict=True):
        for key in ("loss", "rate", "distortion", "gradient", "objective", "multipliers", "step"):
            if key in a:
                assert json.loads(json.dumps(b[key])) == pytest.approx(a[key], rel=1e-6, abs=1e-6), (key, a["step"])
