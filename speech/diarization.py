"""Speakers of a mixed channel: voices are told apart by clustering, roles are given only on evidence.

Speech is cut into slices of 1.6 s, encoded, and clustered with the number of speakers found (1-6). Each phrase
goes to the voice it resembles most; a phrase that resembles two voices about equally stays unattributed. Voice
vectors live as long as one transcription and are never stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from domain.errors import InputError
from speech.attribution import named_speakers
from speech.audio import RATE, Samples
from speech.telephone_band import TELEPHONE_SHARE, by_telephone, power_in_band
from speech.timed_text import TimedText, plain, said
from speech.voice_encoder import SLICE_S, Vectors, VoiceEncoder
from speech.voiceprints import Voiceprint
from speech.voices import SpokenPart

Labels = npt.NDArray[np.intp]
_SLICE = round(SLICE_S * RATE)
_BATCH = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class DiarizationRules:
    """How voices are told apart.

    Attributes:
        hop_s: A slice of 1.6 s is taken so often.
        likeness: Mean cosine above which two clusters are one voice (wide-band voices of two people lie at
            0.43-0.55, telephone ones at 0.60, slices of one voice at 0.72-0.78; measured on our calls).
        most: Most speakers looked for.
        least_share: A smaller cluster is an outburst of another voice.
        phrase_gap_ms: Speakers change only at marks and at pauses of this length.
        change: What a change of speaker costs, in seconds of likeness.
        certain: Lead in likeness, over a phrase, below which it stays unattributed.
        sample: Slices that are clustered; the others join the nearest voice.
        enrolled_likeness: Least cosine of a voice to the enrolled rep's (in one band, the same voice lies at 0.92-0.95,
            another one at 0.75-0.85; two speakers, measured on our telephone-band calls). It must also lead by
            `certain`.
        enrolled_s: Least speech that a voice is known by.
    """

    hop_s: float = 0.8
    likeness: float = 0.66
    most: int = 6
    least_share: float = 0.04
    phrase_gap_ms: int = 200
    change: float = 0.03
    certain: float = 0.04
    sample: int = 1000
    enrolled_likeness: float = 0.88
    enrolled_s: float = 5.0


class VoiceDiarizer:
    """A diarizer for one recording.

    Args:
        encoder: Turns slices into vectors.
        rules: How voices are told apart.
    """

    def __init__(self, encoder: VoiceEncoder, *, rules: DiarizationRules = DiarizationRules()) -> None:
        self._encoder, self._rules = encoder, rules
        self._vectors: list[Vectors] = []
        self._waiting: list[Samples] = []
        self._starts_ms: list[int] = []
        self._ends_ms: list[int] = []
        self._rep: Voiceprint | None = None
        self._power = np.zeros(2)  # in the telephone's band, and in all of it

    def voiceprint(self, pieces: Sequence[Samples]) -> Voiceprint:
        """See `Diarizer.voiceprint`."""
        if sum(map(len, pieces)) < self._rules.enrolled_s * RATE:
            raise InputError("speech.enrolment_too_short", seconds=round(self._rules.enrolled_s))
        return Voiceprint(wide=self._voice_of(pieces), telephone=self._voice_of([by_telephone(one) for one in pieces]))

    def meet_rep(self, voice: Voiceprint) -> None:
        """See `Diarizer.meet_rep`."""
        self._rep = voice

    def hear(self, samples: Samples, *, start_ms: int) -> None:
        """See `Diarizer.hear`."""
        for start in _slice_starts(len(samples), round(self._rules.hop_s * RATE)):
            self._waiting.append(_slice(samples, start))
            self._power += power_in_band(self._waiting[-1])
            self._starts_ms.append(start_ms + start * 1000 // RATE)
            self._ends_ms.append(start_ms + min(start + _SLICE, len(samples)) * 1000 // RATE)

        if len(self._waiting) >= _BATCH:
            self._encode()

    def _encode(self) -> None:
        """Encode the slices that wait; many at once cost a fraction of one by one."""
        if self._waiting:
            self._vectors.append(self._encoder.encode(np.stack(self._waiting)))
            self._waiting = []

    def attribute(self, text: TimedText) -> Sequence[SpokenPart]:
        """See `Diarizer.attribute`."""
        self._encode()
        phrases = _phrases(text, self._rules.phrase_gap_ms)
        if not self._vectors or not phrases:
            return [SpokenPart(speaker="speaker_0", characters=text)] if text else []
        vectors = np.concatenate(self._vectors)  # (slices, 256)
        voices = _centroids(vectors, cluster(vectors, self._rules))  # (voices, 256)
        likeness = np.stack([self._likeness(vectors, voices, phrase) for phrase in phrases])  # (phrases, voices)
        labels = _smoothed(likeness, [_seconds(phrase) for phrase in phrases], self._rules.change)
        return self._parts(phrases, labels, likeness, rep=self._enrolled(voices))

    def _enrolled(self, voices: Vectors) -> int | None:
        """The voice that is the enrolled rep's, where one clearly is."""
        if self._rep is None:
            return None
        narrow = self._power[0] > TELEPHONE_SHARE * self._power[1]
        likeness = voices @ (self._rep.telephone if narrow else self._rep.wide)  # (voices,)
        best = int(likeness.argmax())
        others = np.delete(likeness, best)
        alone = not others.size or float(likeness[best] - others.max()) >= self._rules.certain
        return best if alone and likeness[best] >= self._rules.enrolled_likeness else None

    def _voice_of(self, pieces: Sequence[Samples]) -> npt.NDArray[np.float32]:
        """The mean vector of one person's speech, float32 (256,), of unit length."""
        slices = [_slice(piece, start) for piece in pieces for start in _slice_starts(len(piece), _SLICE)]
        vectors = [self._encoder.encode(np.stack(slices[at : at + _BATCH])) for at in range(0, len(slices), _BATCH)]
        return _unit(np.concatenate(vectors).mean(axis=0))

    def _likeness(self, vectors: Vectors, voices: Vectors, phrase: TimedText) -> npt.NDArray[np.float64]:
        """Mean likeness of the slices under a phrase to each voice, by overlap; the nearest slice if none is."""
        start, end = phrase[0].start_ms, max(character.end_ms for character in phrase)
        starts, ends = np.asarray(self._starts_ms), np.asarray(self._ends_ms)
        overlap = np.clip(np.minimum(ends, end) - np.maximum(starts, start), 0, None).astype(np.float64)
        if not overlap.any():
            overlap[np.argmin(np.abs((starts + ends) / 2 - (start + end) / 2))] = 1.0
        near = np.flatnonzero(overlap)
        weights = overlap[near] / overlap[near].sum()
        result: npt.NDArray[np.float64] = weights @ (vectors[near] @ voices.T)
        return result

    def _parts(
        self, phrases: Sequence[TimedText], labels: Labels, likeness: npt.NDArray[np.float64], *, rep: int | None
    ) -> list[SpokenPart]:
        words = {int(voice): "" for voice in np.unique(labels)}
        for phrase, voice in zip(phrases, labels, strict=True):
            words[int(voice)] += plain(said(phrase))
        roles = named_speakers(words, rep=rep)
        order = {voice: number for number, voice in enumerate(dict.fromkeys(int(voice) for voice in labels))}
        parts: list[SpokenPart] = []
        for first, last in _runs(labels):
            voice = int(labels[first])
            sure = _lead(likeness[first:last], voice) >= self._rules.certain
            speaker = roles[voice] if sure and voice in roles else f"speaker_{order[voice]}"
            parts.append(SpokenPart(speaker=speaker, characters=sum(phrases[first:last], ())))
        return parts


