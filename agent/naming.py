"""Whom a question names that no source knows: an unknown competitor is never talked about."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from agent.matching import named_by_id
from agent.names import Name, NameKind, word_lists
from agent.questions import Question, same_meaning, subject_words
from agent.shelf import Shelf
from domain.sources import Source
from domain.suggestions import AbstentionReason
from language.quantities import quantities
from language.tagging import frequency, tagged
from signals.competitor_candidates import find_candidates

_RIVAL_SLOTS = re.compile(
    r"(?:竞品|竞争对手|对手|友商)(?:的|是|叫)?(?P<after>[一-鿿A-Za-z0-9]{2,10})"
    r"|(?:^|[，,。？?\s]|我们和|我们跟|我们与|我们比|咱们和|咱们跟|和|跟|与|比|拿|用|选|关于|了解|介绍(?:一下)?)(?P<named>[一-鿿A-Za-z0-9]{2,10}?)"
    r"(?=的(?:报价|价格|价钱|缺点|优势|劣势|弱点|短板|产品|功能|市场份额|份额|实施|售后|服务|融资|口碑|客户|案例|销售|方案|系统|技术|架构|交付|部署|收费|政策|创始人|营收|团队|稳定性|性能|安全)"
    r"|(?:和|跟|与|比)(?:我们|咱们)|比(?:我们|咱们|起来)|相比|有(?:什么|哪些|没有)(?:缺点|优势|弱点|问题|案例|客户|短板)|怎么样|靠谱|支持|靠不靠谱|好不好|谁(?:更|的)|哪个(?:更|好|便宜|强)|报价|便宜|收费)"
)
_ASKS_OF_A_VENDOR = re.compile(
    r"报价|价格|多少钱|便宜|漏检|准确率|功能|性能|优势|缺点|弱点|强在|比我们|怎么样|靠谱|市场|份额|收费|竞品|对手"
)
_RARE = 150
"""Dictionary frequency below which a word in a rival's place may be a name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Where a name may be known from: the shelf and the deal or talk at hand."""

    shelf: Shelf
    here: tuple[Source, ...] = ()

    def holds(self, word: str) -> bool:
        """Whether any source has the word."""
        plain = re.sub(r"\s+", "", word).lower()
        return self.shelf.holds(word) or any(plain in re.sub(r"\s+", "", source.text).lower() for source in self.here)


def unknown_name(question: Question, known: Known) -> AbstentionReason | None:
    """Return why a question cannot be answered because of whom it names, or None."""
    if any(not _known_word_by_word(name, known) for name in rivals_asked_about(question)):
        return AbstentionReason.UNKNOWN_COMPETITOR
    if _subject_is_unknown(question, known):
        is_vendor = _ASKS_OF_A_VENDOR.search(question.text)
        return AbstentionReason.UNKNOWN_COMPETITOR if is_vendor else AbstentionReason.NO_EVIDENCE
    for name in question.names:
        if name.kind is NameKind.COMPANY and not _known_in_any_form(name, known):
            return AbstentionReason.UNKNOWN_COMPETITOR if _is_vendor(name) else AbstentionReason.NO_EVIDENCE
        if name.kind is NameKind.PRODUCT and not known.holds(name.text) and not _is_case_id(name.text, known):
            return AbstentionReason.UNKNOWN_COMPETITOR
    return None


def _known_word_by_word(name: str, known: Known) -> bool:
    """Whether a source has the name, or each of its words: 家居拆单 is known where 家居 and 拆单 are."""
    suffixes = word_lists()["organisation_suffixes"]
    words = [word.text for word in tagged(name) if len(word.text) > 1 and word.text not in suffixes]
    return known.holds(name) or (bool(words) and all(known.holds(word) for word in words))


def _subject_is_unknown(question: Question, known: Known) -> bool:
    """Whether the question is about something whose first word is a rare one that no source has: 云帆 in 云帆视觉的."""
    words = [word for word in tagged(question.subject) if re.search(r"\w", word.text)]
    if not subject_words(question.subject) or not words or words[0].tag[0] in "rpcdumvaqt" or len(words[0].text) < 2:
        return False
    first = words[0].text
    return (
        not known.holds(first)
        and frequency(first) < _RARE
        and not any(known.holds(other) for other in same_meaning(first))
    )


def unknown_people(question: Question, known: Known) -> Sequence[Name]:
    """Return the people a question names that no source knows."""
    return [name for name in question.names if name.kind is NameKind.PERSON and not known.holds(name.text)]


def rivals_asked_about(question: Question) -> list[str]:
    """Return the names that stand in a rival's place of the question: X的报价, 和X比, 竞品X."""
    found = [one.text for one in find_candidates(question.text) if not quantities(one.text)]
    for match in _RIVAL_SLOTS.finditer(question.text):
        word = match["after"] or match["named"] or ""
        name = _head_of_name(word) if match["after"] else word
        if name and _could_be_name(name):
            found.append(name)
    return list(dict.fromkeys(found))


def _head_of_name(run: str) -> str:
    """Return the leading words of a run up to the first everyday word."""
    kept = ""
    for word in tagged(run):
        if (kept and not (word.tag[0] in "n" or not word.is_known)) or word.tag[0] in "urpcdmq":
            break
        kept += word.text
    return kept


def _could_be_name(text: str) -> bool:
    generic = word_lists()["generic"] | word_lists()["not_rivals"]
    if any(word in text for word in word_lists()["not_rivals"]):
        return False
    words = [word for word in tagged(text) if word.text not in generic]
    return (
        bool(words)
        and all(word.tag[0] in "nvxlzjis" or word.tag == "eng" or not word.is_known for word in words)
        and (frequency(text) < _RARE)
    )


def _is_case_id(text: str, known: Known) -> bool:
    return bool(named_by_id(text, known.shelf))


def _known_in_any_form(name: Name, known: Known) -> bool:
    return known.holds(name.text) or (len(name.core) >= 2 and known.holds(name.core))


def _is_vendor(name: Name) -> bool:
    return any(name.text.endswith(suffix) for suffix in word_lists()["vendor_suffixes"])
