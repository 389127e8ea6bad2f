"""One number for what a sentence rests on together, the same number for the same words, and every quote beneath."""

from __future__ import annotations

from domain.footnotes import Footnotes, marks
from domain.sources import Citation, SourceKind
from domain.suggestions import Claim


def citation(source_id: str, quote: str, *, title: str = "轴承厂两周接完", start: int = 0) -> Citation:
    return Citation(
        source_id=source_id,
        source_kind=SourceKind(source_id.partition(":")[0]),
        version=1,
        content_hash="sha256:0",
        title=title,
        start=start,
        end=start + len(quote),
        quote=quote,
    )


def claim(*cited: Citation) -> Claim:
    return Claim(text="一句话。", start=0, end=4, citations=cited)


TITLE = citation("case:C-1:title", "轴承厂两周接完")
REP = citation("case:C-1:rep", "林晓")
WON = citation("case:C-1:outcome", "赢单")


def test_the_fields_of_one_case_share_a_number_and_its_title_is_said_once() -> None:
    notes = Footnotes()
    assert notes.numbers(claim(REP, TITLE, WON)) == [1]
    (note,) = notes.notes
    assert (note.first.title, note.quoted, note.source_id) == ("轴承厂两周接完", "“林晓”“赢单”", "case:C-1")
    assert note.citations == (REP, TITLE, WON)


def test_a_title_alone_is_still_quoted() -> None:
    notes = Footnotes()
    notes.numbers(claim(TITLE))
    assert notes.notes[0].quoted == "“轴承厂两周接完”" and notes.notes[0].source_id == "case:C-1:title"


def test_what_was_cited_before_keeps_its_number() -> None:
    notes = Footnotes()
    turn, other = (
        citation("turn:c:t1", "太贵了", title="客户 00:25"),
        citation("case:C-2:rep", "何嘉", title="二级医院"),
    )
    assert notes.numbers(claim(turn, REP)) == [1, 2]
    assert notes.numbers(claim(other, REP)) == [3, 2]
    assert notes.numbers(claim(REP, WON)) == [4]
    assert [note.number for note in notes.notes] == [1, 2, 3, 4]


def test_spans_of_one_turn_and_fields_of_a_customer_stand_alone() -> None:
    notes = Footnotes()
    first, second = citation("turn:c:t1", "太贵了"), citation("turn:c:t1", "再想想", start=9)
    assert notes.numbers(claim(first, second, first)) == [1, 2]
    assert notes.numbers(
        claim(citation("crm:account:A-1:industry", "医疗"), citation("crm:account:A-1:name", "甲"))
    ) == [3, 4]


def test_other_words_of_the_same_source_have_another_number() -> None:
    notes = Footnotes()
    notes.numbers(claim(REP))
    assert notes.numbers(claim(citation("case:C-1:rep", "林"))) == [2]


def test_marks_are_written_one_behind_the_other() -> None:
    assert marks([1, 12]) == "[1][12]" and marks([]) == ""
