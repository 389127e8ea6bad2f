"""Every suite that the command offers can be run."""

from __future__ import annotations

from importlib import import_module

import pytest

from eval.suites import SUITES


@pytest.mark.parametrize("module", SUITES.values(), ids=SUITES.keys())
def test_a_named_suite_has_a_run(module: str) -> None:
    assert callable(import_module(module).run)
