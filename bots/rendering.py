"""An envelope as a rep reads it in a chat: numbered marks in the text, the quotes and where they are from beneath."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from bots.markdown import escaped
from bots.outgoing import Button, Card
from domain.footnotes import Footnotes, marks
from domain.sources import Citation, SourceKind
from domain.suggestions import (
    AI_LABEL,
    Claim,
    Envelope,
    FeedbackAction,
    SuggestionKind,
    VerifiedSentence,
)

_MOST_QUESTIONS = 3
"""More than a rep asks in the next call; the console shows all."""
MOST_SOURCES = 40
"""Sources written out beneath an answer: more than any answer cites, so that only a broken one is cut short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """What a chat shows for an envelope: CommonMark, and buttons where there is something to press."""

    text: str
    card: Card | None = None


def render(envelope: Envelope, lang: str = "zh") -> Rendered:
    """Return an envelope as chat text and card; an abstention has its reason and no buttons."""
    if envelope.abstained:
        return Rendered(text="\n\n".join([escaped(envelope.reason or ""), *_tail(envelope, lang)]))
    notes = Footnotes()
    said = [*_head(envelope, lang), *_suggestions(envelope, notes, lang)]
    blocks = [*said, *_cautions(envelope, lang), _sources(notes, lang)]
    return Rendered(text="\n\n".join([*blocks, *_tail(envelope, lang)]), card=_card(envelope, lang))


def render_so_far(sentences: Sequence[VerifiedSentence], lang: str = "zh") -> str:
    """Return what is verified of an answer that is still being written, with the sources of each sentence."""
    notes = Footnotes()
    parts: list[str] = []
    tactic = None
    for sentence in sentences:
        if sentence.tactic != tactic:
            tactic = sentence.tactic
            parts.append(f"\n\n**{escaped(tactic)}**\n")
        parts.append(_with_marks(sentence.claim, notes))
    blocks = ("".join(parts).strip(), _sources(notes, lang), word("thinking", lang), escaped(AI_LABEL))
    return "\n\n".join(blocks)


def word(name: str, lang: str = "zh", **values: object) -> str:
    """Return one of the chat's own lines."""
    return _lines(lang)[name].format(**values)


def feedback_key(action: FeedbackAction, decision_id: str, suggestion_id: str = "") -> str:
    """Return a button's key; `read_feedback_key` reads it back."""
    return ":".join(part for part in (action.value, decision_id, suggestion_id) if part)


def read_feedback_key(key: str) -> tuple[FeedbackAction, str, str | None] | None:
    """Return action, decision and suggestion of a button's key; None where it is not one of ours."""
    action, _, rest = key.partition(":")
    decision_id, _, suggestion_id = rest.partition(":")
    if action not in set(FeedbackAction) or not decision_id:
        return None
    return FeedbackAction(action), decision_id, suggestion_id or None


def _head(envelope: Envelope, lang: str) -> Iterator[str]:
    heads = {SuggestionKind.REPLY: "replies", SuggestionKind.BRIEF: "brief", SuggestionKind.TIPS: "tips"}
    if envelope.kind in heads:
        yield word(heads[envelope.kind], lang)


def _suggestions(envelope: Envelope, notes: Footnotes, lang: str) -> Iterator[str]:
    """Yield each suggestion; a section of a brief that no source fills has nothing to show."""
    numbered = envelope.kind is SuggestionKind.REPLY
    for number, suggestion in enumerate(envelope.suggestions, start=1):
        if not suggestion.claims:
            continue
        title = f"{number} · {escaped(suggestion.tactic)}" if numbered else escaped(suggestion.tactic)
        lines = [f"**{title}**"] if envelope.kind is not SuggestionKind.ASK else []
        lines.append("".join(_with_marks(claim, notes) for claim in suggestion.claims))
        yield "\n".join(lines)


