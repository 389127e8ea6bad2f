"""What a shelf answers about its cases, whatever the number of them."""

from __future__ import annotations

from agent.matching import named_by_id, names_unknown_id
from agent.shelf import Shelf
from domain.sources import Source, SourceKind, content_hash


def column(case_id: str, name: str, text: str) -> Source:
    return Source(
        source_id=f"case:{case_id}:{name}", version=1, kind=SourceKind.CASE, title="", text=text,
        content_hash=content_hash(text),
    )  # fmt: skip


SHELF = Shelf(
    [
        column("C-0001", "title", "三甲医院赶评审"),
        column("C-0001", "blocker", "客户同时在看瀚海科技，对方报价便宜八万。"),
        column("C-0002", "title", "轴承厂老设备联网"),
        column("C-0002", "industry", "制造业"),
        column("C-0002", "result", "11台老设备用了13天接完。"),
    ]
)


def test_a_word_is_held_by_the_cases_that_have_it() -> None:
    assert SHELF.holding("设备") == ("C-0002",)
    assert SHELF.frequency("老设备") == 1
    assert SHELF.case_holds("C-0001", "评审")
    assert not SHELF.case_holds("C-0002", "评审")


def test_a_case_is_found_by_its_id_however_it_is_written() -> None:
    assert [case.case_id for case in named_by_id("看下C0002的结果", SHELF)] == ["C-0002"]
    assert names_unknown_id("C-0099怎么样", SHELF)
    assert not names_unknown_id("C-0001怎么样", SHELF)


def test_a_company_beside_a_quote_is_a_rival() -> None:
    assert "瀚海科技" in {entry.name for entry in SHELF.lexicon}


def test_facet_values_are_those_of_the_cases() -> None:
    assert SHELF.facet_values("industry") == frozenset({"制造业"})
