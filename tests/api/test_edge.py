"""What holds for every route: keys, scopes, problems, sizes, repeated requests, request ids."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import datetime, timedelta

import httpx
import pytest

from api.app import create_app
from api.errors import OPENAI_PATHS, STATUSES, status_of
from api.parts import ApiLimits
from api.rate_limit import MemoryRateLimiter
from api.testing import QuotingCoach, TestParts, client_of, key_for
from domain import errors
from domain.errors import MissingError, ZhanqingError
from store.keys import ApiScope, Role
from store.testing import SteppingClock
from store.work import Store

OPEN = {"/healthz", "/readyz"}
NAMES = {
    "call_id": "nobody",
    "conversation_id": "nobody",
    "account_id": "nobody",
    "deal_id": "nobody",
    "decision_id": "nobody",
    "case_id": "nobody",
    "source_id": "doc:nobody",
    "subject_id": "nobody",
    "key_id": "nobody",
    "webhook_id": "nobody",
    "event_id": "nobody",
    "grant_id": "nobody",
    "rep_id": "nobody",
    "team_id": "nobody",
    "drill_id": "nobody",
    "moment_id": "nobody",
    "system": "hubspot",
    "kind": "account",
    "card_id": "nobody",
    "document_id": "nobody",
    "competitor": "nobody",
}


def routes() -> list[tuple[str, str]]:
    """Every method and path that the application describes."""
    paths = create_app(_NoParts()).openapi()["paths"]  # type: ignore[arg-type]  # only its routes are read
    return sorted((method.upper(), path) for path, item in paths.items() for method in item)


class _NoParts:
    limits = ApiLimits()


SECURED_ROUTES = [(method, path) for method, path in routes() if path not in OPEN]


WRITES, COACHES, ADMINS = (
    """
    POST /v1/calls
    POST /v1/conversations
    POST /v1/conversations/{conversation_id}/turns
    PUT /v1/accounts/{account_id}
    PUT /v1/deals/{deal_id}
    POST /v1/crm/{system}/{kind}
    POST /v1/cases
    PUT /v1/cases/{case_id}
    POST /v1/cases/{case_id}/submit
    POST /v1/lexicons
    POST /v1/documents
    POST /v1/documents/files
    POST /v1/documents/{document_id}/retire
    POST /v1/competitor-cards
    POST /v1/competitor-cards/{competitor}/retire
    POST /v1/cards
    POST /v1/consents
    POST /v1/grants
    DELETE /v1/grants/{grant_id}
    PUT /v1/reps/{rep_id}/voice
    DELETE /v1/reps/{rep_id}/voice
    """,
    """
    POST /v1/ask
    POST /v1/replies
    POST /v1/briefs
    POST /v1/decisions/{decision_id}/feedback
    POST /v1/chat/completions
    POST /v1/preparations
    POST /v1/drills
    POST /v1/drills/{drill_id}/turns
    POST /v1/moments/{moment_id}/comments
    """,
    """
    GET /metrics
    POST /v1/cases/{case_id}/approve
    POST /v1/cases/{case_id}/reject
    POST /v1/cases/{case_id}/retire
    POST /v1/cases/{case_id}/review
    POST /v1/cards/{card_id}/approve
    POST /v1/cards/{card_id}/retire
    POST /v1/subjects/{subject_id}/export
    POST /v1/subjects/{subject_id}/withdraw
    POST /v1/subjects/{subject_id}/erase
    POST /v1/subjects/{subject_id}/correct
    GET /v1/subjects/{subject_id}/receipts
    GET /v1/api-keys
    POST /v1/api-keys
    DELETE /v1/api-keys/{key_id}
    POST /v1/api-keys/{key_id}/rotate
    GET /v1/webhooks
    POST /v1/webhooks
    DELETE /v1/webhooks/{webhook_id}
    POST /v1/webhooks/{webhook_id}/rotate_secret
    GET /v1/webhooks/{webhook_id}/deliveries
    POST /v1/webhooks/{webhook_id}/deliveries/{event_id}/replay
    """,
)
SCOPES = {
    tuple(line.split()): scope
    for block, scope in ((WRITES, ApiScope.WRITE), (COACHES, ApiScope.COACH), (ADMINS, ApiScope.ADMIN))
    for line in block.strip().splitlines()
}
"""The matrix: what each route needs; reading is the rest."""


async def filled(client: httpx.AsyncClient, recording: bytes) -> dict[str, str]:
    """Fill the tenant with one of each thing and return their names."""
    await client.put("/v1/accounts/acct-77", json={"name": "华星电子"})
    await client.put("/v1/deals/deal-77", json={"name": "二期", "account_id": "acct-77"})
    await client.post("/v1/consents", json={"reference": "rec-77", "subject": "acct-77"})
    call = await client.post(
        "/v1/calls", files={"audio": recording}, data={"metadata": '{"consent_reference": "rec-77"}'}
    )
    turns = [{"id": "t1", "speaker": "customer", "text": "太贵了"}]
    await client.post("/v1/conversations", json={"id": "talk-77", "kind": "chat", "turns": turns})
    asked = await client.post("/v1/ask", json={"text": "怎么回"})
    case = {"id": "case-77", "title": "降本", "outcome": "won", "customer_question": "太贵", "blocker": "预算"}
    await client.post("/v1/cases", json={**case, "talk_track": "先谈排期", "result": "签约"})
    card = await client.post("/v1/cards", json={"conversation_id": "talk-77", "first_turn": "t1"})
    await client.post("/v1/documents", json={"id": "doc-77", "title": "手册", "text": "先定排期。"})
    rival = {"competitor": "云帆-77", "text": "无移动端。", "origin": "官网", "dated_on": "2026-03-01"}
    await client.post("/v1/competitor-cards", json=rival)
    webhook = await client.post("/v1/webhooks", json={"url": "https://crm.example.com/h"})
    key = await client.post("/v1/api-keys", json={"name": "二号", "scopes": ["read"]})
    ends_at = (datetime.fromisoformat(key.json()["created_at"]) + timedelta(days=1)).isoformat()
    wanted = {"rep_id": "r9", "object_kind": "call", "object_id": call.json()["id"], "ends_at": ends_at, "why": "代班"}
    grant = await client.post("/v1/grants", json=wanted)
    return {
        "call_id": call.json()["id"],
        "conversation_id": "talk-77",
        "account_id": "acct-77",
        "deal_id": "deal-77",
        "decision_id": asked.json()["decision_id"],
        "case_id": "case-77",
        "source_id": "turn:talk-77:t1",
        "card_id": card.json()["id"],
        "document_id": "doc-77",
        "competitor": "云帆-77",
        "subject_id": "acct-77",
        "key_id": key.json()["key_id"],
        "webhook_id": webhook.json()["webhook_id"],
        "event_id": "evt-77",
        "grant_id": grant.json()["grant_id"],
        "rep_id": "r-77",
        "team_id": "team-77",
        "drill_id": "drill-77",
        "moment_id": "turn:talk-77:t1",
        "system": "hubspot",
        "kind": "account",
    }


class TestKeys:
    async def test_no_route_answers_without_a_key(self, parts: TestParts) -> None:
        async with client_of(parts) as client:
            answers = {
                (method, path): await client.request(method, path.format(**NAMES)) for method, path in SECURED_ROUTES
            }
        assert len(answers) > 50
        assert {each: answered.status_code for each, answered in answers.items() if answered.status_code != 401} == {}
        assert all(answered.headers["www-authenticate"].startswith("Bearer") for answered in answers.values())

    async def test_a_key_without_scopes_may_do_nothing_and_every_refusal_is_logged(
        self, parts: TestParts, api_store: Store
    ) -> None:
        header = await key_for(api_store, "acme", scopes=frozenset())
        async with client_of(parts, **header) as client:
            statuses = {
                (method, path): (await client.request(method, path.format(**NAMES), json={})).status_code
                for method, path in SECURED_ROUTES
            }
        assert {each: status for each, status in statuses.items() if status != 403} == {}
        async with api_store.begin("acme") as work:
            refusals = await work.access.log(limit=999, allowed=False)
        assert {refusal.action for refusal in refusals} == {f"{method} {path}" for method, path in SECURED_ROUTES}
        assert all(refusal.why.startswith("missing_scope:") for refusal in refusals)

    @pytest.mark.parametrize(("role", "scope"), [(Role.REP, ApiScope.READ), (Role.INTEGRATION, ApiScope.WRITE)])
    async def test_what_a_key_may_do_follows_from_its_scopes(
        self, parts: TestParts, api_store: Store, role: Role, scope: ApiScope
    ) -> None:
        header = await key_for(api_store, "acme", role=role, scopes=frozenset({scope}), rep_id="r1")
        async with client_of(parts, **header) as client:
            allowed = {
                (method, path)
                for method, path in SECURED_ROUTES
                if (await client.request(method, path.format(**NAMES), json={})).status_code != 403
            }
        assert allowed == {each for each in SECURED_ROUTES if SCOPES.get(each, ApiScope.READ) is scope}

    async def test_nothing_of_one_tenant_is_reached_from_another(
        self, client: httpx.AsyncClient, parts: TestParts, stranger: dict[str, str], recording: bytes
    ) -> None:
        names = await filled(client, recording)
        async with client_of(parts, **stranger) as other:
            answers = {
                path: await other.request(method, path.format(**names))
                for method, path in SECURED_ROUTES
                if "{" in path and method != "PUT"
            }
            lists = {
                path: (await other.get(path)).json()
                for method, path in SECURED_ROUTES
                if method == "GET" and "{" not in path and path not in ("/metrics", "/v1/models", "/v1/cases/search")
            }
        assert len(answers) > 25
        reached = {path for path, answered in answers.items() if answered.status_code < 300}
        assert reached == {"/v1/subjects/{subject_id}/receipts"}
        assert answers["/v1/subjects/{subject_id}/receipts"].json() == {"data": []}
        for path, shown in lists.items():
            assert not any(name in json.dumps(shown) for name in names.values()), path

    @pytest.mark.parametrize(
        "given", ["", "Bearer", "Bearer zq_x", "Basic zq_aaaaaaaa_", "Bearer " + "zq_aaaaaaaa_" + "x" * 43]
    )
    async def test_a_wrong_key_is_refused(self, parts: TestParts, given: str) -> None:
        async with client_of(parts, authorization=given) as client:
            answered = await client.get("/v1/calls")
        assert (answered.status_code, answered.json()["code"]) == (401, "api.unauthenticated")

    async def test_a_revoked_key_is_refused_from_the_next_request_on_and_the_try_is_logged(
        self, client: httpx.AsyncClient, key: dict[str, str], api_store: Store
    ) -> None:
        key_id = key["authorization"].split("_")[1]
        assert (await client.delete(f"/v1/api-keys/{key_id}")).status_code == 200
        assert (await client.get("/v1/calls")).status_code == 401
        async with api_store.read("acme") as work:
            (refusal,) = await work.access.log(limit=9, allowed=False)
        assert (refusal.principal, refusal.action, refusal.why) == (f"key:{key_id}", "GET /v1/calls", "key_ended")

    async def test_an_expired_key_is_refused(self, parts: TestParts, api_store: Store, clock: SteppingClock) -> None:
        async with api_store.begin("acme") as work:
            made = await work.api_keys.create("x", expires_at=clock() + timedelta(minutes=1))
        async with client_of(parts, authorization=f"Bearer {made.secret}") as client:
            assert (await client.get("/v1/calls")).status_code == 200
            clock.pass_s(61)
            assert (await client.get("/v1/calls")).status_code == 401

    async def test_the_use_of_a_key_is_noted(self, client: httpx.AsyncClient, key: dict[str, str]) -> None:
        await client.get("/v1/calls")
        (shown,) = (await client.get("/v1/api-keys")).json()["data"]
        assert shown["last_used_at"] is not None
        assert "secret" not in shown and "secret_hash" not in shown

    async def test_too_many_requests_are_told_when_to_come_again(self, parts: TestParts, key: dict[str, str]) -> None:
        few = replace(parts, limiter=MemoryRateLimiter(2, now_s=lambda: 0.0))
        async with client_of(few, **key) as client:
            answered = [await client.get("/v1/lexicons") for _ in range(3)]
        assert [each.status_code for each in answered] == [200, 200, 429]
        assert answered[2].headers["retry-after"] == "30"


class TestRateLimit:
    async def test_a_bucket_refills_evenly(self) -> None:
        now = 0.0
        limiter = MemoryRateLimiter(60, now_s=lambda: now)
        assert all([(await limiter.take("k")).allowed for _ in range(60)])
        refused = await limiter.take("k")
        assert (refused.allowed, refused.retry_after_s) == (False, 1.0)
        assert (await limiter.take("other")).allowed
        now = 1.0
        assert [(await limiter.take("k")).allowed for _ in range(2)] == [True, False]


class TestProblems:
    async def test_an_unknown_address_and_a_wrong_method_are_problems(self, client: httpx.AsyncClient) -> None:
        for answered, status in [
            (await client.get("/v1/nothing"), 404),
            (await client.delete("/v1/lexicons"), 405),
        ]:
            assert answered.status_code == answered.json()["status"] == status
            assert answered.headers["content-type"] == "application/problem+json"

    async def test_a_problem_names_its_request_and_speaks_the_callers_language(self, client: httpx.AsyncClient) -> None:
        headers = {"x-request-id": "mine-1", "accept-language": "en-GB,en;q=0.9"}
        english = await client.get("/v1/calls/none", headers=headers)
        chinese = await client.get("/v1/calls/none")
        assert english.json() == {
            "type": "urn:zhanqing:problem:store.no_call",
            "title": "Not Found",
            "status": 404,
            "detail": "There is no such call. Check its id.",
            "instance": "/v1/calls/none",
            "code": "store.no_call",
            "request_id": "mine-1",
        }
        assert english.headers["x-request-id"] == "mine-1"
        assert chinese.json()["detail"] == "没有这通录音。请检查编号。"

    @pytest.mark.parametrize("given", ["a b", "x" * 200, "<script>", ""])
    async def test_a_strange_request_id_is_replaced(self, client: httpx.AsyncClient, given: str) -> None:
        answered = await client.get("/v1/lexicons", headers={"x-request-id": given})
        assert answered.headers["x-request-id"].startswith("req-")

    async def test_a_fault_is_pointed_at_without_repeating_it(self, client: httpx.AsyncClient) -> None:
        answered = await client.post("/v1/consents", json={"reference": "", "phone": "13800138000"})
        assert answered.status_code == 422
        pointers = {fault["pointer"] for fault in answered.json()["errors"]}
        assert pointers == {"/body/reference", "/body/subject", "/body/phone"}
        assert "13800138000" not in answered.text

    @pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b'{"text": "\\ud800"}'])
    async def test_what_cannot_be_read_is_refused(self, client: httpx.AsyncClient, body: bytes) -> None:
        answered = await client.post("/v1/ask", content=body, headers={"content-type": "application/json"})
        assert answered.status_code in (400, 422)
        assert answered.headers["content-type"] == "application/problem+json"

    async def test_a_failure_of_ours_says_nothing_about_its_inside(self, parts: TestParts, key: dict[str, str]) -> None:
        class Broken:
            async def ask(self, *_: object, **__: object) -> None:
                raise RuntimeError("王总电话13800138000")

        async with client_of(replace(parts, coach=Broken()), **key) as client:  # type: ignore[arg-type]  # broken
            answered = await client.post("/v1/ask", json={"text": "你好"})
        assert (answered.status_code, answered.json()["code"]) == (500, "api.internal")
        assert "13800138000" not in answered.text

    async def test_a_missing_model_is_unavailable_with_its_remedy(
        self, parts: TestParts, api_store: Store, key: dict[str, str]
    ) -> None:
        failing = QuotingCoach(api_store, failure=MissingError("store.schema_behind"))
        async with client_of(replace(parts, coach=failing), **key) as client:
            answered = await client.post("/v1/ask", json={"text": "你好"})
        assert (answered.status_code, answered.headers["retry-after"]) == (503, "1")
        assert "zhanqing db upgrade" in answered.json()["detail"]

    def test_every_class_of_the_tree_has_a_status(self) -> None:
        classes = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, ZhanqingError)]
        assert len(classes) >= 11
        assert {status_of(each("store.conflict")) for each in classes} == {400, 403, 404, 409, 422, 500, 503}
        assert {kind for kind, _ in STATUSES} <= set(classes)


class TestSizes:
    async def test_a_body_that_says_it_is_too_large_is_refused_unread(
        self, parts: TestParts, key: dict[str, str]
    ) -> None:
        small = replace(parts, limits=ApiLimits(max_body_bytes=1000, max_upload_bytes=1000))
        async with client_of(small, **key) as client:
            for path in ("/v1/ask", "/v1/calls"):
                answered = await client.post(path, content=b"x" * 1001)
                assert (answered.status_code, answered.json()["code"]) == (413, "api.too_large")

    async def test_a_body_that_grows_too_large_is_cut_off(self, parts: TestParts, key: dict[str, str]) -> None:
        async def endless():
            while True:
                yield b'{"text": "' + b"x" * 500

        small = replace(parts, limits=ApiLimits(max_body_bytes=1000))
        headers = {"content-type": "application/json"}
        async with client_of(small, **key) as client:
            answered = await client.post("/v1/ask", content=endless(), headers=headers)
        assert (answered.status_code, answered.json()["code"]) == (413, "api.too_large")


class TestIdempotency:
    async def test_a_repeated_request_gets_the_first_answer_and_acts_once(
        self, client: httpx.AsyncClient, coach: QuotingCoach
    ) -> None:
        headers = {"idempotency-key": '"k-1"'}
        first = await client.post("/v1/ask", json={"text": "太贵了"}, headers=headers)
        again = await client.post("/v1/ask", json={"text": "太贵了"}, headers={"idempotency-key": "k-1"})
        assert (first.status_code, again.json()) == (200, first.json())
        assert again.headers["idempotent-replayed"] == "true"
        assert len(coach.asked) == 1

    async def test_a_key_is_not_for_two_requests(self, client: httpx.AsyncClient) -> None:
        headers = {"idempotency-key": "k-1"}
        await client.post("/v1/ask", json={"text": "太贵了"}, headers=headers)
        other = await client.post("/v1/ask", json={"text": "再考虑"}, headers=headers)
        assert (other.status_code, other.json()["code"]) == (422, "store.idempotency_key_reused")

    async def test_an_upload_is_the_same_by_its_bytes(self, client: httpx.AsyncClient, recording: bytes) -> None:
        async def submit(audio: bytes) -> httpx.Response:
            return await client.post("/v1/calls", files={"audio": audio}, headers={"idempotency-key": "k-1"})

        first, again, other = await submit(recording), await submit(recording), await submit(recording + b"x")
        assert again.json() == first.json()
        assert again.headers["location"] == first.headers["location"]
        assert other.status_code == 422
        assert len((await client.get("/v1/calls")).json()["data"]) == 1

    async def test_a_failed_request_may_be_tried_again(
        self, parts: TestParts, api_store: Store, key: dict[str, str], client: httpx.AsyncClient
    ) -> None:
        failing = QuotingCoach(api_store, failure=MissingError("store.schema_behind"))
        headers = {"idempotency-key": "k-1"}
        async with client_of(replace(parts, coach=failing), **key) as broken:
            assert (await broken.post("/v1/ask", json={"text": "太贵了"}, headers=headers)).status_code == 503
        assert (await client.post("/v1/ask", json={"text": "太贵了"}, headers=headers)).status_code == 200

    async def test_two_at_once_act_once(self, parts: TestParts, api_store: Store, key: dict[str, str]) -> None:
        entered, go_on = asyncio.Event(), asyncio.Event()

        class Slow(QuotingCoach):
            async def ask(self, tenant: str, text: str, **around: object):
                entered.set()
                await go_on.wait()
                return await super().ask(tenant, text)

        slow = Slow(api_store)
        async with client_of(replace(parts, coach=slow), **key, **{"idempotency-key": "k-1"}) as client:
            first = asyncio.create_task(client.post("/v1/ask", json={"text": "太贵了"}))
            await entered.wait()
            second = await client.post("/v1/ask", json={"text": "太贵了"})
            go_on.set()
            assert (await first).status_code == 200
        assert (second.status_code, second.json()["code"]) == (409, "store.request_in_progress")
        assert second.headers["retry-after"] == "1"
        assert len(slow.asked) == 1

    @pytest.mark.parametrize("given", ["", "a b", "é", "x" * 256])
    async def test_a_key_is_printable(self, client: httpx.AsyncClient, given: str) -> None:
        headers = [(b"idempotency-key", given.encode("latin-1"))]
        answered = await client.post("/v1/ask", json={"text": "太贵了"}, headers=headers)
        assert (answered.status_code, answered.json()["code"]) == (400, "api.bad_idempotency_key")


class TestPages:
    async def test_a_cursor_of_another_list_or_tenant_is_refused(
        self, client: httpx.AsyncClient, stranger: dict[str, str]
    ) -> None:
        for name in ("A1", "A2"):
            await client.put(f"/v1/accounts/{name}", json={"name": name})
        cursor = (await client.get("/v1/accounts", params={"limit": 1})).json()["next_cursor"]
        for path, headers in (("/v1/deals", {}), ("/v1/accounts", stranger)):
            answered = await client.get(path, params={"cursor": cursor}, headers=headers)
            assert (answered.status_code, answered.json()["code"]) == (400, "store.bad_token")
        changed = cursor[:-1] + ("A" if cursor[-1] != "A" else "B")
        assert (await client.get("/v1/accounts", params={"cursor": changed})).status_code == 400


class TestHealth:
    async def test_the_process_is_alive_and_ready_without_a_key(self, parts: TestParts) -> None:
        async with client_of(parts) as client:
            assert (await client.get("/healthz")).json() == {"status": "ok"}
            assert (await client.get("/readyz")).json() == {"status": "ok"}

    async def test_figures_name_routes_and_never_paths(self, client: httpx.AsyncClient) -> None:
        await client.get("/v1/calls/13800138000")
        await client.get("/v1/13800138000")
        figures = (await client.get("/metrics")).text
        assert 'zhanqing_requests_total{method="GET",route="/v1/calls/{call_id}",status="404"} 1.0' in figures
        assert "13800138000" not in figures


class TestOpenApi:
    def test_the_description_is_3_1_and_every_route_documents_its_problems(self, parts: TestParts) -> None:
        schema = create_app(parts).openapi()
        assert schema["openapi"].startswith("3.1")
        assert "Problem" in schema["components"]["schemas"]
        for path, item in schema["paths"].items():
            for method, operation in item.items():
                if path not in OPEN:
                    bad_request = "400" if path.startswith(OPENAI_PATHS) else "422"
                    assert {"401", "403", bad_request, "429"} <= set(operation["responses"]), f"{method} {path}"
                    assert not {"400", "422"} <= set(operation["responses"]) or bad_request == "422"
                    assert operation["security"] == [{"HTTPBearer": []}]
        json.dumps(schema)

    def test_every_reference_of_the_description_resolves(self, parts: TestParts) -> None:
        schema = create_app(parts).openapi()
        names = {part.split('"')[0] for part in json.dumps(schema).split("#/components/schemas/")[1:]}
        assert names <= set(schema["components"]["schemas"])


async def test_cors_is_off_unless_it_is_set(parts: TestParts) -> None:
    headers = {"origin": "https://crm.example", "access-control-request-method": "GET"}
    async with client_of(parts) as client:
        assert "access-control-allow-origin" not in (await client.options("/v1/calls", headers=headers)).headers
    allowed = replace(parts, limits=ApiLimits(cors_origins=("https://crm.example",)))
    async with client_of(allowed) as client:
        answered = await client.options("/v1/calls", headers=headers)
    assert answered.headers["access-control-allow-origin"] == "https://crm.example"
