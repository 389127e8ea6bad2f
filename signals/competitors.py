"""Competitor mentions: names of the lexicon in every form they are said, and unknown names in a vendor's place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from weakref import WeakKeyDictionary

from domain.conversation import CUSTOMER, REP, Turn
from domain.lexicon import Lexicon, LexiconKind, names_of
from domain.signals import Signal, SignalKind
from language.matching import Likeness, Match, Matcher
from language.tagging import frequency
from signals.competitor_candidates import COMMON_FROM, find_candidates
from signals.name_contexts import evidence_for, is_company
from signals.pipeline import Reading, observe
from signals.rulebook import section
from signals.stances import stance_toward

_SCORES = {Likeness.EXACT: 0.98, Likeness.ALIAS: 0.95, Likeness.HOMOPHONE: 0.85}
_CANDIDATE_SCORE = 0.6
_REACTION_WITHIN = 3
_LIST_SIGN = re.compile(r"[\d.wWkK万]{0,6}\s*(?:[、，,；;+/ ]|和|跟|与|还有|以及|或者?)\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A competitor named in turn number `turn` at `[start, end)`; `how` is a likeness or `candidate`."""

    turn: int
    start: int
    end: int
    label: str
    is_known: bool
    how: str
    score: float


class CompetitorDetector:
    """Finds competitor mentions with sentiment and the rep's reaction that followed."""

    name = "competitors"
    version = "1.1"

    def detect(self, reading: Reading) -> Iterator[Signal]:
        """Yield one signal a mention; `label` is the canonical name, or the words said where nobody knows it."""
        mentions = mentions_in(reading)
        for place, mention in enumerate(mentions):
            turn = reading.turns[mention.turn]
            following = mentions[place + 1] if place + 1 < len(mentions) else None
            stop = following.start if following and following.turn == mention.turn else None
            yield observe(
                self,
                turn,
                kind=SignalKind.COMPETITOR,
                label=mention.label,
                score=mention.score,
                start=mention.start,
                end=mention.end,
                attributes={
                    "known": mention.is_known,
                    "match": mention.how,
                    "sentiment": stance_toward(turn.text, mention.start, mention.end, stop=stop),
                    "reaction_turn_id": _reaction(reading.turns, mention.turn),
                },
            )


_found: WeakKeyDictionary[Reading, tuple[Mention, ...]] = WeakKeyDictionary()


def mentions_in(reading: Reading) -> tuple[Mention, ...]:
    """Return all mentions in order; computed once a reading, since several detectors need to know who is a rival."""
    held = _found.get(reading)
    if held is None:
        held = _found[reading] = tuple(_mentions(reading))
    return held


@lru_cache(maxsize=8)
def _matcher(lexicon: Lexicon) -> Matcher:
    return Matcher(names_of(lexicon))


def _mentions(reading: Reading) -> Iterator[Mention]:
    known = [_known_in(turn, reading.lexicon) for turn in reading.turns]
    settled = {match.entry.name for turn, found in zip(reading.turns, known, strict=True) for match in found
               if evidence_for(turn.text, match.start, match.end) >= 1}  # fmt: skip
    names = _own_and_known_names(reading.lexicon)
    discovered = _discovered(reading.turns, names)
    for index, (turn, matches) in enumerate(zip(reading.turns, known, strict=True)):
        found = [
            Mention(
                turn=index,
                start=match.start,
                end=match.end,
                label=match.entry.name,
                is_known=True,
                how=match.likeness,
                score=_SCORES[match.likeness],
            )
            for match in matches
            if match.entry.kind is LexiconKind.COMPETITOR
            and is_company(
                turn.text,
                match,
                speaker=turn.speaker,
                is_settled=match.entry.name in settled,
                is_listed=_is_listed(turn.text, match, matches),
            )
        ]
        taken = [(match.start, match.end) for match in matches]
        found += _candidates_in(index, turn, taken, discovered)
        yield from sorted(found, key=lambda mention: mention.start)


def _is_listed(text: str, match: Match, others: Sequence[Match]) -> bool:
    """Whether another competitor stands next to this one with only a list's sign between."""
    gaps = (
        text[min(match.end, other.end) : max(match.start, other.start)]
        for other in others
        if other is not match and other.entry.kind is LexiconKind.COMPETITOR
    )
    return any(_LIST_SIGN.fullmatch(gap) for gap in gaps)


def _known_in(turn: Turn, lexicon: Lexicon) -> list[Match]:
    """Every lexicon name in the turn, whatever its kind; as written wins over as heard."""
    if not lexicon:
        return []
    matcher = _matcher(lexicon)
    literal = matcher.literal(turn.text)
    heard = [
        match
        for match in matcher.homophones(turn.text)
        if not any(match.start < other.end and other.start < match.end for other in literal)
    ]
    longer = [match for match in heard if match.entry.kind is LexiconKind.COMPETITOR]
    return sorted([*literal, *longer], key=lambda match: match.start)


def _own_and_known_names(lexicon: Lexicon) -> frozenset[str]:
    return frozenset(form for entry in names_of(lexicon) for form in entry.forms)


def _discovered(turns: Sequence[Turn], names: frozenset[str]) -> dict[str, str]:
    """Map each form of a newly found name to its label: 瀚海系统 is also meant by a later 瀚海."""
    forms: dict[str, str] = {}
    for turn in turns:
        for candidate in find_candidates(turn.text):
            if any(name in candidate.text or candidate.text in name for name in names):
                continue
            forms.setdefault(candidate.text, candidate.text)
            bare = re.sub(f"{section('candidates', 'names.suffixes')}$", "", candidate.text)
            if len(bare) >= 2 and frequency(bare) < COMMON_FROM:
                forms.setdefault(bare, forms[candidate.text])
    return forms


def _candidates_in(
    index: int, turn: Turn, taken: Sequence[tuple[int, int]], discovered: dict[str, str]
) -> Iterator[Mention]:
    if not discovered:
        return
    for match in _any_of(tuple(sorted(discovered, key=len, reverse=True))).finditer(turn.text):
        if any(match.start() < end and start < match.end() for start, end in taken):
            continue
        yield Mention(
            turn=index,
            start=match.start(),
            end=match.end(),
            label=discovered[match.group()],
            is_known=False,
            how="candidate",
            score=_CANDIDATE_SCORE,
        )


@lru_cache(maxsize=8)
def _any_of(forms: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(form) for form in forms))


def _reaction(turns: Sequence[Turn], index: int) -> str | None:
    """The rep's next turn after the customer named a competitor; the rep's own mention has none."""
    if turns[index].speaker == REP:
        return None
    for turn in turns[index + 1 : index + 1 + _REACTION_WITHIN]:
        if turn.speaker == REP:
            return turn.id
        if turn.speaker != CUSTOMER:
            return None
    return None
