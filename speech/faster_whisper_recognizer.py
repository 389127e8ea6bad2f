"""Whisper through faster-whisper (CTranslate2): the default recogniser, int8 on the CPU, float16 on a GPU.

The steps of faster-whisper's batched pipeline are called one by one, because the pipeline encodes every
window twice when the language is to be found out, and because word probabilities are wanted *without* the
prompt: what only the prompt suggested then shows as improbable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast
from zlib import compress

import numpy as np
import numpy.typing as npt

from domain.errors import MissingError, ModelError
from speech.audio import RATE, Samples
from speech.heap import give_back_memory
from speech.recognizer import HeardWord, Hypothesis
from speech.rescoring import is_narrow, likeliest

_FILES = ("model.bin", "config.json", "tokenizer.json")
_BEAM = 5
_SURE_OF_OTHER_LANGUAGE = 0.8
_SAMPLES_PER_FRAME = 160
_LONG_S = 5.0
_FEWEST_PER_S = 1.5  # Mandarin runs at 3 to 6 characters a second
_UNSURE = -0.5
_LOOP = re.compile(r"(.{1,10}?)\1{5,}")
_MOST_COMPRESSION = 2.4
_NAME_MARKS = re.compile("[、。]")
Encoded = npt.NDArray[np.floating[Any]]


class FasterWhisperRecognizer:
    """Whisper weights in CTranslate2's format; loaded at the first recognition.

    Args:
        folder: With `model.bin`, `config.json`, `tokenizer.json` and the vocabulary.
        device: `cpu` or `cuda`.
        threads: CPU threads; 0 means one per core.
        batch: Windows decoded together.
    """

    def __init__(self, folder: Path, *, device: str = "cpu", threads: int = 0, batch: int = 4) -> None:
        self._folder, self._device, self._threads, self._batch = folder, device, threads, batch

    @property
    def name(self) -> str:
        """The folder's name and the compute type."""
        return f"{self._folder.name}@{self._compute_type}"

    @property
    def _compute_type(self) -> str:
        return "float16" if self._device == "cuda" else "int8"

    def recognize(self, windows: Sequence[Samples], *, language: str | None, prompt: str) -> list[Hypothesis]:
        """See `Recognizer.recognize`."""
        if not windows:
            return []
        model = self._model
        found: list[Hypothesis] = []
        try:
            for batch in _batches(windows, self._batch):
                encoded = _encoded(model, batch)
                language = language or _find_language(model, encoded)
                found += _decode(model, encoded, batch, language, prompt)
                give_back_memory()
        except (RuntimeError, ValueError) as error:
            raise ModelError("speech.recognizer_failed", model=self._folder.name) from error
        return found

    @cached_property
    def _model(self) -> Any:
        missing = [name for name in _FILES if not (self._folder / name).is_file()]
        if missing:
            raise MissingError("speech.model_missing", model=self._folder.name)
        from faster_whisper import WhisperModel

        try:
            return WhisperModel(
                str(self._folder),
                device=self._device,
                compute_type=self._compute_type,
                cpu_threads=self._threads,
                local_files_only=True,
            )
        except (RuntimeError, ValueError) as error:
            raise ModelError("speech.recognizer_failed", model=self._folder.name) from error


def _batches(windows: Sequence[Samples], size: int) -> Iterator[Sequence[Samples]]:
    return (windows[start : start + size] for start in range(0, len(windows), size))


def _encoded(model: Any, windows: Sequence[Samples]) -> Encoded:
    """What the encoder hears, (windows, 1500, dimension), in the precision it computes in.

    On the CPU one window at a time: attention over 1,500 frames takes 72 MB a window while it is computed, and is no
    faster for several (peak of the process 812 MB for four together, 544 MB one by one).
    """
    step = 1 if model.model.device == "cpu" else len(windows)
    parts = [
        np.array(model.model.encode(_view(_features(model, some)), to_cpu=True)) for some in _batches(windows, step)
    ]
    return np.concatenate(parts)


def _features(model: Any, windows: Sequence[Samples]) -> npt.NDArray[np.float32]:
    """Log-mel features padded to 30 s, float32 (windows, mels, 3000)."""
    from faster_whisper.audio import pad_or_trim

    return np.stack([pad_or_trim(model.feature_extractor(window)[..., :-1]) for window in windows])


def _view(array: npt.NDArray[Any]) -> Any:
    """The same numbers as CTranslate2 takes them; they live as long as the array."""
    from ctranslate2 import StorageView

    return StorageView.from_array(np.ascontiguousarray(array))


def _find_language(model: Any, encoded: Encoded) -> str:
    """Chinese, unless the windows' mean belief in one other language is strong."""
    beliefs: dict[str, float] = {}
    windows = model.model.detect_language(_view(encoded))
    for window in windows:
        for token, probability in window:
            beliefs[token] = beliefs.get(token, 0.0) + probability / len(windows)
    best = max(beliefs, key=beliefs.__getitem__)
    return best.strip("<|>") if beliefs[best] >= _SURE_OF_OTHER_LANGUAGE else "zh"


