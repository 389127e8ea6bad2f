"""The installation's key seals, signs, and is made once."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import IntegrityError, SignatureError
from store.sealing import Sealer, installation_key

SEALER = Sealer(b"k" * 32)
OTHER = Sealer(b"x" * 32)


def test_a_sealed_secret_opens_with_its_own_key_only() -> None:
    sealed = SEALER.seal("whsec_abc")
    assert "whsec" not in sealed
    assert SEALER.open(sealed) == "whsec_abc"
    for wrong in (OTHER, SEALER):
        with pytest.raises(IntegrityError):
            wrong.open(sealed if wrong is OTHER else sealed[:-2] + "A=")


@given(content=st.binary(max_size=64))
def test_a_signed_token_gives_back_its_content(content: bytes) -> None:
    assert SEALER.verify(SEALER.sign(content, purpose="cursor"), purpose="cursor") == content


@pytest.mark.parametrize("token", ["", "x", "你好", "AAAA" * 10, SEALER.sign(b"a", purpose="cursor") + "A"])
def test_a_token_that_was_not_signed_here_is_refused(token: str) -> None:
    with pytest.raises(SignatureError):
        SEALER.verify(token, purpose="cursor")


def test_a_token_for_another_purpose_or_installation_is_refused() -> None:
    token = SEALER.sign(b"a", purpose="cursor")
    for sealer, purpose in ((SEALER, "session"), (OTHER, "cursor")):
        with pytest.raises(SignatureError):
            sealer.verify(token, purpose=purpose)


def test_the_key_is_made_once_even_by_many_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: installation_key(tmp_path), range(16)))
    assert len(keys) == 1
    assert stat.S_IMODE((tmp_path / "secret.key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret.key"]


def test_a_damaged_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.key").write_bytes(b"short")
    with pytest.raises(IntegrityError):
        installation_key(tmp_path)
