"""A recording sent in a chat: kept in quarantine, heard once the rep says that the customer consented."""

from __future__ import annotations

import asyncio
import tempfile
from datetime import datetime
from pathlib import Path

from bots.inbound import InboundMessage
from bots.markdown import escaped
from bots.outgoing import Button, Card
from bots.platform import Platform
from domain.errors import ZhanqingError
from speech.containers import media_type
from store.calls import Call, CallDetails, CallFilter, CallStatus
from store.consents import ConsentRecord
from store.work import Store, Work
from zhanqing.chats.saying import Said
from zhanqing.chats.visitors import Visitor
from zhanqing.chats.words import chat_line

HEAR, DISCARD = "hear", "discard"


async def receive_recording(
    store: Store, visitor: Visitor, message: InboundMessage, platform: Platform, *, lang: str
) -> Said:
    """Fetch a recording, keep it in quarantine, and ask for the customer's consent."""
    if message.attachment is None:
        return Said(text=chat_line("recording_unreadable", lang))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recording"
        try:
            name = await platform.fetch(message.attachment, path)
        except ZhanqingError as error:
            if error.retryable:
                raise
            return Said(text=chat_line("recording_bad", lang, why=error.line(lang)))
        return await _quarantined(store, visitor, message, path, name=name, lang=lang)


async def decide_by_press(work: Work, visitor: Visitor, key: str, task_id: str, *, at: datetime, lang: str) -> Said:
    """Answer the press on 客户已同意 or 没有，删掉."""
    verb, _, call_id = key.partition(":")
    call = await work.calls.get(call_id)
    if call is None or call.details.rep_id != visitor.rep.rep_id:
        return Said()
    line = "recording_heard_done" if verb == HEAR else "recording_gone_done"
    card = Card(task_id=task_id, title=chat_line(line, lang), done=chat_line(line, lang))
    decided = await decide(visitor, call, hears=verb == HEAR, at=at, lang=lang)
    return Said(text=decided.text, card=card, replaces=True, effect=decided.effect)


async def waiting_recording(work: Work, visitor: Visitor) -> Call | None:
    """Return the rep's newest recording that waits for consent."""
    calls = await work.calls.page(CallFilter(rep_ids=(visitor.rep.rep_id,)), limit=20)
    return next((call for call in calls if call.status is CallStatus.QUARANTINED), None)


async def decide(visitor: Visitor, call: Call, *, hears: bool, at: datetime, lang: str) -> Said:
    """Hear a recording on the rep's word that the customer consented, or erase it."""
    if not hears:
        return Said(text=chat_line("recording_gone", lang), effect=lambda work: work.calls.erase(call.call_id))
    record = ConsentRecord(
        reference=f"chat-{call.call_id}",
        subject=call.details.account_id or call.call_id,
        wording_version=f"told by {visitor.rep.rep_id} in chat",
        granted_at=at,
    )

    async def hear(work: Work) -> None:
        await work.consents.put(record)
        await work.calls.release(record.reference, [call.call_id])

    return Said(text=chat_line("recording_heard", lang), effect=hear)


async def _quarantined(
    store: Store, visitor: Visitor, message: InboundMessage, path: Path, *, name: str, lang: str
) -> Said:
    found = await asyncio.to_thread(media_type, path)
    if found is None:
        return Said(text=chat_line("recording_unreadable", lang))
    with path.open("rb") as file:
        kept = await store.keep_file(visitor.tenant, file)
    customer = visitor.customer
    details = CallDetails(
        external_id=f"chat:{message.answer_id}",
        rep_id=visitor.rep.rep_id,
        account_id=customer.account_id if customer else None,
    )
    async with store.begin(visitor.tenant) as work:
        call = await work.calls.submit(kept, details, media_type=found)
    buttons = (
        Button(text=chat_line("recording_yes", lang), key=f"{HEAR}:{call.call_id}", style=1),
        Button(text=chat_line("recording_no", lang), key=f"{DISCARD}:{call.call_id}", style=2),
    )
    card = Card(task_id=f"rec-{call.call_id}", title=chat_line("recording_card", lang), buttons=buttons)
    return Said(text=chat_line("recording_waiting", lang, name=escaped(name)), card=card)
