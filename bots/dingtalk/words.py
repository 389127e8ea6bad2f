"""What a rep reads: the answer, the card beneath it, and how to answer where a card has no buttons of its own."""

from __future__ import annotations

import re

from bots.dingtalk import bodies
from bots.markdown import escaped, for_dingtalk
from bots.outgoing import Button, Card, Outgoing
from bots.splitting import Limit, numbered
from domain.messages import text

LIMIT = Limit(max_bytes=18_000, max_characters=3_500)
"""The platform refuses bodies above 20,000 bytes, and its clients stop rendering long markdown."""
TITLE_CHARS = 60
_NUMBER = re.compile(r":s(\d{1,3})$")
_AFTER_QUOTE = re.compile(r"^(>[^\n]*)\n(?=[^>\n])", re.MULTILINE)
"""A line right beneath a quote would be read as part of it."""
_IN_QUOTE = re.compile(r"^(>[^\n]*?)[ \t]*\n(?=>)", re.MULTILINE)
"""Two lines of one quote would be run together."""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def messages_of(outgoing: Outgoing, *, has_buttons: bool, lang: str = "zh") -> list[str]:
    """Return the answer and its card as messages of DingTalk's markdown, each within the limit.

    Args:
        has_buttons: The card template has them; else what to answer is written beneath the card.
    """
    blocks = [outgoing.text.strip("\n")]
    if outgoing.card is not None:
        blocks.append(_card(outgoing.card, is_group=outgoing.to.is_group, has_buttons=has_buttons, lang=lang))
    whole = _CONTROL.sub("", "\n\n".join(block for block in blocks if block))
    apart = _IN_QUOTE.sub(r"\1  \n", _AFTER_QUOTE.sub(r"\1\n\n", whole))
    return numbered(for_dingtalk(apart), LIMIT) if whole else []


def title_of(outgoing: Outgoing, lang: str = "zh") -> str:
    """Return what the list of chats shows of a message."""
    return (outgoing.card.title if outgoing.card else "")[:TITLE_CHARS] or text("bots.dingtalk_title", lang)


def command(button: Button) -> str:
    """Return the words that stand for a press: the button's own, with the number of the suggestion it is for."""
    number = _NUMBER.search(button.key)
    return button.text if number is None or button.text[-1:].isdigit() else f"{button.text} {number[1]}"


def button_values(card: Card | None, *, key: str) -> dict[str, str]:
    """Return the template's variable for the buttons; nothing where it has none."""
    return {key: bodies.buttons(card) if card else "[]"} if key else {}


def _card(card: Card, *, is_group: bool, has_buttons: bool, lang: str) -> str:
    rows = [f"#### {escaped(card.title)}"] if card.title and card.title != card.done else []
    rows += [*card.lines]
    if card.link:
        rows.append(f"[{text('bots.dingtalk_more', lang)}]({card.link})")
    if card.done:
        rows += ["", f"**{escaped(card.done)}**"]
    elif card.buttons and not has_buttons:
        rows += _commands(card, is_group=is_group, lang=lang)
    return "\n".join(rows).strip("\n")


def _commands(card: Card, *, is_group: bool, lang: str) -> list[str]:
    """Return the line that says what to answer, unless the card's own lines say it."""
    commands = [command(button) for button in card.buttons]
    named = "".join(f"「{one}」" for one in commands)
    # A robot hears only those messages of a group that mention it.
    if any(one in line for one in commands for line in card.lines):
        return ["", text("bots.dingtalk_mention_first", lang)] if is_group else []
    return ["", text("bots.dingtalk_answer_in_group" if is_group else "bots.dingtalk_answer", lang, commands=named)]
