"""Recognition by an OpenAI-compatible endpoint: `POST /audio/transcriptions`, word times asked for."""

from __future__ import annotations

import io
import wave
from collections.abc import Mapping, Sequence
from math import exp
from typing import Any

import httpx
import numpy as np
from pydantic import BaseModel, ValidationError

from domain.errors import ModelError
from speech.audio import RATE, Samples
from speech.recognizer import HeardWord, Hypothesis

_LANGUAGES = {"chinese": "zh", "mandarin": "zh", "english": "en", "japanese": "ja", "korean": "ko"}


class _Word(BaseModel):
    word: str
    start: float
    end: float
    probability: float | None = None


class _Segment(BaseModel):
    text: str = ""
    start: float = 0.0
    end: float = 0.0
    avg_logprob: float = 0.0
    no_speech_prob: float | None = None


class _Reply(BaseModel):
    text: str
    language: str | None = None
    words: list[_Word] = []
    segments: list[_Segment] = []


class EndpointRecognizer:
    """A transcription service; each window is one request.

    Args:
        base_url: Ends in `/v1`.
        model: Model name sent with each request.
        api_key: Bearer token; never logged, never in an error.
        timeout_s: For one window.
        transport: Another way to send, for tests.
    """

    def __init__(
        self,
        base_url: str,
        *,
        model: str,
        api_key: str = "",
        timeout_s: float = 60.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._model = model
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._client = httpx.Client(
            base_url=base_url.rstrip("/") + "/", headers=headers, timeout=timeout_s, transport=transport
        )

    @property
    def name(self) -> str:
        """The model's name as the service knows it."""
        return f"{self._model}@endpoint"

    def recognize(self, windows: Sequence[Samples], *, language: str | None, prompt: str) -> list[Hypothesis]:
        """See `Recognizer.recognize`."""
        found: list[Hypothesis] = []
        for window in windows:
            hypothesis = _hypothesis(self._ask(window, language, prompt), len(window) / RATE, language)
            language = language or hypothesis.language
            found.append(hypothesis)
        return found

    def _ask(self, window: Samples, language: str | None, prompt: str) -> _Reply:
        fields: Mapping[str, Any] = {
            "model": self._model,
            "response_format": "verbose_json",
            "timestamp_granularities[]": ["word", "segment"],
            **({"language": language} if language else {}),
            **({"prompt": prompt} if prompt else {}),
        }
        try:
            response = self._client.post(
                "audio/transcriptions", data=fields, files={"file": ("window.wav", _as_wav(window), "audio/wav")}
            )
            response.raise_for_status()
            return _Reply.model_validate_json(response.content)
        except (httpx.HTTPError, ValidationError) as error:
            raise ModelError("speech.endpoint_failed", model=self._model) from error


def _as_wav(samples: Samples) -> bytes:
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return content.getvalue()


def _hypothesis(reply: _Reply, length_s: float, language: str | None) -> Hypothesis:
    log_probability = min((segment.avg_logprob for segment in reply.segments), default=0.0)
    doubts = [one.no_speech_prob for one in reply.segments if one.no_speech_prob is not None]
    heard = (reply.language or "").lower()
    return Hypothesis(
        words=_words(reply, length_s, exp(min(0.0, log_probability))),
        language=language or _LANGUAGES.get(heard, heard[:2] or "zh"),
        average_log_probability=min(0.0, log_probability),
        no_speech_probability=max(doubts, default=None),
    )


def _words(reply: _Reply, length_s: float, mean_probability: float) -> tuple[HeardWord, ...]:
    """Words as given; a service without word times gets them spread over its segments, or over the window."""
    given = reply.words or [_Word(word=one.text, start=one.start, end=one.end) for one in reply.segments if one.text]
    if not given and reply.text.strip():
        given = [_Word(word=reply.text, start=0.0, end=length_s)]
    return tuple(
        HeardWord(
            text=word.word,
            start_s=min(max(0.0, word.start), length_s),
            end_s=min(max(0.0, word.start, word.end), length_s),
            probability=mean_probability if word.probability is None else min(1.0, max(0.0, word.probability)),
        )
        for word in given
    )
