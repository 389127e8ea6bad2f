"""The corpus version: one number per tenant that says whether an index is up to date."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from store.scope import Repository
from store.tables import CorpusRow


class Corpus(Repository):
    """The corpus version of one tenant."""

    async def version(self) -> int:
        """Return the version; 0 before anything could be found."""
        return await self._session.scalar(select(CorpusRow.version)) or 0

    async def grow(self) -> int:
        """Raise the version by one and return it; part of the change it announces.

        The row stays locked until the transaction ends, so versions are committed in order.
        """
        statement = self._dialect().insert(CorpusRow).values(tenant_id=self._tenant, version=1)
        grown = statement.on_conflict_do_update(
            index_elements=["tenant_id"], set_={"version": CorpusRow.version + 1}
        ).returning(CorpusRow.version)
        version: int = await self._session.scalar(grown)
        return version


async def tenants_with_corpus(session: AsyncSession) -> list[str]:
    """Return every tenant that has published anything, in order of name; for a session that no tenant binds."""
    return list(await session.scalars(select(CorpusRow.tenant_id).order_by(CorpusRow.tenant_id)))
