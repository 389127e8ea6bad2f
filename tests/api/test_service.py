"""Consents, data subjects, keys and webhooks over HTTP."""

from __future__ import annotations

import httpx
import pytest

from api.testing import TestParts, client_of
from store.work import Store

TALK = {
    "id": "talk-1",
    "kind": "chat",
    "account_id": "A1",
    "turns": [{"id": "m1", "speaker": "customer", "text": "预算只有八十万"}],
}


class TestPrivacy:
    async def fill(self, client: httpx.AsyncClient) -> None:
        await client.put("/v1/accounts/A1", json={"name": "华星电子"})
        await client.post("/v1/consents", json={"reference": "rec-1", "subject": "A1"})
        await client.post("/v1/conversations", json=TALK)

    async def test_an_export_holds_what_is_kept(self, client: httpx.AsyncClient) -> None:
        await self.fill(client)
        export = (await client.post("/v1/subjects/A1/export")).json()
        assert export["accounts"][0]["name"] == "华星电子"
        assert export["conversations"][0]["turns"][0]["text"] == "预算只有八十万"
        assert export["consents"][0]["reference"] == "rec-1"
        assert export["receipt"]["action"] == "export"

    async def test_after_an_erasure_nothing_is_found_and_the_receipt_stays(self, client: httpx.AsyncClient) -> None:
        await self.fill(client)
        receipt = (await client.post("/v1/subjects/A1/erase")).json()
        assert receipt["document"]["conversations"] == ["talk-1"]
        assert (await client.get("/v1/conversations/talk-1")).status_code == 404
        assert (await client.get("/v1/accounts/A1")).status_code == 404
        assert (await client.get("/v1/sources/turn:talk-1:m1")).json()["text"] == ""
        assert (await client.get("/v1/subjects/A1/receipts")).json()["data"] == [receipt]
        assert (await client.get("/v1/audit/verify")).json()["ok"]

    async def test_a_withdrawn_consent_cannot_be_given_again_under_its_reference(
        self, client: httpx.AsyncClient
    ) -> None:
        await self.fill(client)
        assert (await client.post("/v1/subjects/A1/withdraw")).status_code == 200
        again = await client.post("/v1/consents", json={"reference": "rec-1", "subject": "A1"})
        assert (again.status_code, again.json()["code"]) == (403, "api.consent_withdrawn")
        (record,) = (await client.get("/v1/consents")).json()["data"]
        assert record["withdrawn_by"].startswith("key:")

    @pytest.mark.parametrize("right", ["export", "withdraw", "erase"])
    async def test_nobody_known_is_said_so(self, client: httpx.AsyncClient, right: str) -> None:
        assert (await client.post(f"/v1/subjects/A9/{right}")).status_code == 404

    async def test_a_kept_answer_does_not_outlive_an_erasure(self, client: httpx.AsyncClient, api_store: Store) -> None:
        await self.fill(client)
        headers = {"idempotency-key": "k-1"}
        await client.post("/v1/subjects/A1/export", headers=headers)
        await client.post("/v1/subjects/A1/erase")
        again = await client.post("/v1/subjects/A1/export", headers=headers)
        assert "idempotent-replayed" not in again.headers


class TestApiKeys:
    async def test_a_key_is_made_used_rotated_and_revoked(self, parts: TestParts, client: httpx.AsyncClient) -> None:
        made = (await client.post("/v1/api-keys", json={"name": "CRM", "scopes": ["read"]})).json()
        async with client_of(parts, authorization=f"Bearer {made['secret']}") as crm:
            assert (await crm.get("/v1/lexicons")).status_code == 200
            assert (await crm.post("/v1/lexicons", json={"entries": []})).status_code == 403
            rotated = (await client.post(f"/v1/api-keys/{made['key_id']}/rotate")).json()
            assert (await crm.get("/v1/lexicons")).status_code == 200
        async with client_of(parts, authorization=f"Bearer {rotated['secret']}") as crm:
            assert (await crm.get("/v1/lexicons")).status_code == 200
            assert (await client.delete(f"/v1/api-keys/{rotated['key_id']}")).json()["revoked_at"] is not None
            assert (await crm.get("/v1/lexicons")).status_code == 401

    @pytest.mark.parametrize("body", [{"name": "x"}, {"name": "x", "scopes": []}, {"name": "x", "scopes": ["root"]}])
    async def test_a_key_says_what_it_is_for(self, client: httpx.AsyncClient, body: dict[str, object]) -> None:
        assert (await client.post("/v1/api-keys", json=body)).status_code == 422


class TestWebhooks:
    async def test_events_are_queued_listed_and_replayed(self, client: httpx.AsyncClient) -> None:
        body = {"url": "https://crm.example.com/hook", "events": ["suggestion.created"]}
        made = (await client.post("/v1/webhooks", json=body)).json()
        assert made["secret"].startswith("whsec_")
        asked = (await client.post("/v1/ask", json={"text": "太贵了"})).json()
        path = f"/v1/webhooks/{made['webhook_id']}/deliveries"
        (delivery,) = (await client.get(path)).json()["data"]
        assert delivery["event"] == "suggestion.created"
        assert asked["decision_id"] in delivery["body"]
        assert "太贵了" not in delivery["body"]
        assert (await client.post(f"{path}/{delivery['event_id']}/replay")).status_code == 202
        assert (await client.post(f"{path}/none/replay")).status_code == 404

    async def test_a_subscription_is_listed_without_its_secret_rotated_and_removed(
        self, client: httpx.AsyncClient
    ) -> None:
        made = (await client.post("/v1/webhooks", json={"url": "https://crm.example.com/hook"})).json()
        (shown,) = (await client.get("/v1/webhooks")).json()["data"]
        rotated = (await client.post(f"/v1/webhooks/{made['webhook_id']}/rotate_secret")).json()
        assert "secret" not in shown
        assert rotated["secret"] not in ("", made["secret"])
        assert (await client.delete(f"/v1/webhooks/{made['webhook_id']}")).status_code == 204
        assert (await client.delete(f"/v1/webhooks/{made['webhook_id']}")).status_code == 404

    @pytest.mark.parametrize(
        "url",
        [
            "http://crm.example.com/hook",
            "https://localhost/hook",
            "https://127.0.0.1/hook",
            "https://10.0.0.8/hook",
            "https://169.254.169.254/latest/meta-data",
            "https://[::1]/hook",
            "https://[::ffff:127.0.0.1]/hook",
            "https://user:pass@crm.example.com/hook",
            "https://crm.example.com:99999/hook",
            "ftp://crm.example.com/hook",
            "not a url at all",
        ],
    )
    async def test_an_address_inside_the_network_is_refused(self, client: httpx.AsyncClient, url: str) -> None:
        answered = await client.post("/v1/webhooks", json={"url": url})
        assert (answered.status_code, answered.json()["code"]) == (422, "store.unsafe_url")

    async def test_an_unknown_event_is_refused(self, client: httpx.AsyncClient) -> None:
        answered = await client.post("/v1/webhooks", json={"url": "https://crm.example.com", "events": ["x"]})
        assert (answered.status_code, answered.json()["code"]) == (422, "api.invalid")
