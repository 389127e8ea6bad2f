"""One process of the service for the crash test: `api` or `worker`, with a coach that needs no model.

Usage: python service.py api|worker DATABASE_URL FOLDER PORT [REDIS_URL NAMESPACE]
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import uvicorn

from api.app import create_app
from api.testing import QuotingCoach, TestParts
from domain.conversation import Consent, ConsentStatus, Transcript, Turn
from domain.sources import SourceKind, cite
from domain.suggestions import Aigc, Claim, Decision, Envelope, PromptUse, Suggestion, SuggestionKind
from store.calls import DIGEST_CALL
from store.engine import make_engine
from store.migrate import prepare
from store.sealing import Sealer, installation_key
from store.turn_intake import DIGEST_CONVERSATION
from store.work import Store, Work
from zhanqing.worker.broker import BrokerWorker, redis_broker, waker
from zhanqing.worker.inprocess import InProcessWorker
from zhanqing.worker.runs import Backoff, JobRun, JobRunner

WORDS = "太贵了"


async def digest_call(run: JobRun) -> None:
    """Hear the same words in every call, take a moment, and record one decision."""
    call_id = str(run.job.payload["call_id"])
    await asyncio.sleep(0.05)
    async with run.finishing() as work:
        consent = Consent(status=ConsentStatus.GRANTED, reference="rec-1")
        await work.conversations.put(
            Transcript(id=call_id, consent=consent, turns=(Turn(id="t001", speaker="customer", text=WORDS),))
        )
        await decide(work, call_id)


async def digest_conversation(run: JobRun) -> None:
    """Look at a conversation and keep nothing."""
    async with run.store.read(run.job.tenant) as work:
        await work.conversations.get(str(run.job.payload["conversation_id"]))


async def decide(work: Work, call_id: str) -> None:
    """Append the call's one decision; a second would be refused."""
    source = await work.sources.put("doc:talk", kind=SourceKind.DOCUMENT, title="话术", text=WORDS)
    claim = Claim(text=WORDS, start=0, end=len(WORDS), citations=(cite(source, 0, len(WORDS)),))
    suggestion = Suggestion(id="s1", tactic="", what=WORDS, why="", next="", confidence=1.0, claims=(claim,))
    envelope = Envelope(
        decision_id=f"d-{call_id}",
        kind=SuggestionKind.TIPS,
        engine="extractive",
        suggestions=(suggestion,),
        aigc=Aigc(ContentProducer="zhanqing", ProduceID=call_id),
        created_at=work.scope.clock(),
    )
    prompt = PromptUse(name="crash", version="1", sha256="0" * 64)
    await work.decisions.append(
        Decision(
            decision_id=envelope.decision_id,
            envelope=envelope,
            inputs=(),
            retrieval=(),
            engine="extractive",
            prompt=prompt,
            checks=(),
        )
    )


async def main(role: str, url: str, folder: Path, port: int, redis: tuple[str, ...]) -> None:
    """Run one process until it is killed."""
    engine = make_engine(url)
    await prepare(engine)
    store = Store(engine, blobs=folder / "blobs", sealer=Sealer(installation_key(folder)))
    if role == "api":
        if redis:
            store.watch_jobs(waker(redis_broker(redis[0], namespace=redis[1])))
        app = create_app(TestParts(store=store, coach=QuotingCoach(store)))
        config = uvicorn.Config(app, port=port, log_level="error", access_log=False)
        await uvicorn.Server(config).serve()
        return
    handlers = {DIGEST_CALL: digest_call, DIGEST_CONVERSATION: digest_conversation}
    backoff = Backoff(first_s=0.2, longest_s=1.0)
    runner = JobRunner(store, handlers, owner=f"pid-{os.getpid()}", backoff=backoff, lease_s=3.0, watch_s=0.3)
    if redis:
        await BrokerWorker(store, runner, redis_broker(redis[0], namespace=redis[1]), slots=2, sweep_s=1.0).run()
    else:
        await InProcessWorker(store, runner, slots=2, poll_s=0.3, sweep_s=1.0).run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]), tuple(sys.argv[5:])))
