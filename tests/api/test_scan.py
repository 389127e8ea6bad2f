"""Nothing that customers say, no personal data and no secret is in logs, error bodies or tables of logs."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from sqlalchemy import text

from api.testing import QuotingCoach, TestParts, client_of
from domain.errors import ModelError
from language.pii import find_pii
from store.keys import Role
from store.passwords import hash_password
from store.work import Store
from zhanqing.logs import configure_logs
from zhanqing.worker.runs import JobRun, JobRunner

WORDS = "暗语七七四九"
PHONE = "13800138000"
EMAIL = "zhao.qiang@huaxing-dz.cn"
PASSWORD = "a pass phrase 4711"
PLANTED = (WORDS, PHONE, EMAIL, PASSWORD)
SAID = f"{WORDS}，打{PHONE}或写{EMAIL}"
LOG_TABLES = ("access_log", "jobs", "job_events", "receipts", "webhook_deliveries", "grants", "decision_contexts")
SECRETS = re.compile(r"zq_[a-z0-9]{8}_[\w-]{43}|whsec_[\w+/=]{20,}|\$argon2")

GOOD: list[tuple[str, str, Any]] = [
    ("PUT", "/v1/accounts/A1", {"name": WORDS, "notes": SAID, "contacts": [{"name": WORDS, "title": PHONE}]}),
    ("PUT", "/v1/deals/D1", {"name": WORDS, "account_id": "A1", "notes": SAID}),
    ("POST", "/v1/conversations", {"id": "c1", "kind": "chat", "turns": [{"speaker": "customer", "text": SAID}]}),
    ("POST", "/v1/conversations/c1/turns", {"turns": [{"id": "m9", "speaker": "customer", "text": SAID}]}),
    ("POST", "/v1/ask", {"text": SAID, "account_id": "A1"}),
    ("POST", "/v1/ask", {"text": f"没有 {SAID}"}),
    ("POST", "/v1/replies", {"text": SAID, "deal": {"deal_id": "D1", "notes": SAID}}),
    ("POST", "/v1/chat/completions", {"messages": [{"role": "user", "content": SAID}]}),
    ("POST", "/v1/lexicons", {"entries": [{"name": WORDS, "aliases": [EMAIL], "kind": "person"}]}),
    ("POST", "/v1/consents", {"reference": "rec-1", "subject": "A1", "wording_version": WORDS}),
    ("POST", "/v1/webhooks", {"url": "https://crm.example.com/h", "description": WORDS}),
    ("POST", "/v1/api-keys", {"name": "CRM", "scopes": ["read"]}),
    ("GET", f"/v1/cases/search?q={WORDS}", None),
    ("POST", "/v1/subjects/A1/correct", {"fields": {"notes": SAID}}),
    ("POST", "/v1/subjects/A1/export", None),
    ("POST", "/v1/subjects/A1/erase", None),
]
BAD: list[tuple[str, str, Any]] = [
    ("PUT", "/v1/accounts/A1", {"name": {"first": SAID}}),
    ("PUT", "/v1/accounts/A1", {"name": "x", "amount_cny": SAID}),
    ("PUT", "/v1/deals/D1", {"deal_id": SAID}),
    ("POST", "/v1/conversations", {"id": SAID, "kind": SAID, "turns": [{"speaker": SAID, "text": SAID}]}),
    ("POST", "/v1/conversations", {"id": "c2", "kind": "chat", "turns": SAID}),
    ("POST", "/v1/conversations", {"id": "c2", "kind": "chat", "turns": [{"speaker": "rep", "text": f"{SAID}\u0000"}]}),
    ("POST", "/v1/conversations/c1/turns", {"turns": [{"id": 7, "speaker": "rep", "text": [SAID]}]}),
    ("POST", "/v1/ask", {"text": [SAID]}),
    ("POST", "/v1/ask", {"text": SAID, "unknown": SAID}),
    ("POST", "/v1/ask", {"text": SAID, "deal_id": SAID}),
    ("POST", "/v1/briefs", {"account": {"name": SAID, "last_activity_at": SAID}}),
    ("POST", "/v1/chat/completions", {"messages": [{"role": "user", "content": SAID}], "model": 7}),
    ("POST", "/v1/chat/completions", {"messages": SAID}),
    ("POST", "/v1/cases", {"id": "x", "title": SAID, "outcome": SAID}),
    ("POST", "/v1/cards", {"quote": SAID}),
    ("POST", "/v1/lexicons", {"entries": [{"name": WORDS, "kind": SAID}]}),
    ("POST", "/v1/crm/hubspot/account", {"properties": {"name": SAID}}),
    ("POST", "/v1/consents", {"reference": "r", "subject": "A1", "granted_at": SAID}),
    ("POST", "/v1/grants", {"rep_id": SAID, "object_kind": SAID, "object_id": SAID, "ends_at": SAID, "why": SAID}),
    ("POST", "/v1/webhooks", {"url": f"http://{EMAIL}/{PHONE}"}),
    ("POST", "/v1/api-keys", {"name": SAID, "scopes": [SAID]}),
    ("GET", f"/v1/calls?cursor={WORDS}", None),
    ("GET", f"/v1/cases/search?q={WORDS}&facet={WORDS}=1", None),
]


def hits(shown: str) -> list[str]:
    return [words for words in PLANTED if words in shown] + SECRETS.findall(shown)


@pytest.fixture
def logs(capsys: pytest.CaptureFixture[str]) -> Any:
    """What was logged since the last look, with every event turned on."""
    before = structlog.get_config()
    configure_logs("debug")
    yield lambda: capsys.readouterr().err
    structlog.configure(**before)


async def dumped(store: Store) -> str:
    """The tables of logs as text."""
    rows = []
    async with store.engine.connect() as connection:
        for table in LOG_TABLES:
            found = await connection.execute(text(f"SELECT * FROM {table}"))  # our own names
            rows += [f"{table}: {tuple(row)}" for row in found]
    assert len(rows) > 10
    return "\n".join(rows)


async def test_good_requests_leave_no_words_in_logs_or_tables_of_logs(
    client: httpx.AsyncClient, api_store: Store, logs: Any
) -> None:
    statuses = [(await client.request(method, path, json=body)).status_code for method, path, body in GOOD]
    assert all(status < 300 for status in statuses), list(zip(statuses, GOOD, strict=True))
    written = logs()
    assert written.count("request.answered") == len(GOOD)
    assert hits(written) == []
    assert hits(await dumped(api_store)) == []


async def test_bad_requests_are_answered_and_logged_without_repeating_what_was_sent(
    client: httpx.AsyncClient, logs: Any
) -> None:
    await client.put("/v1/accounts/A1", json={"name": "x"})
    logs()
    for method, path, body in BAD:
        answered = await client.request(method, path, json=body)
        assert 400 <= answered.status_code < 500, (path, answered.status_code)
        assert hits(answered.text) == [], (path, answered.text)
    written = logs()
    assert hits(written) == []
    assert find_pii(written) == ()


@pytest.mark.parametrize("failure", [ModelError("agent.model_garbage"), RuntimeError(SAID)])
async def test_a_failure_that_quotes_a_customer_is_told_and_logged_without_the_quote(
    parts: TestParts, key: dict[str, str], logs: Any, failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr(QuotingCoach, "ask", fail)
    async with client_of(parts, **key) as client:
        answered = await client.post("/v1/ask", json={"text": SAID})
    assert answered.status_code >= 500
    assert hits(answered.text) == [] and hits(logs()) == []


async def test_a_job_that_breaks_on_customer_words_keeps_them_out_of_its_row_and_the_log(
    api_store: Store, logs: Any
) -> None:
    async def broken(_run: JobRun) -> None:
        raise ValueError(SAID)

    async with api_store.begin("acme") as work:
        job = await work.jobs.add("digest_call", {"call_id": "c1"}, dedupe_key="c1")
    assert await JobRunner(api_store, {"digest_call": broken}, owner="w").run_next()
    async with api_store.read("acme") as work:
        ended = await work.jobs.existing(job.job_id)
    assert ended.reason == "zhanqing.internal"
    assert "job.broke" in (written := logs()) and hits(written) == []


async def test_signing_in_leaves_no_password_in_the_log(parts: TestParts, api_store: Store, logs: Any) -> None:
    kept = await asyncio.to_thread(hash_password, PASSWORD)
    async with api_store.begin("acme") as work:
        await work.users.create("boss", role=Role.ADMIN, password_hash=kept)
    async with client_of(parts) as browser:
        for password in (PASSWORD, f"{PASSWORD}!"):
            page = (await browser.get("/console/login")).text
            (csrf,) = re.findall(r'name="csrf" value="([^"]+)"', page)
            data = {"csrf": csrf, "login": "boss", "password": password, "tenant": "acme"}
            answered = await browser.post("/console/login", data=data)
            assert hits(answered.text) == []
        users = (await browser.get("/console/users")).text
    assert hits(users) == [] and hits(logs()) == []


def test_no_log_line_in_the_code_formats_its_event() -> None:
    """Events are constant names; what changes goes into fields, where the rules above can be kept."""
    root = Path(__file__).parents[2]
    rooms = ("agent", "api", "bots", "coaching", "retrieval", "signals", "speech", "store", "zhanqing")
    calls = re.compile(r"\blog\.(?:debug|info|warning|error|exception)\(\s*(f\"|f'|[^\"'\s])")
    found = [
        str(path.relative_to(root))
        for room in rooms
        for path in (root / room).rglob("*.py")
        if calls.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []
