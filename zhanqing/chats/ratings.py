"""采纳、修改、不合适、质疑: what a rep thinks of a suggestion goes on record, pressed or typed."""

from __future__ import annotations

from datetime import datetime

from agent.explaining import explain_lines
from bots.commands import Command, CommandKind
from bots.inbound import Click
from bots.markdown import escaped
from bots.outgoing import Card
from bots.rendering import read_feedback_key
from domain.suggestions import Decision, ErasedDecision, Feedback, FeedbackAction
from store.webhooks import WebhookEvent
from store.work import Work
from zhanqing.chats.saying import Effect, Said
from zhanqing.chats.visitors import Visitor
from zhanqing.chats.words import chat_line

_ACTIONS = {
    CommandKind.ACCEPT: FeedbackAction.ACCEPT,
    CommandKind.EDIT: FeedbackAction.EDIT,
    CommandKind.REJECT: FeedbackAction.REJECT,
    CommandKind.CHALLENGE: FeedbackAction.CHALLENGE,
}
_THUMBS = {"up": FeedbackAction.ACCEPT, "down": FeedbackAction.REJECT}
_DONE = {
    FeedbackAction.ACCEPT: "accepted",
    FeedbackAction.EDIT: "edit_done",
    FeedbackAction.REJECT: "rejected_done",
    FeedbackAction.CHALLENGE: "challenged_done",
}


async def rate_by_press(work: Work, visitor: Visitor, key: str, task_id: str, *, at: datetime, lang: str) -> Said:
    """Answer a press on an answer's card: the card says what was noted, and cannot be pressed again."""
    read = read_feedback_key(key)
    decision = await work.decisions.get(read[1]) if read else None
    if read is None or not _is_own(decision, visitor):
        return Said()
    action, decision_id, suggestion_id = read
    card = Card(task_id=task_id, title=chat_line(_DONE[action], lang), done=chat_line(_DONE[action], lang))
    if action is FeedbackAction.EDIT:
        return Said(card=card, replaces=True, text=chat_line("edit_how", lang, number=1), decision_id=decision_id)
    text = _reasons(decision, lang) if action is FeedbackAction.CHALLENGE else ""
    effect = _recorded(decision_id, action, visitor, at=at, suggestion_id=suggestion_id)
    return Said(card=card, replaces=True, text=text, decision_id=decision_id, effect=effect)


async def rate_by_thumb(work: Work, visitor: Visitor, click: Click, *, at: datetime) -> Said:
    """Take a thumb beneath an answer as 采纳 or 不合适; nothing is said to it."""
    action = _THUMBS.get(click.key)
    answer = await work.chat_answers.get(click.task_id)
    decision = await work.decisions.get(answer.decision_id) if answer and answer.decision_id else None
    if action is None or decision is None or not _is_own(decision, visitor):
        return Said()
    return Said(effect=_recorded(decision.decision_id, action, visitor, at=at, suggestion_id=None))


async def rate_by_word(work: Work, visitor: Visitor, command: Command, *, at: datetime, lang: str) -> Said:
    """Answer 采纳 1 and its like: they are about the last answer of the chat."""
    decision_id = await work.chat_answers.last_decision(visitor.place)
    decision = await work.decisions.get(decision_id) if decision_id else None
    if not isinstance(decision, Decision) or not decision.envelope.suggestions:
        return Said(text=chat_line("nothing_to_rate", lang))
    suggestions = decision.envelope.suggestions
    number = command.number or (1 if len(suggestions) == 1 or command.kind is CommandKind.EDIT else None)
    if number is not None and number > len(suggestions):
        return Said(text=chat_line("no_such_number", lang, number=number))
    if command.kind is CommandKind.EDIT and not command.words:
        return Said(text=chat_line("edit_how", lang, number=number or 1))
    effect = _recorded(
        decision.decision_id,
        _ACTIONS[command.kind],
        visitor,
        at=at,
        suggestion_id=suggestions[number - 1].id if number else None,
        text=command.words or None,
    )
    return Said(text=_noted(command, number, decision, lang), effect=effect)


def _noted(command: Command, number: int | None, decision: Decision, lang: str) -> str:
    match command.kind:
        case CommandKind.ACCEPT if number is not None:
            return chat_line("accepted_line", lang, number=number)
        case CommandKind.ACCEPT:
            return chat_line("accepted_answer", lang)
        case CommandKind.EDIT:
            return chat_line("edited", lang)
        case CommandKind.REJECT:
            return chat_line("rejected", lang)
        case _:
            return _reasons(decision, lang, number=number)


def _reasons(decision: Decision | ErasedDecision | None, lang: str, *, number: int | None = None) -> str:
    if decision is None:
        return chat_line("nothing_to_rate", lang)
    lines = "\n".join(escaped(line) for line in explain_lines(decision, lang, number=number))
    return f"{chat_line('challenged', lang)}\n\n{lines}"


def _recorded(
    decision_id: str,
    action: FeedbackAction,
    visitor: Visitor,
    *,
    at: datetime,
    suggestion_id: str | None,
    text: str | None = None,
) -> Effect:
    """Return what writes the feedback down; its time is the message's, so twice is once."""
    feedback = Feedback(action=action, by=visitor.rep.rep_id, at=at, suggestion_id=suggestion_id, text=text)
    data = {"decision_id": decision_id, "suggestion_id": suggestion_id, "action": action.value}

    async def record(work: Work) -> None:
        await work.decisions.add_feedback(decision_id, feedback)
        await work.webhooks.emit(WebhookEvent.DECISION_FEEDBACK, data)

    return record


def _is_own(decision: Decision | ErasedDecision | None, visitor: Visitor) -> bool:
    """A card that others can press too, in a group, is the asker's own."""
    return isinstance(decision, Decision) and decision.context.get("rep_id") in (None, visitor.rep.rep_id)
