"""What every index backend must do: take groups of passages, change them at once, and score candidates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from domain.cases import Passage
from language.testing import HashingEncoder
from retrieval.index import Candidates, Group, PassageIndex
from retrieval.memory_index import MemoryIndex
from retrieval.query import read_query

ENCODER = HashingEncoder()


@pytest.fixture(params=["memory", pytest.param("milvus", marks=pytest.mark.milvus)])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PassageIndex]:
    if request.param == "memory":
        yield MemoryIndex(ENCODER.dimension)
        return
    pytest.importorskip("pymilvus", reason="needs the milvus extra")
    from retrieval.milvus_index import MilvusIndex

    made = MilvusIndex(str(tmp_path / "index.db"), tenant="acme", dimension=ENCODER.dimension)
    yield made
    made.close()


def group(name: str, *texts: str, columns: Sequence[str] = (), **facets: str) -> Group:
    passages = tuple(
        Passage(
            id=f"{name}:{place}",
            source_id=f"case:{name}:{place}",
            version=1,
            column=columns[place] if columns else "background",
            start=0,
            end=len(text),
            text=text,
            case_id=name,
        )
        for place, text in enumerate(texts)
    )
    vectors = ENCODER.encode(texts, prefix="passage") if texts else np.zeros((0, ENCODER.dimension), np.float32)
    return Group(id=name, passages=passages, vectors=vectors, facets={name: (value,) for name, value in facets.items()})


def ask(index: PassageIndex, text: str, *, limit: int = 10, **facets: str | tuple[str, ...]) -> Candidates:
    wanted = {name: (value,) if isinstance(value, str) else value for name, value in facets.items()}
    return index.candidates(read_query(text, ENCODER), limit=limit, facets=wanted)


def best(found: Candidates) -> str:
    return found.groups[int(found.group_of[int(np.argmax(found.dense + found.lexical))])]


HOSPITAL = group("C-1", "三周能不能上线", "排期太紧", industry="医疗", outcome="won")
FACTORY = group("C-2", "价格太贵了", "比对手高十七万", industry="制造业", outcome="won")
PLANT = group("C-3", "设备不能停产", "价格可以商量", industry="化工", outcome="lost")


class TestScores:
    def test_every_passage_of_a_candidate_comes_with_its_scores(self, index: PassageIndex) -> None:
        index.put([HOSPITAL, FACTORY])
        found = ask(index, "三周上线")
        assert set(found.groups) == {"C-1", "C-2"}
        assert len(found.passages) == len(found.dense) == len(found.lexical) == len(found.group_of) == 4
        assert found.group_of.tolist() == [0, 0, 1, 1]
        assert best(found) == "C-1"

    def test_the_cosine_is_that_of_the_vectors(self, index: PassageIndex) -> None:
        index.put([HOSPITAL])
        found = ask(index, "三周能不能上线")
        place = [passage.id for passage in found.passages].index("C-1:0")
        assert found.dense[place] == pytest.approx(1.0, abs=1e-4)

    def test_words_that_are_not_there_score_nothing(self, index: PassageIndex) -> None:
        index.put([HOSPITAL, FACTORY])
        found = ask(index, "zzz qqq")
        assert found.lexical.tolist() == [0.0] * len(found.passages)

    def test_shares_lie_between_nothing_and_all(self, index: PassageIndex) -> None:
        index.put([HOSPITAL, FACTORY, PLANT])
        found = ask(index, "价格太贵了")
        for shares in (found.lexical_share, found.sound_share, found.group_lexical_share, found.group_sound_share):
            assert ((shares >= 0) & (shares <= 1)).all()
        assert found.group_lexical_share.max() > 0

    def test_passages_come_back_as_they_were_given(self, index: PassageIndex) -> None:
        index.put([HOSPITAL])
        assert set(ask(index, "上线").passages) == set(HOSPITAL.passages)


class TestFilters:
    def test_columns_and_values_or(self, index: PassageIndex) -> None:
        index.put([HOSPITAL, FACTORY, PLANT])
        assert set(ask(index, "价格", industry=("医疗", "化工")).groups) == {"C-1", "C-3"}
        assert set(ask(index, "价格", industry=("医疗", "化工"), outcome="won").groups) == {"C-1"}

    def test_the_filter_comes_before_the_limit(self, index: PassageIndex) -> None:
        close = [group(f"N-{number}", "价格太贵了", industry="制造业") for number in range(30)]
        index.put([*close, PLANT])
        assert ask(index, "价格太贵了", limit=3, industry="化工").groups == ("C-3",)

    @pytest.mark.parametrize("value", ["航空", "", "医", '医疗" or ""=="'])
    def test_an_unknown_value_passes_nothing(self, index: PassageIndex, value: str) -> None:
        index.put([HOSPITAL])
        assert ask(index, "上线", industry=value).groups == ()

    def test_values_of_a_column_follow_the_groups(self, index: PassageIndex) -> None:
        index.put([HOSPITAL, FACTORY])
        assert index.facet_values("industry") == {"医疗", "制造业"}
        index.put([group("C-1")])
        assert index.facet_values("industry") == {"制造业"}

    def test_quotes_in_values_are_values(self, index: PassageIndex) -> None:
        index.put([group("C-9", "价格", industry='说"不"的\\行业\'')])
        assert ask(index, "价格", industry='说"不"的\\行业\'').groups == ("C-9",)


class TestChanges:
    def test_a_new_group_is_found_by_the_next_search(self, index: PassageIndex) -> None:
        index.put([HOSPITAL])
        index.put([FACTORY])
        assert best(ask(index, "价格太贵了")) == "C-2"

    def test_a_withdrawn_group_is_found_no_more(self, index: PassageIndex) -> None:
        index.put([HOSPITAL, FACTORY])
        index.put([group("C-2")])
        assert ask(index, "价格太贵了").groups == ("C-1",)

    def test_withdrawing_what_is_not_there_changes_nothing(self, index: PassageIndex) -> None:
        index.put([HOSPITAL])
        index.put([group("C-77")])
        assert ask(index, "上线").groups == ("C-1",)

    def test_a_changed_group_shows_only_what_it_is_now(self, index: PassageIndex) -> None:
        index.put([HOSPITAL])
        index.put([group("C-1", "请院长签字", industry="卫生")])
        found = ask(index, "院长签字")
        assert [passage.text for passage in found.passages] == ["请院长签字"]
        assert ask(index, "签字", industry="医疗").groups == ()

    def test_a_changed_filter_value_counts_though_the_words_stay(self, index: PassageIndex) -> None:
        index.put([HOSPITAL])
        index.put([replace(HOSPITAL, facets={"industry": ("卫生",)})])
        assert ask(index, "上线", industry="卫生").groups == ("C-1",)
        assert ask(index, "上线", industry="医疗").groups == ()

    def test_the_order_of_changes_does_not_matter(self, index: PassageIndex) -> None:
        index.put([PLANT, HOSPITAL])
        index.put([FACTORY])
        found = ask(index, "价格太贵了")
        straight = MemoryIndex(ENCODER.dimension)
        straight.put([HOSPITAL, FACTORY, PLANT])
        other = ask(straight, "价格太贵了")
        assert _by_id(found) == pytest.approx(_by_id(other), abs=1e-3)

    def test_a_search_between_changes_leaves_no_trace(self, index: PassageIndex) -> None:
        long = group("C-4", "价格太贵了，比对手高出很多，老板不同意，财务也不同意，要重新报一次价格")
        for changed in ([HOSPITAL, long], [FACTORY, PLANT], [group("C-4")]):
            index.put(changed)
            ask(index, "价格太贵了")
        straight = MemoryIndex(ENCODER.dimension)
        straight.put([HOSPITAL, FACTORY, PLANT])
        other, found = ask(straight, "价格太贵了"), ask(index, "价格太贵了")
        words = dict(zip([passage.id for passage in other.passages], other.lexical.tolist(), strict=True))
        for passage, score in zip(found.passages, found.lexical.tolist(), strict=True):
            assert score == pytest.approx(words[passage.id], abs=1e-4)

    def test_an_empty_index_has_no_candidates(self, index: PassageIndex) -> None:
        assert ask(index, "价格").groups == ()


def _by_id(found: Candidates) -> dict[str, float]:
    return {passage.id: float(score) for passage, score in zip(found.passages, found.dense, strict=True)}


@pytest.mark.milvus
class TestDurable:
    """What only a backend that outlives the process can get wrong."""

    @pytest.fixture
    def opened(self, tmp_path: Path) -> Iterator[Callable[..., Any]]:
        pytest.importorskip("pymilvus", reason="needs the milvus extra")
        from retrieval.milvus_index import MilvusIndex

        made: list[MilvusIndex] = []

        def open_index(tenant: str = "acme", encoder: str = "one") -> MilvusIndex:
            made.append(
                MilvusIndex(str(tmp_path / "i.db"), tenant=tenant, dimension=ENCODER.dimension, encoder=encoder)
            )
            return made[-1]

        yield open_index
        for each in made:
            each.close()

    def test_what_was_put_is_held_with_its_state(self, opened: Callable[..., Any]) -> None:
        opened().put([replace(HOSPITAL, state="2@7"), replace(FACTORY, state="2@8")])
        again = opened()
        assert ask(again, "上线").groups == ()  # nothing is shown before somebody has said what is still so
        assert again.held() == {"C-1": "2@7", "C-2": "2@8"}
        assert set(ask(again, "上线").groups) == {"C-1", "C-2"}

    def test_a_half_written_group_is_never_shown_and_has_no_state(self, opened: Callable[..., Any]) -> None:
        index = opened()
        index.put([replace(HOSPITAL, state="2@7"), replace(FACTORY, state="2@7")])
        index._client.delete(index._collection, ids=["C-1:1"])
        assert ask(index, "上线").groups == ("C-2",)
        assert opened().held() == {"C-1": "", "C-2": "2@7"}

    def test_a_state_that_another_process_wrote_meanwhile_is_not_shown(self, opened: Callable[..., Any]) -> None:
        index, other = opened(), opened()
        index.put([replace(HOSPITAL, state="2@9")])
        other.put([replace(HOSPITAL, state="2@7")])  # a laggard writes what it read before
        assert ask(index, "上线").groups == ()
        index.put([replace(HOSPITAL, state="2@9")])
        assert ask(index, "上线").groups == ("C-1",)

    def test_tenants_and_encoders_never_share_a_collection(self, opened: Callable[..., Any]) -> None:
        opened("a-b").put([HOSPITAL])
        for tenant, encoder in (("a_b", "one"), ("a.b", "one"), ("a-b", "two")):
            assert opened(tenant, encoder).held() == {}
