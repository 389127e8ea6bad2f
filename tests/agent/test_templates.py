"""What the machine adds by itself holds no fact."""

from __future__ import annotations

import re

import pytest

from agent.names import find_names
from agent.templates import templates
from language.quantities import quantities

LINES = [line for table in ("why", "next", "abstain", "missing", "note") for line in templates()[table].values()]


@pytest.mark.parametrize("line", LINES)
def test_a_template_holds_no_number_date_or_name(line: str) -> None:
    words = re.sub(r"\{\w+\}", "", line)
    assert not quantities(words)
    assert not find_names(words)
