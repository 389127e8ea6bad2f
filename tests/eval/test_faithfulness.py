"""An answer that rests on its sources changes when they are taken out."""

from __future__ import annotations

from pathlib import Path

from agent import nodes
from agent.engines import ExtractiveEngine
from agent.nodes import Parts
from agent.shelf import Shelves
from agent.support import SupportScorer
from agent.tasks import Request
from agent.testing import TENANT, read_cases, store_of
from domain.suggestions import SuggestionKind
from eval.bench_agent import chain_times, copies
from eval.faithfulness import cited_in, without
from retrieval.testing import SearchInMemory

CASES = Path(__file__).parents[2] / "examples" / "cases.jsonl"


async def test_without_its_sources_an_answer_is_another_one(tmp_path: Path) -> None:
    cases = read_cases(CASES)
    engine = ExtractiveEngine(None)
    async with store_of(cases, tmp_path) as store:
        parts = Parts(
            store=store,
            search=SearchInMemory(cases),
            shelves=Shelves(store),
            scorer=SupportScorer(None),
            engine=engine,
        )
        asked = Request(tenant=TENANT, kind=SuggestionKind.ASK, text="轴承厂11台老设备全部接完用了多少天？")
        task = await nodes.gather(asked, parts)
    gone = cited_in(engine.compose(task))
    fewer = without(task, gone)
    assert gone == {"case:C-0007:result"}
    assert "result" not in fewer.shelf.cases["C-0007"].columns
    assert not any("13天" in one.text for said in engine.compose(fewer).suggestions for one in said.sentences)


def test_copies_of_the_samples_are_other_cases() -> None:
    made = copies(read_cases(CASES), 1000)
    assert len(made) * 8 >= 1000
    assert len({case.id for case in made}) == len(made)


def test_the_chain_that_is_timed_holds() -> None:
    found = chain_times(500)
    assert (found["links_only"]["ok"], found["with_payloads"]["ok"]) == (True, True)
