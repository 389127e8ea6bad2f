"""Compliance risks: wording that law or policy forbids, with the exemptions that the law itself makes.

`check_wording` is pure and knows no conversation; the agent checks its own drafts with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from domain.conversation import CUSTOMER, REP, Turn
from domain.errors import MissingError
from domain.lexicon import LexiconKind
from domain.signals import RepAct, Risk, Severity, Signal, SignalKind
from language.sentences import Span, sentences
from language.spoken import spoken_clauses
from signals.act_head import ActHead, load_act_head, rep_turns
from signals.act_wording import ACTS
from signals.competitors import mentions_in
from signals.pipeline import Reading, observe
from signals.rep_acts import carrying_span
from signals.wording import Place, WordingRule, exemption_of, exemption_reason, wording_rules, words

_QUESTION = re.compile(r"[吗么]$")
_HEARD = {
    RepAct.DISPARAGE: ("rival.disparage", 0.5),
    RepAct.KICKBACK: ("benefit.kickback", 0.6),
    RepAct.ASK_SENSITIVE: ("privacy.secret", 0.6),
}
"""Acts of the head that are risks, the rule whose text they take, and the least score."""
_SCORES = {Severity.BLOCK: 0.9, Severity.REWRITE: 0.85, Severity.NOTE: 0.7}


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskFinding:
    """One use of risky wording at `text[start:end]`.

    Attributes:
        rule: Stable id, e.g. `absolute.rank`.
        exempt: Id of the exemption that applies; the severity is then `note`.
        suggested_rewrite: What could be said instead; empty for an exempt use.
    """

    label: Risk
    severity: Severity
    rule: str
    message: str
    suggested_rewrite: str
    start: int
    end: int
    exempt: str | None = None


def check_wording(text: str, *, domain: str | None = None, rivals: Sequence[str] = ()) -> list[RiskFinding]:
    """Find risky wording of our own side in a text.

    Args:
        text: What a rep says, or a draft.
        domain: `medical` or `finance` where yield and cure claims have no leniency; None reads it from the text.
        rivals: Names that are competitors here, besides 他们家, 友商 and the like.

    Returns:
        Findings in order of place; overlapping ones are settled in favour of the graver rule.

    References:
        广告绝对化用语执法指南 (市场监管总局公告 2023年第6号); 广告法 第九条(三).
    """
    return list(_findings(text, domain, tuple(sorted(set(rivals)))))


@lru_cache(maxsize=4096)
def _findings(text: str, domain: str | None, rivals: tuple[str, ...]) -> tuple[RiskFinding, ...]:
    found: list[RiskFinding] = []
    whole = sentences(text)
    clauses = spoken_clauses(text)
    for rule in wording_rules(rivals):
        for match in rule.pattern.finditer(text):
            taken = any(match.start() < one.end and one.start < match.end() for one in found)
            if match.end() == match.start() or taken:
                continue
            finding = _judged(rule, text, _trimmed(match), whole, clauses, domain)
            if finding is not None:
                found.append(finding)
    return tuple(sorted(found, key=lambda one: one.start))


class RiskDetector:
    """Finds compliance risks in what the rep says.

    The rules come first. Where the reading has an encoder, the rep act head adds slander, favours and requests for
    secrets that no rule has words for; it never overrules an exemption and never adds absolute wording, of which it
    cannot tell the exempt uses (37 false alarms against 3 on the written development rows).

    Args:
        acts: The rep act head; the shipped one when absent.
    """

    name = "risks"
    version = "1.2"

    def __init__(self, *, acts: ActHead | None = None) -> None:
        self._acts = acts

    def detect(self, reading: Reading) -> Iterator[Signal]:
        """Yield one signal a finding with `severity`, `rule`, `message`, `suggested_rewrite` and `exempt`.

        Of an unattributed speaker only wording that must be blocked is reported: the rest may be the customer's.
        """
        rivals = rivals_of(reading)
        for turn in reading.turns:
            if turn.speaker == CUSTOMER:
                continue
            for finding in check_wording(turn.text, rivals=rivals):
                if turn.speaker == REP or finding.severity is Severity.BLOCK:
                    yield self._signal(turn, finding)
        for turn, finding in _by_meaning(reading, self._acts, rivals):
            yield self._signal(turn, finding)

    def _signal(self, turn: Turn, finding: RiskFinding) -> Signal:
        attributes: dict[str, object] = {
            "severity": finding.severity,
            "rule": finding.rule,
            "message": finding.message,
            "suggested_rewrite": finding.suggested_rewrite,
        }
        if finding.exempt:
            attributes["exempt"] = finding.exempt
        return observe(
            self,
            turn,
            kind=SignalKind.RISK,
            label=finding.label,
            score=_SCORES[finding.severity],
            start=finding.start,
            end=finding.end,
            attributes=attributes,
        )


def _by_meaning(reading: Reading, head: ActHead | None, rivals: Sequence[str]) -> Iterator[tuple[Turn, RiskFinding]]:
    """What the head hears and no rule found; nothing where there is no encoder."""
    try:
        acts = head or load_act_head()
        heard = rep_turns(reading, acts)
    except MissingError:
        return
    rules = {rule.id: rule for rule in wording_rules(())}
    columns = (heard.places, heard.turns, heard.scores.acts, heard.scores.clauses)
    for place, read, row, clauses in zip(*columns, strict=True):
        known = {finding.label for finding in check_wording(read.text, rivals=rivals)}
        for act, (rule_id, least) in _HEARD.items():
            rule, column = rules[rule_id], ACTS.index(act)
            if row[column] < max(least, acts.thresholds[column]) or rule.label in known:
                continue
            if rule.unless is not None and rule.unless.search(read.text):
                continue
            span = carrying_span(read, act, clauses[:, column])
            yield reading.turns[place], _heard(rule, span)


def _heard(rule: WordingRule, span: Span) -> RiskFinding:
    return RiskFinding(
        label=rule.label,
        severity=rule.severity,
        rule=f"{rule.id}.heard",
        message=rule.message,
        suggested_rewrite=rule.rewrite,
        start=span.start,
        end=span.end,
    )


def rivals_of(reading: Reading) -> tuple[str, ...]:
    """Return the names that count as competitors in a conversation: the lexicon's and those it met."""
    listed = {form for entry in reading.lexicon if entry.kind is LexiconKind.COMPETITOR for form in entry.forms}
    met = {reading.turns[one.turn].text[one.start : one.end] for one in mentions_in(reading)}
    return tuple(sorted(name for name in listed | met if len(name) > 1))


