"""The chain's laws, without a database."""

from __future__ import annotations

from dataclasses import astuple
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from store.chain import ERASURE, GENESIS, ChainCheck, StoredLink, commit, erasure_payload, forge

AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def a_chain(payloads: list[bytes]) -> list[StoredLink]:
    links, last = [], GENESIS
    for index, payload in enumerate(payloads):
        link, salt = forge(index, last, AT, decision_id=f"d-{index}", kind="reply", payload=payload)
        links.append(StoredLink(*astuple(link), index, salt, payload, None, None))
        last = link.hash
    return links


def first_broken(links: list[StoredLink], *, length: int, head: str) -> int | None:
    check = ChainCheck()
    check.take(links)
    return check.verdict(length=length, head=head).first_broken


@given(payloads=st.lists(st.binary(max_size=8), max_size=8))
def test_an_untouched_chain_holds(payloads: list[bytes]) -> None:
    links = a_chain(payloads)
    assert first_broken(links, length=len(links), head=links[-1].hash if links else GENESIS) is None


@settings(max_examples=200)
@given(data=st.data(), payloads=st.lists(st.binary(min_size=1, max_size=8), min_size=1, max_size=6))
def test_any_changed_character_or_byte_breaks_its_own_link(data: st.DataObject, payloads: list[bytes]) -> None:
    links = a_chain(payloads)
    head = links[-1].hash
    at = data.draw(st.integers(0, len(links) - 1))
    field = data.draw(
        st.sampled_from(["decision_id", "kind", "time", "previous", "commitment", "hash", "binding", "salt", "payload"])
    )
    before = getattr(links[at], field)
    position = data.draw(st.integers(0, len(before) - 1))
    if isinstance(before, bytes):
        after = before[:position] + bytes([before[position] ^ data.draw(st.integers(1, 255))]) + before[position + 1 :]
    else:
        after = before[:position] + chr(ord(before[position]) ^ 1) + before[position + 1 :]
    links[at] = links[at]._replace(**{field: after})
    assert first_broken(links, length=len(links), head=head) == at


@given(data=st.data(), payloads=st.lists(st.binary(max_size=4), min_size=2, max_size=8, unique=True))
def test_a_reorder_is_found_where_it_begins(data: st.DataObject, payloads: list[bytes]) -> None:
    links = a_chain(payloads)
    one, other = sorted(data.draw(st.lists(st.integers(0, len(links) - 1), min_size=2, max_size=2, unique=True)))
    moved = list(links)
    moved[one], moved[other] = links[other]._replace(place=one), links[one]._replace(place=other)
    assert first_broken(moved, length=len(links), head=links[-1].hash) == one


@given(data=st.data(), payloads=st.lists(st.binary(max_size=4), min_size=1, max_size=8))
def test_a_deletion_is_found_where_the_link_was(data: st.DataObject, payloads: list[bytes]) -> None:
    links = a_chain(payloads)
    gone = data.draw(st.integers(0, len(links) - 1))
    left = links[:gone] + links[gone + 1 :]
    assert first_broken(left, length=len(links), head=links[-1].hash) == gone


def test_an_erasure_holds_only_with_the_link_that_records_it() -> None:
    first, second = a_chain([b"one", b"two"])
    erasure, salt = forge(
        2, second.hash, AT, decision_id="erasure-1", kind=ERASURE, payload=erasure_payload("d-0", "rcpt-1")
    )
    recorded = StoredLink(*astuple(erasure), 2, salt, erasure_payload("d-0", "rcpt-1"), None, None)
    erased = first._replace(salt=None, payload=None, receipt="rcpt-1", erasure_index=2)
    assert first_broken([erased, second, recorded], length=3, head=erasure.hash) is None
    assert first_broken([erased, second], length=2, head=second.hash) == 0
    assert first_broken([erased._replace(receipt="rcpt-2"), second, recorded], length=3, head=erasure.hash) == 0


def test_equal_payloads_have_different_commitments() -> None:
    one, other = a_chain([b"same", b"same"])
    assert one.commitment != other.commitment
    assert one.salt is not None and commit(one.salt, b"same") == one.commitment


def test_without_payloads_only_links_are_checked() -> None:
    links = [link._replace(payload=b"changed") for link in a_chain([b"one", b"two"])]
    check = ChainCheck(payloads=False)
    check.take(links)
    assert check.verdict(length=2, head=links[-1].hash).ok
