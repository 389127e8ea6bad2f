"""Recognition: character error rate with and without lexicon, name recall, attribution, cost.

Synthesised sales calls say what the product is for; real voices (read sentences, telephone-band calls of
unrelated sentences) say how it holds on people. Neither is spontaneous sales speech: no public set is.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from eval.result import EvalResult, Figure, mean, proportion
from eval.speech_heard import Parts, ScoredCall, heard
from eval.speech_scores import CharacterErrors, attributed_rightly, character_errors, error_rate
from eval.speech_sets import Utterance, real_voice_calls, sales_calls, utterances
from eval.speech_telephone import telephone_figures
from speech.transcriber import Transcriber

SUITE = "asr"


def run(data: Path, *, half: str = "visible", parts: Parts) -> EvalResult:
    """Measure on whatever of the sets is under `data`."""
    calls, real = sales_calls(data), real_voice_calls(data, half)
    sentences = utterances(data, half)
    if not (calls or real or sentences):
        return EvalResult(suite=SUITE, data=half, figures=(), skipped="no recordings under the data folder")
    named = [heard(parts.transcriber, call, call.lexicon) for call in calls]
    bare = [heard(parts.transcriber, call, ()) for call in calls]
    telephone = [heard(parts.transcriber, call, ()) for call in real]
    figures = [
        *_call_figures("sales_calls", named),
        error_rate("sales_calls.cer_without_lexicon", [errors for call in bare for errors in call.by_speaker]),
        name_recall("sales_calls.name_recall", named),
        name_recall("sales_calls.name_recall_without_lexicon", bare),
        *_call_figures("real_voice_calls", telephone),
        *_sentence_figures(parts.transcriber, sentences),
        *telephone_figures(parts.transcriber, calls, sentences, wide=named),
    ]
    rows = tuple(_row(scored) for scored in [*named, *telephone])
    return EvalResult(suite=SUITE, data=half, figures=tuple(figures), rows=rows)


def name_recall(name: str, scored: Sequence[ScoredCall]) -> Figure:
    """Share of the references' product and competitor names that stand in the transcript, each mention counted."""
    found = said = 0
    for one in scored:
        reference = "".join(turn.text for turn in one.call.turns)
        text = "".join(turn.text for turn in one.transcript.turns)
        for entry in one.call.lexicon:
            if entry.kind in ("product", "competitor"):
                shortest = min(entry.forms, key=len)
                said += reference.count(shortest)
                found += min(reference.count(shortest), text.count(shortest))
    return proportion(name, found, said)


def _call_figures(prefix: str, scored: Sequence[ScoredCall]) -> list[Figure]:
    judged = [
        right
        for one in scored
        for turn in one.turns
        if (right := attributed_rightly(turn, [turn.spoken for turn in one.call.turns])) is not None
    ]
    factors = [one.seconds * 1000 / one.transcript.duration_ms for one in scored if one.transcript.duration_ms]
    return [
        error_rate(f"{prefix}.cer", [errors for one in scored for errors in one.by_speaker]),
        proportion(f"{prefix}.turn_attribution", sum(judged), len(judged)),
        mean(f"{prefix}.real_time_factor", factors, note="wall clock, as busy as the machine was"),
    ]


def _sentence_figures(transcriber: Transcriber, sentences: Sequence[Utterance]) -> list[Figure]:
    by_group: dict[str, list[CharacterErrors]] = {}
    for utterance in sentences:
        transcript = transcriber.transcribe(utterance.audio)
        text = "".join(turn.text for turn in transcript.turns)
        by_group.setdefault(utterance.group, []).append(character_errors(utterance.text, text))
    return [error_rate(f"read_speech.{group}.cer", counts) for group, counts in sorted(by_group.items())]


def _row(scored: ScoredCall) -> dict[str, object]:
    errors = {
        speaker: round(counts.edits / max(1, counts.length), 4)
        for speaker, counts in zip(("rep", "customer"), scored.by_speaker, strict=True)
    }
    return {"id": scored.call.id, "cer": errors, "turns": len(scored.transcript.turns)}
