"""A run of two processes, one of which gets a signal to stop: both end after the same step, and the run resumes."""

import json
import os
import signal
import subprocess
import sys

import pytest
import torch

from vaescope.runs.run_folder import RunFolder
from vaescope.training.loop import train

from .test_processes import free_port, run_as_two

CODE = """
import os, signal, sys
from vaescope.config import RunConfig
from vaescope.errors import Interrupted
from vaescope.training.loop import train
from vaescope.training.trainer import Trainer

signal.signal(signal.SIGINT, signal.default_int_handler)
number, ranks = int(sys.argv[2]), sys.argv[3].split(",")
advance = Trainer.advance

def interrupted(self):
    advance(self)
    if self.step == 5 and os.environ["RANK"] in ranks:
        os.kill(os.getpid(), number)

Trainer.advance = interrupted
try:
    train(RunConfig.model_validate_json(open(sys.argv[1]).read()))
except Interrupted as stop:
    print(stop)
    sys.exit(128 + stop.number)
"""


def stopped_as_two(config, file, number, ranks):
    file.write_text(config.model_dump_json())
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CODE, str(file), str(int(number)), ranks],
            env={**os.environ, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    said = [process.communicate(timeout=300)[0] for process in processes]
    return [process.returncode for process in processes], said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "ranks"), [(signal.SIGTERM, "0,1"), (signal.SIGINT, "0,1"), (signal.SIGTERM, "1"), (signal.SIGINT, "0")]
)
def test_a_stop_of_two_processes_saves_a_checkpoint_and_the_run_resumes(tmp_path, make_config, number, ranks):
    options = {"steps": 10, "log_every": 3, "save_every": 50, "validate_every": 4}
    one = train(make_config(tmp_path / "one", accumulate=2, **options))
    config = make_config(tmp_path / "two", **options)
    codes, said = stopped_as_two(config, tmp_path / "config.json", number, ranks)
    told = [rank for rank in range(2) if str(rank) in ranks.split(",")]
    assert all(code in (130, 143) for code in codes)
    assert all(codes[rank] == 128 + number for rank in told)
    assert all("stopped at step 6 of 10, checkpoint written; resume with: vaescope train" in line for line in said)
    assert torch.load(config.out / "checkpoint" / "state.pt", weights_only=True)["step"] == 6
    two = run_as_two(config, tmp_path / "config.json")
    assert two.status == one.status
    lines = zip(one.metrics(), RunFolder(two.path).metrics(), strict=True)
    for a, b in lines:
        for key in {"loss", "rate", "distortion", "step"} & a.keys():
            assert json.loads(json.dumps(b[key])) == pytest.approx(a[key], rel=1e-5, abs=1e-6)
