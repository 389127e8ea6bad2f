"""Bulk import of cases: everything is checked before anything is written, and what was done is reported.

A bad row stops the import unless the good rows are asked for. Rows are written in batches, each whole or not
at all; since the same content changes nothing, an import that was cut off is finished by running it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from domain.cases import MANDATORY_COLUMNS, WarCase
from domain.errors import InputError
from domain.messages import text
from retrieval import library
from retrieval.checking import Fault, RowFaultsError, check_case, known_columns
from retrieval.duplicates import Duplicates
from retrieval.redaction import redact_case
from retrieval.rows import Row, read_rows
from store.cases import Saved
from store.statistics import count_knowledge
from store.work import Store, Work

CASE_SUFFIXES = frozenset({".csv", ".xlsx", ".jsonl"})
BATCH = 200
"""Cases a transaction: a writer is not kept waiting for long, and little is repeated after a crash."""

_FIRST_COUNT, _COUNT_GROWTH = 400, 4
"""Cases after which the database counts its rows, and how many times as many until it does so again."""

Progress = Callable[[int, int], None]
"""Cases done and cases in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFault:
    """What is wrong with a row of a file; `number` as the reader of the file counts."""

    file: str
    number: int
    fault: Fault

    def line(self, lang: str = "zh") -> str:
        """Say it in one line."""
        return text(
            "retrieval.row_fault_whole" if self.fault.field == "*" else "retrieval.row_fault",
            lang,
            file=self.file,
            row=self.number,
            field=self.fault.field,
            why=self.fault.line(lang),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedCase:
    """A row that is a case, masked."""

    file: str
    number: int
    case: WarCase
    masked: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedRows:
    """Every row of the files, as a case or as faults."""

    cases: tuple[CheckedCase, ...]
    faults: tuple[RowFault, ...]
    unknown_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import did.

    Attributes:
        masked: Kind of personal data → how many were masked.
        duplicates: Case id → ids of cases that are told alike.
    """

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    published: int = 0
    faults: tuple[RowFault, ...] = ()
    masked: Mapping[str, int] = field(default_factory=dict)
    masked_rows: tuple[CheckedCase, ...] = ()
    duplicates: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unknown_columns: tuple[str, ...] = ()


def check_files(paths: Sequence[Path]) -> CheckedRows:
    """Read and check every row; our reps named in any row keep their names everywhere.

    Raises:
        InputError: A file cannot be read at all.
    """
    rows = [(path.name, row) for path in paths for row in _rows_of(path)]
    faults: list[RowFault] = []
    found: dict[str, tuple[str, int, WarCase]] = {}
    strangers: dict[str, None] = {}
    for file, row in rows:
        known, unknown = known_columns(row.cells)
        strangers |= dict.fromkeys(map(str, unknown))
        faults += [RowFault(file=file, number=row.number, fault=fault) for fault in _take(file, row, known, found)]
    reps = {case.rep for _, _, case in found.values() if case.rep}
    cases = tuple(_masked(file, number, case, reps) for file, number, case in found.values())
    return CheckedRows(cases=cases, faults=tuple(faults), unknown_columns=tuple(strangers))


async def import_cases(
    store: Store,
    tenant: str,
    checked: CheckedRows,
    *,
    by: str,
    is_published: bool = False,
    is_partial: bool = False,
    batch_size: int = BATCH,
    on_progress: Progress | None = None,
) -> ImportReport:
    """Write checked cases; with a fault and without `is_partial` nothing is written.

    Args:
        by: Who imports.
        is_published: Publish what is imported; what was retired stays so unless its content is new.
        is_partial: Write the good rows although others are bad.
        batch_size: Cases a transaction.
    """
    report = ImportReport(faults=checked.faults, unknown_columns=checked.unknown_columns)
    if checked.faults and not is_partial:
        return report
    duplicates = await _duplicates(store, tenant, checked.cases)
    results: list[Saved] = []
    published, next_count = 0, _FIRST_COUNT
    for at in range(0, len(checked.cases), batch_size):
        batch = [one.case for one in checked.cases[at : at + batch_size]]
        async with store.begin(tenant) as work:
            saved = await work.cases.save(batch, by=by)
            published += await _publish(work, batch, saved, by) if is_published else 0
        results += saved
        if len(results) >= next_count:
            await count_knowledge(store.engine)
            next_count *= _COUNT_GROWTH
        if on_progress is not None:
            on_progress(len(results), len(checked.cases))
    kinds: dict[str, int] = {}
    for one in checked.cases:
        for counts in one.masked.values():
            for kind, count in counts.items():
                kinds[kind] = kinds.get(kind, 0) + count
    return ImportReport(
        new=results.count(Saved.NEW),
        changed=results.count(Saved.CHANGED),
        unchanged=results.count(Saved.UNCHANGED),
        published=published,
        faults=checked.faults,
        masked=kinds,
        masked_rows=tuple(one for one in checked.cases if one.masked),
        duplicates=duplicates,
        unknown_columns=checked.unknown_columns,
    )


def _rows_of(path: Path) -> list[Row]:
    """Read a file; one with none of our columns in any row is no case file, and is said to be so once."""
    rows = read_rows(path)
    named = [row for row in rows if row.fault is None]
    if named and not any(known_columns(row.cells)[0] for row in named):
        raise InputError("retrieval.no_known_column", file=path.name, needed=", ".join(MANDATORY_COLUMNS))
    return rows


def _take(
    file: str, row: Row, cells: Mapping[str, object], found: dict[str, tuple[str, int, WarCase]]
) -> Iterable[Fault]:
    """Add a row's case to those found, or return why it is none."""
    if row.fault is not None:
        return [Fault(field="*", problem=row.fault, details=row.details)]
    try:
        case = check_case(cells)
    except RowFaultsError as error:
        return error.faults
    before = found.get(case.id)
    if before is not None and before[2] != case:
        return [Fault(field="id", problem="repeated_id", details={"file": before[0], "row": before[1]})]
    found.setdefault(case.id, (file, row.number, case))
    return []


def _masked(file: str, number: int, case: WarCase, reps: set[str]) -> CheckedCase:
    redacted, masked = redact_case(case, keep=reps)
    return CheckedCase(file=file, number=number, case=redacted, masked=masked)


async def _publish(work: Work, cases: Sequence[WarCase], saved: Sequence[Saved], by: str) -> int:
    records = await work.cases.get_many([case.id for case in cases])
    wanted = [
        case.id
        for case, result in zip(cases, saved, strict=True)
        if records[case.id].published_version != records[case.id].version
        and (result is not Saved.UNCHANGED or not library.is_retired(records[case.id]))
    ]
    await library.publish(work, wanted, by=by)
    return len(wanted)


async def _duplicates(store: Store, tenant: str, cases: Sequence[CheckedCase]) -> dict[str, tuple[str, ...]]:
    async with store.read(tenant) as work:
        known = Duplicates([record.case async for record in library.every_case(work)])
    for one in cases:
        known.add(one.case)
    alike = {one.case.id: known.of(one.case) for one in cases}
    return {case_id: others for case_id, others in alike.items() if others}


def refuse_unknown_suffixes(paths: Sequence[Path], known: frozenset[str]) -> None:
    """Refuse a file whose name does not say a format that we read.

    Raises:
        InputError: `retrieval.unknown_format`.
    """
    for path in paths:
        if path.suffix.lower() not in known:
            raise InputError("retrieval.unknown_format", file=path.name, known=" ".join(sorted(known)))
