"""A chat knows what was said before, and still does after a restart."""

from __future__ import annotations

from pathlib import Path

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from agent.chat import ChatAnswer, ChatMessage, CoachChat
from agent.coach import Coach
from agent.commands import StepKind, read_step
from domain.suggestions import SuggestionKind, VerifiedSentence


def line(text: str, *, thread: str = "t1", tenant: str = "default") -> ChatMessage:
    return ChatMessage(tenant=tenant, thread=thread, text=text)


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("帮助", StepKind.HELP, ""),
        ("为什么？", StepKind.WHY, ""),
        ("简报", StepKind.BRIEF, ""),
        ("回复 你们太贵了", StepKind.REPLY, "你们太贵了"),
        ("他说太贵了咋回", StepKind.REPLY, "太贵了"),
        ("王总问能不能三周上线，怎么回？", StepKind.REPLY, "能不能三周上线"),
        ("客户要我们再降15个点不然就找别家", StepKind.REPLY, "要我们再降15个点不然就找别家"),
        ("王总嫌我们贵 咋办？", StepKind.REPLY, "嫌我们贵"),
        ("客户问数据放云上安不安全", StepKind.REPLY, "数据放云上安不安全"),
        ("他们一直追着问三周能不能上线，怎么接", StepKind.REPLY, "三周能不能上线"),
        ("客户担心老设备接不上", StepKind.REPLY, "担心老设备接不上"),
        ("客户问了哪些问题？", StepKind.ASK, "客户问了哪些问题？"),
        ("客户担心什么", StepKind.ASK, "客户担心什么"),
        ("客户要求几个月上线？", StepKind.ASK, "客户要求几个月上线？"),
        ("客户怕什么", StepKind.ASK, "客户怕什么"),
        ("老设备没网口zenme办", StepKind.ASK, "老设备没网口怎么办"),
        ("案例 老设备联网", StepKind.ASK, "老设备联网"),
        ("要点 客户嫌上线太慢", StepKind.PRACTICE, "客户嫌上线太慢"),
        ("首电提纲", StepKind.FIRST_CALL, ""),
        ("跟进计划", StepKind.FOLLOW_UP, ""),
        ("下一步咋跟？", StepKind.FOLLOW_UP, ""),
        ("纪要", StepKind.SUMMARY, ""),
        ("轴承厂那单谁负责的？", StepKind.ASK, "轴承厂那单谁负责的？"),
    ],
)
def test_a_line_is_read_as_what_it_asks_for(text: str, kind: StepKind, words: str) -> None:
    step = read_step(text)
    assert (step.kind, step.text) == (kind, words)


def test_why_names_the_suggestion_it_means() -> None:
    assert read_step("为什么 3").number == 3


async def test_a_follow_up_is_asked_of_the_last_subject(coach: Coach) -> None:
    chat = CoachChat(coach, InMemorySaver())
    await chat.say(line("轴承厂那单谁负责的？"))
    answer = await chat.say(line("那合同额呢？"))
    assert answer.envelope is not None
    assert "54万元" in answer.envelope.suggestions[0].what


async def test_a_thread_survives_a_restart(coach: Coach, tmp_path: Path) -> None:
    path = str(tmp_path / "threads.db")
    async with AsyncSqliteSaver.from_conn_string(path) as saver:
        await CoachChat(coach, saver).say(line("轴承厂那单谁负责的？"))
    async with AsyncSqliteSaver.from_conn_string(path) as saver:
        answer = await CoachChat(coach, saver).say(line("为什么"))
    assert any("case:C-0007:rep" in shown for shown in answer.lines)


async def test_another_tenants_thread_of_the_same_name_is_empty(coach: Coach) -> None:
    chat = CoachChat(coach, InMemorySaver())
    await chat.say(line("轴承厂那单谁负责的？"))
    answer = await chat.say(line("为什么", tenant="another"))
    assert answer.lines == ("还没有可以解释的上一条回答。先问一个问题，再问为什么。",)


async def test_what_is_kept_of_a_thread_holds_no_answer(coach: Coach) -> None:
    saver = InMemorySaver()
    await CoachChat(coach, saver).say(line("轴承厂那单谁负责的？"))
    checkpoint = await saver.aget({"configurable": {"thread_id": "default:t1"}})
    assert set(checkpoint["channel_values"]) == {"last_decision_id", "last_subject"}


async def test_a_line_is_answered_sentence_by_sentence_and_then_whole(coach: Coach) -> None:
    events = [event async for event in CoachChat(coach, InMemorySaver()).talk(line("轴承厂那单合同额多少？"))]
    *sentences, answer = events
    assert isinstance(answer, ChatAnswer) and answer.envelope is not None
    claims = [claim for suggestion in answer.envelope.suggestions for claim in suggestion.claims]
    assert [event.claim for event in sentences if isinstance(event, VerifiedSentence)] == claims
    assert claims


async def test_a_customers_words_handed_on_are_replied_to_whatever_they_say(coach: Coach) -> None:
    message = ChatMessage(tenant="default", thread="t1", text="帮助", is_quote=True)
    answer = await CoachChat(coach, InMemorySaver()).say(message)
    assert answer.envelope is not None and answer.envelope.kind is SuggestionKind.REPLY


async def test_the_same_key_gets_the_same_answer(coach: Coach) -> None:
    chat = CoachChat(coach, InMemorySaver())
    message = ChatMessage(tenant="default", thread="t1", text="轴承厂那单合同额多少？", key="msg_1")
    first, again = await chat.say(message), await chat.say(message)
    assert first.envelope is not None and again.envelope is not None
    assert first.envelope.decision_id == again.envelope.decision_id


async def test_a_preparation_can_be_asked_for_in_the_chat(coach: Coach) -> None:
    chat = CoachChat(coach, InMemorySaver())
    answer = await chat.say(line("要点 客户嫌四周上线太长，还担心老设备接不上"))
    why = await chat.say(line("为什么 1"))
    assert answer.envelope is not None
    assert answer.envelope.kind == "practice"
    assert any("case:" in one for one in why.lines)


@pytest.mark.timeout(5)
def test_a_line_made_to_be_slow_is_read_at_once() -> None:
    assert read_step("客户" + "刚" * 60 + "来").kind is StepKind.ASK
