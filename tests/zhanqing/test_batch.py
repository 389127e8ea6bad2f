"""A batch answers every row in order, whatever the rows are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from domain.errors import InputError
from zhanqing.cli.batch import BatchFiles, Row, run_batch


async def double(row: Row) -> Any:
    if "n" not in row:
        raise InputError("zhanqing.row_missing", field="n")
    return {"twice": row["n"] * 2}


async def answers(tmp_path: Path, lines: list[str]) -> tuple[int, list[dict[str, Any]]]:
    files = BatchFiles(rows=tmp_path / "in.jsonl", answers=tmp_path / "deep" / "out.jsonl")
    files.rows.write_text("\n".join(lines), encoding="utf-8")
    failed = await run_batch(files, double, keys=frozenset({"n"}), lang="zh")
    return failed, [json.loads(line) for line in files.answers.read_text(encoding="utf-8").splitlines()]


async def test_answers_keep_order_and_id(tmp_path: Path) -> None:
    failed, rows = await answers(tmp_path, ['{"id":"b","n":2}', '{"id":"a","n":1}'])
    assert (failed, rows) == (0, [{"id": "b", "result": {"twice": 4}}, {"id": "a", "result": {"twice": 2}}])


async def test_bad_rows_become_error_rows_and_the_rest_goes_on(tmp_path: Path) -> None:
    failed, rows = await answers(tmp_path, ["{nonsense", "[1]", '{"id":1}', '{"id":2,"n":null}', "", '{"id":3,"n":3}'])
    assert failed == 4
    assert [row.get("error", {}).get("code") for row in rows] == [
        "zhanqing.row_not_json",
        "zhanqing.row_not_object",
        "zhanqing.row_missing",
        "zhanqing.internal",
        None,
    ]
    assert rows[-1] == {"id": 3, "result": {"twice": 6}}


async def test_unknown_keys_are_named_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    await answers(tmp_path, ['{"id":1,"n":1,"colour":"red"}', '{"id":2,"n":1,"colour":"blue"}'])
    assert capsys.readouterr().err.count("colour") == 1


async def test_an_unwritable_answer_file_is_refused_before_any_work(tmp_path: Path) -> None:
    rows = tmp_path / "in.jsonl"
    rows.write_text('{"id":1,"n":1}', encoding="utf-8")
    with pytest.raises(InputError):
        await run_batch(BatchFiles(rows=rows, answers=tmp_path), double, keys=frozenset(), lang="zh")
