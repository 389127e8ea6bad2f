"""sentence-transformers, on a tiny model that the tests make themselves."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from domain.errors import MissingError
from language.sentence_transformers_encoder import SentenceTransformerEncoder


def test_without_the_extra_the_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(MissingError, match=r"pip install 'zhanqing\[torch\]'"):
        SentenceTransformerEncoder("anything")


@pytest.mark.torch
def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=str(tmp_path)):
        SentenceTransformerEncoder(str(tmp_path))


@pytest.mark.torch
def test_the_fingerprint_names_the_weights_and_the_prefixes(tiny_sentence_transformer: Path) -> None:
    one, same, other = (
        SentenceTransformerEncoder(str(tiny_sentence_transformer), prefixes={"query": word, "passage": ""}).fingerprint
        for word in ("", "", "问")
    )
    assert one == same
    assert one != other


@pytest.mark.torch
def test_the_prefix_is_part_of_what_is_encoded(tiny_sentence_transformer: Path) -> None:
    subject = SentenceTransformerEncoder(str(tiny_sentence_transformer), prefixes={"query": "问", "passage": ""})
    (query,), (passage,) = subject.encode(["价格"], prefix="query"), subject.encode(["价格"], prefix="passage")
    assert query @ passage < 0.9999
