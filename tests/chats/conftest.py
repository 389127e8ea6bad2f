"""A rep's chat from end to end: a scripted platform, the inbox, the worker, the coach over the sample cases."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from agent.chat import CoachChat
from agent.coach import Coach
from agent.drills import DrillCoach
from agent.testing import read_cases, store_of
from bots.inbound import InboundMessage
from bots.outgoing import Outgoing
from bots.platform import Platform
from bots.testing.scripted import ScriptedPlatform, a_message
from domain.accounts import Account, Contact
from domain.cases import WarCase
from retrieval.testing import SearchInMemory
from signals.pipeline import SignalDetector
from signals.promises import PromiseDetector
from signals.questions import QuestionDetector
from signals.risks import RiskDetector
from store.answer_queue import AnswerQueue
from store.chat_people import Binding
from store.engine import make_engine
from store.people import Rep
from store.sealing import Sealer
from store.work import Store
from zhanqing.chats.answering import ChatAnswerer, tell_chat_failure
from zhanqing.chats.couriers import Courier
from zhanqing.chats.drilling import DrillRoom
from zhanqing.chats.finding import CaseFinder
from zhanqing.chats.intake import Intake
from zhanqing.worker.runs import Backoff, JobRunner

ROOT = Path(__file__).parents[2]
KEY = Sealer(bytes(32))
BEARING = Account(
    account_id="A1",
    name="洛阳恒运轴承厂",
    owner="张三",
    industry="制造",
    contacts=(Contact(name="王建国", title="设备科主任"),),
)
HOSPITAL = Account(
    account_id="A2", name="江州市第一人民医院", owner="张三", contacts=(Contact(name="王丽", title="信息科主任"),)
)


@dataclass
class Chat:
    """One rep's chat with the bot, step by step."""

    store: Store
    platform: ScriptedPlatform
    intake: Intake
    runner: JobRunner
    courier: Courier
    asked: int = 0
    sent: list[InboundMessage] = field(default_factory=list)

    async def send(self, text: str = "", **changes: object) -> Outgoing:
        """Send a message and return the final answer to it."""
        self.asked += 1
        message = a_message(text, **{"dedupe_keys": (f"m{self.asked}",), **changes})
        self.sent.append(message)
        await self.intake.keep(message)
        await self.settle()
        return self.platform.finals[-1]

    async def settle(self) -> None:
        """Work and show until nothing is left to do."""
        while await self.courier.show_next() or await self.runner.run_next():
            pass


@pytest.fixture(scope="session")
def sample_cases() -> list[WarCase]:
    return read_cases(ROOT / "examples" / "cases.jsonl")


@pytest.fixture(scope="session")
def published(sample_cases: list[WarCase], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the sample cases published, made once and copied for each test."""
    folder = tmp_path_factory.mktemp("published")

    async def make() -> None:
        async with store_of(sample_cases, folder):
            pass

    asyncio.run(make())
    return folder / "agent.db"


@pytest.fixture
async def chat_store(published: Path, tmp_path: Path) -> AsyncIterator[Store]:
    copy = shutil.copy(published, tmp_path / "chat.db")
    opened = Store(make_engine(f"sqlite+aiosqlite:///{copy}"), blobs=tmp_path / "blobs", sealer=KEY)
    async with opened.begin("default") as work:
        await work.people.put_rep(Rep(rep_id="r1", name="张三"))
        await work.people.put_rep(Rep(rep_id="r2", name="李四"))
        await work.accounts.put(BEARING)
        await work.accounts.put(HOSPITAL)
    yield opened
    await opened.close()


@pytest.fixture
async def stranger_chat(chat_store: Store, sample_cases: list[WarCase]) -> Chat:
    """A chat whose sender nobody has bound."""
    return make_chat(chat_store, sample_cases)


@pytest.fixture
async def chat(stranger_chat: Chat) -> Chat:
    """A chat of the bound rep r1."""
    async with stranger_chat.store.begin("default") as work:
        await work.chat_people.put(Binding(platform="wecom", user_id="zhang", rep_id="r1"))
    return stranger_chat


def answerer_of(
    store: Store, ready: Callable[[], Awaitable[CoachChat]], platform: Platform, cases: list[WarCase]
) -> ChatAnswerer:
    """Return what answers messages to one platform account."""

    async def drills() -> DrillCoach:
        return DrillCoach(store, SignalDetector([QuestionDetector(), PromiseDetector(), RiskDetector()]))

    async def search() -> SearchInMemory:
        return SearchInMemory(cases)

    room, finder = DrillRoom(drills, search, lang="zh"), CaseFinder(store, search, lang="zh")
    by_place = {(platform.channel.value, platform.account_id): platform}
    return ChatAnswerer(store, ready, by_place, drills=room, cases=finder)


def make_chat(store: Store, cases: list[WarCase]) -> Chat:
    coach = Coach(store, SearchInMemory(cases))
    platform = ScriptedPlatform()
    talk = CoachChat(coach, InMemorySaver())

    async def ready() -> CoachChat:
        return talk

    runner = JobRunner(
        store,
        {"answer_message": answerer_of(store, ready, platform, cases).handler()},
        owner="test",
        on_failure=tell_chat_failure,
        backoff=Backoff(first_s=0.0, longest_s=0.0),
    )
    return Chat(
        store=store,
        platform=platform,
        intake=Intake(store, "default"),
        runner=runner,
        courier=Courier(store, AnswerQueue(store, KEY), platform),
    )
