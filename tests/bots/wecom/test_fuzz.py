from __future__ import annotations

import pytest

from bots.testing.wecom_fuzz import fuzz


def test_wrong_callbacks_are_refused_and_nothing_breaks() -> None:
    assert fuzz(2000) == {"refused": 2000}


@pytest.mark.crash
def test_twenty_thousand_wrong_callbacks_are_refused_and_nothing_breaks() -> None:
    assert fuzz(20_000, seed=2) == {"refused": 20_000}
