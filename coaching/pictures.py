"""The report's pictures as SVG: who spoke when, what was noticed when, how it felt, metrics in their ranges.

Each picture carries its own text alternative and nothing remote. The drawing box is 400 wide so that
its 11-unit text stays readable on a phone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

import drawsvg

from coaching import timing
from domain.conversation import CUSTOMER, REP, Transcript, Turn
from domain.signals import Metric, Signal, SignalKind

WIDTH = 400
GAUGE = 320
LEFT = 64
RIGHT = 8
ROW = 18
TEXT = 11
INK = "currentColor"
FAINT = "var(--line, #e5e9f0)"
COLOURS: Mapping[str, str] = {REP: "#2f6fde", CUSTOMER: "#e07b39", "other": "#9aa5b1"}
MINUTE_MS = 60_000
Worded = Callable[[str], str]
"""A label → the word for it in the reader's language."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One row of the timeline: signals of these kinds under one title."""

    title: str
    kinds: tuple[SignalKind, ...]
    colour: str


class Axis:
    """Maps a conversation to the horizontal axis: by time, or by turn where there are no times."""

    def __init__(self, transcript: Transcript) -> None:
        self.timed = timing.is_timed(transcript)
        self._order = {turn.id: number for number, turn in enumerate(transcript.turns)}
        self.length = timing.duration_ms(transcript) if self.timed else len(transcript.turns)

    def place(self, turn: Turn, offset: int = 0) -> float:
        """Return the x of a character of a turn."""
        at = timing.offset_ms(turn, offset) if self.timed else self._order[turn.id]
        return self.scale(at)

    def scale(self, at: float) -> float:
        """Return the x of a time in ms, or of a turn's number."""
        return LEFT + (WIDTH - LEFT - RIGHT) * (at / self.length if self.length else 0.0)


def draw_talk_bar(transcript: Transcript, *, title: str, minute: str) -> str:
    """Draw one bar a minute: the rep's and the customer's share of it, silence left empty."""
    minutes = max(1, ceil(timing.duration_ms(transcript) / MINUTE_MS))
    drawing = _drawing(ROW * minutes + 4, title)
    for number in range(minutes):
        top = number * ROW + 3
        drawing.append(_label(minute.format(number=number + 1), 0, top + 10))
        drawing.append(drawsvg.Rectangle(LEFT, top, WIDTH - LEFT - RIGHT, ROW - 5, fill=FAINT, rx=2))
        for turn in transcript.turns:
            _append_share(drawing, turn, number, top)
    return _svg(drawing)


def draw_timeline(
    transcript: Transcript, signals: Sequence[Signal], *, lanes: Sequence[Lane], title: str, worded: Worded = str
) -> str:
    """Draw a lane for each family of signals, a mark where each was said; `worded` puts labels into words."""
    axis, turns = Axis(transcript), {turn.id: turn for turn in transcript.turns}
    drawing = _drawing(ROW * len(lanes) + 20, title)
    for number, lane in enumerate(lanes):
        middle = number * ROW + ROW / 2
        drawing.append(_label(lane.title, 0, middle + 4))
        drawing.append(drawsvg.Line(LEFT, middle, WIDTH - RIGHT, middle, stroke=FAINT, stroke_width=2))
        for signal in signals:
            if signal.kind in lane.kinds and signal.turn_id in turns:
                x = axis.place(turns[signal.turn_id], signal.start)
                mark = drawsvg.Circle(x, middle, 4.5, fill=lane.colour, fill_opacity=0.85)
                mark.append_title(f"{worded(signal.label)}：{signal.quote}")
                drawing.append(mark)
    _append_ticks(drawing, axis, ROW * len(lanes) + 13)
    return _svg(drawing)


def draw_emotion_curve(
    transcript: Transcript,
    signals: Sequence[Signal],
    *,
    title: str,
    names: Mapping[str, str],
    worded: Worded = str,
) -> str | None:
    """Draw valence over the conversation for rep and customer, logic breaks as triangles.

    Returns:
        None when no turn carries an emotion cue (it is switched off): nothing is drawn rather than a flat line.
    """
    axis, turns = Axis(transcript), {turn.id: turn for turn in transcript.turns}
    cues = [signal for signal in signals if signal.kind is SignalKind.EMOTION and signal.turn_id in turns]
    if not cues:
        return None
    height = 110
    drawing = _drawing(height + 20, title)
    for valence, word in ((1, "+"), (0, "0"), (-1, "−")):
        y = _valence_y(valence, height)
        drawing.append(drawsvg.Line(LEFT, y, WIDTH - RIGHT, y, stroke=FAINT))
        drawing.append(_label(word, LEFT - 12, y + 4))
    for number, speaker in enumerate((REP, CUSTOMER)):
        drawing.append(_label(names[speaker], 0, 14 + number * 16, colour=COLOURS[speaker]))
        points = [
            (axis.place(turns[cue.turn_id]), _valence_y(_valence(cue), height), cue)
            for cue in cues
            if turns[cue.turn_id].speaker == speaker
        ]
        _append_curve(drawing, points, COLOURS[speaker], worded)
    for signal in signals:
        if signal.kind is SignalKind.LOGIC_BREAK and signal.turn_id in turns:
            _append_break(drawing, axis.place(turns[signal.turn_id], signal.start), height, signal, worded)
    _append_ticks(drawing, axis, height + 14)
    return _svg(drawing)


