"""The console: who gets in, what each role finds there, and that no other site can act in its name."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from fastapi.routing import APIRoute
from hypothesis import example, given
from hypothesis import strategies as st

from api.app import ROUTERS, create_app
from api.console.answers import inside
from api.console.cases import pieces
from api.testing import QuotingCoach, TestParts, client_of
from coaching.documents import report_document
from coaching.testing import SIGNALS, report
from console.pages import SECTIONS
from domain.cases import CASE_COLUMNS, CaseStatus, Outcome, WarCase
from domain.messages import catalogue
from domain.suggestions import SuggestionKind
from retrieval import library
from store.calls import CallDetails, CallStatus
from store.cases import SAVED, CaseAction
from store.keys import ApiScope, Role
from store.passwords import hash_password
from store.people import Rep, Team
from store.testing import SteppingClock
from store.users import MOST_FAILURES
from store.work import Store

PASSWORD = "correct horse battery"
KEPT = hash_password(PASSWORD)
CSRF = re.compile(r'name="csrf" value="([^"]+)"')
ROOT = Path(__file__).parents[2]


async def add_user(store: Store, login: str, role: Role, *, tenant: str = "acme", **more: str) -> None:
    async with store.begin(tenant) as work:
        await work.users.create(login, role=role, password_hash=KEPT, **more)


async def sign_in(client: httpx.AsyncClient, login: str, password: str = PASSWORD, tenant: str = "acme") -> int:
    form = await client.get("/console/login")
    csrf = CSRF.findall(form.text)[0]
    data = {"csrf": csrf, "login": login, "password": password, "tenant": tenant}
    return (await client.post("/console/login", data=data)).status_code


async def csrf_of(client: httpx.AsyncClient, path: str = "/console/trust") -> str:
    return CSRF.findall((await client.get(path)).text)[0]


@pytest.fixture
async def staff(api_store: Store) -> None:
    """A team with two reps and its manager, a rep elsewhere, and an administrator."""
    async with api_store.begin("acme") as work:
        await work.people.put_team(Team(team_id="east", name="华东"))
        for rep_id, name, team in (("r1", "王晓", "east"), ("r2", "李雷", "east"), ("r3", "韩梅", None)):
            await work.people.put_rep(Rep(rep_id=rep_id, name=name, team_id=team))
    await add_user(api_store, "boss@acme.cn", Role.ADMIN)
    await add_user(api_store, "lead@acme.cn", Role.MANAGER, team_id="east")
    await add_user(api_store, "wang@acme.cn", Role.REP, rep_id="r1")


@pytest.fixture
async def browser(parts: TestParts, staff: None) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(parts) as client:
        yield client


@pytest.fixture
async def calls(api_store: Store, recording: bytes, tmp_path: Path) -> dict[str, str]:
    """One quarantined call of each rep, by rep."""
    found = {}
    for rep_id in ("r1", "r2", "r3"):
        path = tmp_path / rep_id
        path.write_bytes(recording + rep_id.encode())
        with path.open("rb") as audio:
            kept = await api_store.keep_file("acme", audio)
        async with api_store.begin("acme") as work:
            call = await work.calls.submit(kept, CallDetails(rep_id=rep_id), media_type="audio/ogg")
        found[rep_id] = call.call_id
    return found


class TestSigningIn:
    async def test_a_page_asks_to_sign_in_and_comes_back_to_itself(self, browser: httpx.AsyncClient) -> None:
        answered = await browser.get("/console/trust")
        assert (answered.status_code, answered.headers["location"]) == (303, "/console/login?back=/console/trust")
        form = (await browser.get("/console/login", params={"back": "/console/trust"})).text
        assert 'value="/console/trust"' in form

    async def test_the_right_password_opens_a_session_and_signing_out_ends_it(self, browser: httpx.AsyncClient) -> None:
        assert await sign_in(browser, "Boss@ACME.cn") == 303
        page = await browser.get("/console/trust")
        assert page.status_code == 200 and "boss@acme.cn" in page.text
        token = browser.cookies["zq_session"]
        await browser.post("/console/logout", data={"csrf": CSRF.findall(page.text)[0]})
        browser.cookies.set("zq_session", token, path="/console")
        assert (await browser.get("/console/trust")).status_code == 303

    async def test_a_session_ends_by_itself(self, browser: httpx.AsyncClient, clock: SteppingClock) -> None:
        await sign_in(browser, "boss@acme.cn")
        clock.pass_s(timedelta(hours=12).total_seconds() + 1)
        assert (await browser.get("/console/trust")).status_code == 303

    async def test_cookies_are_kept_from_scripts_and_other_sites(self, parts: TestParts, staff: None) -> None:
        transport = httpx.ASGITransport(create_app(parts))
        async with httpx.AsyncClient(transport=transport, base_url="https://test") as secure:
            form = await secure.get("/console/login")
            data = {"csrf": CSRF.findall(form.text)[0], "login": "boss@acme.cn", "password": PASSWORD, "tenant": "acme"}
            answered = await secure.post("/console/login", data=data)
        (cookie,) = [each for each in answered.headers.get_list("set-cookie") if each.startswith("zq_session")]
        assert {"HttpOnly", "SameSite=lax", "Secure", "Path=/console"} <= set(cookie.split("; "))

    async def test_unknown_wrong_and_locked_look_the_same(self, browser: httpx.AsyncClient) -> None:
        answers = []
        for login, password in [("nobody", "x"), ("boss@acme.cn", "x"), ("boss@acme.cn", "y" * 300)]:
            csrf = CSRF.findall((await browser.get("/console/login")).text)[0]
            data = {"csrf": csrf, "login": login, "password": password, "tenant": "acme"}
            answered = await browser.post("/console/login", data=data)
            answers.append((answered.status_code, answered.text.replace(login, "").replace(csrf, "")))
        assert answers[0][0] == 401
        assert answers[0] == answers[1] == answers[2]

    async def test_five_wrong_passwords_lock_the_account_for_a_quarter_of_an_hour(
        self, browser: httpx.AsyncClient, api_store: Store, clock: SteppingClock
    ) -> None:
        for _ in range(MOST_FAILURES):
            assert await sign_in(browser, "boss@acme.cn", "wrong") == 401
        assert await sign_in(browser, "boss@acme.cn") == 401
        async with api_store.read("acme") as work:
            refusals = await work.access.log(limit=9, allowed=False)
        assert [each.why for each in refusals] == ["locked_or_disabled", *["wrong_password"] * MOST_FAILURES]
        clock.pass_s(15 * 60)
        assert await sign_in(browser, "boss@acme.cn") == 303

    async def test_a_try_at_an_unknown_tenant_makes_none(self, browser: httpx.AsyncClient, api_store: Store) -> None:
        from store.tenants import list_tenants

        assert await sign_in(browser, "boss@acme.cn", tenant="nowhere") == 401
        async with api_store.across_tenants(writes=False) as session:
            assert "nowhere" not in await list_tenants(session)

    async def test_a_sign_in_form_from_elsewhere_opens_nothing(self, browser: httpx.AsyncClient) -> None:
        data = {"csrf": "x", "login": "boss@acme.cn", "password": PASSWORD, "tenant": "acme"}
        assert (await browser.post("/console/login", data=data)).status_code == 400
        assert "zq_session" not in browser.cookies

    async def test_many_tries_are_slowed_down(self, browser: httpx.AsyncClient) -> None:
        statuses = [
            (await browser.post("/console/login", data={"login": "a", "password": "b"})).status_code for _ in range(31)
        ]
        assert statuses[-1] == 429

    async def test_a_disabled_user_is_out_at_once(self, browser: httpx.AsyncClient, api_store: Store) -> None:
        await sign_in(browser, "wang@acme.cn")
        async with api_store.begin("acme") as work:
            user = await work.users.by_login("wang@acme.cn")
            assert user is not None
            await work.users.disable(user.user_id)
        assert (await browser.get("/console/calls")).status_code == 303
        assert await sign_in(browser, "wang@acme.cn") == 401

    async def test_another_password_ends_every_session(self, browser: httpx.AsyncClient, api_store: Store) -> None:
        await sign_in(browser, "wang@acme.cn")
        async with api_store.begin("acme") as work:
            user = await work.users.by_login("wang@acme.cn")
            assert user is not None
            await work.users.set_password(user.user_id, hash_password("another one entirely"))
        assert (await browser.get("/console/calls")).status_code == 303
        assert await sign_in(browser, "wang@acme.cn", "another one entirely") == 303

    @pytest.mark.parametrize(
        "back", ["https://evil.example", "//evil.example", "/console//evil.example", "/console/\\evil", "/v1/x", ""]
    )
    def test_nobody_is_sent_elsewhere_after_signing_in(self, back: str) -> None:
        assert inside(back) == "/console/"


class TestForms:
    @pytest.mark.parametrize("csrf", ["", "x", "AAAA"])
    async def test_a_form_from_elsewhere_changes_nothing_and_is_logged(
        self, browser: httpx.AsyncClient, api_store: Store, csrf: str
    ) -> None:
        await sign_in(browser, "boss@acme.cn")
        data = {"name": "x", "role": "admin", "scopes": ["admin"], "csrf": csrf}
        assert (await browser.post("/console/keys", data=data)).status_code == 403
        async with api_store.read("acme") as work:
            assert await work.api_keys.all() == []
            (refusal,) = await work.access.log(limit=9, allowed=False)
        assert refusal.why == "foreign_form"

    async def test_the_form_token_of_another_session_is_refused(
        self, browser: httpx.AsyncClient, parts: TestParts
    ) -> None:
        await sign_in(browser, "boss@acme.cn")
        async with client_of(parts) as other:
            await sign_in(other, "lead@acme.cn")
            stolen = await csrf_of(other)
        data = {"name": "x", "role": "admin", "scopes": ["admin"], "csrf": stolen}
        assert (await browser.post("/console/keys", data=data)).status_code == 403

    def test_every_form_route_checks_its_origin(self) -> None:
        """Walks the routes: a POST under /console depends on the checked form, except signing in, which has its own."""
        routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
        console = [route for route in routes if route.path.startswith("/console")]
        posts = {route.path: route.dependant for route in console if "POST" in route.methods}

        def names(dependant: object) -> set[str]:
            found = {getattr(dependant.call, "__name__", "")}  # type: ignore[attr-defined]
            return found.union(*(names(each) for each in dependant.dependencies))  # type: ignore[attr-defined]

        assert len(posts) >= 6
        assert {path for path, each in posts.items() if "checked_form" not in names(each)} == {"/console/login"}


class TestRoles:
    @pytest.mark.parametrize(
        ("login", "seen"),
        [("wang@acme.cn", {"r1"}), ("lead@acme.cn", {"r1", "r2"}), ("boss@acme.cn", {"r1", "r2", "r3"})],
    )
    async def test_a_rep_sees_their_own_a_manager_the_teams_an_administrator_all(
        self, browser: httpx.AsyncClient, calls: dict[str, str], login: str, seen: set[str]
    ) -> None:
        await sign_in(browser, login)
        listed = (await browser.get("/console/calls")).text
        opened = {
            rep for rep, call in calls.items() if (await browser.get(f"/console/calls/{call}")).status_code == 200
        }
        heard = {
            rep for rep, call in calls.items() if (await browser.get(f"/console/calls/{call}/audio")).status_code == 200
        }
        assert {rep for rep, call in calls.items() if call in listed} == opened == heard == seen

    async def test_what_is_not_theirs_is_missing_to_them_and_the_try_is_logged(
        self, browser: httpx.AsyncClient, calls: dict[str, str], api_store: Store
    ) -> None:
        await sign_in(browser, "wang@acme.cn")
        answered = await browser.get(f"/console/calls/{calls['r3']}")
        assert answered.status_code == 404
        async with api_store.read("acme") as work:
            (refusal,) = await work.access.log(limit=9, allowed=False)
        assert (refusal.why, refusal.object_id) == ("not_visible", calls["r3"])

    @pytest.mark.parametrize("login", ["wang@acme.cn", "lead@acme.cn"])
    async def test_only_administrators_open_keys_and_users(self, browser: httpx.AsyncClient, login: str) -> None:
        await sign_in(browser, login)
        csrf = await csrf_of(browser)
        assert [(await browser.get(f"/console/{each}")).status_code for each in ("keys", "users")] == [403, 403]
        data = {"name": "x", "role": "admin", "scopes": ["admin"], "csrf": csrf}
        assert (await browser.post("/console/keys", data=data)).status_code == 403
        assert "/console/keys" not in (await browser.get("/console/trust")).text

    async def test_another_tenants_things_are_missing(
        self, parts: TestParts, api_store: Store, calls: dict[str, str]
    ) -> None:
        await add_user(api_store, "boss@other.cn", Role.ADMIN, tenant="other")
        async with client_of(parts) as browser:
            await sign_in(browser, "boss@other.cn", tenant="other")
            assert (await browser.get(f"/console/calls/{calls['r1']}")).status_code == 404
            assert calls["r1"] not in (await browser.get("/console/calls")).text


class TestPages:
    async def test_a_key_is_shown_once_and_works(self, browser: httpx.AsyncClient, parts: TestParts) -> None:
        await sign_in(browser, "boss@acme.cn")
        data = {"name": "CRM 对接", "role": "integration", "scopes": ["read"], "csrf": await csrf_of(browser)}
        made = (await browser.post("/console/keys", data=data)).text
        (secret,) = re.findall(r"zq_[a-z0-9]{8}_[\w-]{43}", made)
        async with client_of(parts, authorization=f"Bearer {secret}") as crm:
            assert (await crm.get("/v1/calls")).status_code == 200
        assert secret not in (await browser.get("/console/keys")).text

    async def test_a_reviewer_publishes_the_version_they_read(
        self, browser: httpx.AsyncClient, api_store: Store
    ) -> None:
        case = _case("降本三步")
        async with api_store.begin("acme") as work:
            await work.cases.save([case], by="r1")
            await library.submit(work, [case.id], by="r1")
        await sign_in(browser, "boss@acme.cn")
        assert "降本三步" in (await browser.get("/console/cases", params={"status": "submitted"})).text
        data = {"csrf": await csrf_of(browser), "move": "approve", "version": "1"}
        async with api_store.begin("acme") as work:
            await work.cases.save([_case("降本四步")], by="r1")
            await library.submit(work, [case.id], by="r1")
        assert (await browser.post(f"/console/cases/{case.id}", data=data)).status_code == 409
        assert (await browser.post(f"/console/cases/{case.id}", data={**data, "version": "2"})).status_code == 303
        async with api_store.read("acme") as work:
            record = await work.cases.get(case.id)
        assert record is not None and record.published_version == 2

    async def test_sending_back_needs_a_reason_and_a_rep_may_not(
        self, browser: httpx.AsyncClient, api_store: Store, parts: TestParts
    ) -> None:
        async with api_store.begin("acme") as work:
            await work.cases.save([_case("降本三步")], by="r1")
            await library.submit(work, ["case-1"], by="r1")
        await sign_in(browser, "boss@acme.cn")
        data = {"csrf": await csrf_of(browser), "move": "reject", "version": "1", "why": " "}
        assert (await browser.post("/console/cases/case-1", data=data)).status_code == 422
        async with client_of(parts) as rep:
            await sign_in(rep, "wang@acme.cn")
            assert 'value="approve"' not in (await rep.get("/console/cases/case-1")).text
            data = {"csrf": await csrf_of(rep), "move": "approve", "version": "1"}
            assert (await rep.post("/console/cases/case-1", data=data)).status_code == 403

    async def test_every_sentence_of_advice_opens_onto_the_marked_words(
        self, browser: httpx.AsyncClient, coach: QuotingCoach
    ) -> None:
        envelope = await coach.ask("acme", "怎么回")
        await sign_in(browser, "boss@acme.cn")
        page = (await browser.get(f"/console/decisions/{envelope.decision_id}")).text
        links = [each.replace("&amp;", "&") for each in re.findall(r'href="(/console/sources[^"]+)"', page)]
        marked = [re.findall(r"<mark>(.*?)</mark>", (await browser.get(link)).text) for link in links]
        assert marked == [[claim.text] for claim in envelope.suggestions[0].claims]

    async def test_a_consent_put_on_record_sets_the_call_going(
        self, browser: httpx.AsyncClient, calls: dict[str, str], api_store: Store
    ) -> None:
        await sign_in(browser, "lead@acme.cn")
        path = f"/console/calls/{calls['r1']}"
        assert 'name="reference"' in (await browser.get(path)).text
        data = {"csrf": await csrf_of(browser), "reference": "  "}
        assert (await browser.post(f"{path}/consent", data=data)).status_code == 422
        answered = await browser.post(f"{path}/consent", data={**data, "reference": " 合同第 9 条 "})
        assert (answered.status_code, answered.headers["location"]) == (303, path)
        async with api_store.read("acme") as work:
            call = await work.calls.existing(calls["r1"])
            record = await work.consents.get("合同第 9 条")
        assert call.status is CallStatus.QUEUED and call.details.consent_reference == "合同第 9 条"
        assert record is not None and record.subject == calls["r1"]
        assert (await browser.post(f"/console/calls/{calls['r3']}/consent", data=data)).status_code in (404, 422)

    async def test_a_consent_is_not_recorded_for_calls_that_one_does_not_see(
        self, browser: httpx.AsyncClient, calls: dict[str, str], api_store: Store
    ) -> None:
        await sign_in(browser, "wang@acme.cn")
        data = {"csrf": await csrf_of(browser), "reference": "C-1"}
        assert (await browser.post(f"/console/calls/{calls['r3']}/consent", data=data)).status_code == 404
        async with api_store.read("acme") as work:
            assert await work.consents.get("C-1") is None

    async def test_a_reference_of_another_customers_consent_releases_nothing(
        self, browser: httpx.AsyncClient, calls: dict[str, str], api_store: Store
    ) -> None:
        await sign_in(browser, "boss@acme.cn")
        data = {"csrf": await csrf_of(browser), "reference": "口头同意"}
        assert (await browser.post(f"/console/calls/{calls['r1']}/consent", data=data)).status_code == 303
        assert (await browser.post(f"/console/calls/{calls['r2']}/consent", data=data)).status_code == 409
        again = {**data, "reference": "别的编号"}
        assert (await browser.post(f"/console/calls/{calls['r1']}/consent", data=again)).status_code == 303
        async with api_store.read("acme") as work:
            first, second = await work.calls.existing(calls["r1"]), await work.calls.existing(calls["r2"])
        assert first.details.consent_reference == "口头同意" and second.status is CallStatus.QUARANTINED

    async def test_a_moment_of_the_report_leads_to_its_sound(
        self, browser: httpx.AsyncClient, calls: dict[str, str], api_store: Store
    ) -> None:
        call_id = calls["r1"]
        await _report_on(api_store, call_id)
        await sign_in(browser, "boss@acme.cn")
        report = (await browser.get(f"/console/calls/{call_id}/report")).text
        address = f"/console/calls/{call_id}?turn=t001&amp;at=61500#player"
        assert f'href="{address}"' in report
        page = (await browser.get(address.replace("&amp;", "&"))).text
        assert f'src="/console/calls/{call_id}/audio#t=61.5"' in page
        assert (await browser.get(f"/console/calls/{call_id}?at=-1")).status_code == 422

    @pytest.mark.parametrize(
        ("login", "seen"), [("wang@acme.cn", {"王晓"}), ("lead@acme.cn", {"王晓"}), ("boss@acme.cn", {"王晓", "韩梅"})]
    )
    async def test_the_team_page_shows_those_whose_calls_one_may_see(
        self, browser: httpx.AsyncClient, api_store: Store, login: str, seen: set[str]
    ) -> None:
        for rep_id in ("r1", "r3"):
            await _talk_of(api_store, rep_id)
        await sign_in(browser, login)
        assert "/console/team/digest?days=7" in (await browser.get("/console/team", params={"days": 7})).text
        digest = (await browser.get("/console/team/digest", params={"days": 7})).text
        assert {name for name in ("王晓", "李雷", "韩梅") if name in digest} == seen
        assert 'href="/console/calls/talk-r1?turn=t002&amp;at=4500#player"' in digest

    async def test_a_manager_picks_who_converts_well_and_sees_what_they_do_differently(
        self, browser: httpx.AsyncClient, api_store: Store
    ) -> None:
        for rep_id in ("r1", "r3"):
            await _talk_of(api_store, rep_id)
        await sign_in(browser, "boss@acme.cn")
        shown = (await browser.get("/console/team", params={"high": ["r3", "stranger"]})).text
        assert 'value="r3" checked' in shown
        assert 'value="r1" checked' not in shown
        assert "/console/team/digest?days=30&amp;high=r3" in shown
        assert "stranger" not in shown
        assert "两边各要至少 5 通" in (await browser.get("/console/team/digest", params={"high": "r3"})).text

    async def test_words_from_outside_are_text_never_markup(self, browser: httpx.AsyncClient, api_store: Store) -> None:
        hostile = '<script>alert("战")</script>'
        async with api_store.begin("acme") as work:
            await work.cases.save([_case(hostile)], by=hostile)
        await sign_in(browser, "boss@acme.cn")
        for path in ("/console/cases", "/console/cases/case-1"):
            page = (await browser.get(path)).text
            assert "<script" not in page and "&lt;script&gt;" in page

    async def test_pages_load_nothing_remote_and_are_not_kept(self, browser: httpx.AsyncClient) -> None:
        await sign_in(browser, "boss@acme.cn")
        for section in ("calls", "cases", "decisions", "trust", "keys", "users"):
            page = await browser.get(f"/console/{section}")
            assert page.status_code == 200, section
            assert "default-src 'none'" in page.headers["content-security-policy"]
            assert page.headers["cache-control"] == "no-store"
            assert not re.findall(r'(?:src|href)="(?:https?:)?//', page.text)
            assert "<script" not in page.text and " style=" not in page.text

    async def test_english_is_complete(self, browser: httpx.AsyncClient) -> None:
        await sign_in(browser, "boss@acme.cn")
        await browser.get("/console/language/en")
        page = (await browser.get("/console/keys")).text
        without_switch = re.sub(r"<a [^>]*zh-CN[^>]*>.*?</a>", "", page)
        assert not re.findall(r"[\u4e00-\u9fff]", without_switch)


@given(st.text("快慢，。；a\n"), st.text("快慢，。；a\n"))
@example("先谈排期。周五给图。", "先谈预算。周五给图。")
def test_a_difference_holds_both_texts_whole(before: str, now: str) -> None:
    found = pieces(before, now)
    assert "".join(words for kind, words in found if kind != "gone") == now
    assert "".join(words for kind, words in found if kind != "new") == before


def test_a_difference_marks_the_clause_that_changed_only() -> None:
    assert pieces("先谈排期。周五给图。", "先谈预算。周五给图。") == [
        ("gone", "先谈排期。"),
        ("new", "先谈预算。"),
        ("same", "周五给图。"),
    ]


def test_every_word_that_a_page_may_have_to_name_exists() -> None:
    words = {
        "kind": {*SuggestionKind, "erasure"},
        "status": {*CallStatus, *CaseStatus},
        "outcome": set(Outcome),
        "role": set(Role),
        "scope": set(ApiScope),
        "event": {*CaseAction, SAVED},
        "column": set(CASE_COLUMNS),
        "section": set(SECTIONS),
    }
    lines = catalogue("console")
    assert {f"{name}_{word}" for name, found in words.items() for word in found} - set(lines) == set()


def test_every_line_that_a_template_names_exists() -> None:
    named = set()
    for path in (ROOT / "console" / "templates").glob("*.j2"):
        named |= set(re.findall(r"""\bsay\(["'](\w+)["'][,)]""", path.read_text(encoding="utf-8")))
    assert len(named) > 60
    assert named - set(catalogue("console")) == set()


async def _report_on(store: Store, call_id: str) -> None:
    made = report(SIGNALS)
    said = (replace(made.transcript.turns[0], start_ms=61_500, end_ms=64_000), *made.transcript.turns[1:])
    heard = replace(made.transcript, id=call_id, turns=said)
    async with store.begin("acme") as work:
        await work.conversations.put(heard)
        await work.signals.put_report(call_id, document=report_document(replace(made, transcript=heard)), html="")


async def _talk_of(store: Store, rep_id: str) -> None:
    made = report(SIGNALS)
    talk = replace(made.transcript, id=f"talk-{rep_id}", rep_id=rep_id, started_at=store.clock())
    async with store.begin("acme") as work:
        await work.conversations.put(talk)
        await work.signals.put(talk.id, replace(made.analysis, conversation_id=talk.id))


def _case(title: str) -> WarCase:
    return WarCase(
        id="case-1",
        title=title,
        outcome=Outcome.WON,
        customer_question="太贵了",
        blocker="预算",
        talk_track="先谈排期",
        result="签约",
    )
