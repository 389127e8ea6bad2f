"""An envelope as a file to keep or send on: Markdown, HTML or DOCX, labelled and marked as written by AI.

Every form carries the visible label and the seven AIGC fields, and `read_aigc` reads these back.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cache
from html import unescape
from importlib.resources import files
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from domain.errors import InputError
from domain.footnotes import Footnote, Footnotes, marks
from domain.messages import text
from domain.suggestions import Aigc, Envelope

_CUSTOM_PART = "docProps/custom.xml"
_CUSTOM_TYPE = "application/vnd.openxmlformats-officedocument.custom-properties+xml"
_CUSTOM_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/custom-properties"
_CUSTOM_XML = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
    '<Properties xmlns="http://schemas.openxmlformats.org/officeDocument/2006/custom-properties" '
    'xmlns:vt="http://schemas.openxmlformats.org/officeDocument/2006/docPropsVTypes">'
    '<property fmtid="{{D5CDD505-2E9C-101B-9397-08002B2CF9AE}}" pid="2" name="AIGC">'
    "<vt:lpwstr>{value}</vt:lpwstr></property></Properties>"
)
_MARKDOWN = re.compile(r"\A---\nAIGC: (\{.*\})\n---\n")
_HTML = re.compile(r'<meta name="AIGC" content="([^"]*)">')
_SPECIAL = re.compile(r"([\\`*_\[\]<>#|])")


class ExportFormat(StrEnum):
    """The forms, by the suffix of their files."""

    MARKDOWN = "md"
    HTML = "html"
    DOCX = "docx"

    @property
    def media_type(self) -> str:
        """What the form is called in HTTP."""
        word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
        names = {"md": "text/markdown; charset=utf-8", "html": "text/html; charset=utf-8"}
        return names.get(self.value, word)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A suggestion as it is shown: sentences with their numbers, and what to heed."""

    title: str
    sentences: tuple[tuple[str, tuple[int, ...]], ...]
    heed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Everything that an export shows, in order; `sources` under numbers from 1."""

    title: str
    label: str
    sections: tuple[Section, ...]
    sources: tuple[Footnote, ...]
    missing: tuple[str, ...]
    notes: tuple[str, ...]
    decision_id: str
    aigc: str


def export(envelope: Envelope, form: ExportFormat, *, lang: str = "zh") -> bytes:
    """Return the envelope as a file of this form."""
    page = _page(envelope, lang)
    match form:
        case ExportFormat.MARKDOWN:
            return _markdown(page, lang).encode("utf-8")
        case ExportFormat.HTML:
            return _html(page, lang).encode("utf-8")
        case ExportFormat.DOCX:
            return _docx(page, lang)


def read_aigc(content: bytes, form: ExportFormat) -> Aigc:
    """Read the seven AIGC fields back from an export.

    Raises:
        InputError: `agent.no_aigc`: the file carries none, or not all of them.
    """
    try:
        return Aigc(**json.loads(_stored_aigc(content, form)))
    except (AttributeError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise InputError("agent.no_aigc") from error


def _stored_aigc(content: bytes, form: ExportFormat) -> str:
    if form is ExportFormat.DOCX:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            root = ElementTree.fromstring(archive.read(_CUSTOM_PART))  # noqa: S314  # expat resolves no entities here
        found = next(one for one in root if one.get("name") == "AIGC")
        return found[0].text or ""
    words = content.decode("utf-8")
    match = _MARKDOWN.search(words) if form is ExportFormat.MARKDOWN else _HTML.search(words)
    return unescape(match[1]) if match else ""


def _page(envelope: Envelope, lang: str) -> Page:
    footnotes = Footnotes()
    sections = []
    for one in envelope.suggestions:
        sentences = tuple((claim.text, tuple(footnotes.numbers(claim))) for claim in one.claims)
        heed = tuple(dict.fromkeys(note.message for note in one.compliance))
        sections.append(Section(title=one.tactic, sentences=sentences, heed=heed))
    return Page(
        title=text(f"agent.export_{envelope.kind.value}", lang),
        label=envelope.label,
        sections=tuple(sections),
        sources=tuple(footnotes.notes),
        missing=envelope.missing,
        notes=(*([envelope.reason] if envelope.reason else []), *envelope.notes),
        decision_id=envelope.decision_id,
        aigc=json.dumps(asdict(envelope.aigc), ensure_ascii=False),
    )


def _markdown(page: Page, lang: str) -> str:
    lines = [f"---\nAIGC: {page.aigc}\n---\n", f"> {page.label}\n", f"# {page.title}\n"]
    for section in page.sections:
        lines.append(f"## {_plain(section.title)}\n")
        lines += [f"- {_plain(said)}{_marks(numbers)}" for said, numbers in section.sentences]
        lines += [f"\n> {_plain(heed)}" for heed in section.heed]
        lines.append("")
    for title, items in _lists(page, lang):
        lines += [f"## {title}\n", *(f"{item.mark} {_plain(item.words)}" for item in items), ""]
    return "\n".join([*lines, f"{text('agent.export_decision', lang)} {page.decision_id} · {page.label}\n"])


def _plain(words: str) -> str:
    """Return words so that none of them is Markdown."""
    return _SPECIAL.sub(r"\\\1", words.replace("\n", " "))


def _marks(numbers: Sequence[int]) -> str:
    return "".join(f"\\[{number}\\]" for number in numbers)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    mark: str
    words: str


def _lists(page: Page, lang: str) -> list[tuple[str, list[_Item]]]:
    """Return what follows the sections: sources, open questions, notes; empty ones left out."""
    sources = [
        _Item(
            mark=f"{note.number}.", words=f"{note.first.title}：{note.quoted}（{note.source_id} v{note.first.version}）"
        )
        for note in page.sources
    ]
    found = [
        (text("agent.export_sources", lang), sources),
        (text("agent.export_missing", lang), [_Item(mark="-", words=one) for one in page.missing]),
        (text("agent.export_notes", lang), [_Item(mark="-", words=one) for one in page.notes]),
    ]
    return [(title, items) for title, items in found if items]


def _html(page: Page, lang: str) -> str:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    template = environment.from_string(_html_template())
    decision = text("agent.export_decision", lang)
    return template.render(
        page=page, lists=_lists(page, lang), decision=decision, html_lang="zh-CN" if lang == "zh" else "en"
    )


@cache
def _html_template() -> str:
    return (files("agent") / "export.html.j2").read_text(encoding="utf-8")


def _docx(page: Page, lang: str) -> bytes:
    import docx
    from docx.opc.packuri import PackURI
    from docx.opc.part import Part

    document = docx.Document()
    document.add_paragraph(page.label)
    document.add_heading(page.title, level=1)
    for section in page.sections:
        document.add_heading(section.title, level=2)
        for said, numbers in section.sentences:
            document.add_paragraph(said.replace("\n", " ") + marks(numbers), style="List Bullet")
        for heed in section.heed:
            document.add_paragraph(heed, style="Intense Quote")
    for title, items in _lists(page, lang):
        document.add_heading(title, level=2)
        for item in items:
            document.add_paragraph(f"{item.mark} {item.words}")
    document.add_paragraph(f"{text('agent.export_decision', lang)} {page.decision_id}")
    document.sections[0].footer.paragraphs[0].text = page.label
    document.core_properties.title, document.core_properties.author = page.title, ""
    xml = _CUSTOM_XML.format(value=escape(page.aigc)).encode("utf-8")
    package = document.part.package
    package.relate_to(Part(PackURI(f"/{_CUSTOM_PART}"), _CUSTOM_TYPE, xml, package), _CUSTOM_RELATION)
    written = io.BytesIO()
    document.save(written)
    return written.getvalue()
