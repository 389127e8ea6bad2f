"""Whether a claim keeps the direction, the firmness and the actors of its evidence."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

from agent.alteration import altered, lumped, made_total, rebound
from agent.negation import denial, negation_count, stated_only_denied
from agent.phrasing import stated
from agent.substitution import substituted
from agent.swaps import put_first, swapped_sides
from agent.wording import same_form
from language.quantities import Dimension, Quantity, agrees, quantities
from language.quantity_units import any_of
from language.sentences import clauses, sentences
from language.tagging import tagged

_ALIKE = 0.3
"""Share of a claim clause's character pairs that make an evidence clause its own."""
_RELATED = 0.12
_DONE = re.compile(r"(?<=[一-鿿])(?<![为除])了(?=[一-鿿])(?!解)")
"""了 inside a verb phrase: 降了价 is 降价."""
_SAME_CLAUSE, _NEARLY_ALL = 0.25, 0.9
_KEPT = 0.6
"""Share of a condition's character pairs in the claim that make the condition kept without its 如果."""
_SWAPS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"([一-鿿])得([一-鿿])"), lambda match: f"{match[1]}不{match[2]}"),
    (re.compile(r"([一-鿿])不([到了通上下起完清好动住及开出来去着懂见成过])"), lambda match: f"{match[1]}得{match[2]}"),
    (re.compile(r"从([今去明前上下]?[一-鿿\d]{1,6}?[年月日号底初])"), lambda match: f"到{match[1]}"),
    (re.compile(r"到([今去明前上下]?[一-鿿\d]{1,6}?[年月日号底初])"), lambda match: f"从{match[1]}"),
)
_BOUND_TO_OTHER = 0.25
"""How much likelier another clause with another number must be for a number to count as taken from elsewhere."""
_MEETS = re.compile(r"以上$|以下$|(?<!不)(?:低于|高于|超过)|达不到|达到|不够|不足|的话|[未没]通过")
_CONSEQUENCE = re.compile(r"[退扣赔罚补]|[减全]免|不[收付]|违约|解约")
_OWNER = re.compile(r"(我们|咱们|我方|您|你们|客户|对方|甲方|乙方)的")
_BEFORE_AFTER = re.compile(r"([一-鿿]{2})(?:之|以)?([前后])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """What was turned round: `kind` is negation, opposite, hedge, condition, question, role, order, …"""

    kind: str
    word: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """A whole sentence of evidence; `by_customer` where the customer speaks, whose 我们 is the customer."""

    text: str
    by_customer: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Clause:
    text: str
    sentence: str
    by_customer: bool
    share: float


def find_flip(claim: str, contexts: Sequence[Context]) -> Flip | None:
    """Return how the claim turns its evidence round, or None.

    Args:
        claim: One sentence.
        contexts: The sentences that the citations' quotes stand in, so that a condition or a 不 just
            outside a quote is seen.
    """
    claim = same_form(claim)
    contexts = [Context(text=same_form(one.text), by_customer=one.by_customer) for one in contexts]
    whole = _order_flip(claim, contexts) or _lumped(claim, contexts)
    if whole is not None:
        return whole
    for clause in clauses(claim):
        evidence = _evidence_for(clause.text, contexts)
        flip = _flip(clause.text, claim, evidence) if evidence else None
        if flip is not None:
            return flip
    return None


def _evidence_for(clause: str, contexts: Sequence[Context]) -> list[_Clause]:
    """Return the evidence clauses that share words with this one, the likest first."""
    wanted = _pairs(clause)
    found = [
        _Clause(
            text=candidate.text,
            sentence=sentence.text,
            by_customer=context.by_customer,
            share=len(wanted & _pairs(candidate.text)) / max(1, len(wanted)),
        )
        for context in contexts
        for sentence in sentences(context.text)
        for candidate in clauses(sentence.text)
    ]
    return sorted((one for one in found if one.share >= _RELATED), key=lambda one: -one.share)


def _flip(clause: str, claim: str, evidence: Sequence[_Clause]) -> Flip | None:
    best = evidence[0]
    return (
        _negation_flip(clause, claim, evidence)
        or _opposite_flip(clause, evidence)
        or _boundary_flip(clause, evidence)
        or _turned_modality(clause, evidence)
        or _unbound_number(clause, evidence)
        or _substitution(clause, evidence)
        or _alteration(clause, evidence)
        or _swap(clause, evidence)
        or _possession(clause, evidence)
        or (_role_flip(clause, claim, best) if best.share >= _ALIKE else None)
        or (_dropped_hedge(claim, best) if best.share >= _ALIKE else None)
        or (_context_flip(claim, best) if best.share >= _ALIKE else None)
    )


def _negation_flip(clause: str, claim: str, evidence: Sequence[_Clause]) -> Flip | None:
    attitude = _rules().modality["attitude"]
    if attitude.search(claim) and attitude.search(evidence[0].text):
        # What is feared may be named either way: 担心没有效力, 顾虑是效力; the fear itself may not.
        feared = next((term for term in denial(clause).terms if attitude.search(term)), None)
        return Flip(kind="negation", word=feared) if feared else None
    said = denial(clause)
    given = [denial(one.sentence) for one in evidence]
    denied = frozenset().union(*(one.terms for one in given))
    open_ = " ".join(one.rest for one in given)
    if said.terms & denied and negation_count(clause) == negation_count(evidence[0].text):
        return None  # the same is denied, around it the words stand otherwise
    run = stated_only_denied(clause, " ".join(one.text for one in evidence))
    if run is not None:
        return Flip(kind="negation", word=run)
    for term in said.terms:
        if term in open_ and term not in denied:
            return Flip(kind="negation", word=term)
    for term in denied:
        if term in said.rest and term not in open_:
            return Flip(kind="negation", word=term)
    return None


def _substitution(clause: str, evidence: Sequence[_Clause]) -> Flip | None:
    """Another thing or actor in the place of the evidence's own; not where one clause has nearly all of the words."""
    if evidence[0].share >= _NEARLY_ALL:
        return None
    said = stated(clause)
    near = [one for one in evidence[:3] if one.share >= _SAME_CLAUSE]
    word = next((word for one in near if (word := substituted(said, one.text)) is not None), None)
    is_listed = word is not None and any(f"、{word}" in one.sentence for one in near)
    return Flip(kind="other", word=word) if word and not is_listed else None


def _alteration(clause: str, evidence: Sequence[_Clause]) -> Flip | None:
    near = [one.text for one in evidence if one.share >= _SAME_CLAUSE]
    whole = list(dict.fromkeys(one.sentence for one in evidence))
    word = altered(clause, near) or made_total(clause, near) or rebound(stated(clause), whole)
    return Flip(kind="altered", word=word) if word else None


def _swap(clause: str, evidence: Sequence[_Clause]) -> Flip | None:
    word = swapped_sides(clause, [one.text for one in evidence]) or put_first(
        clause, list(dict.fromkeys(one.sentence for one in evidence))
    )
    return Flip(kind="swap", word=word) if word else None


def _lumped(claim: str, contexts: Sequence[Context]) -> Flip | None:
    word = lumped(claim, [one.text for one in contexts])
    return Flip(kind="lumped", word=word) if word else None


def _possession(clause: str, evidence: Sequence[_Clause]) -> Flip | None:
    """我们的机房 where the evidence clause has 您的机房."""
    best = evidence[0]
    said, given = _OWNER.findall(clause), _OWNER.findall(best.text)
    if best.share < _ALIKE or not said or not given:
        return None
    sides = _roles(" ".join(said), by_customer=False), _roles(" ".join(given), by_customer=best.by_customer)
    turned = len(sides[0]) == len(sides[1]) == 1 and sides[0] != sides[1]
    return Flip(kind="role", word=said[0]) if turned else None


def _opposite_flip(clause: str, evidence: Sequence[_Clause]) -> Flip | None:
    near = [one for one in evidence if one.share >= _ALIKE] or list(evidence[:1])
    text = " ".join(one.text for one in near)
    for pair in _rules().opposites:
        for one, other in (pair, pair[::-1]):
            if (
                _says(clause, one, other)
                and _says(text, other, one)
                and not _says(clause, other, one)
                and not _says(text, one, other)
            ):
                return Flip(kind="opposite", word=one)
    return None


def _says(text: str, word: str, opposite: str) -> bool:
    """Whether a text says a word by itself: 可以 in 不可以 is not said."""
    bare = text.replace(opposite, "") if word in opposite else text
    return word in bare if len(word) > 1 else word in {one.text for one in tagged(bare)} or f"{word}了" in bare


def _boundary_flip(clause: str, evidence: Sequence[_Clause]) -> Flip | None:
    """前 and 后 behind the same word, 从 and 到 before the same date, 得 and 不 in the same 找得到."""
    text = " ".join(one.text for one in evidence)
    for pattern, swapped in _SWAPS:
        for match in pattern.finditer(clause):
            if swapped(match) in text and match.group() not in text:
                return Flip(kind="opposite", word=match.group())
    given = {match[1]: match[2] for one in evidence for match in _BEFORE_AFTER.finditer(one.text)}
    for match in _BEFORE_AFTER.finditer(clause):
        if given.get(match[1], match[2]) != match[2]:
            return Flip(kind="opposite", word=match.group())
    return None


def _turned_modality(clause: str, evidence: Sequence[_Clause]) -> Flip | None:
    words = _rules().modality
    said = {name for name, pattern in words.items() if pattern.search(clause)}
    given = {name for name, pattern in words.items() if any(pattern.search(one.text) for one in evidence[:3])}
    for name, opposite in _rules().turned:
        if name in said and opposite in given and name not in given and opposite not in said:
            return Flip(kind=f"{opposite}_to_{name}", word=_word(name, clause))
    return None


def _dropped_hedge(claim: str, best: _Clause) -> Flip | None:
    words = _rules().modality
    kept = any(words[name].search(claim) for name in ("hedge", "planned", "question", "may", "asks", "condition"))
    if words["hedge"].search(best.text) and not kept:
        return Flip(kind="hedge", word=_word("hedge", best.text))
    return None


def _context_flip(claim: str, best: _Clause) -> Flip | None:
    """A fear, a condition or a question around the evidence clause that the claim does not carry."""
    words = _rules().modality
    attitude = words["attitude"].search(best.text)
    if attitude and not words["attitude"].search(claim) and not words["asks"].search(claim):
        return Flip(kind="attitude", word=attitude.group())
    before = best.sentence[: best.sentence.find(best.text) + len(best.text)]
    condition = words["condition"].search(before)
    if condition and not words["condition"].search(claim) and not _keeps_condition(claim, best, condition.group()):
        return Flip(kind="condition", word=condition.group())
    implied = _implied_condition(before)
    if implied and _MEETS.search(claim) is None and not _pairs(implied) & _pairs(claim):
        return Flip(kind="condition", word=implied)
    is_question = re.search(r"[?？]\s*[”\"’]?$", best.sentence) or re.search(r"(?:吗|呢)[。，]?$", best.sentence)
    asked = words["asks"].search(claim) or words["question"].search(claim) or re.search(r"[?？]", claim)
    return Flip(kind="question", word="？") if is_question and not asked else None


def _implied_condition(before: str) -> str | None:
    """Return the threshold that a consequence stands behind: 八周达不到，我们退出，不收试点费."""
    *earlier, last = [one.text for one in clauses(before)] or [""]
    return next((one for one in earlier if _MEETS.search(one)), None) if _CONSEQUENCE.search(last) else None


def _keeps_condition(claim: str, best: _Clause, word: str) -> bool:
    """Whether the claim names the condition beside what follows from it: 月底前签，实施费减半."""
    conditions = [one.text for one in clauses(best.sentence) if word in one.text]
    if not conditions or word in best.text or len(clauses(claim)) < 2:
        return False
    wanted = _pairs(conditions[0].replace(word, ""))
    return len(wanted & _pairs(claim)) / max(1, len(wanted)) >= _KEPT


def _role_flip(clause: str, claim: str, best: _Clause) -> Flip | None:
    """我们 where the evidence says 您, or the other way round; the customer's own 我们 is the customer."""
    if re.search(r"[“\"「]", claim):
        return None
    said, given = _roles(clause, by_customer=False), _roles(best.text, by_customer=best.by_customer)
    if len(said) == 1 and len(given) == 1 and said != given:
        return Flip(kind="role", word=next(iter(said)))
    return None


def _roles(text: str, *, by_customer: bool) -> set[str]:
    """Return whose doing a text is: the customer's 我们 is the customer, their 你们 is us."""
    found = {name for name, pattern in _rules().roles.items() if pattern.search(text)}
    pronouns = {"we": "theirs", "you": "ours"} if by_customer else {"we": "ours", "you": "theirs"}
    sides = pronouns | {"our_side": "ours", "their_side": "theirs", "rival": "theirs"}
    return {sides[name] for name in found}


def _unbound_number(clause: str, evidence: Sequence[_Clause]) -> Flip | None:
    """A number that the evidence gives to something or somebody else, who has another one there."""
    said = quantities(clause)
    wanted, roles = _pairs(_without_numbers(clause)), _roles(stated(clause), by_customer=False)
    for claimed in said:
        own, other = -1.0, -1.0
        for one in evidence:
            share = len(wanted & _pairs(_without_numbers(one.text))) / max(1, len(wanted))
            same_actor = not roles or roles & _roles(one.text, by_customer=one.by_customer)
            given = [quantity for quantity in quantities(one.text) if _like(quantity, claimed)]
            if any(agrees(claimed, quantity) for quantity in given):
                own = max(own, share + (0.0 if same_actor else -_BOUND_TO_OTHER))
            elif given:
                other = max(other, share + (0.0 if same_actor else -_BOUND_TO_OTHER))
        if own >= 0 and other > own + _BOUND_TO_OTHER and not claimed.is_article:
            return Flip(kind="number", word=claimed.text)
    return _torn_numbers(said, evidence)


def _torn_numbers(said: Sequence[Quantity], evidence: Sequence[_Clause]) -> Flip | None:
    """Two numbers of one clause that the evidence has in two clauses, one of them beside another number of its kind."""
    for claimed in said:
        for partner in (one for one in said if one is not claimed):
            holding = [quantities(one.text) for one in evidence]
            both = any(_any_agrees(claimed, given) and _any_agrees(partner, given) for given in holding)
            against = [
                given
                for given in holding
                if _any_agrees(claimed, given)
                and not _any_agrees(partner, given)
                and any(_like(partner, one) and not agrees(claimed, one) for one in given)
            ]
            if against and not both:
                return Flip(kind="number", word=claimed.text)
    return None


def _any_agrees(claimed: Quantity, given: Sequence[Quantity]) -> bool:
    return any(agrees(claimed, one) for one in given)


def _like(one: Quantity, other: Quantity) -> bool:
    """Whether two quantities measure the same: numbers of 期 are not numbers of 个."""
    return one.dimension is other.dimension and (one.dimension is not Dimension.COUNT or one.unit == other.unit)


def _without_numbers(text: str) -> str:
    kept = list(text)
    for quantity in quantities(text):
        kept[quantity.start : quantity.end] = " " * (quantity.end - quantity.start)
    return "".join(kept).replace(" ", "")


def _order_flip(claim: str, contexts: Sequence[Context]) -> Flip | None:
    """从A降到B read as 从B降到A, or A's number given to B."""
    for clause in clauses(claim):
        asked = quantities(clause.text)
        for context in contexts:
            for candidate in sentences(context.text):
                if _is_reordered(asked, quantities(candidate.text)):
                    return Flip(kind="order", word=asked[0].text)
    return None


def _is_reordered(claimed: Sequence[Quantity], given: Sequence[Quantity]) -> bool:
    """Whether two numbers of one kind stand the other way round; a number that stands twice decides nothing."""
    for place, first in enumerate(claimed):
        for second in claimed[place + 1 :]:
            if first.dimension is not second.dimension:
                continue
            firsts = [at for at, one in enumerate(given) if agrees(first, one)]
            seconds = [at for at, one in enumerate(given) if agrees(second, one)]
            if len(firsts) == len(seconds) == 1 and firsts[0] > seconds[0]:
                return True
    return False


def _word(name: str, text: str) -> str:
    match = _rules().modality[name].search(text)
    return match.group() if match else ""


@lru_cache(maxsize=16384)
def _pairs(text: str) -> frozenset[str]:
    run = _DONE.sub("", re.sub(r"\W", "", text))
    return frozenset(run[at : at + 2] for at in range(len(run) - 1)) or frozenset({run})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rules:
    opposites: tuple[tuple[str, str], ...]
    modality: dict[str, re.Pattern[str]]
    turned: tuple[tuple[str, str], ...]
    roles: dict[str, re.Pattern[str]]


@cache
def _rules() -> _Rules:
    table = tomllib.loads((files("agent") / "polarity.toml").read_text(encoding="utf-8"))
    return _Rules(
        opposites=tuple((one, other) for one, other in table["opposites"]),
        modality={name: re.compile(any_of(words)) for name, words in table["modality"].items()},
        turned=tuple((one, other) for one, other in table["turned"]["pairs"]),
        roles={name: re.compile(pattern) for name, pattern in table["roles"].items()},
    )
