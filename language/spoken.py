"""Clauses of speech, with or without punctuation: recognisers often write none, and people rarely stop."""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from itertools import pairwise

from language.dates import find_dates
from language.sentences import Span

_PAUSE = re.compile(r"(?:[，,。！？!?；;…\n]|(?<!\d)[：:]|[：:](?!\d))+|(?<=[㐀-鿿])\s+(?=[㐀-鿿])")
_CONNECTIVE = re.compile(
    r"(?:(?:哦|啊|呃|唉)?(?:不对不对|不对|不是不是|说错了)|哦不是|(?<=.)哦不|然后呢?|另外(?!一?[家个套款种位台边]|那|几|的)|还有就是|同时|而且|但是|不过|所以|因为|如果|(?<![主只需必都就还])要是|对了|再一个|接着|其次|顺便|要不然|"
    r"(?<=.{6})(?:您|你)(?:先)?看(?:一下|看|下)|(?<!来)(?<!的)(?<!果)那(?:我们?|咱们?|您|你们?|就|这样))"
)
_ACKNOWLEDGED = re.compile(
    r"(?:(?:好的?|行|可以的?|没问题|嗯+|对|是的|ok|OK|好嘞|收到|明白|那?这样吧?|那行|那好|没事|谢谢)(?:吧|呀|啊|哈|呢|嘞|了)?)+"
    r"(?=我|你|您|咱|那|这|周|下|明|今|后天|月|[一二三四五六七八九十\d]+[天周个号月]|上|本)"
)
_PARTICLE = re.compile(
    r"(?<!保证)(?<!承诺)[吗呢嘛呗吧啊哈哦呀](?=我|您|你|咱|他|那|然后|可以|好|嗯|行|周|下|明|今|这|什|怎|多|要|就|谁|哪|几|后|"
    r"[^，。]{0,6}(?:多少|几|什么|怎么|哪|谁|吗))"
)
_TAG = re.compile(
    r"(?:(?:您|你)(?:看|觉得)(?:这样)?|这样)?"
    r"(?:可以吗|可以不|可不可以|行吗|行不行|好吗|好不好|好吧|方便吗|方便不|方便么|对吗|对吧|是吧|是不是|合适吗|成吗|中不中)$"
)
_TURNS_TO_ACTOR = re.compile(r"(?:我们?|咱们?|您|你们?)(?:这边|那边)?$")
_ACTOR = re.compile("我|您|你|咱")
_LONG = 12
_ANY_DAY = date(2026, 1, 5)  # only the places of dates matter here
_HELD_BY = "在从是的到至和或、前后让给请跟和对把找烦叫是说问看到那等帮为陪带替与由向"


@lru_cache(maxsize=4096)
def spoken_clauses(text: str) -> tuple[Span, ...]:
    """Split into clauses as they are spoken, marks left out; lists (、) stay whole.

    Besides punctuation a clause ends after a reply (好的, 没问题), before a connective (然后, 另外), behind a
    particle that somebody goes on after (吗, 吧), before a closing tag (您看可以吗) and where a new actor with a
    date begins (…您周三把图给我│我周五给您方案). `text[span.start:span.end] == span.text` for each.
    """
    spans: list[Span] = []
    start = 0
    for pause in [*_PAUSE.finditer(text), None]:
        end = pause.start() if pause else len(text)
        spans += _within(text, start, end)
        start = pause.end() if pause else end
    return tuple(spans)


def _within(text: str, start: int, end: int) -> list[Span]:
    piece = text[start:end]
    cuts = {0, len(piece)}
    acknowledged = _ACKNOWLEDGED.match(piece)
    if acknowledged:
        cuts.add(acknowledged.end())
    cuts |= {match.start() for match in _CONNECTIVE.finditer(piece)}
    cuts |= {match.end() for match in _PARTICLE.finditer(piece)}
    tag = _TAG.search(piece)
    if tag:
        cuts.add(tag.start())
    cuts |= _actor_cuts(piece)
    edges = sorted(cuts)
    return [span for left, right in pairwise(edges) for span in _trimmed(text, start + left, start + right)]


def _actor_cuts(piece: str) -> set[int]:
    """Places where somebody new takes over with a date in a long piece: …给我│我周五给您…, …给您│后天我再…"""
    if len(piece) < _LONG:
        return set()
    cuts = set()
    for count, mention in enumerate(find_dates(piece, today=_ANY_DAY)):
        actor = _TURNS_TO_ACTOR.search(piece[: mention.start])
        start = actor.start() if actor else mention.start
        takes_over = actor is not None or count > 0 or _ACTOR.match(piece, mention.end) is not None
        takes_over = takes_over or piece[start - 1 : start] == "了"
        if takes_over and start > 4 and piece[start - 1] not in _HELD_BY:
            cuts.add(start)
    return cuts


def _trimmed(text: str, start: int, end: int) -> list[Span]:
    piece = text[start:end]
    kept = piece.strip()
    if not kept:
        return []
    at = start + piece.index(kept)
    return [Span(start=at, end=at + len(kept), text=kept)]