def cluster(vectors: Vectors, rules: DiarizationRules) -> Labels:
    """Give each slice a voice, 0…k−1 with k at most `rules.most`.

    Average-linkage clustering of an even sample; every other slice joins the voice it is nearest to.
    """
    sample = np.unique(np.linspace(0, len(vectors) - 1, min(rules.sample, len(vectors))).round().astype(int))
    labels = _linked(vectors[sample], rules)
    sizes = np.bincount(labels)
    kept = np.argsort(-sizes)[: rules.most]
    kept = kept[sizes[kept] >= max(2, rules.least_share * len(sample))] if len(sample) > 4 else kept
    kept = kept if len(kept) else np.argsort(-sizes)[:1]
    voices = np.stack([_unit(vectors[sample][labels == voice].mean(axis=0)) for voice in kept])
    nearest: Labels = np.argmax(vectors @ voices.T, axis=1)
    return np.unique(nearest, return_inverse=True)[1]


def _linked(vectors: Vectors, rules: DiarizationRules) -> Labels:
    if len(vectors) < 2:
        return np.zeros(len(vectors), np.intp)
    from sklearn.cluster import AgglomerativeClustering

    linkage = AgglomerativeClustering(
        n_clusters=None, metric="cosine", linkage="average", distance_threshold=1 - rules.likeness
    )
    labels: Labels = linkage.fit_predict(vectors)
    return labels


