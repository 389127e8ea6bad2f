"""Records as the CRM itself sends them, what the CRM does not know of, and activities to write into it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Request
from fastapi.responses import JSONResponse

from api.callers import SECURED, Reader, Writer, note_refusal
from api.crm.mapping import Activity, CrmKind, CrmRecord, CrmSystem, instant, read_records, write_activity
from api.documents import answer
from api.errors import documented
from api.idempotency import IdempotentRoute
from api.parts import parts_of
from api.rights import refuse_unseen, sees, visible_reps
from api.sharing import shown_analysis
from coaching.crm_promises import PromiseCheck, check_promises
from domain.accounts import Account, Deal
from domain.conversation import Transcript
from domain.errors import ConflictError, DeniedError, InputError, NotFoundError
from domain.messages import text
from domain.signals import Analysis, SignalKind
from domain.sources import SourceStatus, account_source_id, deal_source_id
from domain.suggestions import AI_LABEL
from store.conversations import ConversationFilter
from store.keys import Role
from store.work import Work
from wire.documents import dump

router = APIRouter(prefix="/v1", tags=["crm"], dependencies=SECURED, route_class=IdempotentRoute)

MOST_RECORDS = 500
MOST_TALKS = 200
_MODIFIED = "crm_modified_at"
Outcome = Literal["created", "updated", "unchanged", "older"]


@router.post("/crm/{system}/{kind}", responses=documented(400, 409), response_model=dict[str, Any])
async def take_records(
    request: Request,
    caller: Writer,
    system: CrmSystem,
    kind: CrmKind,
    payload: Annotated[dict[str, Any] | list[dict[str, Any]], Body()],
) -> JSONResponse:
    """Take records as this CRM answers, queries or pushes them; one already taken in a newer state stays.

    A field that the payload has replaces ours, one that it leaves out stays: CRMs send what changed.
    """
    if caller.role in (Role.REP, Role.MANAGER):
        await note_refusal(request, caller, why="not_your_role")
        raise DeniedError("api.not_your_role")
    records = read_records(system, kind, payload)
    if len(records) > MOST_RECORDS:
        raise InputError("api.too_many_records", most=MOST_RECORDS)
    async with parts_of(request).store.begin(caller.tenant) as work:
        taken = [await _take(work, system, record) for record in records]
    return answer({"data": taken})


@router.get("/deals/{deal_id}/promises", responses=documented(404), response_model=dict[str, Any])
async def check_deal(request: Request, caller: Reader, deal_id: str) -> JSONResponse:
    """Return what was promised in the deal's conversations, and whether the CRM knows of it."""
    async with parts_of(request).store.read(caller.tenant) as work:
        deal = await work.deals.get(deal_id)
        if deal is None:
            raise NotFoundError("api.no_deal")
        known = await _crm_texts(work, deal)
        talks = ConversationFilter(deal_id=deal_id, rep_ids=await visible_reps(work, caller))
        checks = [
            check
            for talk in await work.conversations.page(talks, limit=MOST_TALKS)
            for check in await _checked(work, talk.conversation_id, talk.started_at or talk.created_at, known)
        ]
    return answer({"deal_id": deal_id, "promises": [_shown(check) for check in checks]})


@router.get("/calls/{call_id}/activity", responses=documented(404, 409), response_model=dict[str, Any])
async def get_activity(request: Request, caller: Reader, call_id: str, system: CrmSystem) -> JSONResponse:
    """Return the request that writes this call into a CRM's timeline; sending it is yours, nothing is sent here."""
    async with parts_of(request).store.read(caller.tenant) as work:
        call = await work.calls.existing(call_id)
        seen = await sees(work, caller, rep_id=call.details.rep_id, object_kind="call", object_id=call_id)
        transcript = await work.conversations.get(call_id)
        analysis = await work.signals.get(call_id)
        analysis = None if analysis is None else await shown_analysis(work, caller, analysis)
        account_id, deal_id = call.details.account_id, call.details.deal_id
        account = await work.accounts.get(account_id) if account_id else None
        ids = {
            "account": await work.external_ids.of(system, "account", account_id) if account_id else None,
            "deal": await work.external_ids.of(system, "deal", deal_id) if deal_id else None,
        }
    missing = NotFoundError("store.no_call")
    await refuse_unseen(request, caller, seen=seen, missing=missing, object_kind="call", object_id=call_id)
    if transcript is None or analysis is None:
        raise ConflictError("api.call_not_ready", status=call.status.value)
    activity = Activity(
        source_id=call_id,
        occurred_at=call.details.started_at or call.created_at,
        subject=text("api.activity_subject", customer=account.name if account else account_id or ""),
        body=_body(transcript, analysis),
        owner=call.details.rep_id or "",
        duration_ms=transcript.duration_ms,
        account=ids["account"] or "",
        deal=ids["deal"] or "",
    )
    return answer(write_activity(system, activity))


