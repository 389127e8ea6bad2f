"""The vector graph of an index on disk: the one part of it that takes minutes to make.

A snapshot holds no words, so that what is erased from the database is not kept here. It is used only for the
very rows it was made of: another encoder, dimension, corpus version or row order, or a damaged file, and the
graph is built again.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

import structlog

from domain.sources import safe_part
from retrieval.memory_index import MemoryIndex

log = structlog.get_logger(__name__)

FORMAT = 1
_MANIFEST, _GRAPH = "manifest.json", "graph.faiss"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a snapshot was made of.

    Attributes:
        encoder: Fingerprint of the model.
        rows: SHA-256 over the passage ids in the order of their rows.
    """

    encoder: str
    dimension: int
    corpus_version: int
    rows: str
    format: int = FORMAT


def manifest_of(index: MemoryIndex, *, encoder: str, dimension: int, corpus_version: int) -> Manifest:
    """Describe an index as it is now."""
    rows = hashlib.sha256()
    for passage_id in index.row_ids():
        rows.update(passage_id.encode("utf-8") + b"\0")
    return Manifest(encoder=encoder, dimension=dimension, corpus_version=corpus_version, rows=rows.hexdigest())


def save(folder: Path, tenant: str, index: MemoryIndex, manifest: Manifest) -> bool:
    """Write a snapshot whole or not at all; False when the index has no graph.

    The manifest carries the graph's hash and is put in place last, so that a crash leaves the snapshot before.
    """
    target = folder / safe_part(tenant)
    target.mkdir(parents=True, exist_ok=True)
    graph = target / f"{secrets.token_hex(4)}.part"
    try:
        if not index.save_graph(graph):
            return False
        described = {**asdict(manifest), "graph": _digest(graph)}
        graph.replace(target / _GRAPH)
        part = target / f"{secrets.token_hex(4)}.part"
        part.write_text(json.dumps(described), encoding="utf-8")
        part.replace(target / _MANIFEST)
    finally:
        graph.unlink(missing_ok=True)
    return True


def restore(folder: Path, tenant: str, index: MemoryIndex, manifest: Manifest) -> bool:
    """Give an index the graph that was saved for it; False when there is none that fits."""
    target = folder / safe_part(tenant)
    try:
        described = json.loads((target / _MANIFEST).read_text(encoding="utf-8"))
        fits = described == {**asdict(manifest), "graph": _digest(target / _GRAPH)}
        if fits:
            index.load_graph(target / _GRAPH)
    except FileNotFoundError:
        return False
    except (OSError, ValueError) as error:
        log.warning("snapshot.refused", why=type(error).__name__)
        return False
    if not fits:
        log.info("snapshot.refused", why="made of other rows")
    return bool(fits)


def remove(folder: Path, tenant: str) -> None:
    """Remove a tenant's snapshot, if there is one."""
    for name in (_MANIFEST, _GRAPH):
        (folder / safe_part(tenant) / name).unlink(missing_ok=True)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
