"""Documents become citable text with passages of their own."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import docx
import pypdf
import pytest

from domain.errors import InputError
from domain.sources import SourceStatus
from language.testing import HashingEncoder
from retrieval.documents import import_document, read_document
from retrieval.passages import MAX_CHARS
from retrieval.search import CaseSearch
from store.work import Store

TENANT = "acme"
POLICY = "# 折扣政策\n\n折扣超过九折要总监审批。\n\n交换条件写进合同。\n" + "每一条都要有依据。" * 80


def markdown(folder: Path, text: str = POLICY, name: str = "discount-policy.md") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


class TestReading:
    def test_markdown_keeps_its_text_and_is_called_by_its_heading(self, tmp_path: Path) -> None:
        read = read_document(markdown(tmp_path))
        assert (read.document.id, read.document.title) == ("discount-policy", "折扣政策")
        assert read.text == POLICY.strip()

    def test_text_in_gbk_is_read(self, tmp_path: Path) -> None:
        path = tmp_path / "policy.txt"
        path.write_bytes("折扣政策：九折以上要审批。".encode("gbk"))
        assert read_document(path).text == "折扣政策：九折以上要审批。"

    def test_paragraphs_and_tables_of_word_come_in_order(self, tmp_path: Path) -> None:
        document = docx.Document()
        document.add_paragraph("价格表")
        table = document.add_table(rows=1, cols=2)
        table.cell(0, 0).text, table.cell(0, 1).text = "标准版", "12万"
        document.add_paragraph("以上含税。")
        document.save(str(tmp_path / "prices.docx"))
        assert read_document(tmp_path / "prices.docx").text == "价格表\n标准版\t12万\n以上含税。"

    def test_people_are_masked(self, tmp_path: Path) -> None:
        read = read_document(markdown(tmp_path, "联系人：王建国，13800138000"))
        assert read.text == "联系人：＊＊＊，＊＊＊＊＊＊＊＊＊＊＊"
        assert read.masked == {"name": 1, "phone": 1}

    def test_a_scan_has_no_text(self, tmp_path: Path) -> None:
        writer = pypdf.PdfWriter()
        writer.add_blank_page(200, 200)
        writer.write(str(tmp_path / "scan.pdf"))
        with pytest.raises(InputError, match="holds no text"):
            read_document(tmp_path / "scan.pdf")

    def test_a_password_is_said(self, tmp_path: Path) -> None:
        writer = pypdf.PdfWriter()
        writer.add_blank_page(200, 200)
        writer.encrypt("secret", algorithm="RC4-128")
        writer.write(str(tmp_path / "locked.pdf"))
        with pytest.raises(InputError, match="password"):
            read_document(tmp_path / "locked.pdf")

    @pytest.mark.parametrize("name", ["a.docx", "a.pdf"])
    def test_what_is_not_what_its_name_says_is_refused(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).write_bytes(b"just words")
        with pytest.raises(InputError) as failure:
            read_document(tmp_path / name)
        assert failure.value.code == "retrieval.broken_file"


class TestFinding:
    async def test_a_document_is_found_among_documents_and_never_as_a_case(self, store: Store, tmp_path: Path) -> None:
        search = CaseSearch(store, HashingEncoder())
        source = await import_document(store, TENANT, read_document(markdown(tmp_path)), by="test")
        hits = await search.search_documents(TENANT, "折扣超过九折谁审批")
        assert source.source_id == "doc:discount-policy"
        assert {hit.passage.source_id for hit in hits} == {source.source_id}
        assert all(source.text[hit.passage.start : hit.passage.end] == hit.passage.text for hit in hits)
        assert "九折" in hits[0].passage.text
        assert (await search.search(TENANT, "折扣超过九折谁审批")).hits == ()

    async def test_long_documents_are_cut_into_passages_without_loss(self, store: Store, tmp_path: Path) -> None:
        source = await import_document(store, TENANT, read_document(markdown(tmp_path)), by="test")
        async with store.read(TENANT) as work:
            (group,) = await work.passages.load([source.source_id])
        spans = sorted((passage.start, passage.end) for passage in group.passages)
        assert max(end - start for start, end in spans) <= MAX_CHARS
        gaps = [source.text[end:start] for (_, end), (start, _) in pairwise(spans)]
        assert (spans[0][0], spans[-1][1]) == (0, len(source.text))
        assert not any(gap.strip() for gap in gaps)

    async def test_a_new_version_replaces_the_old_one(self, store: Store, tmp_path: Path) -> None:
        search = CaseSearch(store, HashingEncoder())
        await import_document(store, TENANT, read_document(markdown(tmp_path, "九折要审批。")), by="test")
        await import_document(store, TENANT, read_document(markdown(tmp_path, "八折要审批。")), by="test")
        assert [hit.passage.text for hit in await search.search_documents(TENANT, "几折要审批")] == ["八折要审批。"]
        async with store.read(TENANT) as work:
            old = await work.sources.get("doc:discount-policy", 1)
        assert old is not None and old.status is SourceStatus.SUPERSEDED

    async def test_a_retired_document_is_found_no_more(self, store: Store, tmp_path: Path) -> None:
        search = CaseSearch(store, HashingEncoder())
        await import_document(store, TENANT, read_document(markdown(tmp_path)), by="test")
        assert await search.search_documents(TENANT, "折扣")
        async with store.begin(TENANT) as work:
            await work.documents.retire("discount-policy")
            assert await work.documents.page(limit=5) == []
        assert await search.search_documents(TENANT, "折扣") == ()