def _cautions(envelope: Envelope, lang: str) -> Iterator[str]:
    """Yield what to mind before anything is sent, each once with the suggestions it is about."""
    about: dict[str, list[int]] = {}
    for number, suggestion in enumerate(envelope.suggestions, start=1):
        for message in dict.fromkeys(note.message.rstrip("。") for note in suggestion.compliance):
            about.setdefault(message, []).append(number)
    if not about:
        return
    is_for_all = len(envelope.suggestions) == 1 or envelope.kind is not SuggestionKind.REPLY
    lines = []
    for message, numbers in about.items():
        which = "" if is_for_all else word("compliance_for", lang, numbers=word("and", lang).join(map(str, numbers)))
        lines.append(word("compliance", lang, message=escaped(message), which=which))
    yield "\n".join(lines)


def _with_marks(claim: Claim, notes: Footnotes) -> str:
    return escaped(claim.text) + marks(notes.numbers(claim))


def _sources(notes: Footnotes, lang: str) -> str:
    """Return the quotes under where they are from, each source's name once as long as its quotes follow each other."""
    lines = [word("sources", lang)]
    origin = ""
    for note in notes.notes[:MOST_SOURCES]:
        if (named := _origin(note.first, lang)) != origin:
            # A blank line ends the quote before, which would go on otherwise.
            lines.append(f"\n{named}" if origin else named)
            origin = named
        lines.append(f"> [{note.number}] {escaped(note.quoted)}")
    left = len(notes.notes) - MOST_SOURCES
    return "\n".join([*lines, *([word("more_sources", lang, count=left)] if left > 0 else [])])


def _origin(citation: Citation, lang: str) -> str:
    """Say where a quote is from; titles of CRM fields and turns name their kind themselves."""
    version = word("version", lang, version=citation.version)
    if citation.source_kind in (SourceKind.CRM, SourceKind.TURN):
        return f"{escaped(citation.title)} {version}"
    kind = _lines(lang).get(citation.source_kind.value, citation.source_kind.value)
    return f"{kind}《{escaped(citation.title)}》{version}"


def _tail(envelope: Envelope, lang: str) -> Iterator[str]:
    if envelope.missing:
        asked = " ".join(escaped(question) for question in envelope.missing[:_MOST_QUESTIONS])
        yield word("missing", lang, questions=asked)
    if envelope.notes:
        yield word("notes", lang, notes=" ".join(escaped(note) for note in envelope.notes))
    yield escaped(envelope.label)


def _card(envelope: Envelope, lang: str) -> Card:
    """Make the card beneath an answer: what the rep thinks of it goes on record."""
    is_reply = envelope.kind is SuggestionKind.REPLY
    return Card(
        task_id=envelope.decision_id,
        title=word("card_title_reply" if is_reply else "card_title_answer", lang),
        lines=(word("commands_reply" if is_reply else "commands_answer", lang),),
        buttons=(*_accept_buttons(envelope, lang), *_other_buttons(envelope.decision_id, lang)),
    )


def _accept_buttons(envelope: Envelope, lang: str) -> Sequence[Button]:
    if envelope.kind is not SuggestionKind.REPLY:
        return [Button(text=word("accept", lang), key=feedback_key(FeedbackAction.ACCEPT, envelope.decision_id))]
    return [
        Button(
            text=word("accept_number", lang, number=number),
            key=feedback_key(FeedbackAction.ACCEPT, envelope.decision_id, suggestion.id),
            style=1,
        )
        for number, suggestion in enumerate(envelope.suggestions[:3], start=1)
    ]


def _other_buttons(decision_id: str, lang: str) -> Sequence[Button]:
    others = (FeedbackAction.EDIT, FeedbackAction.REJECT, FeedbackAction.CHALLENGE)
    return [Button(text=word(one.value, lang), key=feedback_key(one, decision_id), style=2) for one in others]


@cache
def _lines(lang: str) -> dict[str, str]:
    table = tomllib.loads((files("bots") / "lines.toml").read_text(encoding="utf-8"))
    lines: dict[str, str] = table[lang if lang in table else "zh"]
    return lines
