"""Documents as sources: Markdown, text, Word and PDF files become citable text with passages of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from domain.errors import InputError
from domain.sources import Source, safe_part
from retrieval.passages import source_passages
from retrieval.redaction import redact
from retrieval.rows import check_archive, check_size, decoded
from store.documents import Document
from store.passages import PassageGroup
from store.work import Store, Work

DOCUMENT_SUFFIXES = frozenset({".md", ".txt", ".docx", ".pdf"})
COLUMN = "text"
"""The column of a document's passages."""

MAX_PAGES = 2_000
MAX_CHARS = 2_000_000
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadDocument:
    """A document's text, masked, and what was masked in it: kind → count."""

    document: Document
    text: str
    masked: Mapping[str, int]


def read_document(path: Path, *, kind: str = "document") -> ReadDocument:
    """Read a document file.

    Raises:
        InputError: Too large, broken, encrypted, or without text.
    """
    check_size(path)
    suffix = path.suffix.lower()
    if suffix == ".docx":
        text = "\n".join(_word_lines(path))
    elif suffix == ".pdf":
        text = "\n".join(_pdf_pages(path))
    else:
        text = decoded(path)
    document = Document(id=safe_part(path.stem), kind=kind, title="", origin=path.name)
    read = read_text(document, text, name=path.name)
    return replace(read, document=replace(document, title=_title(read.text, path)))


def read_text(document: Document, text: str, *, name: str) -> ReadDocument:
    """Check and mask a document's text.

    Args:
        name: What the text is called in an error line.

    Raises:
        InputError: There is none, or too much.
    """
    text = _CONTROL.sub(" ", text.replace("\r\n", "\n")).strip()
    if not text:
        raise InputError("retrieval.no_text", file=name)
    if len(text) > MAX_CHARS:
        raise InputError("retrieval.text_too_long", file=name, limit=MAX_CHARS)
    redacted = redact(text)
    return ReadDocument(document=document, text=redacted.text, masked=redacted.masked)


async def import_document(store: Store, tenant: str, read: ReadDocument, *, by: str) -> Source:
    """Keep a document and make it findable, in one transaction."""
    async with store.begin(tenant) as work:
        return await keep_document(work, read, by=by)


async def keep_document(work: Work, read: ReadDocument, *, by: str) -> Source:
    """Keep a document or card as a live source and make it findable; the same again changes nothing."""
    source = await work.documents.put(read.document, read.text, by=by)
    await _show(work, source, read.document)
    return source


async def _show(work: Work, source: Source, document: Document) -> None:
    """Make a document's passages the ones that are found."""
    passages = tuple(source_passages(source, column=COLUMN))
    facets = {"kind": [document.kind], "title": [document.title]}
    await work.passages.replace([PassageGroup(id=source.source_id, passages=passages, facets=facets)])


def _title(text: str, path: Path) -> str:
    first = text.split("\n", 1)[0].lstrip("# ").strip()
    return first if 0 < len(first) <= 80 else path.stem


def _word_lines(path: Path) -> Iterator[str]:
    check_archive(path)
    import docx
    from docx.table import Table

    try:
        for block in docx.Document(str(path)).iter_inner_content():
            if isinstance(block, Table):
                yield from ("\t".join(cell.text for cell in row.cells) for row in block.rows)
            else:
                yield block.text
    except Exception as error:  # python-docx lets KeyError, ValueError, XML errors and more through
        raise InputError("retrieval.broken_file", file=path.name) from error


def _pdf_pages(path: Path) -> Iterator[str]:
    import pypdf

    try:
        reader = pypdf.PdfReader(path)
        if reader.is_encrypted and not reader.decrypt(""):
            raise InputError("retrieval.encrypted_file", file=path.name)
        for number, page in enumerate(reader.pages):
            if number == MAX_PAGES:
                raise InputError("retrieval.too_many_pages", file=path.name, limit=MAX_PAGES)
            yield page.extract_text()
    except InputError:
        raise
    except Exception as error:  # pypdf lets KeyError, TypeError, RecursionError and more through
        raise InputError("retrieval.broken_file", file=path.name) from error
