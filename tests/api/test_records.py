"""Conversations, accounts, deals, names and sources over HTTP."""

from __future__ import annotations

import httpx
import pytest

from api.testing import TestParts, client_of, key_for
from store.keys import Role
from store.queue import JobQueue
from store.testing import SteppingClock
from store.work import Store

TALK = {
    "id": "talk-1",
    "kind": "chat",
    "account_id": "A1",
    "turns": [{"id": "m1", "speaker": "customer", "text": "多久能交付？"}, {"speaker": "rep", "text": "六周。"}],
}


class TestConversations:
    async def test_the_same_conversation_twice_is_one(self, client: httpx.AsyncClient) -> None:
        first = await client.post("/v1/conversations", json=TALK)
        again = await client.post("/v1/conversations", json=TALK)
        assert (first.status_code, first.json()["revision"]) == (201, 1)
        assert again.json() == {"id": "talk-1", "revision": 1, "job_id": None}
        assert again.status_code == 200
        stored = (await client.get(first.headers["location"])).json()
        assert [turn["id"] for turn in stored["turns"]] == ["m1", "t002"]

    @pytest.mark.parametrize("kind", ["email", "note", "minutes", "meeting"])
    async def test_e_mails_notes_and_minutes_are_conversations_too(self, client: httpx.AsyncClient, kind: str) -> None:
        written = {"id": f"{kind}-1", "kind": kind, "turns": [{"id": "p1", "speaker": "rep", "text": "六周上线。"}]}
        assert (await client.post("/v1/conversations", json=written)).json()["revision"] == 1
        assert (await client.post("/v1/conversations", json=written)).json()["revision"] == 1
        edited = {**written, "turns": [{"id": "p1", "speaker": "rep", "text": "八周上线。"}]}
        assert (await client.post("/v1/conversations", json=edited)).json()["revision"] == 2
        stored = (await client.get(f"/v1/conversations/{kind}-1")).json()
        assert (stored["kind"], stored["turns"][0]["text"]) == (kind, "八周上线。")
        before = (await client.get(f"/v1/sources/turn:{kind}-1:p1", params={"version": 1})).json()
        assert (before["status"], before["text"]) == ("superseded", "六周上线。")

    async def test_messages_are_added_edited_and_taken_back(self, client: httpx.AsyncClient) -> None:
        await client.post("/v1/conversations", json=TALK)
        message = {"id": "m3", "speaker": "customer", "text": "太贵了"}

        async def add(**body: object) -> dict[str, object]:
            answered = await client.post("/v1/conversations/talk-1/turns", json=body)
            assert answered.status_code == 200
            found: dict[str, object] = answered.json()
            return found

        assert await add(turns=[message]) == {"id": "talk-1", "changed": ["m3"], "revision": 2}
        assert await add(turns=[message]) == {"id": "talk-1", "changed": [], "revision": 2}
        assert (await add(turns=[{**message, "text": "有点贵"}]))["changed"] == ["m3"]
        assert (await add(recalled=["m1", "none"]))["changed"] == ["m1"]
        stored = (await client.get("/v1/conversations/talk-1")).json()
        assert [turn["text"] for turn in stored["turns"]] == ["六周。", "有点贵"]
        recalled = (await client.get("/v1/sources/turn:talk-1:m1")).json()
        assert (recalled["status"], recalled["text"]) == ("erased", "")

    async def test_a_change_is_looked_at_once_it_has_settled(
        self, client: httpx.AsyncClient, api_store: Store, clock: SteppingClock
    ) -> None:
        await client.post("/v1/conversations", json=TALK)
        queue = JobQueue(api_store)
        assert await queue.claim("w", lease_s=60, kinds=["digest_conversation"]) is None
        clock.pass_s(4)
        claim = await queue.claim("w", lease_s=60, kinds=["digest_conversation"])
        assert claim is not None
        assert claim.job.payload == {"conversation_id": "talk-1"}

    @pytest.mark.parametrize(
        ("path", "body", "status"),
        [
            ("/v1/conversations", {"turns": []}, 422),
            ("/v1/conversations", {**TALK, "turns": [{"speaker": "boss", "text": "好"}]}, 422),
            ("/v1/conversations", {**TALK, "turns": [{"speaker": "rep", "text": "a\u0000b"}]}, 422),
            ("/v1/conversations/none/turns", {"turns": [{"id": "m1", "speaker": "rep", "text": "好"}]}, 404),
            ("/v1/conversations/none/turns", {"turns": [{"speaker": "rep", "text": "好"}]}, 422),
        ],
    )
    async def test_what_is_no_conversation_is_refused(
        self, client: httpx.AsyncClient, path: str, body: dict[str, object], status: int
    ) -> None:
        assert (await client.post(path, json=body)).status_code == status

    async def test_an_erased_conversation_does_not_come_back(self, client: httpx.AsyncClient) -> None:
        await client.post("/v1/conversations", json=TALK)
        assert (await client.post("/v1/subjects/A1/erase")).status_code == 200
        answered = await client.post("/v1/conversations", json=TALK)
        assert (answered.status_code, answered.json()["code"]) == (403, "store.conversation_erased")

    async def test_a_rep_sees_their_own_and_a_manager_the_teams(
        self, client: httpx.AsyncClient, parts: TestParts, api_store: Store
    ) -> None:
        from store.people import Rep, Team

        for rep in ("r1", "r2", "r3"):
            await client.post("/v1/conversations", json={**TALK, "id": f"talk-{rep}", "rep_id": rep})
        async with api_store.begin("acme") as work:
            await work.people.put_team(Team(team_id="east", name="华东"))
            for rep in ("r1", "r2"):
                await work.people.put_rep(Rep(rep_id=rep, name=rep, team_id="east"))
        shown = {}
        for role, rights in ((Role.REP, {"rep_id": "r1"}), (Role.MANAGER, {"team_id": "east"})):
            header = await key_for(api_store, "acme", role=role, **rights)
            async with client_of(parts, **header) as other:
                shown[role] = {each["id"] for each in (await other.get("/v1/conversations")).json()["data"]}
                assert (await other.get("/v1/conversations/talk-r3")).status_code == 404
                assert (await other.get("/v1/sources/turn:talk-r3:m1")).status_code == 404
                refused = await other.post("/v1/conversations", json={**TALK, "id": "talk-r3", "rep_id": "r1"})
                assert refused.status_code == 404
        assert shown == {Role.REP: {"talk-r1"}, Role.MANAGER: {"talk-r1", "talk-r2"}}