def _centroids(vectors: Vectors, labels: Labels) -> Vectors:
    return np.stack([_unit(vectors[labels == voice].mean(axis=0)) for voice in np.unique(labels)])


def _unit(vector: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return vector / np.float32(max(float(np.linalg.norm(vector)), 1e-9))


def _slice_starts(length: int, hop: int) -> list[int]:
    """Where slices begin; sound shorter than a slice is one, what is shorter than a syllable none."""
    if length < RATE // 4:
        return []
    return list(range(0, max(1, length - _SLICE + hop), hop))


def _slice(samples: Samples, start: int) -> Samples:
    """A slice of exactly 1.6 s; shorter sound is repeated."""
    piece = samples[start : start + _SLICE]
    return np.resize(piece, _SLICE).astype(np.float32)


def _phrases(text: TimedText, gap_ms: int) -> list[TimedText]:
    """Split at marks and at pauses; marks stay with the phrase before them."""
    phrases: list[list[int]] = []
    open_phrase = False
    last_end = 0
    for index, character in enumerate(text):
        if character.is_mark:
            open_phrase = False
        elif not open_phrase or character.start_ms - last_end >= gap_ms:
            phrases.append([])
            open_phrase = True
        if not phrases:
            phrases.append([])
        phrases[-1].append(index)
        last_end = last_end if character.is_mark else character.end_ms
    return [tuple(text[index] for index in phrase) for phrase in phrases]


def _seconds(phrase: TimedText) -> float:
    return max(0.1, (max(character.end_ms for character in phrase) - phrase[0].start_ms) / 1000)


def _smoothed(likeness: npt.NDArray[np.float64], seconds: Sequence[float], change: float) -> Labels:
    """The likeliest voice of each phrase when changes cost something (Viterbi)."""
    score = np.zeros(likeness.shape[1])
    back: list[Labels] = []
    for row, length in zip(likeness, seconds, strict=True):
        stay, switch = score, score.max() - change
        previous = np.where(stay >= switch, np.arange(len(score)), int(score.argmax()))
        back.append(previous)
        score = np.maximum(stay, switch) + row * min(length, SLICE_S)
    labels = [int(score.argmax())]
    for previous in reversed(back[1:]):
        labels.append(int(previous[labels[-1]]))
    return np.asarray(labels[::-1], np.intp)


def _runs(labels: Labels) -> list[tuple[int, int]]:
    edges = [0, *(np.flatnonzero(np.diff(labels)) + 1).tolist(), len(labels)]
    return list(pairwise(edges))


def _lead(likeness: npt.NDArray[np.float64], voice: int) -> float:
    """By how much a run of phrases is more like its voice than like the next best one."""
    mean = likeness.mean(axis=0)
    others = np.delete(mean, voice)
    return float(mean[voice] - others.max()) if others.size else 1.0
