"""Have the local model draft answers and replies to the written tasks, and keep them as they are before the gate.

`python -m eval.generate_drafts --out FILE [--half dev|test] [--drafts 100]`

The product's own path: what a task gathers, the request that the chat engine sends, and its reading of the answer;
only the answers are written in batches. A task that the engine refuses, or where the model cites nothing, gives no
draft. A file that is there already is gone on with.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

from agent import nodes
from agent.chat_engine import ChatEndpoint, ChatEngine
from agent.drafts import DraftSentence
from agent.engines import Drafted, ExtractiveEngine
from agent.nodes import Parts
from agent.scripted_endpoint import Scene, scripted_endpoint
from agent.shelf import Shelves
from agent.support import SupportScorer
from agent.tasks import Request, Task
from agent.testing import TENANT
from agent.vectors import Vectors
from domain.sources import Source
from domain.suggestions import SuggestionKind
from eval.agent_tasks import task_rows
from eval.ask import ask_rows, open_base
from eval.batched_model import BatchedModel, Messages
from eval.draft_rows import source_document
from retrieval.search import CaseSearch
from wire.documents import read_deal
from wire.suggestions import read_turns
from zhanqing.bootstrap import build
from zhanqing.models import digest, model_folder
from zhanqing.settings import read_settings

SOURCE_CHARACTERS = 160
TOKENS_OUT = 100
AT_ONCE = 24
_SILENCE = json.dumps({"abstain": True, "suggestions": []})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A written task: its row's id and half, the base it is asked of, and the request."""

    id: str
    half: str
    family: str
    base: str
    request: Request


