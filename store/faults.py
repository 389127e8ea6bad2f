"""SQLAlchemy's exceptions, translated once into the product's own tree."""

from __future__ import annotations

from sqlalchemy import exc

from domain.errors import InputError, IntegrityError, TakenError, UpstreamError, ZhanqingError

_SERIALIZATION_STATES = {"40001", "40P01", "55P03"}
"""serialization_failure, deadlock_detected, lock_not_available: the same transaction may pass next time."""


def translated(error: exc.SQLAlchemyError | OSError) -> ZhanqingError:
    """Return what a database failure means here; never repeats the statement or its values.

    A value that a column refused (`InputError` from `store.columns`) comes back as itself.
    """
    cause = getattr(error, "orig", None)
    if isinstance(cause, ZhanqingError):
        return cause
    if isinstance(error, exc.IntegrityError):
        return TakenError("store.conflict")
    if isinstance(error, exc.DataError):
        return InputError("store.unstorable_value")
    if _busy(cause) or isinstance(error, TimeoutError):  # the driver gave up waiting for another's lock
        return UpstreamError("store.busy")
    if isinstance(error, (exc.OperationalError, exc.InterfaceError, exc.TimeoutError, OSError)) or _cut(error):
        return UpstreamError("store.unreachable")
    return IntegrityError("store.unexpected", kind=type(error).__name__)


def _busy(cause: object) -> bool:
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    return state in _SERIALIZATION_STATES or "locked" in str(cause)


def _cut(error: BaseException) -> bool:
    return isinstance(error, exc.DBAPIError) and error.connection_invalidated
