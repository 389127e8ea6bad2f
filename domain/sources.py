"""Sources: everything that may be cited, versioned and hashed, and the citations that point into them."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum

_UNSAFE = re.compile(r"[^\w.~-]", re.UNICODE)


class SourceKind(StrEnum):
    """The prefix of a source id says which kind it is."""

    TURN = "turn"
    CASE = "case"
    CRM = "crm"
    DOCUMENT = "doc"
    CARD = "card"


class SourceStatus(StrEnum):
    """Only live sources may be cited by a new suggestion."""

    LIVE = "live"
    SUPERSEDED = "superseded"
    RETIRED = "retired"
    ERASED = "erased"


def content_hash(text: str) -> str:
    """Return `sha256:` and the SHA-256 of the UTF-8 text."""
    return "sha256:" + hashlib.sha256(text.encode("utf-8")).hexdigest()


def safe_part(part: str) -> str:
    """Make one part of a source id URL-safe; letters of any script, digits and `._~-` stay."""
    return _UNSAFE.sub("_", part.strip()) or "_"


def turn_source_id(conversation_id: str, turn_id: str) -> str:
    """`turn:<conversation>:<turn>`."""
    return f"turn:{safe_part(conversation_id)}:{safe_part(turn_id)}"


def case_source_id(case_id: str, column: str) -> str:
    """`case:<id>:<column>`; keeps the imported case id."""
    return f"case:{safe_part(case_id)}:{column}"


def account_source_id(account_id: str, field_name: str) -> str:
    """`crm:account:<id>:<field>`."""
    return f"crm:account:{safe_part(account_id)}:{safe_part(field_name)}"


def deal_source_id(deal_id: str, field_name: str) -> str:
    """`crm:deal:<id>:<field>`."""
    return f"crm:deal:{safe_part(deal_id)}:{safe_part(field_name)}"


def document_source_id(document_id: str) -> str:
    """`doc:<id>`."""
    return f"doc:{safe_part(document_id)}"


def card_source_id(competitor: str) -> str:
    """`card:<competitor>`."""
    return f"card:{safe_part(competitor)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One immutable version of a citable text; an erased source has an empty text and keeps its hash.

    `start_ms` and `end_ms` are set where the text was spoken.
    """

    source_id: str
    version: int
    kind: SourceKind
    title: str
    text: str
    content_hash: str
    status: SourceStatus = SourceStatus.LIVE
    start_ms: int | None = None
    end_ms: int | None = None
    speaker: str | None = None

    @property
    def case_id(self) -> str | None:
        """The war case this source is a column of, if it is one."""
        return self.source_id.split(":")[1] if self.kind is SourceKind.CASE else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """A span of one version of a source with its exact quote; immutable once written.

    Invariant, checked on write and on read: `source(version).text[start:end] == quote`.
    """

    source_id: str
    source_kind: SourceKind
    version: int
    content_hash: str
    title: str
    start: int
    end: int
    quote: str
    start_ms: int | None = None
    end_ms: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end or self.end - self.start != len(self.quote):
            raise ValueError("a citation's span and quote must agree and not be empty")


def cite(source: Source, start: int, end: int) -> Citation:
    """Cite a span of a source; the quote is read from the source itself."""
    return Citation(
        source_id=source.source_id,
        source_kind=source.kind,
        version=source.version,
        content_hash=source.content_hash,
        title=source.title,
        start=start,
        end=end,
        quote=source.text[start:end],
        start_ms=source.start_ms,
        end_ms=source.end_ms,
    )


def resolves(citation: Citation, source: Source | None) -> bool:
    """Whether the citation still stands: same version, same hash, same words at the same place."""
    return (
        source is not None
        and (source.source_id, source.version) == (citation.source_id, citation.version)
        and source.content_hash == citation.content_hash == content_hash(source.text)
        and source.text[citation.start : citation.end] == citation.quote
    )
