"""Our search as a LangChain retriever, for other people's chains; the only file here that knows LangChain.

Each document is one passage, word for word, with what is needed to cite it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict, Field, PrivateAttr

from domain.cases import CaseHit, PassageHit
from retrieval.results import Search


class WarCaseRetriever(BaseRetriever):
    """Finds published war cases.

    `ainvoke` runs in the caller's event loop. `invoke` keeps a loop of its own between calls; a database
    connection belongs to the loop that opened it, so use one of the two on the same `search`.

    Attributes:
        search: A `retrieval.search.CaseSearch`, or a fake.
        tenant: Whose cases.
        top_k: How many cases.
        passages_per_case: How many passages of each, best first.
        facets: Column → value or values, as for `Search.search`.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    search: Any
    tenant: str = "default"
    top_k: int = Field(default=5, ge=1)
    passages_per_case: int = Field(default=1, ge=1)
    facets: dict[str, str | Sequence[str]] | None = None
    _runner: asyncio.Runner = PrivateAttr(default_factory=asyncio.Runner)

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun
    ) -> list[Document]:
        return await self._find(query)

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        return self._runner.run(self._find(query))

    async def _find(self, query: str) -> list[Document]:
        search: Search = self.search
        result = await search.search(self.tenant, query, top_k=self.top_k, facets=self.facets)
        return [_document(hit, passage) for hit in result.hits for passage in hit.passages[: self.passages_per_case]]


def _document(hit: CaseHit, scored: PassageHit) -> Document:
    passage = scored.passage
    return Document(
        id=passage.id,
        page_content=passage.text,
        metadata={
            "case_id": hit.case_id,
            "outcome": hit.outcome.value,
            "source_id": passage.source_id,
            "version": passage.version,
            "column": passage.column,
            "start": passage.start,
            "end": passage.end,
            "score": scored.score,
            "dense": scored.dense,
            "lexical": scored.lexical,
        },
    )
