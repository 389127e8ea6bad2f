"""What PostgreSQL knows of its tables, brought up to date while they grow."""

from __future__ import annotations

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from store.faults import translated
from store.tables import CaseEventRow, CaseRow, CaseVersionRow, PassageRow, SourceRow

_KNOWLEDGE = (CaseRow, CaseVersionRow, CaseEventRow, SourceRow, PassageRow)


async def count_knowledge(engine: AsyncEngine) -> None:
    """Let PostgreSQL count the rows of the case base after it has grown a lot; SQLite needs none.

    Until it has counted them it takes a table for tiny and reads all of a tenant's rows for every few hundred ids:
    1,741 ms instead of 1.8 ms in a table of 28,000 sources. Its own housekeeping counts them too, but minutes later.

    Raises:
        UpstreamError: The database is out of reach.
    """
    if engine.dialect.name == "sqlite":
        return
    names = ", ".join(f'"{table.__tablename__}"' for table in _KNOWLEDGE)
    try:
        async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            await connection.exec_driver_sql(f"ANALYZE {names}")
    except (SQLAlchemyError, ConnectionError) as error:
        raise translated(error) from error
