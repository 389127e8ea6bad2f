"""The column types and the base that every table is made of.

Both databases must keep the same values and sort them the same way: text is refused where one of
them could not store it, instants are UTC, identifiers sort by code point.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    DateTime,
    Dialect,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from domain.errors import InputError
from store.canonical import storable

MAX_IDENTIFIER = 512

_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Words(TypeDecorator[str]):
    """Text of any length."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Check on the way in."""
        return None if value is None else storable(value)


class Identifier(TypeDecorator[str]):
    """A name or id of at most 512 characters, compared and sorted by code point on both databases."""

    impl = String(MAX_IDENTIFIER)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """Use PostgreSQL's "C" collation, which sorts as SQLite does."""
        collation = "C" if dialect.name == "postgresql" else None
        return dialect.type_descriptor(String(MAX_IDENTIFIER, collation=collation))

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Check on the way in."""
        if value is not None and len(value) > MAX_IDENTIFIER:
            raise InputError("store.identifier_too_long", limit=MAX_IDENTIFIER)
        return None if value is None else storable(value)


class Whole(TypeDecorator[int]):
    """A whole number of 32 bits with a sign."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:
        """Check on the way in; SQLite would take more than PostgreSQL."""
        if value is not None and not -(2**31) <= value < 2**31:
            raise InputError("store.number_too_large")
        return value


class Instant(TypeDecorator[datetime]):
    """A point in time; aware on both sides, kept as UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC; SQLite keeps no zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant carries a time zone")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return UTC."""
        return None if value is None else value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base of all tables."""

    metadata = MetaData(naming_convention=_NAMES)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Words,
        int: Whole,
        datetime: Instant,
        dict[str, Any]: JSON(none_as_null=True),
        list[Any]: JSON(none_as_null=True),
    }


def table_of(row: type[Base]) -> Table:
    """Return a row class's table: statements on it go around the ORM, which costs more than most of them.

    Whoever uses it names the tenant in the statement; nothing narrows it.
    """
    table = row.__table__
    assert isinstance(table, Table)  # noqa: S101  # what declared classes have; the stub says FromClause
    return table


class TenantOwned(Base):
    """Base of every table that belongs to a tenant; the tenant leads every key."""

    __abstract__ = True

    tenant_id: Mapped[str] = mapped_column(Identifier, primary_key=True, sort_order=-1)


def belongs_to_tenant() -> ForeignKeyConstraint:
    """The reference every table of a tenant carries."""
    return ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"])


def belongs_to(table: str, *pairs: tuple[str, str], cascade: bool = False) -> ForeignKeyConstraint:
    """Reference a row of the same tenant: pairs of (column here, column there)."""
    return ForeignKeyConstraint(
        ["tenant_id", *(here for here, _ in pairs)],
        [f"{table}.tenant_id", *(f"{table}.{there}" for _, there in pairs)],
        ondelete="CASCADE" if cascade else None,
    )


def identifier(*, primary_key: bool = False) -> Mapped[Any]:
    """A column that holds an id or a short name."""
    return mapped_column(Identifier, primary_key=primary_key)
