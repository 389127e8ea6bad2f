"""From what the recogniser wrote to text that is fit to read, every character with its time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from language.script import Script, in_digits, in_script, number_edits, simplified, space_edits
from speech.correction import NameCorrector
from speech.punctuation import punctuated
from speech.recognition import Recognized
from speech.timed_text import TimedText, edited, plain, spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A turn's text as it is shown.

    Attributes:
        original: The text before names were put right; only where they were.
        normalized: Numbers in digits; only where asked for.
    """

    text: TimedText
    original: str | None = None
    normalized: str | None = None


class Writer:
    """Writes turns by one set of rules.

    Args:
        correctors: Put names and terms right, one after the other.
        script: Characters the reader expects.
        normalize: Whether numbers are also given in digits.
    """

    def __init__(
        self, correctors: Sequence[NameCorrector], *, script: Script = Script.SIMPLIFIED, normalize: bool = False
    ) -> None:
        self._correctors, self._script, self._normalize = correctors, script, normalize

    def write(self, heard: TimedText) -> Written:
        """Put names right, then punctuate and write numbers and spaces by our rules."""
        corrected = heard
        keep: tuple[str, ...] = ()
        for corrector in self._correctors:
            corrected = edited(corrected, corrector.edits(corrected, keep=keep))
            keep += corrector.forms
        text = self._finish(corrected)
        return Written(
            text=text,
            original=plain(self._finish(heard)) if plain(corrected) != plain(heard) else None,
            normalized=in_digits(plain(text)) if self._normalize else None,
        )

    def _finish(self, text: TimedText) -> TimedText:
        text = punctuated(text)
        text = edited(text, number_edits(plain(text)))
        text = edited(text, space_edits(plain(text)))
        return _rewritten(text, in_script(plain(text), self._script))


def heard_text(recognized: Recognized) -> TimedText:
    """Return a window's words as timed, simplified characters; times in the recording."""
    text: TimedText = ()
    for word in recognized.hypothesis.words:
        start_ms, end_ms = recognized.window.place(word.start_s, word.end_s)
        text += spread(word.text, start_ms, end_ms, word.probability)
    return _rewritten(text, simplified(plain(text)))


def _rewritten(text: TimedText, characters: str) -> TimedText:
    return tuple(replace(timed, text=character) for timed, character in zip(text, characters, strict=True))
