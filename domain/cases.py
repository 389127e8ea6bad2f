"""War cases (战例): real won or lost deals, told so that the next rep can use them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Outcome(StrEnum):
    """How the deal ended. A lost case is a lesson, never advice."""

    WON = "won"
    LOST = "lost"
    PENDING = "pending"

    @property
    def chinese(self) -> str:
        """赢单, 丢单 or 进行中: the text of the case's `outcome` column as a source."""
        return {"won": "赢单", "lost": "丢单", "pending": "进行中"}[self.value]


class CaseStatus(StrEnum):
    """The life cycle; only published cases are ever retrieved."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    IN_REVIEW = "in_review"
    PUBLISHED = "published"
    REJECTED = "rejected"
    RETIRED = "retired"


CASE_COLUMNS: tuple[str, ...] = (
    "title",
    "outcome",
    "industry",
    "product",
    "customer_size",
    "stage",
    "closed_at",
    "rep",
    "customer_question",
    "background",
    "blocker",
    "turning_point",
    "talk_track",
    "evidence",
    "result",
    "contract_terms",
    "tags",
)
MANDATORY_COLUMNS: tuple[str, ...] = (
    "id",
    "title",
    "outcome",
    "customer_question",
    "blocker",
    "talk_track",
    "result",
)
CUSTOMER_SIZES: tuple[str, ...] = ("小型", "中型", "大型", "集团")


@dataclass(frozen=True, slots=True, kw_only=True)
class WarCase:
    """One war case; every column is a citable source. `customer_question` is its key."""

    id: str
    title: str
    outcome: Outcome
    customer_question: str
    blocker: str
    talk_track: str
    result: str
    industry: str = ""
    product: str = ""
    customer_size: str = ""
    stage: str = ""
    closed_at: date | None = None
    rep: str = ""
    background: str = ""
    turning_point: str = ""
    evidence: str = ""
    contract_terms: str = ""
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        empty = [name for name in MANDATORY_COLUMNS if not str(getattr(self, name)).strip()]
        if empty:
            raise ValueError(f"mandatory fields are empty: {', '.join(empty)}")

    def column_text(self, column: str) -> str:
        """Return a column as the text of its source; empty columns are no source."""
        value = getattr(self, column)
        if isinstance(value, Outcome):
            return value.chinese
        if isinstance(value, tuple):
            return "、".join(value)
        if isinstance(value, date):
            return value.isoformat()
        return value or ""


Facets = dict[str, tuple[str, ...]]
"""Column → accepted values; columns are ANDed, values of one column ORed, matched exactly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """The retrieval unit: a span of one version of a source, with the facets it is filtered by."""

    id: str
    source_id: str
    version: int
    column: str
    start: int
    end: int
    text: str
    case_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PassageHit:
    """A retrieved passage with the scores that put it there."""

    passage: Passage
    score: float
    dense: float | None
    lexical: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseHit:
    """A retrieved case once, with its passages best first.

    `score` is the fused score that ordered the hits; `dense` and `lexical` are its best passage's.
    """

    case_id: str
    score: float
    dense: float | None
    lexical: float | None
    outcome: Outcome
    passages: tuple[PassageHit, ...]

    @property
    def best(self) -> PassageHit:
        """The passage that answers best."""
        return self.passages[0]
