"""The front: no point is dominated, ties stay, the order of insertion does not matter, the best are never removed."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaescope.errors import UserError
from vaescope.runs.pareto import Criterion, Front, Point, dominates

CRITERIA = {"elbo": Criterion("max"), "marginal_kl": Criterion("min"), "rate": Criterion("near", 4.0)}
# few distinct values, so that ties and equal points happen
numbers = st.integers(-3, 3).map(float) | st.floats(-100, 100)
validations = st.lists(st.tuples(numbers, numbers, numbers), min_size=1, max_size=12)


def points_of(rows):
    return [Point(step, dict(zip(CRITERIA, row, strict=True))) for step, row in enumerate(rows)]


def front_of(points, most=100):
    front = Front(CRITERIA, most)
    for point in points:
        front = front.insert(point)
    return front


def costs(front):
    return [front.costs(point) for point in front.points]


@given(validations, st.integers(3, 6))
def test_no_member_dominates_another_and_none_is_too_many(rows, most):
    front = front_of(points_of(rows), most)
    assert 1 <= len(front.points) <= most
    assert not [1 for a in costs(front) for b in costs(front) if dominates(a, b)]


@given(validations, st.randoms(use_true_random=False))
def test_without_pruning_the_front_is_that_of_the_set(rows, order):
    points = points_of(rows)
    shuffled = random.Random(order.random()).sample(points, len(points))
    front = front_of(points)
    assert front == front_of(shuffled)
    left_out = [p for p in points if p not in front.points]
    assert all(any(dominates(c, front.costs(p)) for c in costs(front)) for p in left_out)


@given(validations)
def test_ties_are_kept(rows):
    points = points_of(rows)
    front = front_of(points)
    twins = [Point(100 + p.step, p.values) for p in front.points]
    assert front_of([*points, *twins]).points == (*front.points, *twins)


@given(validations, st.integers(3, 5))
def test_the_best_of_every_criterion_survives(rows, most):
    points = points_of(rows)
    front = front_of(points, most)
    for name, criterion in CRITERIA.items():
        best = min(criterion.cost(p.values[name]) for p in points)
        assert criterion.cost(front.best(name).values[name]) == best


@given(validations, st.integers(3, 5))
def test_a_restored_front_continues_as_if_uninterrupted(rows, most):
    points = points_of(rows)
    half = len(points) // 2
    front = Front(CRITERIA, most).with_state(front_of(points[:half], most).state_dict())
    for point in points[half:]:
        front = front.insert(point)
    assert front == front_of(points, most)


def test_the_most_crowded_point_is_removed_and_ties_remove_the_latest():
    two = {"elbo": Criterion("max"), "marginal_kl": Criterion("min")}
    front = Front(two, most=3)
    for step, x in enumerate([0.0, 1.0, 0.5, 0.45]):
        front = front.insert(Point(step, {"elbo": x, "marginal_kl": x}))
    # 0 and 1 are the best of a criterion; 0.45 and 0.5 are each other's neighbour
    assert [p.step for p in front.points] == [0, 1, 2]


@pytest.mark.parametrize("text", ["largest", "max 3", "near x", "near nan", "near inf", ""])
def test_an_aim_that_is_none_is_refused(text):
    with pytest.raises(UserError, match="is not max, min, near"):
        Criterion.parse("rate", text)


@pytest.mark.parametrize("text", ["max", "min", "near", "near 8", "near -0.5"])
def test_an_aim_is_read_as_it_is_written(text):
    assert str(Criterion.parse("rate", text)) == text


def test_too_few_places_are_refused():
    with pytest.raises(UserError, match="2 is too few for 3 criteria"):
        Front(CRITERIA, 2)