async def _take(work: Work, system: CrmSystem, record: CrmRecord) -> dict[str, Any]:
    """Store one record under our id; an older state than what is there changes nothing."""
    our_id = await _our_id(work, system, record.kind, record.external_id)
    repository = work.accounts if record.kind is CrmKind.ACCOUNT else work.deals
    before = await repository.get(our_id)
    outcome: Outcome
    if before is not None and _is_older(record, before):
        outcome = "older"
    else:
        revision = await repository.revision(our_id)
        await _put(work, system, record, our_id, before)
        after = await repository.revision(our_id)
        outcome = "created" if revision is None else "unchanged" if revision == after else "updated"
    return {"external_id": record.external_id, "id": our_id, "outcome": outcome}


async def _put(work: Work, system: CrmSystem, record: CrmRecord, our_id: str, before: Account | Deal | None) -> None:
    document = dump(before, keep_none=False) if before is not None else {}
    extra = document.pop("extra", {})
    stamp = {_MODIFIED: record.modified_at.isoformat()} if record.modified_at else {}
    merged = replace(record, document={**extra, **document, **record.document, **stamp})
    if record.kind is CrmKind.ACCOUNT:
        if not str(merged.document.get("name") or "").strip():
            raise InputError("api.no_name")
        await work.accounts.put(merged.account(our_id))
        return
    account_id = document.get("account_id", "")
    if record.account_external_id:
        account_id = await _our_id(work, system, CrmKind.ACCOUNT, record.account_external_id)
    await work.deals.put(merged.deal(our_id, account_id))


async def _our_id(work: Work, system: CrmSystem, kind: CrmKind, external_id: str) -> str:
    """Return our id of a CRM's record; a new one is named after it."""
    known = await work.external_ids.find(system, kind, external_id)
    return known or await work.external_ids.bind(system, kind, external_id, f"{system.value}-{external_id}")


def _is_older(record: CrmRecord, before: Account | Deal) -> bool:
    stamp = before.extra.get(_MODIFIED)
    known = instant(stamp) if stamp else None
    return known is not None and record.modified_at is not None and record.modified_at < known


async def _crm_texts(work: Work, deal: Deal) -> dict[str, str]:
    """Return what the CRM says of a deal and its customer, by source id."""
    prefixes = [deal_source_id(deal.deal_id, "_").removesuffix("_")]
    if deal.account_id:
        prefixes.append(account_source_id(deal.account_id, "_").removesuffix("_"))
    found = [source for prefix in prefixes for source in await work.sources.under(prefix)]
    return {source.source_id: source.text for source in found if source.status is SourceStatus.LIVE}


async def _checked(work: Work, conversation_id: str, at: datetime, known: dict[str, str]) -> Sequence[PromiseCheck]:
    analysis = await work.signals.get(conversation_id)
    signals = analysis.signals if analysis else ()
    return check_promises(conversation_id, signals, known, today=at.date())


def _shown(check: PromiseCheck) -> dict[str, Any]:
    signal = check.signal
    return {
        "conversation_id": check.conversation_id,
        "turn_id": signal.turn_id,
        "quote": signal.quote,
        **{name: signal.attributes.get(name) for name in ("who", "what", "due", "due_on")},
        "in_crm": check.is_known,
        "known_in": check.known_in or None,
    }


def _body(transcript: Transcript, analysis: Analysis) -> str:
    """Write what was promised and agreed, in the words that were said, with the AI label."""
    lines = []
    for kind, title in ((SignalKind.PROMISE, "api.activity_promises"), (SignalKind.NEXT_STEP, "api.activity_steps")):
        quotes = dict.fromkeys(signal.quote for signal in analysis.signals if signal.kind is kind)
        if quotes:
            lines += [text(title), *(f"- {quote}" for quote in quotes)]
    if not lines:
        lines = [text("api.activity_nothing", turns=len(transcript.turns))]
    return "\n".join([*lines, AI_LABEL])
