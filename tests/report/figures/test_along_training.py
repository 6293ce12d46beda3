"""The picture of q(z) during training shows the snapshots."""

import pytest
import torch

from vaescope.errors import UserError
from vaescope.evidence.linear_gaussian import LinearGaussian
from vaescope.report.figures.along_training import MOST, active_pair, common_steps, figure, highest_density, numbers
from vaescope.runs.snapshots import Snapshot


def snapshot_of(vae, step, n=400):
    mean, std = vae.encode(vae.sample_data(n, seed=step + 1))
    return Snapshot(step, mean.float(), std.float())


@pytest.fixture(scope="module")
def run():
    vaes = [LinearGaussian.matched(latent_size=3, data_size=4, rate=rate) for rate in (0.5, 2.0, 3.0)]
    return [snapshot_of(vae, step) for step, vae in zip((0, 10, 30), vaes, strict=True)]


def test_numbers_cover_the_truth(run):
    for rate, snapshot in zip((0.5, 2.0, 3.0), run, strict=True):
        found = numbers(snapshot)
        assert found["rate"].low < rate < found["rate"].high
        assert found["mutual_information"].low < rate < found["mutual_information"].high
        assert found["marginal_kl"].low <= 0 <= found["marginal_kl"].high


def test_every_step_has_its_column_and_every_run_its_rows(run):
    picture = figure({"one": run, "two": run[:2]})
    assert len(picture.axes) == 4 * 2
    assert [ax.get_title().splitlines()[0] for ax in picture.axes[:2]] == ["step 0", "step 10"]
    assert picture.axes[0].get_ylabel().startswith("one")
    # the densities of the last row are those of the last run: three units and the prior
    assert len(picture.axes[-1].lines) == 4
    for line in picture.axes[-1].lines:
        x, y = (torch.as_tensor(v) for v in line.get_data())
        assert torch.trapezoid(y, x).item() == pytest.approx(1, abs=0.01)


def test_a_learned_prior_is_drawn_by_its_samples(run):
    last = run[-1]
    samples = Snapshot(last.step, last.posterior_mean, last.posterior_std, torch.randn(400, 3))
    picture = figure({"mixture": [samples]})
    assert picture.axes[0].get_title() == "step 30"


def test_one_unit_has_no_plane():
    picture = figure({"one": [Snapshot(0, torch.randn(50, 1), torch.ones(50, 1))]})
    assert not picture.axes[0].get_visible()
    assert len(picture.axes[1].lines) == 2


def test_the_pair_is_that_of_the_highest_rate():
    mean = torch.randn(100, 4) * torch.tensor([0.1, 2.0, 0.0, 1.0])
    assert active_pair(Snapshot(0, mean, torch.ones(100, 4))) == [1, 3]


def test_of_many_steps_few_are_shown(run):
    many = [Snapshot(step, run[0].posterior_mean, run[0].posterior_std) for step in range(0, 1000, 10)]
    steps = common_steps({"many": many})
    assert len(steps) == MOST
    assert (steps[0], steps[-1]) == (0, 990)
    with pytest.raises(UserError, match="no snapshot step in common"):
        common_steps({"one": run, "other": many[5:6]})


def test_contours_contain_their_masses():
    line = torch.linspace(-6, 6, 241, dtype=torch.float64)
    x, y = torch.meshgrid(line, line, indexing="ij")
    density = torch.exp(-0.5 * (x.square() + y.square())) / (2 * torch.pi)
    low, high = highest_density(density, (line[1] - line[0]).item() ** 2)
    # of a standard Gaussian in the plane, p is held where the density is above (1 - p) / 2 pi
    assert low == pytest.approx(0.05 / (2 * torch.pi), rel=0.02)
    assert high == pytest.approx(0.5 / (2 * torch.pi), rel=0.02)
