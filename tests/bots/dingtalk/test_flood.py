from __future__ import annotations

from store.testing import Databases
from store.work import Store
from tests.bots.dingtalk.flood import flood
from tests.bots.floods import KEY


async def test_each_message_is_answered_once_and_in_order_however_the_line_breaks(sqlite_databases: Databases) -> None:
    async with sqlite_databases.fresh() as engine:
        store = Store(engine, blobs=sqlite_databases.folder / "flood-blobs", sealer=KEY)
        found = await flood(store, 60, 3, speed=30)
    assert (found.answered_once, found.answered_twice, found.lost) == (60, 0, 0)
    assert found.in_order == found.conversations
    assert found.deliveries > 60
