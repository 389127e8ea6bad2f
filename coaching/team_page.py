"""The team digest as one self-contained page and as JSON values: who needs help, who hesitates, what to coach."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from coaching.attribution import Difference
from coaching.digest import Hesitation, RepNeed, TeamDigest
from coaching.page import template
from coaching.radar import Ability, DrillNeed
from coaching.radar_picture import draw_radar
from coaching.words import Say, in_words, speaker_of
from domain.messages import catalogue
from domain.suggestions import AI_LABEL
from wire.documents import dump

MOST_HESITATIONS = 12
ListenIn = Callable[[str, str, int], str]
"""The address that plays a conversation, by its id, from a turn, by its id, at a moment in ms."""


def render_team(
    digest: TeamDigest,
    *,
    names: Mapping[str, str] | None = None,
    differences: Sequence[Difference] | None = None,
    lang: str = "zh",
    listen: ListenIn | None = None,
) -> str:
    """Render the digest.

    Args:
        names: Rep id → name; an id without one is shown as it is.
        differences: What high converters do differently; those that were found are shown. None if that was not asked.
        listen: Where a moment of a conversation can be heard, if the reader has the recordings at hand.
    """
    say = speaker_of(lang)
    known = names or {}
    values: dict[str, Any] = {
        "reps": [(need, known.get(need.rep_id) or need.rep_id, _radar(need, known, say, lang)) for need in digest.reps],
        "minutes": f"{sum(item.minutes for item in digest.plan):.0f}",
        "calls": sum(need.calls for need in digest.reps),
        "hesitations": _by_customer(digest.who_hesitates)[:MOST_HESITATIONS],
    }
    compared = differences or ()
    values["differences"] = [(difference_words(each, say, lang), each) for each in compared if each.is_found]
    values["compared"] = None if differences is None else len(compared)
    page = template("team.html.j2", lang)
    return page.render(digest=digest, say=say, names=known, ai_label=AI_LABEL, listen=listen, **values)


def difference_words(difference: Difference, say: Say, lang: str) -> str:
    """Return a behaviour's name: a metric's or an act's."""
    named = f"metric_{difference.behaviour}"
    return say(named) if named in catalogue("coaching") else in_words(difference.behaviour, lang)


def team_document(digest: TeamDigest, differences: Sequence[Difference] = ()) -> dict[str, Any]:
    """Return the digest as JSON values."""
    return {
        "reps": [_need_document(need) for need in digest.reps],
        "who_needs_help": [need.rep_id for need in digest.who_needs_help],
        "who_hesitates": [dump(each) for each in digest.who_hesitates],
        "plan": {
            "minutes": round(sum(item.minutes for item in digest.plan), 2),
            "items": [dump(item) for item in digest.plan],
        },
        "attribution": [{**dump(each), "is_found": each.is_found} for each in differences],
        "label": AI_LABEL,
    }


def radar_document(
    rep_id: str, abilities: Sequence[Ability], needs: Sequence[DrillNeed], *, calls: int
) -> dict[str, Any]:
    """Return a rep's radar and what to drill as JSON values."""
    return {
        "rep_id": rep_id,
        "calls": calls,
        "abilities": [{**dump(ability), "is_weak": ability.is_weak} for ability in abilities],
        "drills": [dump(need) for need in needs],
        "label": AI_LABEL,
    }


def _by_customer(hesitations: Sequence[Hesitation]) -> list[tuple[tuple[str, ...], Hesitation]]:
    """Return each conversation once, newest first: its labels, and what was said last."""
    found: dict[str, list[Hesitation]] = {}
    for each in hesitations:
        found.setdefault(each.conversation_id, []).append(each)
    return [(tuple(dict.fromkeys(each.label for each in said)), said[-1]) for said in reversed(found.values())]


def _need_document(need: RepNeed) -> dict[str, Any]:
    document = radar_document(need.rep_id, need.abilities, need.needs, calls=need.calls)
    del document["label"]
    return {**document, "total": need.total, "alerts": need.alerts}


def _radar(need: RepNeed, names: Mapping[str, str], say: Say, lang: str) -> Markup:
    title = names.get(need.rep_id) or need.rep_id
    picture = draw_radar(need.abilities, title=title, say=say, lang=lang)
    return Markup(picture) if picture else Markup()  # noqa: S704  # drawsvg escapes
