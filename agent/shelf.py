"""The shelf: everything a tenant has published, as live sources, with what it takes to find by name.

Built from the store once per corpus version and kept in memory; the store stays the truth, and the gate
checks every citation against it again.
"""

from __future__ import annotations

import math
import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from itertools import takewhile

from agent.names import NameKind, find_names, word_lists
from domain.cases import Outcome
from domain.lexicon import Lexicon, LexiconEntry, LexiconKind
from domain.sources import Source, SourceKind, SourceStatus
from language.quantity_units import any_of
from language.sentences import clauses
from language.tagging import tagged
from store.work import Store, Work

_RIVAL_CONTEXT = re.compile(
    r"竞品|竞争对手|对手|友商|另一家|那家|别家|同行|报价|报了|比我们|比你们|你们|便宜|对比|同时看|也在看|竞标|抢走|给了|换成"
)
_NAMED_COLUMNS = ("title", "customer_question", "background", "blocker", "turning_point", "result", "tags")
_KEPT_SHELVES = 16
_KEPT_WORDS = 4096
_AROUND = 12
"""Characters beside a name in which a word like 报价 makes it a rival's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFile:
    """A published war case as its live column sources."""

    case_id: str
    columns: Mapping[str, Source]

    def text(self, column: str) -> str:
        """Return a column's text; empty where the case has none."""
        source = self.columns.get(column)
        return source.text if source else ""

    @property
    def outcome(self) -> Outcome:
        """How the deal ended."""
        return {outcome.chinese: outcome for outcome in Outcome}.get(self.text("outcome"), Outcome.PENDING)

    @property
    def title(self) -> str:
        """The case's title."""
        return self.text("title")

    @property
    def whole_text(self) -> str:
        """All columns, one a line."""
        return _joined(self)


@lru_cache(maxsize=4096)
def _join(texts: tuple[str, ...]) -> str:
    return "\n".join(texts)


def _joined(case: CaseFile) -> str:
    return _join(tuple(source.text for source in case.columns.values()))


class Shelf:
    """All published cases, documents and competitor cards of a tenant.

    Args:
        sources: Live sources; others are ignored.
        lexicon: The tenant's own names.
        version: The corpus version the sources were read at.
    """

    def __init__(self, sources: Iterable[Source], *, lexicon: Lexicon = (), version: int = 0) -> None:
        live = [source for source in sources if source.status is SourceStatus.LIVE]
        self.version = version
        self.cases: Mapping[str, CaseFile] = _case_files(live)
        self.documents = tuple(source for source in live if source.kind is SourceKind.DOCUMENT)
        self.cards = tuple(source for source in live if source.kind is SourceKind.CARD)
        self._given = lexicon

    @cached_property
    def lexicon(self) -> Lexicon:
        """The tenant's names, and the competitors its cards and cases name."""
        known = {form for entry in self._given for form in entry.forms}
        names = [source.source_id.split(":", 1)[1] for source in self.cards]
        names += [name for case in self.cases.values() for name in _rivals(case)]
        fresh = [name for name in dict.fromkeys(names) if name not in known]
        return (*self._given, *(LexiconEntry(name=name, kind=LexiconKind.COMPETITOR) for name in fresh))

    @cached_property
    def reps(self) -> Mapping[str, tuple[str, ...]]:
        """Rep → ids of their cases."""
        found: dict[str, list[str]] = {}
        for case in self.cases.values():
            if case.text("rep"):
                found.setdefault(case.text("rep"), []).append(case.case_id)
        return {rep: tuple(ids) for rep, ids in found.items()}

    @cached_property
    def corpus_text(self) -> str:
        """Every text on the shelf, lower case, without spaces: what a name can be looked up in."""
        texts = [source.text for source in (*self.documents, *self.cards)] + [source.title for source in self.documents]
        return _folded(
            "\n".join(
                [
                    *texts,
                    *(source.source_id for source in self.cards),
                    *(case.whole_text for case in self.cases.values()),
                ]
            )
        )

    def holds(self, word: str) -> bool:
        """Whether any source has this word."""
        return _folded(word) in self.corpus_text

    def rarity(self, word: str) -> float:
        """Return the word's inverse document frequency over cases, at least 0.1; high for words no case has."""
        return max(0.1, math.log((len(self.cases) + 1) / (self.frequency(word) + 0.5)))

    def frequency(self, word: str) -> int:
        """Return how many cases have the word."""
        return len(self.holding(word))

    def holding(self, word: str) -> tuple[str, ...]:
        """Return the ids of the cases that have the word, in order; read once a word, linear in the shelf's text."""
        folded = _folded(word)
        found = self._holding.get(folded)  # drafts share it from several threads
        if found is None:
            if len(self._holding) >= _KEPT_WORDS:
                self._holding.clear()
            found = tuple(one for one, text in self._case_texts.items() if folded in text)
            self._holding[folded] = found
        return found

    @cached_property
    def _holding(self) -> dict[str, tuple[str, ...]]:
        return {}

    @cached_property
    def _case_texts(self) -> Mapping[str, str]:
        return {case_id: _folded(case.whole_text) for case_id, case in self.cases.items()}

    def case_holds(self, case_id: str, word: str) -> bool:
        """Whether a case's columns have this word."""
        return _folded(word) in self._case_texts[case_id]

    @cached_property
    def plain_ids(self) -> Mapping[str, tuple[CaseFile, ...]]:
        """Case id in capitals, without marks → the cases so called."""
        found: dict[str, tuple[CaseFile, ...]] = {}
        for case_id, case in self.cases.items():
            plain = re.sub(r"[\W_]", "", case_id).upper()
            found[plain] = (*found.get(plain, ()), case)
        return found

    @cached_property
    def id_heads(self) -> frozenset[str]:
        """The letters that case ids begin with."""
        return frozenset("".join(takewhile(_is_capital, one)) for one in self.plain_ids) - {""}

    def facet_values(self, column: str) -> frozenset[str]:
        """Return what the cases have in a column."""
        if column not in self._facets:
            self._facets[column] = frozenset(case.text(column) for case in self.cases.values()) - {""}
        return self._facets[column]

    @cached_property
    def _facets(self) -> dict[str, frozenset[str]]:
        return {}


