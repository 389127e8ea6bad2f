"""The ability radar as SVG, with its text alternative."""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, pi, sin

import drawsvg

from coaching.pictures import FAINT, INK
from coaching.radar import Ability
from coaching.scorecards import LEVELS
from coaching.words import Say, in_words

SIZE, MIDDLE_X, MIDDLE_Y, RADIUS = 260, 130.0, 110.0, 72.0
_LEAST_AXES = 3


def draw_radar(abilities: Sequence[Ability], *, title: str, say: Say, lang: str) -> str | None:
    """Draw the known levels on five rings; None when fewer than three abilities are known."""
    if sum(ability.level is not None for ability in abilities) < _LEAST_AXES:
        return None
    words = ", ".join(
        f"{in_words(each.name, lang)} {f'{each.level:.1f}' if each.level is not None else say('unknown_level')}"
        for each in abilities
    )
    alternative = say("alt_radar", rep=title, levels=words)
    drawing = drawsvg.Drawing(SIZE, 220, role="img", aria_label=alternative)
    for ring in range(1, LEVELS + 1):
        drawing.append(_polygon([_point(at, len(abilities), ring) for at in range(len(abilities))], stroke=FAINT))
    for at, ability in enumerate(abilities):
        x, y = _point(at, len(abilities), LEVELS + 0.9)
        label = in_words(ability.name, lang)
        drawing.append(drawsvg.Text(label, 11, x, y + 4, text_anchor="middle", fill=INK, font_family="inherit"))
    known = [(at, ability.level) for at, ability in enumerate(abilities) if ability.level is not None]
    points = [_point(at, len(abilities), level) for at, level in known]
    drawing.append(_polygon(points, stroke="#2f6fde", fill="#2f6fde", fill_opacity=0.2, stroke_width=2))
    text: str = drawing.as_svg()
    return text[text.index("<svg") :]


def _point(at: int, axes: int, level: float) -> tuple[float, float]:
    angle = 2 * pi * at / axes - pi / 2
    reach = RADIUS * level / LEVELS
    return MIDDLE_X + reach * cos(angle), MIDDLE_Y + reach * sin(angle)


def _polygon(points: Sequence[tuple[float, float]], **style: object) -> drawsvg.Lines:
    flat = [number for point in points for number in point]
    return drawsvg.Lines(*flat, close=True, **{"fill": "none", **style})
