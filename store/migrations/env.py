"""Alembic's entry: runs the migrations on the connection that `store.migrate` hands over."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from store.columns import Identifier, Instant, Whole, Words
from store.tables import metadata

_PLAIN = {
    Identifier: "identifier()",
    Words: "sa.Text()",
    Whole: "sa.Integer()",
    Instant: "sa.DateTime(timezone=True)",
}


def render_item(kind: str, item: Any, autogen: AutogenContext) -> str | Literal[False]:
    """Write our column types as plain ones: a migration must not change when they do."""
    if kind == "type" and type(item) in _PLAIN:
        return _PLAIN[type(item)]
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_item=render_item,
    compare_type=True,
    transactional_ddl=True,
)
context.run_migrations()
