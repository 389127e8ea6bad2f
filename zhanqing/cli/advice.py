"""`zhanqing brief`, `reply` and `ask`: what to say, every sentence cited."""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from domain.errors import InputError
from domain.footnotes import Footnotes, marks
from domain.messages import text as message
from zhanqing.cli.batch import Answer, Row, run_batch
from zhanqing.cli.options import BatchIn, BatchOut, JsonOut, Lang, Tenant, batch_files, subject
from zhanqing.cli.output import STDOUT, ensure_writable, read_json, say, write_json
from zhanqing.cli.trust import run_opened

if TYPE_CHECKING:
    from agent.exports import ExportFormat
    from domain.accounts import Account, Deal
    from domain.conversation import Transcript
    from domain.suggestions import Envelope
    from zhanqing.bootstrap import Parts

ASK_KEYS = frozenset({"text", "conversation", "deal", "account", "lexicon"})
BRIEF_KEYS = frozenset({"account", "conversations", "lexicon"})
ExportTo = Annotated[
    Path | None,
    typer.Option("--export", metavar="OUT", help="另存为 .md、.html 或 .docx。 Also as Markdown, HTML or Word."),
]


class Preparation(StrEnum):
    """What can be prepared."""

    PRACTICE = "practice"
    FIRST_CALL = "first-call"
    FOLLOW_UP = "follow-up"
    SUMMARY = "summary"


AccountFile = Annotated[Path | None, typer.Option("--account", metavar="ACCOUNT.json", help="客户资料。 The customer.")]


def reply(
    words: Annotated[str | None, typer.Argument(metavar="TEXT", help="客户的话。 The customer's words.")] = None,
    context: Annotated[Path | None, typer.Option("--context", help="对话 JSON。 The conversation so far.")] = None,
    json_out: JsonOut = None,
    batch: BatchIn = None,
    out: BatchOut = None,
    tenant: Tenant = "default",
    lang: Lang = None,
) -> None:
    """给客户的话推荐回复，每句有出处。 Recommend replies, every sentence cited."""
    ensure_writable(json_out)

    async def recommend(parts: Parts) -> None:
        async def answer(row: Row) -> Any:
            return _json(await parts.coach.reply(tenant, _text(row), **_context(row)))

        if files := batch_files(batch, out):
            await run_batch(files, answer, keys=ASK_KEYS, lang=parts.lang)
            return
        conversation = _transcript_file(context) if context else None
        _show(await parts.coach.reply(tenant, subject(words, "TEXT"), conversation=conversation), json_out, parts.lang)

    run_opened(lang, recommend)


def ask(
    question: Annotated[str | None, typer.Argument(metavar="TEXT", help="问题。 The question.")] = None,
    json_out: JsonOut = None,
    batch: BatchIn = None,
    out: BatchOut = None,
    tenant: Tenant = "default",
    lang: Lang = None,
) -> None:
    """问商机、客户、战例，没有依据就不答。 Ask; without a source there is no answer."""
    ensure_writable(json_out)

    async def answer_question(parts: Parts) -> None:
        async def answer(row: Row) -> Any:
            return _json(await parts.coach.ask(tenant, _text(row), **_context(row)))

        if files := batch_files(batch, out):
            await run_batch(files, answer, keys=ASK_KEYS, lang=parts.lang)
            return
        _show(await parts.coach.ask(tenant, subject(question, "TEXT")), json_out, parts.lang)

    run_opened(lang, answer_question)


def brief(
    conversations: Annotated[
        list[Path] | None, typer.Option("--conversation", metavar="FILE", help="对话 JSON，可多个。 Conversations.")
    ] = None,
    account: AccountFile = None,
    export_to: ExportTo = None,
    json_out: JsonOut = None,
    batch: BatchIn = None,
    out: BatchOut = None,
    tenant: Tenant = "default",
    lang: Lang = None,
) -> None:
    """起草战情简报，每句有出处。 Draft a deal brief, every sentence cited."""
    ensure_writable(json_out)
    form = _form_of(export_to)

    async def draft(parts: Parts) -> None:
        if files := batch_files(batch, out):
            await run_batch(files, _brief_answer(parts, tenant), keys=BRIEF_KEYS, lang=parts.lang)
            return
        if not conversations and account is None:
            raise InputError("zhanqing.no_subject", what="--conversation FILE")
        talks = tuple(_transcript_file(path) for path in conversations or ())
        customer = read_account_file(account)
        envelope = await parts.coach.brief(tenant, conversations=talks, account=customer)
        _show(envelope, json_out, parts.lang)
        _export(envelope, export_to, form, parts.lang)

    run_opened(lang, draft)


