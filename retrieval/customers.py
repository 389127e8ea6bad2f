"""Customers that are alike by what the CRM says of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from domain.accounts import Account

WEIGHTS = {"industry": 3.0, "product": 2.0, "customer_size": 2.0, "stage": 1.0, "region": 1.0}
"""How much the same value of a field counts; set by hand: what a customer does and buys says more than where it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlikeCustomer:
    """A customer and what it shares with another.

    Attributes:
        score: Weight of the fields that are the same over the weight of those the other has, in (0, 1].
        same: Names of those fields.
    """

    account_id: str
    name: str
    score: float
    same: tuple[str, ...]


def alike_customers(account: Account, others: Iterable[Account], *, limit: int) -> tuple[AlikeCustomer, ...]:
    """Return the customers most alike, best first; those that share nothing are left out."""
    total = sum(weight for field, weight in WEIGHTS.items() if getattr(account, field))
    found = []
    for other in others:
        same = tuple(field for field in WEIGHTS if getattr(account, field) and _is_same(account, other, field))
        if same and other.account_id != account.account_id:
            score = sum(WEIGHTS[field] for field in same) / total
            found.append(AlikeCustomer(account_id=other.account_id, name=other.name, score=score, same=same))
    return tuple(sorted(found, key=lambda one: (-one.score, one.account_id))[:limit])


def _is_same(account: Account, other: Account, field: str) -> bool:
    mine, theirs = (str(getattr(each, field)).strip().casefold() for each in (account, other))
    return mine == theirs