class Shelves:
    """Keeps the shelves of the tenants that asked lately."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: OrderedDict[str, Shelf] = OrderedDict()

    async def of(self, tenant: str) -> Shelf:
        """Return the tenant's shelf at its present corpus version; built anew when that moved."""
        async with self._store.read(tenant) as work:
            version = await work.corpus.version()
            kept = self._kept.get(tenant)
            if kept is None or kept.version != version:
                kept = await read_shelf(work, version)
        self._kept[tenant] = kept
        self._kept.move_to_end(tenant)
        while len(self._kept) > _KEPT_SHELVES:
            self._kept.popitem(last=False)
        return kept


async def read_shelf(work: Work, version: int) -> Shelf:
    """Read everything published from the store."""
    kinds = (SourceKind.CASE, SourceKind.DOCUMENT, SourceKind.CARD)
    sources = [source for kind in kinds for source in await work.sources.under(f"{kind.value}:")]
    return Shelf(sources, lexicon=await work.lexicons.all(), version=version)


def _case_files(sources: Iterable[Source]) -> dict[str, CaseFile]:
    columns: dict[str, dict[str, Source]] = {}
    for source in sources:
        if source.case_id is not None:
            columns.setdefault(source.case_id, {})[source.source_id.split(":", 2)[2]] = source
    return {case_id: CaseFile(case_id=case_id, columns=found) for case_id, found in columns.items()}


def _rivals(case: CaseFile) -> list[str]:
    """Return companies that a case speaks of as rivals: named near 报价, 便宜, 对手 and the like."""
    return [name for column in _NAMED_COLUMNS for name in _rivals_in(case.text(column))]


@lru_cache(maxsize=65536)
def _rivals_in(text: str) -> tuple[str, ...]:
    """A shelf is read anew with every change; a text that was there before is not tagged again."""
    if not _RIVAL_CONTEXT.search(text):
        return ()
    found = []
    for clause in clauses(text):
        # Tagging is slow, and only a clause with an organisation's ending can name one.
        if not _organisation_ending().search(clause.text):
            continue
        for name in find_names(clause.text):
            start, end = clause.start + name.start, clause.start + name.end
            around = text[max(0, start - _AROUND) : end + _AROUND]
            if name.kind is NameKind.COMPANY and len(name.core) >= 2 and _RIVAL_CONTEXT.search(around):
                found.append(name.text)
    return tuple(found)


@cache
def _organisation_ending() -> re.Pattern[str]:
    return re.compile(any_of(word_lists()["organisation_suffixes"]))


def _is_capital(char: str) -> bool:
    return "A" <= char <= "Z"


@lru_cache(maxsize=65536)
def _folded(text: str) -> str:
    return re.sub(r"\s+", "", text).lower()


def content_words(text: str) -> list[str]:
    """Return the words of a text that carry its subject: nouns, verbs, names, in order, each once."""
    words = [word.text for word in tagged(text) if word.tag[0] in "nvaijlzx" or word.tag == "eng"]
    return list(dict.fromkeys(word for word in words if len(word) > 1 and re.search(r"\w", word)))
