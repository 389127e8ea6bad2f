"""Whether a question was answered by the turns that followed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from domain.conversation import Turn
from domain.signals import QuestionForm
from signals.rulebook import section
from signals.topics import announces_change, terms_of, topics_of

_RULES = "answers"
_WITHIN = 4
_SHORT = 14
_LOUD = frozenset(("product_pitch", "company_pitch", "marketing", "private"))


def is_answered(question: str, form: QuestionForm, index: int, rest: str, turns: Sequence[Turn]) -> bool:
    """Whether the other side's next turns answer a question.

    Args:
        question: The question's own words.
        form: Open or closed.
        index: Place of its turn in `turns`.
        rest: What the asker went on to say in the same turn.
        turns: The conversation; at most four turns ahead are read.

    Returns:
        True for an answer, a refusal to say and a deferral (明天给您); False for another subject or silence.
    """
    asker = turns[index].speaker
    for turn in turns[index + 1 : index + 1 + _WITHIN]:
        if turn.speaker == asker:
            continue
        verdict = _verdict(question, form, turn.text)
        if verdict is not None:
            return verdict
    return False


def leaves_subject(said: str, reply: str) -> bool:
    """Whether a reply turns to something else: it announces so, or has a subject of its own and none in common."""
    if _rule("deferring").search(reply) or _rule("apologetic").search(reply):
        return False
    if announces_change(reply):
        return True
    if terms_of(said) & terms_of(reply):
        return False
    return _changes(said, reply) or (bool(topics_of(reply) & _LOUD) and not topics_of(said) & topics_of(reply))


def dodges(question: str, reply: str) -> bool:
    """Whether a question with a clear want is met by one that shares no word with it and is not about it."""
    asks = _only_asks(reply) or re.search("[没不]$", reply) is not None
    if not _wants(question) or not asks or _rule("clarifying").search(reply):
        return False
    return len(reply) >= _SHORT // 2 and not terms_of(question) & terms_of(reply) and "你们" in reply


def says_something_else(question: str, reply: str) -> bool:
    """Whether a reply states something that shares no word and no topic with a question that had a clear want."""
    if _rule("deferring").search(reply) or _rule("apologetic").search(reply) or _only_asks(reply):
        return False
    if _rule("waiting").search(reply) or terms_of(question) & terms_of(reply) or topics_of(question) & topics_of(reply):
        return False
    return len(reply) >= _SHORT // 2 and bool(_wants(question) or topics_of(question))


def _verdict(question: str, form: QuestionForm, reply: str) -> bool | None:
    """True answered, False another subject, None not yet: a counter-question or a hold lets the next turn decide."""
    if announces_change(reply):
        return _says(question, reply)
    if _rule("noise").match(reply) and (form is QuestionForm.OPEN or _CHOICE.search(question)):
        return None
    if _rule("deferring").search(reply) or _gives(question, reply):
        return True
    if form is QuestionForm.CLOSED and _rule("agreeing").match(reply):
        return True
    if re.search("为什么|为啥|为何|怎么会", question) and not _pitches(question, reply):
        return True
    related = _is_related(question, reply)
    if _only_asks(reply):
        return None if related or not _changes(question, reply) else False
    if _rule("holding").match(reply) and len(reply) <= 8:
        return None
    is_short = not _wants(question) and not _changes(question, reply) and len(reply) <= _SHORT
    return related or (is_short and not _pitches(question, reply))


def _says(question: str, reply: str) -> bool:
    """An announced change that still says the thing in passing: 能的。对了…"""
    return bool(terms_of(question) & terms_of(reply)) and bool(_rule("agreeing").match(reply))


_WANTED = (
    (re.compile(r"多少|多长|多久|几|多大|多高|多快|多准|多远|多贵|怎么收费|怎么收|收费"), "number"),
    (re.compile(r"什么时候|何时|哪天|啥时候|几时"), "time"),
    (re.compile(r"谁|哪位|哪个人"), "person"),
    (
        re.compile(
            r"(?:你|您|贵)[^，。？]{0,6}(?:哪(?:家|个)(?:公司|单位|厂)?的?$|哪(?:家|个)(?:公司|单位)|哪里的?$|哪儿的?$|谁$)"
        ),
        "company",
    ),
    (re.compile(r"(?:有)?(?:什么|啥)事$|(?:干|做)(?:什么|啥|嘛)的?$|找我(?:干|做|什么|啥)"), "purpose"),
    (re.compile(r"哪里|哪儿|在哪|什么地方|哪个(?:区|城市|省|市|县)"), "place"),
)


_CHOICE = re.compile(r"([一-鿿])[不没]\1|还是|是否|能否")

_INTRODUCED = frozenset(("company", "purpose"))
"""Asked for these, a rep answers with what elsewhere would be a pitch: who we are and what we do."""


def _wants(question: str) -> list[str]:
    """The kinds of thing a question asks for: a number, a time, a person, a place."""
    return [kind for asked, kind in _WANTED if asked.search(question)]


def _gives(question: str, reply: str) -> bool:
    kinds = [kind for kind in _wants(question) if _rule(kind).search(reply)]
    return bool(kinds) and (bool(_INTRODUCED & set(kinds)) or not _pitches(question, reply))


def _pitches(question: str, reply: str) -> bool:
    """Whether the reply sells or chats while the question was about something else."""
    return bool(topics_of(reply) & _LOUD) and not topics_of(question) & topics_of(reply)


def _is_related(question: str, reply: str) -> bool:
    if _pitches(question, reply):
        return False
    return bool(terms_of(question) & terms_of(reply)) or bool(topics_of(question) & topics_of(reply))


def _changes(question: str, reply: str) -> bool:
    """Whether the reply has a subject and it is another one."""
    here, there = topics_of(question), topics_of(reply)
    return bool(here and there) and not here & there


def _only_asks(reply: str) -> bool:
    pieces = [piece for piece in re.split(r"[，,。！!；;]", reply) if piece.strip()]
    return bool(pieces) and _rule("asks_back").search(pieces[-1]) is not None and len(pieces) <= 3


@cache
def _rule(name: str) -> re.Pattern[str]:
    return re.compile(section(_RULES, name))
