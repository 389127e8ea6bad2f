"""Radar, board, drills and comments over HTTP, each to those who may see it."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from api.testing import TestParts, client_of, key_for
from coaching.testing import SIGNALS, report
from domain.cases import Outcome, WarCase
from domain.conversation import Transcript, Turn
from domain.signals import Intent, SignalKind
from store.cases import CaseAction
from store.keys import Role
from store.people import Rep, Team
from store.work import Store

CASE = WarCase(
    id="C-1", title="赶评审", outcome=Outcome.WON, customer_question="三周能不能上线？", blocker="接口要排期。",
    talk_track="先上三个模块。", result="第20天上线。",
)  # fmt: skip


@pytest.fixture
async def acme(api_store: Store) -> Store:
    """Two reps of one team with three analysed calls of the first, and one published case."""
    made = report((*SIGNALS, replace(SIGNALS[0], id="stall", label=Intent.STALL, kind=SignalKind.INTENT)))
    async with api_store.begin("acme") as work:
        await work.people.put_team(Team(team_id="t1", name="华东"))
        await work.people.put_rep(Rep(rep_id="r1", name="张强", team_id="t1"))
        await work.people.put_rep(Rep(rep_id="r2", name="李敏", team_id="t1"))
        for number in range(3):
            transcript = replace(made.transcript, id=f"call-{number}", rep_id="r1", started_at=api_store.clock())
            await work.conversations.put(transcript)
            await work.signals.put(transcript.id, replace(made.analysis, conversation_id=transcript.id))
        await work.cases.save([CASE], by="a")
        for action in (CaseAction.SUBMIT, CaseAction.APPROVE):
            await work.cases.move(["C-1"], action, by="a")
    return api_store


class TestRadarAndBoard:
    async def test_a_radar_says_what_is_weak_and_why(self, client: httpx.AsyncClient, acme: Store) -> None:
        radar = (await client.get("/v1/reps/r1/radar")).json()
        assert radar["calls"] == 3
        assert {each["name"] for each in radar["abilities"]} == {"需求挖掘", "异议处理", "价值呈现", "推进", "合规"}
        assert all(need["level"] < 3 for need in radar["drills"])

    async def test_a_rep_without_calls_has_no_verdict(self, client: httpx.AsyncClient, acme: Store) -> None:
        assert (await client.get("/v1/reps/r2/radar")).json()["abilities"] == []
        assert (await client.get("/v1/reps/nobody/radar")).status_code == 404

    async def test_a_board_is_json_or_a_page(self, client: httpx.AsyncClient, acme: Store) -> None:
        board = (await client.get("/v1/teams/t1/board")).json()
        assert board["who_needs_help"] == ["r1"]
        assert board["plan"]["minutes"] <= 15
        assert board["who_hesitates"][0]["label"] == Intent.STALL
        page = await client.get("/v1/teams/t1/board", headers={"accept": "text/html"})
        assert "张强" in page.text
        assert (await client.get("/v1/teams/none/board")).status_code == 404

    async def test_who_converts_well_is_compared_with_the_rest(self, client: httpx.AsyncClient, acme: Store) -> None:
        board = (await client.get("/v1/teams/t1/board", params={"high": ["r2"]})).json()
        assert board["attribution"] == []  # three calls are too few
        page = await client.get("/v1/teams/t1/board", params={"high": ["r2"]}, headers={"accept": "text/html"})
        assert "两边各要至少 5 通" in page.text

    async def test_a_rep_sees_their_own_radar_and_no_board(self, parts: TestParts, acme: Store) -> None:
        header = await key_for(acme, "acme", role=Role.REP, rep_id="r1")
        async with client_of(parts, **header) as rep:
            assert (await rep.get("/v1/reps/r1/radar")).status_code == 200
            assert (await rep.get("/v1/reps/r2/radar")).status_code == 404
            assert (await rep.get("/v1/teams/t1/board")).status_code == 404

    async def test_a_manager_sees_the_own_team_only(self, parts: TestParts, acme: Store) -> None:
        for team_id, status in (("t1", 200), ("t2", 404)):
            header = await key_for(acme, "acme", role=Role.MANAGER, team_id=team_id)
            async with client_of(parts, **header) as manager:
                assert (await manager.get("/v1/teams/t1/board")).status_code == status


class TestDrills:
    async def test_a_drill_from_start_to_debrief(self, client: httpx.AsyncClient, acme: Store) -> None:
        opened = await client.post("/v1/drills", json={"case_id": "C-1"})
        assert opened.status_code == 201
        drill = opened.json()
        assert (drill["ai"], drill["status"], drill["exit_words"][0]) == (True, "open", "结束")
        assert drill["said"].startswith("【AI 陪练】")
        where = opened.headers["location"]
        said = (await client.post(f"{where}/turns", json={"text": "您最担心什么？"})).json()
        assert (said["turns_left"], said["debrief"]) == (7, None)
        over = (await client.post(f"{where}/turns", json={"text": "结束"})).json()
        assert over["status"] == "over"
        assert over["debrief"]["scorecard"]["items"]
        assert over["debrief"]["better"]["suggestions"][0]["claims"][0]["citations"]
        assert (await client.get(where)).json() == over
        assert (await client.post(f"{where}/turns", json={"text": "再来"})).status_code == 409

    async def test_a_reps_own_lost_moment_comes_first(self, parts: TestParts, acme: Store) -> None:
        header = await key_for(acme, "acme", role=Role.REP, rep_id="r1")
        async with client_of(parts, **header) as rep:
            drill = (await rep.post("/v1/drills", json={})).json()
        assert (drill["rep_id"], drill["conversation_id"]) == ("r1", "call-2")

    @pytest.mark.parametrize("body", [{"case_id": "none"}, {"conversation_id": "none"}])
    async def test_what_is_not_there_cannot_be_practised(
        self, client: httpx.AsyncClient, acme: Store, body: dict[str, str]
    ) -> None:
        assert (await client.post("/v1/drills", json=body)).status_code == 404

    async def test_nobody_plays_another_reps_drill(
        self, client: httpx.AsyncClient, parts: TestParts, acme: Store, stranger: dict[str, str]
    ) -> None:
        where = (await client.post("/v1/drills", json={"case_id": "C-1", "rep_id": "r1"})).headers["location"]
        other = await key_for(acme, "acme", role=Role.REP, rep_id="r2")
        for header in (other, stranger):
            async with client_of(parts, **header) as caller:
                assert (await caller.get(where)).status_code == 404
                assert (await caller.post(f"{where}/turns", json={"text": "您好"})).status_code == 404
                assert (await caller.post("/v1/drills", json={"conversation_id": "call-0"})).status_code == 404


class TestComments:
    async def test_a_comment_follows_its_words_into_a_new_transcription(
        self, client: httpx.AsyncClient, acme: Store
    ) -> None:
        body = {"text": "这里先问一句", "quote": "全国第一"}
        added = await client.post("/v1/moments/turn:call-0:t002/comments", json=body)
        assert added.status_code == 201
        async with acme.begin("acme") as work:
            again = Turn(id="n1", speaker="rep", text="我们是全国第一您放心", start_ms=4_600, end_ms=9_100)
            await work.conversations.put(Transcript(id="call-0", turns=(again,), rep_id="r1"))
        (found,) = (await client.get("/v1/conversations/call-0/comments")).json()["data"]
        assert (found["anchored"], found["moment"]["turn_id"], found["text"]) == ("moved", "n1", "这里先问一句")
        assert len((await client.get("/v1/moments/turn:call-0:n1/comments")).json()["data"]) == 1

    @pytest.mark.parametrize(
        ("moment", "body", "status"),
        [
            ("turn:call-0:t009", {"text": "好"}, 404),
            ("turn:none:t001", {"text": "好"}, 404),
            ("case:C-1:talk_track", {"text": "好"}, 404),
            ("turn:call-0:t001", {"text": "好", "quote": "没有这句"}, 422),
            ("turn:call-0:t001", {"text": ""}, 422),
            ("turn:call-0:t001", {"text": "好", "start_ms": 5}, 422),
        ],
    )
    async def test_a_comment_needs_words_and_a_moment_that_is_there(
        self, client: httpx.AsyncClient, acme: Store, moment: str, body: dict[str, object], status: int
    ) -> None:
        assert (await client.post(f"/v1/moments/{moment}/comments", json=body)).status_code == status

    async def test_another_rep_has_no_such_moment(self, parts: TestParts, acme: Store) -> None:
        header = await key_for(acme, "acme", role=Role.REP, rep_id="r2")
        async with client_of(parts, **header) as rep:
            assert (await rep.post("/v1/moments/turn:call-0:t001/comments", json={"text": "好"})).status_code == 404
            assert (await rep.get("/v1/conversations/call-0/comments")).status_code == 404
