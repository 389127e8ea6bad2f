"""The whole walk with the network blocked: a recording becomes a cited report on this machine alone."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agent.calls import CallFile, report_document
from coaching.page import render_html
from domain.conversation import Consent, ConsentStatus
from domain.sources import resolves
from domain.suggestions import Envelope
from wire.documents import read_account, read_lexicon
from zhanqing.bootstrap import Parts
from zhanqing.demo import import_samples
from zhanqing.settings import ModelsSettings, Settings

if TYPE_CHECKING:
    from coaching.report import Report

EXAMPLES = Path(__file__).parents[2] / "examples"
pytestmark = [pytest.mark.model, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def blocked_network() -> Iterator[list[str]]:
    """Refuse every connection that is not to this machine; yield the addresses that were tried."""
    tried: list[str] = []
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not ipaddress.ip_address(address[0]).is_loopback:
            tried.append(str(address[0]))
            raise OSError("the network is blocked")
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        patch.setattr(socket, "getaddrinfo", lambda host, *_, **__: tried.append(str(host)) or [])
        yield tried


@pytest.fixture(scope="module")
def walked(
    blocked_network: list[str], models_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Report, Parts, Path]:
    """Coach the sample call once; the tests below look at what came out."""
    home = tmp_path_factory.mktemp("home")
    settings = Settings(home=home, models=ModelsSettings(cache=models_cache))

    async def walk() -> Report:
        async with Parts(settings).opened() as parts:
            await import_samples(parts, "default")
            call = CallFile(
                path=EXAMPLES / "calls" / "medical_delivery.ogg",
                consent=Consent(status=ConsentStatus.GRANTED, reference="CONSENT-1"),
                lexicon=read_lexicon(json.loads((EXAMPLES / "calls/medical_delivery.lexicon.json").read_text("utf-8"))),
                account=read_account(json.loads((EXAMPLES / "accounts/hospital.json").read_text("utf-8"))),
            )
            return await parts.calls.digest_recording("default", call)

    return asyncio.run(walk()), Parts(settings), home


def envelopes(report: Report) -> list[Envelope]:
    found = [report.brief, report.replies, report.tips]
    assert all(found)
    return [envelope for envelope in found if envelope is not None]


def test_nothing_was_looked_up_elsewhere(walked: object, blocked_network: list[str]) -> None:
    assert blocked_network == []


def test_both_speakers_are_heard_in_simplified_chinese(walked: tuple[Report, Parts, Path]) -> None:
    turns = walked[0].transcript.turns
    assert {turn.speaker for turn in turns} == {"rep", "customer"}
    assert "交付周期" in "".join(turn.text for turn in turns if turn.speaker == "customer")


def test_the_customers_worries_and_the_rival_are_noticed(walked: tuple[Report, Parts, Path]) -> None:
    labels = {signal.label for signal in walked[0].analysis.signals}
    assert {"交付周期", "预算审批", "云舟科技"} <= labels


def test_the_brief_has_its_mandatory_sections_and_there_are_three_replies(walked: tuple[Report, Parts, Path]) -> None:
    brief, replies, _ = envelopes(walked[0])
    assert {"客户背景", "当前卡点", "所需支持"} <= {one.tactic for one in brief.suggestions}
    assert len(replies.suggestions) == 3


def test_every_citation_resolves_in_a_later_process(walked: tuple[Report, Parts, Path]) -> None:
    report, parts, _ = walked
    citations = [
        citation
        for envelope in envelopes(report)
        for suggestion in envelope.suggestions
        for claim in suggestion.claims
        for citation in claim.citations
    ]
    assert len(citations) > 10

    async def all_resolve() -> list[bool]:
        async with parts.opened(), parts.store.read("default") as work:
            return [resolves(one, await work.sources.get(one.source_id, one.version)) for one in citations]

    assert all(asyncio.run(all_resolve()))


def test_the_chain_holds_a_decision_for_each_envelope(walked: tuple[Report, Parts, Path]) -> None:
    async def verdict() -> Any:
        fresh = Parts(walked[1].settings)
        async with fresh.opened(), fresh.store.read("default") as work:
            return await work.decisions.verify()

    found = asyncio.run(verdict())
    assert found.ok
    assert found.checked == 3


def test_page_and_document_show_the_same_replies(walked: tuple[Report, Parts, Path]) -> None:
    page, document = render_html(walked[0]), report_document(walked[0])
    for suggestion in document["replies"]["suggestions"]:  # type: ignore[index]
        assert suggestion["claims"][0]["citations"][0]["quote"] in page