def main() -> None:
    """Generate until there are enough drafts or no tasks left."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--half", choices=("dev", "test"), action="append")
    parser.add_argument("--drafts", type=int, default=100)
    given = parser.parse_args()
    known = given.out.read_text(encoding="utf-8").splitlines() if given.out.exists() else []
    done = frozenset(json.loads(line)["row"] for line in known)
    wanted = [one for one in tasks(given.half or ("dev", "test")) if one.id not in done]
    asyncio.run(generate(wanted, given.out, most=given.drafts - len(known)))


async def generate(wanted: Sequence[Asked], out: Path, *, most: int) -> None:
    """Draft task after task and append each draft to the file, so many at most."""
    settings = read_settings()
    name = settings.llm.local_model
    weights = model_folder(name, settings.models.cache) / "model.gguf"
    count = 0
    async with AsyncExitStack() as stack:
        parts = await _opened(wanted, stack)
        model = BatchedModel(weights, tokens=TOKENS_OUT, threads=2)
        about = {"model": {"name": name, "sha256": digest(weights)}}
        for start in range(0, len(wanted), AT_ONCE):
            rows = [row | about for row in await _batch(wanted[start : start + AT_ONCE], parts, model)]
            with out.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows[: most - count])
            count += len(rows)
            sys.stderr.write(f"{start + AT_ONCE} tasks, {count} drafts\n")
            if count >= most:
                return


def tasks(halves: Sequence[str]) -> list[Asked]:
    """Return the written tasks, the halves by turns: the first so many hold about as many of each."""
    both = [_of_half(half) for half in halves]
    return [one for one in chain.from_iterable(zip_longest(*both)) if one is not None]


def _of_half(half: str) -> list[Asked]:
    replies = [
        Asked(id=row["id"], half=half, family="reply", base=row["base"], request=_reply(row))
        for row in task_rows("replies", half)
    ]
    asks = [
        Asked(id=row.id, half=half, family=row.family, base=row.base, request=_ask(row.text, row.document))
        for row in ask_rows(half)
    ]
    asks.sort(key=lambda one: (int(one.id[1:]) % 4, one.id))  # every kind of question early on
    few = len(asks) // 4
    return [*asks[:few], *replies, *asks[few:]]


def _reply(row: Mapping[str, Any]) -> Request:
    return Request(tenant=TENANT, kind=SuggestionKind.REPLY, text=row["text"], deal=read_deal(row["deal"]))


def _ask(text: str, document: Mapping[str, Any]) -> Request:
    talks = (read_turns(document["conversation"]),) if "conversation" in document else ()
    deal = read_deal(document["deal"]) if "deal" in document else None
    return Request(tenant=TENANT, kind=SuggestionKind.ASK, text=text, conversations=talks, deal=deal)


async def _opened(wanted: Sequence[Asked], stack: AsyncExitStack) -> dict[str, Parts]:
    made = build()
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    opened = {}
    for base in dict.fromkeys(one.base for one in wanted):
        (folder / base).mkdir()
        opened[base] = _parts(await stack.enter_async_context(open_base(base, folder / base)), made)
    return opened


def _parts(store: Any, made: Any) -> Parts:
    vectors = Vectors(made.encoder)
    return Parts(
        store=store,
        search=CaseSearch(store, made.encoder),
        shelves=Shelves(store),
        scorer=SupportScorer(vectors),
        engine=ExtractiveEngine(vectors),
        detector=made.detector,
    )


async def _batch(wanted: Sequence[Asked], parts: Mapping[str, Parts], model: BatchedModel) -> list[dict[str, Any]]:
    understood = [(one, *nodes.understand(one.request)) for one in wanted]
    asked = [(one, request) for one, request, refused in understood if refused is None]
    gathered = [await nodes.gather(request, parts[one.base]) for one, request in asked]
    prompts = [await _prompt(task) for task in gathered]
    rows = []
    for (one, _), task, text in zip(asked, gathered, model.write(prompts, at_once=AT_ONCE), strict=True):
        drafted = await _drafted(task, text)
        if drafted.engine.startswith("llm:") and _said(drafted):
            rows.append(_row(f"G-{one.id}", one, drafted, await _cited(drafted, parts[one.base])))
    return rows


async def _prompt(task: Task) -> Messages:
    """Return the messages that the chat engine sends for a task."""
    with scripted_endpoint(Scene(says=_SILENCE)) as endpoint:
        await _engine(endpoint.base_url).draft(task)
        messages: Messages = endpoint.requests[0]["messages"]
        return messages


async def _drafted(task: Task, text: str) -> Drafted:
    """Return what the chat engine makes of an answer."""
    with scripted_endpoint(Scene(says=text)) as endpoint:
        return await _engine(endpoint.base_url).draft(task)


def _engine(base_url: str) -> ChatEngine:
    endpoint = ChatEndpoint(base_url=base_url, model="local", timeout_s=600.0, source_characters=SOURCE_CHARACTERS)
    return ChatEngine(endpoint, ExtractiveEngine(None))


async def _cited(drafted: Drafted, parts: Parts) -> list[Source]:
    async with parts.store.read(TENANT) as work:
        found = await work.sources.cited(citation for one in _said(drafted) for citation in one.citations)
        return list(found.values())


def _said(drafted: Drafted) -> list[DraftSentence]:
    return [sentence for one in drafted.draft.suggestions for sentence in one.sentences]


def _row(name: str, asked: Asked, drafted: Drafted, sources: Sequence[Source]) -> dict[str, Any]:
    place = {(source.source_id, source.version): number for number, source in enumerate(sources)}
    prompt = drafted.prompt
    return {
        "id": name,
        "row": asked.id,
        "kind": asked.request.kind.value,
        "half": asked.half,
        "family": asked.family,
        "asked": asked.request.text,
        "prompt": {"name": prompt.name, "version": prompt.version, "sha256": prompt.sha256},
        "sources": [source_document(source) for source in sources],
        "sentences": [
            {"text": one.text, "cites": [[place[c.source_id, c.version], c.start, c.end] for c in one.citations]}
            for one in _said(drafted)
        ],
    }


if __name__ == "__main__":
    main()
