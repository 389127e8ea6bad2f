"""What leaves for an external model, as a recording endpoint hears it: no personal data that was planted anywhere."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent.chat_engine import ChatEndpoint, ChatEngine
from agent.coach import Coach
from agent.engines import ExtractiveEngine
from agent.scripted_endpoint import Scene, scripted_endpoint
from domain.accounts import Account, Contact, Deal
from domain.cases import WarCase
from domain.conversation import ConversationKind, Transcript, Turn
from language.pii import find_pii
from retrieval.testing import SearchInMemory
from store.work import Store

PLANTED = {
    "phone": "13800138000",
    "spoken phone": "幺三八零零幺三八零零零",
    "id card": "11010519491231002X",
    "bank card": "6222021234567890128",
    "email": "zhao.qiang@huaxing-dz.cn",
    "plate": "沪A12345",
    "wechat": "微信号zhaoqiang_1988",
}
IN_TEXT = f"打我电话{PLANTED['phone']}，邮箱{PLANTED['email']}。"
EMPTY = json.dumps({"suggestions": []})


def everything_planted() -> tuple[Transcript, Account, Deal]:
    turns = tuple(
        Turn(id=f"t{number:03d}", speaker="customer", text=f"四周上线有点长，记一下{words}。")
        for number, words in enumerate(PLANTED.values(), start=1)
    )
    talk = Transcript(id="talk-1", kind=ConversationKind.CHAT, turns=turns)
    account = Account(
        account_id="A1",
        name="华星电子",
        contacts=(Contact(name="赵强", title=f"采购总监 {PLANTED['phone']}"),),
        notes=IN_TEXT,
        extra={"备用联系": f"{PLANTED['email']} {PLANTED['id card']}"},
    )
    deal = Deal(deal_id="D1", account_id="A1", name="二期", notes=f"打款账号{PLANTED['bank card']}")
    return talk, account, deal


@pytest.mark.parametrize("kind", ["ask", "reply", "stream_ask", "stream_reply", "brief"])
async def test_no_planted_personal_data_reaches_an_external_model(
    store: Store, sample_cases: list[WarCase], tenant: str, kind: str
) -> None:
    talk, account, deal = everything_planted()
    with scripted_endpoint(Scene(says=EMPTY)) as endpoint:
        place = ChatEndpoint(base_url=endpoint.base_url, model="recording", timeout_s=20.0, retries=0)
        coach = Coach(store, SearchInMemory(sample_cases), engine=ChatEngine(place, ExtractiveEngine(None)))
        question = f"轴承厂11台老设备全部接完用了多少天？{IN_TEXT}"
        around: dict[str, Any] = {"conversation": talk, "account": account, "deal": deal}
        if kind == "brief":
            await coach.brief(tenant, conversations=[talk], account=account)
        elif kind.startswith("stream"):
            assert [event async for event in getattr(coach, kind)(tenant, question, **around)]
        else:
            await getattr(coach, kind)(tenant, question, **around)
        heard = [json.dumps(request, ensure_ascii=False) for request in endpoint.requests]
    if kind != "brief":
        assert heard, "the endpoint was asked"
    for said in heard:
        assert {name for name, words in PLANTED.items() if words in said} == set()
        assert find_pii(said) == ()


def test_what_is_planted_is_what_the_masking_promises_to_find() -> None:
    assert {name for name, words in PLANTED.items() if not find_pii(f"记一下{words}。")} == set()