def _trimmed(match: re.Match[str]) -> tuple[int, int]:
    said = match.group()
    lead = re.match(r"[\s，,、]*(?:的话|就|也|都|还|那)?", said)
    start = match.start() + (lead.end() if lead and lead.end() < len(said) else 0)
    return start, match.start() + len(said.rstrip(" ，,、"))


def _judged(
    rule: WordingRule,
    text: str,
    span: tuple[int, int],
    whole: Sequence[Span],
    clauses: Sequence[Span],
    domain: str | None,
) -> RiskFinding | None:
    place = _place(text, span, whole, clauses)
    if rule.domain and not _in_domain(rule.domain, place, domain):
        return None
    if rule.unless is not None and rule.unless.search(_scope(rule, place)):
        return None
    if rule.questions_are_clean and _asks(place):
        return None
    if rule.is_absolute and _claims_nothing(place):
        return None
    exempt = exemption_of(rule, place)
    return RiskFinding(
        label=rule.label,
        severity=Severity.NOTE if exempt else rule.severity,
        rule=rule.id,
        message=f"{exemption_reason(exempt)}，可以使用，请留存依据。" if exempt else rule.message,
        suggested_rewrite="" if exempt else rule.rewrite,
        start=span[0],
        end=span[1],
        exempt=exempt,
    )


def _place(text: str, span: tuple[int, int], whole: Sequence[Span], clauses: Sequence[Span]) -> Place:
    sentence = next((one for one in whole if one.start <= span[0] < one.end), None)
    held = [one for one in clauses if one.start < span[1] and span[0] < one.end]
    left, right = (held[0].start, held[-1].end) if held else span
    left, right = min(left, span[0]), max(right, span[1])
    at = [place for place, one in enumerate(clauses) if one.start < span[1] and span[0] < one.end]
    nearby = clauses[max(0, at[0] - 2) : at[-1] + 3] if at else []
    return Place(
        said=text[span[0] : span[1]],
        before=text[left : span[0]],
        after=text[span[1] : right],
        clause=text[left:right],
        sentence=sentence.text if sentence else text,
        nearby=text[nearby[0].start : nearby[-1].end] if nearby else text,
        mark=text[right : right + 1],
    )


def _scope(rule: WordingRule, place: Place) -> str:
    return {"match": place.said, "clause": place.clause}.get(rule.unless_scope, place.sentence)


def _in_domain(needed: str, place: Place, given: str | None) -> bool:
    return given == needed or (given is None and words(needed).search(place.sentence) is not None)


def _asks(place: Place) -> bool:
    return place.mark in ("？", "?") or _QUESTION.search(place.clause) is not None


def _claims_nothing(place: Place) -> bool:
    """不敢说是最好的 denies, 您最关心的 is about the customer, 是最好的吗 asks: none says it of our goods."""
    at = place.said.find("最")
    upto = f"{place.before}{place.said[: max(at, 0)]}"
    if words("never_claim").search(upto) or _asks(place):
        return True
    if at < 0:
        return False
    tail = f"{place.said[at:]}{place.after}"
    return words("your_feeling").match(tail) is not None or words("about_you").search(f"{upto}最") is not None
