"""Contract tests for authors of a choice: what every choice of its kind must satisfy.

A contract is a class of tests for pytest. Give it the names of the choices to test, as a configuration would name them
(a file of the package, an entry point, or ``module:Class``)::

    import pytest
    from vaescope.testing import TermContract


    @pytest.mark.parametrize("name", ["my_package.terms:Jeffreys"])
    class TestMyTerms(TermContract):
        pass

The tests of vaescope run the same contracts over every choice of the package.
"""

from vaescope.testing.choice import ChoiceContract
from vaescope.testing.diagnostics import DiagnosticContract
from vaescope.testing.example_passes import pass_of
from vaescope.testing.injections import DecoderContract, InjectionContract
from vaescope.testing.likelihood import LikelihoodContract
from vaescope.testing.objectives import ObjectiveContract
from vaescope.testing.posteriors import PosteriorContract
from vaescope.testing.priors import PriorContract
from vaescope.testing.terms import TermContract

__all__ = [
    "ChoiceContract",
    "DecoderContract",
    "DiagnosticContract",
    "InjectionContract",
    "LikelihoodContract",
    "ObjectiveContract",
    "PosteriorContract",
    "PriorContract",
    "TermContract",
    "pass_of",
]
