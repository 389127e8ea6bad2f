"""Tenants: companies that share an installation and nothing else."""

from __future__ import annotations

import re
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from domain.errors import InputError
from store.tables import TenantRow

DEFAULT_TENANT = "default"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


def check_tenant(tenant: str) -> str:
    """Return the name if a tenant may be called that: it is also a folder's name.

    Raises:
        InputError: `store.bad_tenant`.
    """
    if not _NAME.fullmatch(tenant):
        raise InputError("store.bad_tenant")
    return tenant


async def ensure_tenant(session: AsyncSession, tenant: str, now: datetime) -> None:
    """Make the tenant unless it is there.

    Raises:
        InputError: `store.bad_tenant`.
    """
    check_tenant(tenant)
    if await session.scalar(select(TenantRow.tenant_id).where(TenantRow.tenant_id == tenant)) is None:
        dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
        values = {"tenant_id": tenant, "name": tenant, "created_at": now}
        await session.execute(dialect.insert(TenantRow).values(values).on_conflict_do_nothing())


async def list_tenants(session: AsyncSession) -> list[str]:
    """Return every tenant's name in order."""
    return list(await session.scalars(select(TenantRow.tenant_id).order_by(TenantRow.tenant_id)))
