"""Choices: found by file name, by ``module:Name`` and by entry points; messages in English."""

import pytest

from vaescope import choices
from vaescope.errors import UserError, unknown


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
