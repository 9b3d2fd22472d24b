"""The wire core is covered to the last branch by tests that cost nothing to run."""

import pytest

from tests.meter_gateway.protocol_budget import SECONDS, measure


@pytest.mark.thorough
def test_every_branch_of_the_protocol_is_entered_and_its_tests_take_under_two_seconds() -> None:
    outcome = measure()
    assert outcome.missing == ()
    assert (outcome.branches_percent, outcome.branches > 400) == (100, True)
    assert outcome.processor_s < SECONDS
