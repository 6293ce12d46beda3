import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaescope.errors import UserError
from vaescope.objectives.schedules import SCHEDULES, build_schedule

WEIGHT = st.floats(0, 10)


@given(start=WEIGHT, end=WEIGHT, steps=st.integers(1, 100), step=st.integers(0, 300))
@pytest.mark.parametrize("kind", ["linear", "cosine", "sigmoid"])
def test_a_ramp_stays_between_its_ends_and_meets_them(kind, start, end, steps, step):
    schedule = build_schedule({"schedule": kind, "start": start, "end": end, "steps": steps, "delay": 7})
    assert min(start, end) - 1e-9 <= schedule(step) <= max(start, end) + 1e-9
    assert schedule(7) == pytest.approx(start)
    assert schedule(7 + steps) == pytest.approx(end)
    assert schedule.largest == max(start, end)


@given(step=st.integers(0, 1000), period=st.integers(1, 50))
def test_a_cycle_repeats(step, period):
    schedule = build_schedule({"schedule": "cyclical", "period": period})
    assert schedule(step) == schedule(step + period)
    assert 0 <= schedule(step) <= 1


def test_a_number_is_a_constant():
    assert build_schedule(0.3)(0) == build_schedule({"schedule": "constant", "value": 0.3})(10**6) == 0.3


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (-1, "negative"),
        ("high", "not a number"),
        (float("nan"), "not a number"),
        (float("inf"), "not a number"),
        (None, "not a number"),
        ({"schedule": "liner"}, "did you mean 'linear'"),
        ({"start": 0}, "unknown schedule"),
        ({"schedule": "linear", "stop": 3}, "unknown option"),
        ({"schedule": "linear", "start": -0.5}, "start: -0.5 is negative"),
        ({"schedule": "linear", "steps": 0}, "steps"),
        ({"schedule": "linear", "steps": 2.5}, "steps"),
        ({"schedule": "cyclical", "delay": 0.8, "ramp": 0.5}, "shares"),
        ({"schedule": "cyclical", "ramp": 0}, "ramp > 0"),
        ({"schedule": "constant"}, "needs a value"),
    ],
)
def test_nonsense_is_refused_in_one_line(weight, message):
    with pytest.raises(UserError, match=message) as caught:
        build_schedule(weight, name="weight of rate")
    assert "\n" not in str(caught.value)


def test_every_schedule_is_named():
    assert set(SCHEDULES) == {"constant", "linear", "cosine", "sigmoid", "cyclical"}
