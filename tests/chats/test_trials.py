from __future__ import annotations

from bots.testing.clock import ManualClock
from bots.testing.wecom_gateway import FakeGateway
from bots.wecom.bot import WecomBot
from bots.wecom.config import WecomBotConfig
from store.locks import Locks
from store.work import Store
from zhanqing.chats.trials import lock_name, secret_findings


async def test_a_secret_is_tried_where_nobody_is_connected_and_never_where_somebody_is(store: Store) -> None:
    gateway = FakeGateway(ManualClock())
    async with gateway.serve():
        right, wrong = (
            WecomBot(WecomBotConfig(bot_id="BOT", secret=secret, ws_url=gateway.url), gateway.clock)
            for secret in (gateway.secrets["BOT"], "wrong")
        )
        free = [await secret_findings(bot, Locks(store, owner="check")) for bot in (right, wrong)]
        tried = len(gateway.subscribed_at)
        await Locks(store, owner="service").take(lock_name(right))
        held = await secret_findings(wrong, Locks(store, owner="check"))

    assert [(finding.ok, finding.key) for [finding] in free] == [
        (True, "bots.wecom_bot_secret_well"),
        (False, "bots.wecom_bad_bot_secret"),
    ]
    assert tried == 2
    assert [finding.key for finding in held] == ["bots.line_in_use"]
    assert len(gateway.subscribed_at) == tried
