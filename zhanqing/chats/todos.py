"""待办: what a rep promised in their latest conversations and is still to be done, each with the words it rests on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from bots.markdown import escaped
from domain.conversation import Transcript
from domain.signals import Signal, SignalKind
from store.conversations import ConversationFilter
from store.work import Work
from zhanqing.chats.saying import Said
from zhanqing.chats.visitors import Visitor
from zhanqing.chats.words import chat_line

_CONVERSATIONS = 20
_MOST = 10


async def todos(work: Work, visitor: Visitor, *, today: date, lang: str) -> Said:
    """List a rep's open promises and next steps, the soonest first, those without a date last."""
    page = await work.conversations.page(ConversationFilter(rep_ids=(visitor.rep.rep_id,)), limit=_CONVERSATIONS)
    found: list[tuple[str, str]] = []
    for summary in page:
        transcript = await work.conversations.get(summary.conversation_id)
        analysis = await work.signals.get(summary.conversation_id)
        if transcript is not None and analysis is not None:
            names = {one.account_id: one.name for one in visitor.customers}
            title = names.get(summary.account_id or "", "") or summary.created_at.strftime("%m-%d")
            found += _lines(transcript, analysis.signals, title=title, today=today, lang=lang)
    if not found:
        return Said(text=chat_line("todo_none", lang))
    lines = [line for _, line in sorted(found, key=lambda one: one[0])[:_MOST]]
    return Said(text="\n\n".join([chat_line("todo_head", lang), *lines]))


def _lines(
    transcript: Transcript, signals: Sequence[Signal], *, title: str, today: date, lang: str
) -> Iterator[tuple[str, str]]:
    """Yield (due date, line) of what the rep has to do; a promise that is also a next step comes once."""
    seen: set[tuple[str, int]] = set()
    for signal in signals:
        place = (signal.turn_id, signal.start)
        if not _is_open(signal, today) or place in seen:
            continue
        seen.add(place)
        due = str(signal.attributes.get("due_on") or "")
        shown_due = chat_line("todo_due", lang, due=due) if due else ""
        what = escaped(str(signal.attributes.get("what") or signal.quote))
        line = chat_line("todo_line", lang, what=what, due=shown_due, quote=escaped(signal.quote), title=escaped(title))
        yield due or "9999", line


def _is_open(signal: Signal, today: date) -> bool:
    is_ours = signal.kind in (SignalKind.PROMISE, SignalKind.NEXT_STEP) and signal.attributes.get("who") in (
        "rep",
        "both",
    )
    due_on = signal.attributes.get("due_on")
    return is_ours and (not due_on or str(due_on) >= today.isoformat())
