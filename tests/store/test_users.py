"""Console users, their sessions, external ids and grants, the same on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.errors import ConflictError, InputError, NotFoundError
from store.keys import Role
from store.passwords import hash_password, is_password
from store.testing import SteppingClock
from store.users import LOCKED_FOR, MOST_FAILURES, SESSION_FOR, find_session
from store.work import Store


async def test_a_login_is_one_user_however_it_is_written(any_store: Store) -> None:
    async with any_store.begin("acme") as work:
        made = await work.users.create(" Boss@ACME.cn ", role=Role.ADMIN)
        assert await work.users.by_login("boss@acme.CN") == made
        with pytest.raises(ConflictError):
            await work.users.create("boss@acme.cn", role=Role.REP)
    async with any_store.begin("other") as work:
        assert await work.users.by_login("boss@acme.cn") is None
        await work.users.create("boss@acme.cn", role=Role.REP)
        with pytest.raises(NotFoundError):
            await work.users.existing(made.user_id)


async def test_failures_lock_for_a_while_and_a_good_sign_in_forgets_them(
    any_store: Store, clock: SteppingClock
) -> None:
    async with any_store.begin("acme") as work:
        user = await work.users.create("boss", role=Role.ADMIN)
        for _ in range(MOST_FAILURES - 1):
            user = await work.users.note_failure(user.user_id)
        assert user.may_sign_in_at(clock())
        user = await work.users.note_failure(user.user_id)
        assert (user.may_sign_in_at(clock()), user.failed_logins) == (False, 0)
    clock.pass_s(LOCKED_FOR.total_seconds())
    async with any_store.begin("acme") as work:
        assert (await work.users.existing(user.user_id)).may_sign_in_at(clock())
        await work.users.sign_in(user.user_id)
        assert (await work.users.existing(user.user_id)).locked_until is None


async def test_a_session_is_found_by_its_token_until_it_ends(any_store: Store, clock: SteppingClock) -> None:
    async with any_store.begin("acme") as work:
        user = await work.users.create("boss", role=Role.ADMIN)
        tokens = [await work.users.sign_in(user.user_id) for _ in range(2)]

    async def found(token: str) -> bool:
        async with any_store.across_tenants(writes=False) as session:
            return await find_session(session, token, clock()) is not None

    assert [await found(token) for token in (*tokens, "x", "")] == [True, True, False, False]
    async with any_store.across_tenants(writes=False) as session:
        running = await find_session(session, tokens[0], clock())
    assert running is not None and running.user.tenant == "acme"
    async with any_store.begin("acme") as work:
        await work.users.sign_out(running.session_id)
    assert [await found(token) for token in tokens] == [False, True]
    clock.pass_s(SESSION_FOR.total_seconds())
    assert not await found(tokens[1])


def test_a_password_is_kept_as_argon2id_and_nobodys_is_nobodys() -> None:
    kept = hash_password("correct horse battery")
    assert kept.startswith("$argon2id$")
    assert is_password("correct horse battery", kept)
    assert not is_password("correct horse batterx", kept)
    assert not is_password("nobody has this one", None)
    assert not is_password("x", "no hash at all")


@pytest.mark.parametrize("password", ["", "123456789", "x" * 201])
def test_a_password_of_no_use_is_refused(password: str) -> None:
    with pytest.raises(InputError):
        hash_password(password)


async def test_the_first_binding_of_an_external_id_stays(any_store: Store) -> None:
    async with any_store.begin("acme") as work:
        assert await work.external_ids.bind("hubspot", "account", "7", "A1") == "A1"
        assert await work.external_ids.bind("hubspot", "account", "7", "A2") == "A1"
        assert await work.external_ids.find("salesforce", "account", "7") is None
        assert await work.external_ids.of("hubspot", "account", "A1") == "7"
    async with any_store.read("other") as work:
        assert await work.external_ids.find("hubspot", "account", "7") is None


async def test_a_grant_runs_until_it_ends_or_is_ended(any_store: Store, clock: SteppingClock) -> None:
    async with any_store.begin("acme") as work:
        about = {"object_kind": "account", "granted_by": "m", "why": "代班"}
        first = await work.access.grant("r1", object_id="A1", ends_at=clock() + timedelta(hours=1), **about)
        await work.access.grant("r1", object_id="A2", ends_at=clock() + timedelta(hours=2), **about)
        assert await work.access.granted_ids("r1") == {"A1", "A2"}
        await work.access.end_grant(first.grant_id)
        assert await work.access.granted_ids("r1") == {"A2"}
        with pytest.raises(NotFoundError):
            await work.access.end_grant("none")
    clock.pass_s(7200)
    async with any_store.read("acme") as work:
        assert (await work.access.granted_ids("r1"), await work.access.grants(limit=9)) == (frozenset(), [])
