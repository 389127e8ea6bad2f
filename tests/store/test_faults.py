"""No exception of the database library leaves the store untranslated."""

from __future__ import annotations

import inspect

import pytest
from sqlalchemy import exc

from domain.errors import InputError, TakenError, UpstreamError, ZhanqingError
from store.faults import translated

KINDS = [
    kind
    for _, kind in inspect.getmembers(exc, inspect.isclass)
    if issubclass(kind, exc.DBAPIError) and kind is not exc.DontWrapMixin
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_database_error_becomes_one_of_ours_without_its_values(kind: type[exc.DBAPIError]) -> None:
    ours = translated(kind("SELECT secret", {"phone": "13800138000"}, Exception("13800138000")))
    assert isinstance(ours, ZhanqingError)
    assert "13800138000" not in ours.line("zh") + ours.line("en")


@pytest.mark.parametrize(
    ("error", "expected", "code"),
    [
        (exc.IntegrityError("", {}, Exception()), TakenError, "store.conflict"),
        (exc.DataError("", {}, Exception()), InputError, "store.unstorable_value"),
        (exc.OperationalError("", {}, Exception("database is locked")), UpstreamError, "store.busy"),
        (exc.OperationalError("", {}, Exception("no such host")), UpstreamError, "store.unreachable"),
        (ConnectionRefusedError(), UpstreamError, "store.unreachable"),
        (TimeoutError(), UpstreamError, "store.busy"),
        (exc.StatementError("", "", {}, InputError("store.unstorable_text")), InputError, "store.unstorable_text"),
    ],
)
def test_each_kind_of_trouble_has_its_own_code(error: exc.SQLAlchemyError, expected: type, code: str) -> None:
    ours = translated(error)
    assert (type(ours), ours.code) == (expected, code)


def test_a_serialization_failure_may_be_tried_again() -> None:
    cause = Exception("could not serialize access")
    cause.sqlstate = "40001"  # type: ignore[attr-defined]  # as the driver sets it
    ours = translated(exc.DBAPIError("", {}, cause))
    assert (ours.code, ours.retryable) == ("store.busy", True)