class TestCrm:
    async def test_an_account_keeps_its_unknown_fields_where_the_crm_had_them(self, client: httpx.AsyncClient) -> None:
        body = {"name": "华星电子", "amount": 5000000, "信用评级": "A"}
        stored = await client.put("/v1/accounts/A1", json=body)
        read = (await client.get("/v1/accounts/A1")).json()
        assert stored.status_code == 200
        assert (read["account_id"], read["amount_cny"], read["信用评级"]) == ("A1", 5000000.0, "A")
        source = (await client.get("/v1/sources/crm:account:A1:信用评级")).json()
        assert (source["text"], source["version"], source["status"]) == ("A", 1, "live")

    async def test_a_change_of_something_else_than_was_read_is_refused(self, client: httpx.AsyncClient) -> None:
        first = (await client.put("/v1/deals/D1", json={"name": "二期", "stage": "报价"})).headers["etag"]
        second = await client.put("/v1/deals/D1", json={"name": "二期", "stage": "谈判"}, headers={"if-match": first})
        stale = await client.put("/v1/deals/D1", json={"name": "二期"}, headers={"if-match": first})
        missing = await client.put("/v1/deals/D2", json={"name": "三期"}, headers={"if-match": "*"})
        assert (first, second.headers["etag"]) == ('"1"', '"2"')
        assert [stale.status_code, missing.status_code] == [412, 412]
        assert (await client.get("/v1/deals/D1")).json()["stage"] == "谈判"

    @pytest.mark.parametrize("kind", ["accounts", "deals"])
    async def test_lists_go_through_all_records(self, client: httpx.AsyncClient, kind: str) -> None:
        ids = [f"X{number}" for number in range(5)]
        for name in ids:
            await client.put(f"/v1/{kind}/{name}", json={"name": name})
        seen, cursor = [], None
        while cursor is not None or not seen:
            page = (
                await client.get(f"/v1/{kind}", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))
            ).json()
            seen += [record["name"] for record in page["data"]]
            cursor = page["next_cursor"]
        assert seen == ids

    async def test_bad_records_are_refused(self, client: httpx.AsyncClient) -> None:
        for path, body in (
            ("/v1/accounts/A1", {"industry": "化工"}),
            ("/v1/accounts/A1", {"name": "华星", "account_id": "A2"}),
            ("/v1/deals/D1", {"amount": "很多"}),
        ):
            assert (await client.put(path, json=body)).status_code == 422

    async def test_a_deals_timeline_is_in_order_of_time(self, client: httpx.AsyncClient) -> None:
        talk = {**TALK, "deal_id": "D1", "started_at": "2026-11-01T10:00:00+08:00"}
        await client.post("/v1/conversations", json=talk)
        await client.put("/v1/deals/D1", json={"name": "二期"})
        moments = (await client.get("/v1/deals/D1/timeline")).json()["moments"]
        assert [(moment["kind"], moment["id"]) for moment in moments] == [("crm", "D1"), ("conversation", "talk-1")]
        assert (await client.get("/v1/deals/D9/timeline")).status_code == 404


