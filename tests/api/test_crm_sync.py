"""Records in the shapes of four CRMs become one account and one deal; activities go back in theirs."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest

from api.crm.mapping import Activity, CrmKind, CrmSystem, mapping, read_records, write_activity
from api.testing import TestParts, client_of, key_for
from coaching.crm_promises import check_promises
from domain.conversation import ConversationKind, Transcript, Turn
from domain.signals import Analysis, Signal, SignalKind
from store.keys import Role
from store.work import Store

ACCOUNTS: dict[CrmSystem, dict[str, Any]] = {
    CrmSystem.HUBSPOT: {
        "results": [
            {
                "id": "700",
                "properties": {
                    "name": "华星电子",
                    "industry": "制造业",
                    "state": "华东",
                    "hubspot_owner_id": "u-88",
                    "description": "只谈年框",
                    "hs_lastmodifieddate": "2026-11-20T01:30:00.000Z",
                    "factory_count": "4",
                    "city": None,
                },
                "archived": False,
            }
        ]
    },
    CrmSystem.SALESFORCE: {
        "totalSize": 1,
        "done": True,
        "records": [
            {
                "attributes": {"type": "Account", "url": "/services/data/v67.0/sobjects/Account/700"},
                "Id": "700",
                "Name": "华星电子",
                "Industry": "制造业",
                "BillingState": "华东",
                "OwnerId": "u-88",
                "Description": "只谈年框",
                "LastModifiedDate": "2026-11-20T01:30:00.000+0000",
                "factory_count": "4",
            }
        ],
    },
    CrmSystem.FXIAOKE: {
        "errorCode": 0,
        "data": {
            "dataList": [
                {
                    "_id": "700",
                    "name": "华星电子",
                    "industry_level1__r": "制造业",
                    "area_location": "华东",
                    "owner": ["u-88"],
                    "remark": "只谈年框",
                    "last_modified_time": 1795138200000,
                    "dataObjectApiName": "AccountObj",
                    "factory_count": "4",
                }
            ]
        },
    },
    CrmSystem.XIAOSHOUYI: {
        "code": 200,
        "result": {
            "records": [
                {
                    "id": 700,
                    "accountName": "华星电子",
                    "industryId": "制造业",
                    "fState": "华东",
                    "ownerId": "u-88",
                    "comment": "只谈年框",
                    "updatedAt": 1795138200000,
                    "factory_count": "4",
                }
            ]
        },
    },
}
DEALS: dict[CrmSystem, dict[str, Any]] = {
    CrmSystem.HUBSPOT: {
        "id": "9",
        "properties": {
            "dealname": "二期",
            "dealstage": "contractsent",
            "amount": "500000",
            "closedate": "2026-12-31T00:00:00Z",
        },
        "associations": {"companies": {"results": [{"id": "700", "type": "deal_to_company"}]}},
    },
    CrmSystem.SALESFORCE: {
        "Id": "9",
        "AccountId": "700",
        "Name": "二期",
        "StageName": "Negotiation/Review",
        "Amount": 500000.0,
        "CloseDate": "2026-12-31",
    },
    CrmSystem.FXIAOKE: {
        "_id": "9",
        "account_id": "700",
        "name": "二期",
        "sales_stage__r": "合同谈判",
        "amount": "500,000",
        "close_date": 1798675200000,
    },
    CrmSystem.XIAOSHOUYI: {
        "id": 9,
        "accountId": 700,
        "opportunityName": "二期",
        "saleStageId": "合同谈判",
        "money": 500000,
        "closeDate": "1798675200000",
    },
}
SYSTEMS = pytest.mark.parametrize("system", list(CrmSystem))


@SYSTEMS
async def test_every_crms_records_become_the_same_customer_and_deal(
    client: httpx.AsyncClient, system: CrmSystem
) -> None:
    first = (await client.post(f"/v1/crm/{system}/deal", json=DEALS[system])).json()["data"]
    taken = (await client.post(f"/v1/crm/{system}/account", json=ACCOUNTS[system])).json()["data"]
    assert [each["outcome"] for each in (*first, *taken)] == ["created", "created"]
    account = (await client.get(f"/v1/accounts/{taken[0]['id']}")).json()
    deal = (await client.get(f"/v1/deals/{first[0]['id']}")).json()
    assert deal["account_id"] == account["account_id"]
    shared = ("name", "industry", "region", "owner", "notes", "factory_count")
    assert [account[name] for name in shared] == ["华星电子", "制造业", "华东", "u-88", "只谈年框", "4"]
    assert [deal[name] for name in ("name", "stage", "amount_cny", "expected_close")] == [
        "二期",
        "合同谈判",
        500000.0,
        "2026-12-31",
    ]
    cited = (await client.get(f"/v1/sources/crm:account:{taken[0]['id']}:factory_count")).json()
    assert cited["text"] == "4"


@SYSTEMS
async def test_the_same_again_changes_nothing_and_an_older_state_neither(
    client: httpx.AsyncClient, system: CrmSystem
) -> None:
    async def take(payload: object) -> tuple[str, str]:
        (taken,) = (await client.post(f"/v1/crm/{system}/account", json=payload)).json()["data"]
        return taken["id"], taken["outcome"]

    our_id, _ = await take(ACCOUNTS[system])
    assert await take(ACCOUNTS[system]) == (our_id, "unchanged")
    (record,) = read_records(system, CrmKind.ACCOUNT, ACCOUNTS[system])
    assert record.modified_at == datetime(2026, 11, 20, 1, 30, tzinfo=UTC)
    rules = mapping(system).account
    older: dict[str, Any] = {rules.id: "700"}
    for path, value in ((rules.fields["name"], "旧名"), (rules.modified_at, "2026-01-01T00:00:00Z")):
        place = older
        *way, last = path.split(".")
        for name in way:
            place = place.setdefault(name, {})
        place[last] = value
    assert await take(older) == (our_id, "older")
    assert (await client.get(f"/v1/accounts/{our_id}")).json()["name"] == "华星电子"


async def test_what_a_payload_leaves_out_stays(client: httpx.AsyncClient) -> None:
    await client.post("/v1/crm/salesforce/account", json=ACCOUNTS[CrmSystem.SALESFORCE])
    await client.post("/v1/crm/salesforce/account", json=[{"Id": "700", "Industry": "电子"}])
    account = (await client.get("/v1/accounts/salesforce-700")).json()
    assert (account["name"], account["industry"], account["notes"]) == ("华星电子", "电子", "只谈年框")


async def test_two_crms_ids_do_not_meet(client: httpx.AsyncClient) -> None:
    ids = set()
    for system in CrmSystem:
        (taken,) = (await client.post(f"/v1/crm/{system}/account", json=ACCOUNTS[system])).json()["data"]
        ids.add(taken["id"])
    assert len(ids) == len(CrmSystem)


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ([], "api.no_crm_records"),
        ({"properties": {"name": "x"}}, "api.no_crm_id"),
        ({"id": "7", "properties": {}}, "api.no_name"),
        ([{"id": str(number), "properties": {"name": "x"}} for number in range(501)], "api.too_many_records"),
    ],
)
async def test_what_is_no_record_is_refused(client: httpx.AsyncClient, payload: object, code: str) -> None:
    answered = await client.post("/v1/crm/hubspot/account", json=payload)
    assert (answered.status_code, answered.json()["code"]) == (422, code)
    assert (await client.get("/v1/accounts")).json()["data"] == []


async def test_a_rep_does_not_speak_for_the_crm(parts: TestParts, api_store: Store) -> None:
    header = await key_for(api_store, "acme", role=Role.REP, rep_id="r1")
    async with client_of(parts, **header) as rep:
        assert (await rep.post("/v1/crm/hubspot/account", json={"id": "1"})).status_code == 403


class TestActivities:
    ACTIVITY = Activity(
        source_id="call-7",
        occurred_at=datetime(2026, 11, 20, 1, 30, tzinfo=UTC),
        subject="电话复盘：华星电子",
        body="口头承诺：\n- 周五前发排期",
        owner="u-88",
        duration_ms=845_000,
        account="700",
        deal="9",
    )

    def test_hubspot(self) -> None:
        made = write_activity(CrmSystem.HUBSPOT, self.ACTIVITY)
        assert (made["method"], made["path"]) == ("POST", "/crm/v3/objects/calls")
        properties = made["body"]["properties"]
        assert properties["hs_timestamp"] == "2026-11-20T01:30:00Z"
        assert (properties["hs_call_duration"], properties["hs_call_direction"]) == ("845000", "OUTBOUND")
        assert [each["to"]["id"] for each in made["body"]["associations"]] == ["700", "9"]
        assert [each["types"][0]["associationTypeId"] for each in made["body"]["associations"]] == [182, 206]

    def test_salesforce_upserts_by_our_id(self) -> None:
        made = write_activity(CrmSystem.SALESFORCE, self.ACTIVITY)
        assert (made["method"], made["path"]) == (
            "PATCH",
            "/services/data/v67.0/sobjects/Task/Zhanqing_Id__c/call-7",
        )
        body = made["body"]
        assert (body["CallDurationInSeconds"], body["ActivityDate"], body["CallType"]) == (
            845,
            "2026-11-20",
            "Outbound",
        )
        assert body["WhatId"] == "9"  # a task hangs on one thing: the deal, if there is one

    def test_fxiaoke_starts_no_approval(self) -> None:
        body = write_activity(CrmSystem.FXIAOKE, self.ACTIVITY)["body"]
        assert (body["triggerApprovalFlow"], body["triggerWorkFlow"]) == (False, False)
        written = body["data"]["object_data"]
        assert (written["dataObjectApiName"], written["owner"]) == ("ActiveRecordObj", ["u-88"])
        assert written["related_object"] == {"AccountObj": ["700"], "NewOpportunityObj": ["9"]}

    def test_xiaoshouyi(self) -> None:
        data = write_activity(CrmSystem.XIAOSHOUYI, self.ACTIVITY)["body"]["data"]
        assert (data["startTime"], data["customItem1__c"]) == (1763602200000 + 31536000000, "call-7")

    @SYSTEMS
    def test_what_is_not_known_is_left_out(self, system: CrmSystem) -> None:
        bare = Activity(source_id="call-7", occurred_at=self.ACTIVITY.occurred_at, subject="s", body="b")
        assert "None" not in str(write_activity(system, bare)) and "$" not in str(write_activity(system, bare))

    async def test_a_calls_activity_quotes_what_was_promised_under_the_ai_label(
        self, client: httpx.AsyncClient, api_store: Store, recording: bytes
    ) -> None:
        call_id = await _call_with_a_promise(client, api_store, recording)
        made = (await client.get(f"/v1/calls/{call_id}/activity", params={"system": "hubspot"})).json()
        written = made["body"]["properties"]["hs_call_body"]
        assert "周五前给您排期表" in written
        assert written.endswith("由AI生成，仅供参考，请核实后使用")
        assert [each["to"]["id"] for each in made["body"]["associations"]] == ["700", "9"]


class TestPromises:
    async def test_a_promise_is_missing_until_the_crm_says_it(
        self, client: httpx.AsyncClient, api_store: Store, recording: bytes
    ) -> None:
        await _call_with_a_promise(client, api_store, recording)

        async def known() -> list[tuple[bool, str | None]]:
            checked = (await client.get("/v1/deals/hubspot-9/promises")).json()["promises"]
            return [(each["in_crm"], each["known_in"]) for each in checked]

        assert await known() == [(False, None)]
        await client.post("/v1/crm/hubspot/deal", json={"id": "9", "properties": {"description": "11月27日给排期表"}})
        assert await known() == [(True, "crm:deal:hubspot-9:notes")]

    @pytest.mark.parametrize(
        ("quote", "crm", "known"),
        [
            ("六周内上线三个模块", "承诺六周上线，三个模块", True),
            ("六周内上线三个模块", "承诺八周上线三个模块", False),
            ("六周内上线三个模块", "客户关心上线", False),
            ("给您免费培训两次", "赠送：免费培训2次", True),
            ("给您免费培训两次", "赠送：免费培训1次", False),
            ("我回去发您一份案例", "待办：发一份案例", True),
            ("我回去发您一份案例", "", False),
        ],
    )
    def test_numbers_decide_first(self, quote: str, crm: str, known: bool) -> None:
        (check,) = check_promises("c", [_promise(quote)], {"crm:deal:9:notes": crm}, today=date(2026, 11, 22))
        assert check.is_known is known


async def _call_with_a_promise(client: httpx.AsyncClient, store: Store, recording: bytes) -> str:
    await client.post("/v1/crm/hubspot/account", json=ACCOUNTS[CrmSystem.HUBSPOT])
    await client.post("/v1/crm/hubspot/deal", json=DEALS[CrmSystem.HUBSPOT])
    about = {"deal_id": "hubspot-9", "account_id": "hubspot-700"}
    answered = await client.post("/v1/calls", files={"audio": recording}, data={"metadata": _json(about)})
    call_id: str = answered.json()["id"]
    words = "周五前给您排期表"
    turn = Turn(id="t1", speaker="rep", text=f"好的，{words}。")
    transcript = Transcript(
        id=call_id, kind=ConversationKind.CALL, turns=(turn,), duration_ms=60_000, started_at=store.clock(), **about
    )
    signal = _promise(words, start=3, what="给您排期表", due_on="2026-11-27")
    async with store.begin("acme") as work:
        await work.conversations.put(transcript)
        await work.signals.put(call_id, Analysis(conversation_id=call_id, signals=(signal,), metrics=()))
    return call_id


def _promise(quote: str, *, start: int = 0, what: str = "", due_on: str | None = None) -> Signal:
    return Signal(
        id="s001",
        kind=SignalKind.PROMISE,
        label="承诺",
        score=0.9,
        turn_id="t1",
        start=start,
        end=start + len(quote),
        quote=quote,
        extractor="promises",
        version="1",
        attributes={"who": "rep", "what": what or quote, "due_on": due_on},
    )


def _json(value: object) -> str:
    import json

    return json.dumps(value)