def _decode(model: Any, encoded: Encoded, windows: Sequence[Samples], language: str, prompt: str) -> list[Hypothesis]:
    """Decode encoded windows; what came out doubtful is decoded again another way and the better one kept."""
    from faster_whisper.tokenizer import Tokenizer

    tokenizer = Tokenizer(model.hf_tokenizer, model.model.is_multilingual, task="transcribe", language=language)
    lengths_s = [len(window) / RATE for window in windows]
    is_unclear = language == "zh" and all(map(is_narrow, windows))
    decoded = _generate(model, tokenizer, encoded, prompt, with_times=False, is_unclear=is_unclear)
    doubtful = [index for index, one in enumerate(decoded) if _is_doubtful(one, lengths_s[index])]
    if doubtful:
        second = _generate(model, tokenizer, encoded[doubtful], "", with_times=True)
        for index, other in zip(doubtful, second, strict=True):
            decoded[index] = _better(decoded[index], other, lengths_s[index])
    aligned = [
        _aligned(model, tokenizer, one.tokens, heard, len(window) // _SAMPLES_PER_FRAME)
        for one, heard, window in zip(decoded, encoded, windows, strict=True)
    ]
    return [_hypothesis(*parts, language) for parts in zip(decoded, aligned, lengths_s, strict=True)]


def _aligned(model: Any, tokenizer: Any, tokens: list[int], heard: Encoded, frames: int) -> Sequence[Any]:
    """Words of one window with times; one at a time, for each token takes 0.2 MB, a row of the whole vocabulary."""
    (words,) = model.find_alignment(tokenizer, [tokens], _view(heard[None]), [frames])
    return cast("Sequence[Any]", words)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decoded:
    """Text tokens of one window, and how sure Whisper was."""

    tokens: list[int]
    text: str
    average_log_probability: float
    no_speech_probability: float


def _generate(
    model: Any, tokenizer: Any, encoded: Encoded, prompt: str, *, with_times: bool, is_unclear: bool = False
) -> list[_Decoded]:
    """Beam search over encoded windows.

    Args:
        with_times: Whether time tokens are decoded too: a little worse on clear speech, but Whisper then
            does not skip what it finds hard.
        is_unclear: Whether the beam's other hypotheses are looked at too, and the one of the likeliest words kept.
    """
    from faster_whisper.transcribe import get_suppressed_tokens

    hint = tokenizer.encode(" " + prompt.strip()) if prompt.strip() else []
    results = model.model.generate(
        _view(encoded),
        [model.get_prompt(tokenizer, hint, without_timestamps=not with_times)] * len(encoded),
        beam_size=_BEAM,
        num_hypotheses=_BEAM if is_unclear else 1,
        max_length=model.max_length,
        suppress_tokens=list(get_suppressed_tokens(tokenizer, [-1])),
        return_scores=True,
        return_no_speech_prob=True,
    )
    return [_decoded(result, tokenizer, names=_NAME_MARKS.split(prompt)) for result in results]


def _decoded(result: Any, tokenizer: Any, *, names: Sequence[str]) -> _Decoded:
    """The first hypothesis of a window, or of several the likeliest."""
    texts = [tokenizer.decode([token for token in ids if token < tokenizer.eot]) for ids in result.sequences_ids]
    index = likeliest(list(zip(texts, result.scores, strict=True)), names=names) if len(texts) > 1 else 0
    ids = result.sequences_ids[index]
    return _Decoded(
        tokens=[token for token in ids if token < tokenizer.eot],
        text=texts[index],
        average_log_probability=result.scores[index] * len(ids) / (len(ids) + 1),
        no_speech_probability=result.no_speech_prob,
    )


def _is_doubtful(decoded: _Decoded, length_s: float) -> bool:
    """Whether a window looks skipped (hardly any text for its length), repeated or guessed."""
    sparse = length_s > _LONG_S and len(decoded.text) < _FEWEST_PER_S * length_s
    return sparse or _is_loop(decoded.text) or decoded.average_log_probability < _UNSURE


def _is_loop(text: str) -> bool:
    return bool(_LOOP.search(text)) or len(text.encode()) > _MOST_COMPRESSION * len(compress(text.encode()))


def _better(first: _Decoded, second: _Decoded, length_s: float) -> _Decoded:
    """The decoding that is no loop and leaves no speech out; of two such, the surer one."""

    def worth(decoded: _Decoded) -> tuple[bool, bool, float]:
        whole = len(decoded.text) >= _FEWEST_PER_S * length_s
        return not _is_loop(decoded.text), whole, decoded.average_log_probability

    return max(first, second, key=worth)


def _hypothesis(decoded: _Decoded, aligned: Sequence[Any], length_s: float, language: str) -> Hypothesis:
    words = tuple(
        HeardWord(
            text=word["word"],
            start_s=min(float(word["start"]), length_s),
            end_s=min(float(word["end"]), length_s),
            probability=float(np.clip(word["probability"], 0.0, 1.0)),
        )
        for word in aligned
    )
    return Hypothesis(
        words=words,
        language=language,
        average_log_probability=decoded.average_log_probability,
        no_speech_probability=decoded.no_speech_probability,
    )