def prepare(
    kind: Annotated[Preparation, typer.Argument(help="要点、首电、跟进、纪要。 What to prepare.")],
    note: Annotated[str, typer.Argument(metavar="[TEXT]", help="情况说明。 What it is about.")] = "",
    conversations: Annotated[
        list[Path] | None, typer.Option("--conversation", metavar="FILE", help="对话 JSON，可多个。 Conversations.")
    ] = None,
    account: AccountFile = None,
    export_to: ExportTo = None,
    json_out: JsonOut = None,
    tenant: Tenant = "default",
    lang: Lang = None,
) -> None:
    """准备一次沟通，或整理沟通纪要。 Prepare a talk, or sum one up, every sentence cited."""
    from domain.suggestions import SuggestionKind

    ensure_writable(json_out)
    form = _form_of(export_to)
    if not note.strip() and not conversations and account is None:
        raise InputError("zhanqing.no_subject", what="TEXT")

    async def draft(parts: Parts) -> None:
        talks = tuple(_transcript_file(path) for path in conversations or ())
        chosen = SuggestionKind(kind.value.replace("-", "_"))
        envelope = await parts.coach.prepare(
            tenant, chosen, text=note, conversations=talks, account=read_account_file(account)
        )
        _show(envelope, json_out, parts.lang)
        _export(envelope, export_to, form, parts.lang)

    run_opened(lang, draft)


def read_account_file(path: Path | None) -> Account | None:
    """Read an account file; no file is no account."""
    from wire.documents import read_account

    return None if path is None else read_account(read_json(path))


def print_envelope(envelope: Envelope, lang: str) -> None:
    """Print an envelope: each suggestion with numbered marks, the quotes beneath."""
    if envelope.abstained:
        say(envelope.reason or "")
    for suggestion in envelope.suggestions:
        footnotes = Footnotes()
        words = "".join(f"{claim.text}{marks(footnotes.numbers(claim))}" for claim in suggestion.claims)
        say(f"\n【{suggestion.tactic}】{words}")
        for cited in footnotes.notes:
            say(f"  [{cited.number}] {cited.first.title}：{cited.quoted} ({cited.source_id})")
        for note in suggestion.compliance:
            say(f"  ! {note.message}")
    for line in (*envelope.missing, *envelope.notes):
        say(f"  · {line}")
    say(f"\n{envelope.label} · {message('zhanqing.decision', lang, decision_id=envelope.decision_id)}")


def _brief_answer(parts: Parts, tenant: str) -> Answer:
    from wire.documents import read_account

    async def answer(row: Row) -> Any:
        talks = row.get("conversations") or []
        if not isinstance(talks, list) or not (talks or row.get("account")):
            raise InputError("zhanqing.row_missing", field="conversations")
        account = read_account(row["account"]) if row.get("account") else None
        transcripts = tuple(_named_transcript(talk) for talk in talks)
        names = _lexicon(row)
        return _json(await parts.coach.brief(tenant, conversations=transcripts, account=account, lexicon=names))

    return answer


def _context(row: Row) -> dict[str, Any]:
    """Read a row's conversation, deal, account and lexicon."""
    from wire.documents import read_account

    account = read_account(row["account"]) if row.get("account") else None
    return {
        "conversation": inline_conversation(row.get("conversation")),
        "deal": inline_deal(row.get("deal")),
        "account": account,
        "lexicon": _lexicon(row),
    }


def inline_conversation(given: Any) -> Transcript | None:
    """Read `[{"speaker","text"}]` or a Transcript; without an id it is named after its content."""
    if not given:
        return None
    return _named_transcript({"kind": "chat", "turns": given} if isinstance(given, list) else given)


def inline_deal(given: Any) -> Deal | None:
    """Read a deal; without an id it is named after its content."""
    from wire.documents import read_deal

    if not given:
        return None
    if isinstance(given, dict) and not given.get("deal_id"):
        given = {**given, "deal_id": f"inline-{_digest(given)}"}
    return read_deal(given)


def _named_transcript(document: Any) -> Transcript:
    from wire.documents import read_transcript

    if isinstance(document, dict) and not document.get("id"):
        document = {**document, "id": f"inline-{_digest(document.get('turns'))}"}
    return read_transcript(document)


def _lexicon(row: Row) -> Any:
    from wire.documents import read_lexicon

    return read_lexicon(row["lexicon"]) if row.get("lexicon") else ()


def _digest(document: Any) -> str:
    content = json.dumps(document, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(content.encode("utf-8")).hexdigest()[:16]


def _text(row: Row) -> str:
    if not isinstance(row.get("text"), str) or not row["text"].strip():
        raise InputError("zhanqing.row_missing", field="text")
    return str(row["text"])


def _transcript_file(path: Path) -> Transcript:
    return _named_transcript(read_json(path))


def _json(envelope: Envelope) -> Any:
    from wire.documents import dump

    return dump(envelope)


def _show(envelope: Envelope, json_out: str | None, lang: str) -> None:
    if json_out != STDOUT:
        print_envelope(envelope, lang)
    write_json(json_out, _json(envelope))


def _form_of(path: Path | None) -> ExportFormat | None:
    """Return the form that a file's suffix names, before anything is drafted.

    Raises:
        InputError: The suffix names none, or the file cannot be written.
    """
    from agent.exports import ExportFormat

    if path is None:
        return None
    ensure_writable(str(path))
    try:
        return ExportFormat(path.suffix.removeprefix(".").lower())
    except ValueError as error:
        raise InputError("zhanqing.bad_export", suffix=path.suffix or path.name) from error


def _export(envelope: Envelope, path: Path | None, form: ExportFormat | None, lang: str) -> None:
    from agent.exports import export

    if path is not None and form is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(export(envelope, form, lang=lang))
