"""Speech regions packed into windows of Whisper's length, and the way back to the recording's time.

Whisper's encoder always pays for 30 s, so regions of one channel share a window; what was silence between
them is left out, and each time in the window maps back to the recording.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from speech.audio import RATE, Samples
from speech.voice_activity import Region

LONGEST_S = 28.0
GAP_S = 0.3
_SURE_END_S = 0.12


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What is recognised at once: regions of one channel, with a short silence after each."""

    channel: int
    regions: tuple[Region, ...]

    @property
    def key(self) -> str:
        """Name that stays the same when the recording is transcribed again."""
        return f"{self.channel}:{self.regions[0].start}-{self.regions[-1].end}"

    def place(self, start_s: float, end_s: float) -> tuple[int, int]:
        """Map a word's times in the window to milliseconds of the recording.

        Both ends are put into one region, so no word reaches across a pause. Whisper lets the first word after
        a pause begin with the pause, so a word belongs where it ends.
        """
        region, begins_s = self._region_at(max((start_s + end_s) / 2, end_s - _SURE_END_S))
        length = (region.end - region.start) / RATE
        inside = [min(max(at - begins_s, 0.0), length) for at in (start_s, end_s)]
        start_ms, end_ms = (round((region.start / RATE + at) * 1000) for at in inside)
        return start_ms, max(start_ms, end_ms)

    def _region_at(self, window_s: float) -> tuple[Region, float]:
        """The region at a time in the window, and where it begins there; a gap belongs half to each neighbour."""
        begins_s = 0.0
        for region in self.regions[:-1]:
            length = (region.end - region.start) / RATE
            if window_s < begins_s + length + GAP_S / 2:
                return region, begins_s
            begins_s += length + GAP_S
        return self.regions[-1], begins_s


def pack(regions: Sequence[Region], *, channel: int) -> list[Window]:
    """Pack the regions of one channel, in order, into as few windows as possible, the longest as short as possible."""
    if not regions:
        return []
    fewest = len(_filled(regions, LONGEST_S))
    low, high = sum(map(_cost, regions)) / fewest, LONGEST_S
    while high - low > 0.1:
        middle = (low + high) / 2
        low, high = (low, middle) if len(_filled(regions, middle)) <= fewest else (middle, high)
    return [Window(channel=channel, regions=tuple(group)) for group in _filled(regions, high)]


def _filled(regions: Sequence[Region], capacity: float) -> list[list[Region]]:
    """Fill windows of a capacity in seconds one after the other; a longer region stands alone."""
    groups: list[list[Region]] = []
    length = capacity
    for region in regions:
        if not groups or length + _cost(region) > capacity:
            groups.append([])
            length = 0.0
        groups[-1].append(region)
        length += _cost(region)
    return groups


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowSound:
    """A window with its sound: per region float32 (n,) at 16 kHz."""

    window: Window
    pieces: tuple[Samples, ...]

    @property
    def samples(self) -> Samples:
        """The pieces in a row, float32 (n,), each followed by a short digital silence."""
        gap = np.zeros(round(GAP_S * RATE), np.float32)
        return np.concatenate([part for piece in self.pieces for part in (piece, gap)])


def cut(blocks: Iterator[Samples], windows: Sequence[Window]) -> Iterator[WindowSound]:
    """Cut windows out of a stream of blocks, each as soon as its last region has passed.

    Args:
        blocks: float32 (channels, samples) at 16 kHz.
        windows: Any order; they are yielded in order of their ends.
    """
    waiting = sorted(windows, key=lambda window: window.regions[-1].end)
    held: dict[str, list[list[Samples]]] = {window.key: [[] for _ in window.regions] for window in waiting}
    at = 0
    for block in blocks:
        end = at + block.shape[1]
        for window in (window for window in waiting if window.regions[0].start < end):
            _collect(held[window.key], window, block[window.channel], at)
        while waiting and waiting[0].regions[-1].end <= end:
            window = waiting.pop(0)
            parts = held.pop(window.key)
            yield WindowSound(window=window, pieces=tuple(np.concatenate(part) for part in parts))
        if not waiting:
            return
        at = end


def _collect(held: list[list[Samples]], window: Window, samples: Samples, at: int) -> None:
    """Keep the parts of the window's regions that lie in the samples, which start at `at`."""
    for part, region in zip(held, window.regions, strict=True):
        start, end = max(region.start, at), min(region.end, at + len(samples))
        if start < end:
            part.append(samples[start - at : end - at].copy())


def _cost(region: Region) -> float:
    return (region.end - region.start) / RATE + GAP_S
