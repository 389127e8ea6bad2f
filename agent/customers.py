"""Which of a rep's customers a line speaks of: by name, by a part of it that only one has, or by a contact's title."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agent.names import NameKind, find_names, word_lists
from domain.accounts import Account

_FORM = re.compile(r"(?:股份|集团|控股)?(?:有限责任公司|有限公司|责任公司|公司|集团)$|[（(][^）)]*[)）]")
_LEAST = 3
"""Characters that a part of a name needs to point at a customer: 轴承厂 does, 科技 does not."""


def customers_named(text: str, accounts: Sequence[Account]) -> list[Account]:
    """Return the customers that a line may mean; several mean that somebody has to ask.

    Whole names come first: where one is said, mere parts of other names do not count.
    """
    whole = [account for account in accounts if _core(account.name) in text]
    if whole:
        return [account for account in whole if not _is_inside_another(account, whole)]
    by_contact = [account for account in accounts if _names_a_contact(text, account)]
    return by_contact or _by_part(text, accounts)


def stranger_named(text: str, accounts: Sequence[Account]) -> str:
    """Return a person with a title (王主任) whom no customer has; empty if there is none."""
    strangers = (name for name in _titled_people(text) if not any(_names_a_contact(name, one) for one in accounts))
    return next(strangers, "")


def _core(name: str) -> str:
    return _FORM.sub("", name).strip() or name


def _is_inside_another(account: Account, others: Sequence[Account]) -> bool:
    core = _core(account.name)
    return any(core != _core(other.name) and core in _core(other.name) for other in others)


def _names_a_contact(text: str, account: Account) -> bool:
    people = [contact for contact in account.contacts if contact.name]
    if any(len(contact.name or "") > 1 and (contact.name or "") in text for contact in people):
        return True
    titled = _titled_people(text)
    return any(
        (contact.name or "").startswith(name[0]) and name[1:] in contact.title for contact in people for name in titled
    )


def _titled_people(text: str) -> list[str]:
    """王主任, 李总: a surname and a title."""
    titles = word_lists()["titles"]
    return [name.text for name in find_names(text) if name.kind is NameKind.PERSON and name.text[1:] in titles]


def _by_part(text: str, accounts: Sequence[Account]) -> list[Account]:
    """Those with the longest part in the line."""
    lengths = {account.account_id: _longest_part(_core(account.name), text) for account in accounts}
    best = max(lengths.values(), default=0)
    return [account for account in accounts if lengths[account.account_id] == best] if best >= _LEAST else []


def _longest_part(name: str, text: str) -> int:
    spans = ((start, end) for start in range(len(name)) for end in range(start + _LEAST, len(name) + 1))
    return max((end - start for start, end in spans if name[start:end] in text), default=0)
