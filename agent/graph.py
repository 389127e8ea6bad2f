"""The graph: recall → understand → gather → draft → ground → record, which goes back to gather once if it must.

Its steps are the functions of `agent.nodes`, `agent.judging` and `agent.recording`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, TypedDict

from langgraph.channels import UntrackedValue
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import StreamWriter

from agent import judging, nodes, recording
from agent.engines import Drafted
from agent.finishing import Finished
from agent.nodes import Parts
from agent.recording import Change, Outdated
from agent.tasks import Request, Task
from domain.suggestions import AbstentionReason, Envelope, StartedOver


class State(TypedDict, total=False):
    """What the steps hand on; none of it is checkpointed, the store keeps what must last.

    `is_heard` says that somebody listens to the sentences while they are drafted; `redone` why this is the second try.
    """

    request: Annotated[Request, UntrackedValue]
    is_heard: Annotated[bool, UntrackedValue]
    refused: Annotated[AbstentionReason | None, UntrackedValue]
    task: Annotated[Task, UntrackedValue]
    drafted: Annotated[Drafted, UntrackedValue]
    finished: Annotated[Finished, UntrackedValue]
    redone: Annotated[Change | None, UntrackedValue]
    envelope: Annotated[Envelope, UntrackedValue]


Graph = CompiledStateGraph[State, None, State, State]


def build_graph(parts: Parts) -> Graph:
    """Wire the steps; they keep no state between runs."""

    async def recall(state: State) -> dict[str, Any]:
        known = await recording.recorded(state["request"], parts)
        return {"envelope": known} if known is not None else {"redone": None}

    async def understand(state: State) -> dict[str, Any]:
        request, refused = nodes.understand(state["request"])
        return {"request": request, "refused": refused}

    async def gather(state: State) -> dict[str, Any]:
        return {"task": await nodes.gather(state["request"], parts)}

    async def draft(state: State, writer: StreamWriter) -> dict[str, Any]:
        tell = writer if state.get("is_heard") else None
        return {"drafted": await judging.draft(state["task"], parts, state["refused"], tell)}

    async def ground(state: State) -> dict[str, Any]:
        drafted, finished = await judging.ground(state["task"], state["drafted"], parts)
        return {"drafted": drafted, "finished": finished}

    async def record(state: State, writer: StreamWriter) -> dict[str, Any]:
        done = await recording.record(state["task"], state["drafted"], state["finished"], parts, redone=state["redone"])
        if isinstance(done, Outdated):
            writer(StartedOver())
            return {"request": done.request, "redone": done.change}
        return {"envelope": done}

    graph: StateGraph[State, None, State, State] = StateGraph(State)
    order = (recall, understand, gather, draft, ground, record)
    for step in order:
        graph.add_node(step.__name__, step)
    names = [step.__name__ for step in order]
    graph.add_edge(START, names[0])
    for one, other in pairwise(names[1:]):
        graph.add_edge(one, other)
    graph.add_conditional_edges("recall", lambda state: END if "envelope" in state else "understand")
    graph.add_conditional_edges("record", lambda state: END if "envelope" in state else "gather")
    return graph.compile()
