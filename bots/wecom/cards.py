"""Our cards as WeCom's template cards, within what each field holds."""

from __future__ import annotations

import re
from typing import Any

from bots.markdown import plain
from bots.outgoing import Button, Card

DONE_KEY = "done"
"""The key of the one button that stays after a press; a press on it means nothing."""

_TITLE, _SUBTITLE, _BUTTON, _NAME, _VALUE = 26, 112, 10, 5, 26
_MOST_ROWS, _MOST_BUTTONS, _KEY_BYTES, _TASK_BYTES = 6, 6, 1024, 128
_ROW = re.compile(r"^\s*([^：:\n]{1,5})[：:]\s*([^\n]{1,26})$")
_NOT_IN_IDS = re.compile(r"[^0-9A-Za-z_@-]")


def template_card(card: Card) -> dict[str, Any] | None:
    """Return the card as `button_interaction`, or as `text_notice` where it only leads to a page.

    Short lines like `客户：华星` become rows, the others the text beneath the title. After a press one button says
    what was done.

    Returns:
        None: the card has neither buttons nor a page, and WeCom has no such card; its words are to be sent as text.
    """
    buttons = [Button(text=card.done, key=DONE_KEY)] if card.done else list(card.buttons)
    if not buttons and not card.link:
        return None
    rows, words = _rows_and_words(card.lines)
    made: dict[str, Any] = {
        "card_type": "button_interaction" if buttons else "text_notice",
        "main_title": {"title": _cut(plain(card.title), _TITLE)},
        "task_id": fit_task_id(card.task_id),
    }
    if words:
        made["sub_title_text"] = _cut(words, _SUBTITLE)
    if rows:
        made["horizontal_content_list"] = rows
    if buttons:
        made["button_list"] = [_button(button) for button in buttons[:_MOST_BUTTONS]]
    if card.link:
        made["card_action"] = {"type": 1, "url": card.link}
    return made


def words_of(card: Card) -> str:
    """Return the card as CommonMark, for where a card cannot be shown."""
    lines = [f"**{card.title}**", *card.lines, card.done]
    link = [f"[{card.link}]({card.link})"] if card.link else []
    return "\n".join(line for line in [*lines, *link] if line)


def fit_task_id(task_id: str) -> str:
    """Return the id in the characters and bytes that WeCom takes."""
    return _NOT_IN_IDS.sub("_", task_id)[:_TASK_BYTES]


def _button(button: Button) -> dict[str, Any]:
    if len(button.key.encode()) > _KEY_BYTES:
        raise ValueError("a button's key has at most 1024 bytes")
    return {"text": _cut(button.text, _BUTTON), "style": button.style, "key": button.key}


def _rows_and_words(lines: tuple[str, ...]) -> tuple[list[dict[str, Any]], str]:
    rows: list[dict[str, Any]] = []
    words = []
    for line in map(plain, lines):
        row = _ROW.match(line)
        if row and len(rows) < _MOST_ROWS:
            rows.append({"keyname": row[1].strip(), "value": row[2].strip()})
        elif line.strip():
            words.append(line.strip())
    return rows, "\n".join(words)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
