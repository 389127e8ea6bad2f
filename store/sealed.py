"""Repositories that keep something sealed: one place says what to do where there is no key."""

from __future__ import annotations

from domain.errors import MissingError
from store.scope import Repository, Scope
from store.sealing import Sealer


class SealedRepository(Repository):
    """Base of the repositories whose rows hold secrets.

    Args:
        sealer: Needed by whoever reads or writes a secret; other rows can be read without it.
    """

    def __init__(self, scope: Scope, sealer: Sealer | None) -> None:
        super().__init__(scope)
        self._sealer = sealer

    def _key(self) -> Sealer:
        """Return the installation's key.

        Raises:
            MissingError: `store.no_sealer`: this process was given none.
        """
        if self._sealer is None:
            raise MissingError("store.no_sealer")
        return self._sealer
