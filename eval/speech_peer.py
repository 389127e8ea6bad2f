"""The peer of the cost suite: `WhisperModel.transcribe` on each channel, as its documentation shows it."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main(weights: str, audio: str, out: str) -> None:
    """Transcribe both channels and write `{"turns": [{"speaker", "text"}]}`."""
    from faster_whisper import WhisperModel, decode_audio

    model = WhisperModel(weights, device="cpu", compute_type="int8", local_files_only=True)
    turns = []
    for speaker, channel in zip(("rep", "customer"), decode_audio(audio, split_stereo=True), strict=True):
        segments, _ = model.transcribe(channel, language="zh", beam_size=5, vad_filter=False)
        turns += [{"speaker": speaker, "text": segment.text} for segment in segments]
    Path(out).write_text(json.dumps({"turns": turns}, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:4])
