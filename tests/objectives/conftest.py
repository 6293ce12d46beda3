import pytest

from vaescope.testing.example_passes import pass_of, random_pass


@pytest.fixture
def make_pass():
    return pass_of


@pytest.fixture
def some_pass():
    return random_pass()
