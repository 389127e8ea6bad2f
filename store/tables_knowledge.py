"""What may be cited: versioned sources, war cases with their life, documents, passages."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from store.columns import TenantOwned, belongs_to, belongs_to_tenant, identifier


class SourceRow(TenantOwned):
    """One immutable version of a citable text; only its status changes, and erasure empties the text.

    `is_latest` marks the newest version of a source, so that it is found by the index alone.
    """

    __tablename__ = "sources"
    __table_args__ = (belongs_to_tenant(), Index(None, "tenant_id", "content_hash"))

    source_id: Mapped[str] = identifier(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    is_latest: Mapped[bool]
    kind: Mapped[str] = identifier()
    title: Mapped[str]
    text: Mapped[str]
    content_hash: Mapped[str] = identifier()
    status: Mapped[str] = identifier()
    start_ms: Mapped[int | None]
    end_ms: Mapped[int | None]
    speaker: Mapped[str | None] = identifier()
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class CorpusRow(TenantOwned):
    """A tenant's corpus version: grows in the same transaction as any change retrieval must see."""

    __tablename__ = "corpora"
    __table_args__ = (belongs_to_tenant(),)

    version: Mapped[int]


class CaseRow(TenantOwned):
    """A war case: where it stands in its life, and its current version's facets."""

    __tablename__ = "war_cases"
    __table_args__ = (
        belongs_to_tenant(),
        UniqueConstraint("tenant_id", "source_part"),
        Index(None, "tenant_id", "status", "case_id"),
    )

    case_id: Mapped[str] = identifier(primary_key=True)
    source_part: Mapped[str] = identifier()
    status: Mapped[str] = identifier()
    version: Mapped[int]
    published_version: Mapped[int | None]
    title: Mapped[str]
    outcome: Mapped[str] = identifier()
    industry: Mapped[str] = identifier()
    product: Mapped[str] = identifier()
    customer_size: Mapped[str] = identifier()
    stage: Mapped[str] = identifier()
    rep: Mapped[str] = identifier()
    closed_at: Mapped[date | None]
    contributor: Mapped[str] = identifier()
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class CaseVersionRow(TenantOwned):
    """An immutable version of a war case, all columns."""

    __tablename__ = "case_versions"
    __table_args__ = (
        belongs_to("war_cases", ("case_id", "case_id")),
        Index(None, "tenant_id", "content_hash"),
    )

    case_id: Mapped[str] = identifier(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    content_hash: Mapped[str] = identifier()
    document: Mapped[dict[str, Any]]
    created_by: Mapped[str] = identifier()
    created_at: Mapped[datetime]


class CaseEventRow(TenantOwned):
    """Who moved a war case, when, from where to where, and why."""

    __tablename__ = "case_events"
    __table_args__ = (belongs_to("war_cases", ("case_id", "case_id")),)

    case_id: Mapped[str] = identifier(primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int]
    action: Mapped[str] = identifier()
    from_status: Mapped[str | None] = identifier()
    to_status: Mapped[str] = identifier()
    by: Mapped[str] = identifier()
    at: Mapped[datetime]
    why: Mapped[str]


class CaseAdoptionRow(TenantOwned):
    """A rep used a case in a decision: the ground of contributor points, once per rep and case."""

    __tablename__ = "case_adoptions"
    __table_args__ = (belongs_to("war_cases", ("case_id", "case_id")),)

    case_id: Mapped[str] = identifier(primary_key=True)
    rep_id: Mapped[str] = identifier(primary_key=True)
    decision_id: Mapped[str] = identifier()
    tactic: Mapped[str] = identifier()
    at: Mapped[datetime]


class DocumentRow(TenantOwned):
    """A policy, price list, product document or competitor card; its text is a source."""

    __tablename__ = "documents"
    __table_args__ = (
        belongs_to_tenant(),
        Index(None, "tenant_id", "kind", "document_id"),
        Index(None, "tenant_id", "source_id"),
    )

    document_id: Mapped[str] = identifier(primary_key=True)
    kind: Mapped[str] = identifier()
    source_id: Mapped[str] = identifier()
    title: Mapped[str]
    status: Mapped[str] = identifier()
    origin: Mapped[str]
    dated_on: Mapped[date | None]
    document: Mapped[dict[str, Any]]
    created_by: Mapped[str] = identifier()
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class PassageRow(TenantOwned):
    """The retrieval unit: a span of one version of a source; `position` keeps the order of import.

    `facets` holds the case's filter columns as they are matched (`{"industry": ["化工"]}`).
    """

    __tablename__ = "passages"
    __table_args__ = (
        belongs_to("sources", ("source_id", "source_id"), ("version", "version")),
        Index(None, "tenant_id", "case_id"),
        Index(None, "tenant_id", "source_id", "version"),
        Index(None, "tenant_id", "corpus_version"),
    )

    passage_id: Mapped[str] = identifier(primary_key=True)
    source_id: Mapped[str] = identifier()
    version: Mapped[int]
    case_id: Mapped[str | None] = identifier()
    column: Mapped[str] = identifier()
    start: Mapped[int]
    end: Mapped[int]
    text: Mapped[str]
    facets: Mapped[dict[str, Any]]
    corpus_version: Mapped[int]


class PassageVectorRow(TenantOwned):
    """A passage's embedding under one encoder, little-endian float32; spares encoding twice."""

    __tablename__ = "passage_vectors"
    __table_args__ = (belongs_to("passages", ("passage_id", "passage_id"), cascade=True),)

    passage_id: Mapped[str] = identifier(primary_key=True)
    encoder: Mapped[str] = identifier(primary_key=True)
    vector: Mapped[bytes]


class ImportRow(TenantOwned):
    """A bulk import: how far it came, so that it resumes and repeats nothing."""

    __tablename__ = "imports"
    __table_args__ = (
        belongs_to_tenant(),
        Index(None, "tenant_id", "content_hash"),
    )

    import_id: Mapped[str] = identifier(primary_key=True)
    content_hash: Mapped[str] = identifier()
    rows_total: Mapped[int | None]
    rows_done: Mapped[int]
    report: Mapped[dict[str, Any]]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
