"""Which container a file really is, read from its first bytes; names and extensions are not trusted.

Only these demuxers are ever opened: FFmpeg's own probing would also open playlists and scripts
that pull in other files.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

_HEAD_BYTES = 4096
_TAIL_BYTES = 1 << 16
_MEDIA_TYPES = {
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "aac": "audio/aac",
    "mov": "audio/mp4",
    "ogg": "audio/ogg",
    "flac": "audio/flac",
    "amr": "audio/amr",
}


def sniff(path: Path) -> str | None:
    """Return FFmpeg's name of the file's demuxer, or None when it is no audio container we read."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
        if head.startswith(b"ID3") and len(head) >= 10:
            file.seek(_id3_length(head))
            head = file.read(_HEAD_BYTES)
            return "flac" if head.startswith(b"fLaC") else ("aac" if _is_adts(head) else "mp3")
    return next((name for name, matches in _SIGNATURES if matches(head)), None)


def media_type(path: Path) -> str | None:
    """Return the media type under which a recording is kept, or None when it is no audio container we read."""
    demuxer = sniff(path)
    return None if demuxer is None else _MEDIA_TYPES.get(demuxer, "application/octet-stream")


def is_cut_short(path: Path, demuxer: str) -> bool:
    """Whether the container itself shows that its end is missing.

    Ogg marks its last page and a WAV header states its length; a stream that was written to a pipe
    states none (0 or all ones) and counts as whole. Other containers show nothing here.
    """
    check = {"ogg": _ogg_is_cut, "wav": _wav_is_cut}.get(demuxer)
    return check is not None and check(path)


def _ogg_is_cut(path: Path) -> bool:
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - _TAIL_BYTES))
        tail = file.read()
    page = tail.rfind(b"OggS")
    if page < 0 or len(tail) < page + 27:
        return True
    is_last = bool(tail[page + 5] & 0x04)
    table = tail[page + 27 : page + 27 + tail[page + 26]]
    return not is_last or len(tail) < page + 27 + len(table) + sum(table)


def _wav_is_cut(path: Path) -> bool:
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(4) != b"RIFF":
            return False  # RF64 and friends keep their lengths elsewhere
        file.seek(12)
        while len(header := file.read(8)) == 8:
            name, length = struct.unpack("<4sI", header)
            if name == b"data":
                return length not in (0, 0xFFFFFFFF) and file.tell() + length > size + 1
            file.seek(length + (length & 1), 1)
    return True


def _id3_length(head: bytes) -> int:
    """Length of an ID3v2 tag with its header: four bytes of seven bits."""
    a, b, c, d = head[6:10]
    return 10 + ((a & 0x7F) << 21 | (b & 0x7F) << 14 | (c & 0x7F) << 7 | (d & 0x7F))


def _is_adts(head: bytes) -> bool:
    return len(head) > 2 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0


def _is_mpeg_audio(head: bytes) -> bool:
    """Whether a frame header of MPEG layer I-III stands first: sync, known layer, rate and bit rate."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    layer, version = head[1] >> 1 & 3, head[1] >> 3 & 3
    return layer != 0 and version != 1 and head[2] >> 4 not in (0, 15) and head[2] >> 2 & 3 != 3


_SIGNATURES: tuple[tuple[str, Callable[[bytes], bool]], ...] = (
    ("wav", lambda head: head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE"),
    ("w64", lambda head: head[:4] == b"riff" and head[24:28] == b"wave"),
    ("flac", lambda head: head.startswith(b"fLaC")),
    ("ogg", lambda head: head.startswith(b"OggS")),
    ("amr", lambda head: head.startswith(b"#!AMR")),
    ("mov", lambda head: head[4:8] == b"ftyp"),
    ("matroska", lambda head: head.startswith(b"\x1a\x45\xdf\xa3")),
    ("aiff", lambda head: head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC")),
    ("caf", lambda head: head.startswith(b"caff")),
    ("aac", _is_adts),
    ("mp3", _is_mpeg_audio),
)
