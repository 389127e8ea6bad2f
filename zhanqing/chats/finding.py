"""案例 keyword: the cases that were fought like it, each with its outcome and the words it was found by."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bots.markdown import escaped
from domain.cases import CaseHit, Outcome
from domain.sources import Source
from domain.suggestions import AI_LABEL
from retrieval.results import Search
from store.work import Store
from zhanqing.chats.saying import Said
from zhanqing.chats.visitors import Visitor
from zhanqing.chats.words import chat_line

_MOST = 3


class CaseFinder:
    """Lists cases in chats.

    Args:
        search: Built in a thread, by the first that is looked for.
    """

    def __init__(self, store: Store, search: Callable[[], Awaitable[Search]], *, lang: str) -> None:
        self._store, self._search, self._lang = store, search, lang

    async def find(self, visitor: Visitor, about: str) -> Said:
        """List the best hits for the words, or for the customer that the chat is about."""
        customer = visitor.customer
        wanted = about or (f"{customer.industry} {customer.product}".strip() if customer else "")
        if not wanted:
            return Said(text=chat_line("cases_how", self._lang))
        found = await (await self._search()).search(visitor.tenant, wanted, top_k=_MOST)
        if not found.hits:
            return Said(text=chat_line("cases_none", self._lang))
        names = {hit.case_id: f"case:{hit.case_id}:title" for hit in found.hits}
        async with self._store.read(visitor.tenant) as work:
            titles = await work.sources.get_many(names.values())
        lines = [self._line(hit, titles.get(names[hit.case_id])) for hit in found.hits]
        return Said(text="\n\n".join([chat_line("cases_head", self._lang), *lines, AI_LABEL]))

    def _line(self, hit: CaseHit, title: Source | None) -> str:
        name = title.text if title else hit.case_id
        # Beneath its own title a case says something more, where it was found by more than that.
        passage = next((one.passage for one in hit.passages if one.passage.text != name), hit.best.passage)
        lesson = chat_line("cases_lesson", self._lang) if hit.outcome is Outcome.LOST else ""
        return chat_line(
            "cases_line",
            self._lang,
            id=hit.case_id,
            title=escaped(name),
            outcome=hit.outcome.chinese if self._lang == "zh" else hit.outcome.value,
            lesson=lesson,
            quote=escaped(passage.text),
        )
