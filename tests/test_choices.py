"""Choices: found by file name, by ``module:Name`` and by entry points; messages in English."""

import re
import sys
from importlib.metadata import EntryPoint

import pytest

from vaescope import choices
from vaescope.errors import UserError, unknown
from vaescope.objectives.describe import describe
from vaescope.objectives.objective import build_objective
from vaescope.testing import ChoiceContract
from vaescope.testing.example_passes import random_pass


@pytest.mark.parametrize("kind", choices.KINDS)
def test_an_unknown_name_or_option_is_refused_with_the_word_for_one_choice_of_its_kind(kind):
    singular = choices.KINDS[kind].singular
    with pytest.raises(UserError, match=rf"^unknown {singular} 'qqq' \(known: "):
        choices.load(kind, "qqq")
    name = choices.names(kind)[0]
    with pytest.raises(UserError, match=rf"{singular} '{name}'"):
        choices.build(kind, name, foo_bar_baz=1)


def test_a_message_without_a_suggestion_has_no_stray_punctuation():
    assert str(unknown("option of corpus 'pcfg'", "foo", ["depth"])) == (
        "unknown option of corpus 'pcfg' 'foo' (known: depth)"
    )
    assert str(unknown("column", "text", [])) == "unknown column 'text'"


def test_the_class_of_a_choice_needs_no_name_of_its_own():
    assert choices.load("injections", "none").__name__ == "NoLatent"
    assert choices.load("objectives", "mdr")(rate=4)["constraints"][0]["bound"] == 4


@pytest.mark.parametrize("name", choices.names("corpora"))
class TestCorpora(ChoiceContract):
    kind = "corpora"


@pytest.mark.parametrize("name", choices.names("injections"))
class TestInjections(ChoiceContract):
    kind = "injections"


@pytest.mark.parametrize("name", choices.names("priors"))
class TestPriors(ChoiceContract):
    kind = "priors"


@pytest.mark.parametrize("name", choices.names("diagnostics"))
class TestDiagnostics(ChoiceContract):
    kind = "diagnostics"


OUTSIDE = '''
from vaescope.objectives.term import Term
from vaescope.objectives.specification import Spec


class MeanSquare(Term):
    """The mean square of z, a term that vaescope does not have."""

    def __init__(self, *, factor: float = 1.0) -> None:
        self.factor = factor

    def __call__(self, pass_):
        return self.factor * pass_.z.square().mean()

    def reach(self, dataset_size, batch_size):
        return 0.0, float("inf")


def squared(*, weight: float = 0.1) -> Spec:
    """Minimise D + R + weight times the mean square of z."""
    return {"terms": {"distortion": 1.0, "rate": 1.0, "outside_choices:MeanSquare": weight}}


number = 3
'''


@pytest.fixture
def outside(tmp_path, monkeypatch):
    (tmp_path / "outside_choices.py").write_text(OUTSIDE)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("outside_choices", None)


@pytest.mark.usefixtures("outside")
def test_a_choice_may_be_a_class_of_any_module():
    objective = build_objective("outside_choices:squared")
    loss = objective(random_pass(), 0)
    assert loss.terms["outside_choices:MeanSquare"] > 0
    assert choices.options_of("terms", "outside_choices:MeanSquare") == ["factor"]
    assert describe("outside_choices:squared") == "Minimise D + R + weight times the mean square of z."
    with pytest.raises(UserError, match=r"unknown option of term 'outside_choices:MeanSquare' 'facto'; did you mean"):
        choices.build("terms", "outside_choices:MeanSquare", facto=2)


@pytest.mark.usefixtures("outside")
@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("terms", "outside_choices:squared", "squared is not a subclass of vaescope.objectives.term.Term"),
        ("terms", "outside_choices:number", "int is not a subclass"),
        ("terms", "outside_choices:Missing", "give module:Class of a module that Python can import"),
        ("terms", "no_such_module_at_all:Term", "No module named"),
        ("terms", ":Term", "give module:Class"),
        ("terms", "outside_choices:", "give module:Class"),
        ("objectives", "outside_choices:MeanSquare", "is not a function that returns terms and constraints"),
        ("objectives", "os:system", "is not a function that returns"),
    ],
)
def test_an_object_that_is_not_a_choice_is_refused_and_never_called(kind, name, message):
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        choices.build(kind, name)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("outside")
def test_an_installed_package_offers_choices_by_entry_points(monkeypatch):
    point = EntryPoint("mean_square", "outside_choices:MeanSquare", "vaescope.terms")
    broken = EntryPoint("broken", "outside_choices:Missing", "vaescope.terms")
    found = {"vaescope.terms": [point, broken]}
    monkeypatch.setattr(choices, "entry_points", lambda group: found.get(group, []))
    choices._plugins.cache_clear()
    try:
        assert {"mean_square", "rate"} <= set(choices.names("terms"))
        assert choices.build("terms", "mean_square", factor=2.0).factor == 2.0
        assert choices.summary("terms", "mean_square").startswith("The mean square of z")
        with pytest.raises(UserError, match="term 'broken' of outside_choices:Missing"):
            choices.load("terms", "broken")
    finally:
        choices._plugins.cache_clear()