class TestKnowledge:
    async def test_names_are_added_and_replaced(self, client: httpx.AsyncClient) -> None:
        await client.post(
            "/v1/lexicons", json={"entries": [{"name": "云帆", "aliases": ["云番"], "kind": "competitor"}]}
        )
        answered = await client.post(
            "/v1/lexicons", json={"entries": [{"name": "云帆", "aliases": ["YunFan"], "kind": "competitor"}]}
        )
        assert answered.json() == [{"name": "云帆", "aliases": ["YunFan"], "kind": "competitor"}]
        assert (await client.get("/v1/lexicons")).json() == answered.json()
        assert (await client.post("/v1/lexicons", json={"entries": [{"name": ""}]})).status_code == 422

    async def test_an_older_version_of_a_source_can_still_be_read(self, client: httpx.AsyncClient) -> None:
        for amount in (5000000, 4500000):
            await client.put("/v1/accounts/A1", json={"name": "华星", "amount_cny": amount})
        path = "/v1/sources/crm:account:A1:amount_cny"
        newest, oldest = (await client.get(path)).json(), (await client.get(path, params={"version": 1})).json()
        assert (newest["text"], newest["status"]) == ("450万元", "live")
        assert (oldest["text"], oldest["status"]) == ("500万元", "superseded")
        assert (await client.get(path, params={"version": 9})).status_code == 404


class TestCorrection:
    async def test_what_is_wrong_is_put_right_and_earlier_advice_still_shows_what_it_read(
        self, client: httpx.AsyncClient
    ) -> None:
        await client.put("/v1/accounts/A1", json={"name": "华星电子", "industry": "化工", "level": "B"})
        corrected = await client.post("/v1/subjects/A1/correct", json={"fields": {"industry": "电子", "level": "A"}})
        assert corrected.json()["document"] == {"fields": ["industry", "level"], "decisions": 0}
        account = (await client.get("/v1/accounts/A1")).json()
        assert (account["name"], account["industry"], account["level"]) == ("华星电子", "电子", "A")
        before = (await client.get("/v1/sources/crm:account:A1:industry", params={"version": 1})).json()
        assert (before["text"], before["status"]) == ("化工", "superseded")
        (receipt,) = (await client.get("/v1/subjects/A1/receipts")).json()["data"]
        assert "电子" not in str(receipt)

    @pytest.mark.parametrize(
        ("subject", "fields", "status"),
        [("none", {"name": "x"}, 404), ("A1", {"account_id": "A2"}, 422), ("A1", {"amount_cny": "many"}, 422)],
    )
    async def test_what_cannot_be_corrected_is_refused(
        self, client: httpx.AsyncClient, subject: str, fields: dict[str, str], status: int
    ) -> None:
        await client.put("/v1/accounts/A1", json={"name": "华星电子"})
        answered = await client.post(f"/v1/subjects/{subject}/correct", json={"fields": fields})
        assert answered.status_code == status
