"""The graph: understand → gather → draft → ground → record. Its steps are the functions of `agent.nodes`."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, TypedDict

from langgraph.channels import UntrackedValue
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from agent import nodes
from agent.engines import Drafted
from agent.finishing import Finished
from agent.nodes import Parts
from agent.tasks import Request, Task
from domain.suggestions import AbstentionReason, Envelope


class State(TypedDict, total=False):
    """What the steps hand on; none of it is checkpointed, the store keeps what must last."""

    request: Annotated[Request, UntrackedValue]
    refused: Annotated[AbstentionReason | None, UntrackedValue]
    task: Annotated[Task, UntrackedValue]
    drafted: Annotated[Drafted, UntrackedValue]
    finished: Annotated[Finished, UntrackedValue]
    envelope: Annotated[Envelope, UntrackedValue]


Graph = CompiledStateGraph[State, None, State, State]


def build_graph(parts: Parts) -> Graph:
    """Wire the steps; they keep no state between runs."""

    async def understand(state: State) -> dict[str, Any]:
        request, refused = nodes.understand(state["request"])
        return {"request": request, "refused": refused}

    async def gather(state: State) -> dict[str, Any]:
        return {"task": await nodes.gather(state["request"], parts)}

    async def draft(state: State) -> dict[str, Any]:
        return {"drafted": await nodes.draft(state["task"], parts.engine, state["refused"])}

    async def ground(state: State) -> dict[str, Any]:
        return {"finished": await nodes.ground(state["task"], state["drafted"], parts)}

    async def record(state: State) -> dict[str, Any]:
        return {"envelope": await nodes.record(state["task"], state["drafted"], state["finished"], parts)}

    graph: StateGraph[State, None, State, State] = StateGraph(State)
    order = (understand, gather, draft, ground, record)
    for step in order:
        graph.add_node(step.__name__, step)
    names = [START, *(step.__name__ for step in order), END]
    for one, other in pairwise(names):
        graph.add_edge(one, other)
    return graph.compile()
