"""The hash chain over decisions: what a link commits to, and how it is checked.

hash = SHA-256 over (index, previous, time, commitment); commitment = SHA-256(salt ‖ payload). The
payload can be erased: the commitment then stands for it, and a link of kind `erasure` later in
the same chain says that this was done on purpose.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from domain.suggestions import ChainLink, ChainVerdict

GENESIS = "sha256:" + "0" * 64
ERASURE = "erasure"
SALT_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One link as it is stored; `time` is the very text that was hashed."""

    index: int
    decision_id: str
    kind: str
    time: str
    previous: str
    commitment: str
    hash: str
    binding: str

    @property
    def place(self) -> ChainLink:
        """The link as a decision shows it."""
        return ChainLink(index=self.index, previous=self.previous, commitment=self.commitment, hash=self.hash)


def commit(salt: bytes, payload: bytes) -> str:
    """Return the commitment to a payload."""
    return "sha256:" + hashlib.sha256(salt + payload).hexdigest()


def link_hash(index: int, previous: str, time: str, commitment: str) -> str:
    """Return the hash of a link: SHA-256 of its four fields, one a line."""
    return "sha256:" + hashlib.sha256(f"{index}\n{previous}\n{time}\n{commitment}".encode()).hexdigest()


def bind(decision_id: str, kind: str, link: str) -> str:
    """Return what ties a decision's id and kind to the hash of its link."""
    return "sha256:" + hashlib.sha256(f"{link}\n{kind}\n{decision_id}".encode()).hexdigest()


def forge(
    index: int, previous: str, at: datetime, *, decision_id: str, kind: str, payload: bytes
) -> tuple[Link, bytes]:
    """Make the next link over a payload; return it with the fresh salt of its commitment."""
    salt = secrets.token_bytes(SALT_BYTES)
    time = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    commitment = commit(salt, payload)
    digest = link_hash(index, previous, time, commitment)
    link = Link(
        index=index,
        decision_id=decision_id,
        kind=kind,
        time=time,
        previous=previous,
        commitment=commitment,
        hash=digest,
        binding=bind(decision_id, kind, digest),
    )
    return link, salt


class StoredLink(NamedTuple):
    """A link beside its payload row; all of the latter is None where the row is missing.

    After an erasure `payload` and `salt` are None; `receipt` and `erasure_index` say why and where.
    A plain tuple, for a chain is checked a million links at a time.
    """

    place: int
    decision_id: str
    kind: str
    time: str
    previous: str
    commitment: str
    hash: str
    binding: str
    payload_index: int | None
    salt: bytes | None
    payload: bytes | None
    receipt: str | None
    erasure_index: int | None


@dataclass(slots=True)
class ChainCheck:
    """Checks links in order of index, remembering only what later ones need.

    Without `payloads` only the links are looked at, not what they commit to. `erased` maps what an
    erasure link must say to the link that lost its payload and the place where the erasure is said
    to stand.
    """

    payloads: bool = True
    checked: int = 0
    last: str = GENESIS
    first_broken: int | None = None
    erased: dict[bytes, tuple[int, int | None]] = field(default_factory=dict)

    def take(self, batch: Iterable[StoredLink]) -> None:
        """Check the next links. After a break, go on only to learn which erasures are accounted for."""
        for stored in batch:
            if self.first_broken is not None:
                self._account(stored)
            elif self._link_holds(stored) and (not self.payloads or self._payload_holds(stored)):
                self.last = stored.hash
                self.checked += 1
            else:
                self.first_broken = self.checked

    def verdict(self, *, length: int, head: str) -> ChainVerdict:
        """Close the check against the recorded end of the chain.

        A payload that is gone without an erasure link broke its own link; a shortened chain broke
        where the next link should be.
        """
        broken = [index for index, _ in self.erased.values()]
        if self.first_broken is not None:
            broken.append(self.first_broken)
        elif (self.checked, self.last) != (length, head):
            broken.append(min(self.checked, length))
        return ChainVerdict(ok=not broken, checked=self.checked, first_broken=min(broken, default=None))

    def _link_holds(self, stored: StoredLink) -> bool:
        index, decision_id, kind, time, previous, commitment, digest, binding = stored[:8]
        return (
            index == self.checked
            and previous == self.last
            and digest == link_hash(index, previous, time, commitment)
            and binding == bind(decision_id, kind, digest)
        )

    def _payload_holds(self, stored: StoredLink) -> bool:
        payload_index, salt, payload, receipt, erasure_index = stored[8:]
        if payload_index is None:
            return False
        if salt is None or payload is None:
            self.erased[erasure_payload(stored.decision_id, receipt or "")] = (stored.place, erasure_index)
            return payload is salt and stored.kind != ERASURE
        if receipt is not None or erasure_index is not None or commit(salt, payload) != stored.commitment:
            return False
        self._account(stored)
        return True

    def _account(self, stored: StoredLink) -> None:
        """Strike off the lost payload that this link, if it is an erasure, accounts for."""
        if stored.kind == ERASURE and stored.payload is not None:
            _, place = self.erased.get(stored.payload, (0, None))
            if place == stored.place:
                del self.erased[stored.payload]


def erasure_payload(decision_id: str, receipt: str) -> bytes:
    """What an erasure link commits to: whose payload went, by which receipt."""
    return f"{decision_id}\n{receipt}".encode()
