"""Windows through the recogniser: in batches, with progress, and never twice after a restart."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass

from speech.progress import Checkpoint
from speech.recognizer import HeardWord, Hypothesis, Recognizer
from speech.windows import Window, WindowSound


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognized:
    """A window and what was recognised in it."""

    window: Window
    hypothesis: Hypothesis


@dataclass(frozen=True, slots=True, kw_only=True)
class RecognitionPlan:
    """How windows are recognised.

    Attributes:
        prompt: Names and terms that may be said.
        language: None lets the first batch decide for the recording.
        fingerprint: Of everything that the result depends on; a checkpoint of another one is not read.
        batch: Windows recognised together; progress and checkpoints move in such steps. Four, because the default
            recogniser decodes four at once: fewer would cost time, more would be lost by a kill.
    """

    prompt: str
    language: str | None
    fingerprint: str
    batch: int = 4


def recognize_windows(
    sounds: Iterable[WindowSound],
    *,
    recognizer: Recognizer,
    plan: RecognitionPlan,
    checkpoint: Checkpoint | None,
    on_window: Callable[[WindowSound], None],
) -> Iterator[Recognized]:
    """Recognise windows as they come; what the checkpoint holds is taken from there.

    Args:
        on_window: Shown the sound of every window, recognised now or before.
    """
    finished = dict(checkpoint.finished()) if checkpoint else {}
    language = plan.language or _language_so_far(finished, plan)
    held: list[WindowSound] = []
    for sound in sounds:
        on_window(sound)
        if kept := finished.get(_key(plan, sound.window)):
            yield Recognized(window=sound.window, hypothesis=_from_json(kept))
            continue
        held.append(sound)
        if len(held) == plan.batch:
            done = _recognize(held, recognizer, plan, language, checkpoint)
            language = language or done[0].hypothesis.language
            held = []
            yield from done
    if held:
        yield from _recognize(held, recognizer, plan, language, checkpoint)


def _recognize(
    sounds: list[WindowSound],
    recognizer: Recognizer,
    plan: RecognitionPlan,
    language: str | None,
    checkpoint: Checkpoint | None,
) -> list[Recognized]:
    hypotheses = recognizer.recognize([sound.samples for sound in sounds], language=language, prompt=plan.prompt)
    done = [
        Recognized(window=sound.window, hypothesis=hypothesis)
        for sound, hypothesis in zip(sounds, hypotheses, strict=True)
    ]
    if checkpoint:
        for one in done:
            checkpoint.finish(_key(plan, one.window), _to_json(one.hypothesis))
    return done


def _language_so_far(finished: Mapping[str, str], plan: RecognitionPlan) -> str | None:
    mine = (value for key, value in finished.items() if key.startswith(plan.fingerprint))
    return next((_from_json(value).language for value in mine), None)


def _key(plan: RecognitionPlan, window: Window) -> str:
    return f"{plan.fingerprint}:{window.key}"


def _to_json(hypothesis: Hypothesis) -> str:
    return json.dumps(asdict(hypothesis), ensure_ascii=False)


def _from_json(text: str) -> Hypothesis:
    fields = json.loads(text)
    return Hypothesis(**{**fields, "words": tuple(HeardWord(**word) for word in fields["words"])})
