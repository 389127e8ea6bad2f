"""Whether a phrase is denied: 不是太贵 is no complaint about the price, 价格倒不是问题 neither."""

from __future__ import annotations

import re

_BOUNDARY = re.compile(r"[，,。！？!?；;：:\n]")
_NO_NEGATION = re.compile(
    r"不但|不仅|不得不|不光|没准|不过|差不多|不错|是不是|要不要|能不能|好不好|会不会|有没有|可不可以|行不行|不好意思|不一会|不管|不论|无论|不如|要不|不然|不止"
)
_NEGATOR = re.compile(
    r"(?:并?不(?:是|算|太|觉得|会|用|需要|能|再|想|要|很|怎么|存在|至于|那么)?|没有?(?:说|觉得|什么|那么|再)?|别|无需|不必|从不|未曾?|谈不上|算不上|说不上|毫无|绝非|并非|免)"
)
_GAP = 6
_DENIED_AFTER = re.compile(
    r"(?:这块|这方面|方面|的?话)?(?:倒|也|都|其实|真的|完全|根本|并)?(?:不是(?:什么|大|太大的)?问题|没(?:有)?(?:什么|任何)?问题|不成问题|不重要|不存在|无所谓|不用担心|没有过)"
)
_DOUBLE = re.compile(r"不(?:是|会|能|可能)(?:没有?|不)|没有不|无不|不得不|非.{1,4}不可")


def is_negated(text: str, start: int, end: int) -> bool:
    """Whether `text[start:end]` is denied by words of its own clause, in front of it or right behind it.

    Two negations cancel (不是不贵). A question form (是不是, 能不能) denies nothing.
    """
    clause_start = max((match.end() for match in _BOUNDARY.finditer(text, 0, start)), default=0)
    window = _NO_NEGATION.sub(
        lambda match: "＃" * len(match.group()), text[max(clause_start, start - 2 * _GAP) : start]
    )
    if _DOUBLE.search(window[-_GAP - 2 :]):
        return False
    near = [match for match in _NEGATOR.finditer(window) if len(window) - match.end() <= _GAP]
    if len(near) % 2 == 1:
        return True
    return _DENIED_AFTER.match(text, end) is not None