def draw_gauge(metric: Metric, *, title: str) -> str | None:
    """Draw a metric against its default range, `title` being its text alternative; None without a value or a range."""
    if metric.value is None or metric.default_range is None:
        return None
    low, high = metric.default_range
    top = max(metric.value, high or 0.0, (low or 0.0) * 2) * 1.15 or 1.0
    drawing = drawsvg.Drawing(GAUGE, 14, **_accessible(title))
    drawing.append(drawsvg.Rectangle(0, 4, GAUGE, 6, fill=FAINT, rx=3))
    start, end = GAUGE * (low or 0.0) / top, GAUGE * (high if high is not None else top) / top
    drawing.append(drawsvg.Rectangle(start, 4, max(2.0, end - start), 6, fill="var(--range, #9fd8b4)", rx=3))
    inside = (low is None or metric.value >= low) and (high is None or metric.value <= high)
    x = min(GAUGE - 5.0, max(5.0, GAUGE * metric.value / top))
    drawing.append(drawsvg.Circle(x, 7, 5, fill="#1f8a4c" if inside else "#c2410c"))
    return _svg(drawing)


def _accessible(title: str) -> dict[str, str]:
    return {"role": "img", "aria_label": title}


def _drawing(height: float, title: str) -> drawsvg.Drawing:
    return drawsvg.Drawing(WIDTH, height, **_accessible(title))


def _svg(drawing: drawsvg.Drawing) -> str:
    """Return the SVG element alone; the page sizes it by its view box."""
    text: str = drawing.as_svg()
    return text[text.index("<svg") :]


def _label(text: str, x: float, y: float, *, colour: str = INK) -> drawsvg.Text:
    return drawsvg.Text(text, TEXT, x, y, fill=colour, font_family="inherit")


def _append_share(drawing: drawsvg.Drawing, turn: Turn, minute: int, top: float) -> None:
    begin, width = minute * MINUTE_MS, WIDTH - LEFT - RIGHT
    start, end = max(turn.start_ms or 0, begin), min(turn.end_ms or 0, begin + MINUTE_MS)
    if end > start:
        x = LEFT + width * (start - begin) / MINUTE_MS
        colour = COLOURS.get(turn.speaker, COLOURS["other"])
        drawing.append(drawsvg.Rectangle(x, top, width * (end - start) / MINUTE_MS, ROW - 5, fill=colour))


def _append_curve(
    drawing: drawsvg.Drawing, points: Sequence[tuple[float, float, Signal]], colour: str, worded: Worded
) -> None:
    if len(points) > 1:
        flat = [number for x, y, _ in points for number in (x, y)]
        drawing.append(drawsvg.Lines(*flat, fill="none", stroke=colour, stroke_width=2, stroke_linejoin="round"))
    for x, y, cue in points:
        dot = drawsvg.Circle(x, y, 3, fill=colour)
        dot.append_title(f"{worded(cue.label)}：{cue.quote}")
        drawing.append(dot)


def _append_break(drawing: drawsvg.Drawing, x: float, bottom: float, signal: Signal, worded: Worded) -> None:
    mark = drawsvg.Lines(x - 5, bottom, x + 5, bottom, x, bottom - 9, close=True, fill="#b91c1c")
    mark.append_title(f"{worded(signal.label)}：{signal.quote}")
    drawing.append(mark)


def _append_ticks(drawing: drawsvg.Drawing, axis: Axis, y: float) -> None:
    if not axis.timed or not axis.length:
        return
    minutes = axis.length / MINUTE_MS
    step = max(1, ceil(minutes / 6))
    for minute in range(0, int(minutes) + 1, step):
        drawing.append(_label(f"{minute}:00", axis.scale(minute * MINUTE_MS) - 8, y))


def _valence_y(valence: float, height: float) -> float:
    return 8 + (height - 18) * (1 - valence) / 2


def _valence(signal: Signal) -> float:
    valence = signal.attributes.get("valence", 0.0)
    return float(valence) if isinstance(valence, int | float) else 0.0
