from __future__ import annotations

from bots.testing.dingtalk_fuzz import fuzz


def test_no_wrong_callback_is_accepted_and_none_breaks_anything() -> None:
    outcomes = fuzz(2000)
    assert set(outcomes) == {"refused", "empty"}
    # Only a signed call with a body that says nothing is let in, and it brings nothing.
    assert outcomes["empty"] < 200
    assert outcomes.total() == 2000
