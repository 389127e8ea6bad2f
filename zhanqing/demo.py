"""The demo's samples: war cases into the base, and the sample call with the account behind it."""

from __future__ import annotations

import json
from datetime import datetime
from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from coaching.report import Report
    from speech.progress import Progress
    from zhanqing.bootstrap import Parts

CALL = "medical_delivery"
STARTED_AT = datetime.fromisoformat("2026-11-18T10:00:00+08:00")
BY = "demo"


async def import_samples(parts: Parts, tenant: str) -> int:
    """Save and publish the sample war cases; those already there stay as they are.

    Returns:
        How many cases are published.
    """
    from retrieval.library import publish
    from store.cases import Saved

    cases = _sample_cases()
    async with parts.store.begin(tenant) as work:
        saved = await work.cases.save(cases, by=BY, why="samples")
        changed = [case.id for case, what in zip(cases, saved, strict=True) if what is not Saved.UNCHANGED]
        await publish(work, changed, by=BY, why="samples")
    return len(cases)


async def coach_sample(parts: Parts, tenant: str, *, on_progress: Callable[[Progress], None] | None = None) -> Report:
    """Digest the sample call with its account, names and consent."""
    from agent.calls import CallFile, keep_report
    from domain.conversation import Consent, ConsentStatus
    from wire.documents import read_account, read_lexicon

    account = read_account(_sample("accounts/hospital.json"))
    with as_file(files("examples") / "calls" / f"{CALL}.ogg") as recording:
        call = CallFile(
            path=recording,
            conversation_id=f"demo-{CALL.replace('_', '-')}",
            consent=account.consent or Consent(status=ConsentStatus.GRANTED, reference="CONSENT-SAMPLE-1"),
            lexicon=read_lexicon(_sample(f"calls/{CALL}.lexicon.json")),
            account=account,
            started_at=STARTED_AT,
        )
        report = await parts.calls.digest_recording(tenant, call, on_progress=on_progress)
    async with parts.store.begin(tenant) as work:
        await keep_report(work, report)
    return report


def _sample_cases() -> list[Any]:
    from domain.cases import WarCase
    from wire.documents import read

    lines = (files("examples") / "cases.jsonl").read_text(encoding="utf-8").splitlines()
    return [read(WarCase, json.loads(line), what="sample case") for line in lines if line.strip()]


def _sample(name: str) -> Any:
    return json.loads((files("examples") / name).read_text(encoding="utf-8"))
