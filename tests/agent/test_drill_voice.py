"""A model may word what the practice customer says; it may not change, invent or break it."""

from __future__ import annotations

import pytest

from agent.chat_engine import ChatEndpoint
from agent.drill_voice import ModelVoice
from agent.scripted_endpoint import Scene, scripted_endpoint
from coaching.drills import Persona, open_drill, play

PERSONA = Persona(
    worries=("三周能不能上线？",), background="打我手机13800138000。", blocker="接口", origin="case:C-1:blocker"
)
PLANNED = "说具体一点吧。"


def endpoint(base_url: str) -> ChatEndpoint:
    return ChatEndpoint(base_url=base_url, model="m", timeout_s=5.0)


async def spoken(*scenes: Scene) -> tuple[str, str]:
    drill = play(open_drill("d", PERSONA), "我们会尽力", acts=())
    with scripted_endpoint(*scenes) as scripted:
        said = await ModelVoice(endpoint(scripted.base_url)).speak(drill, PLANNED)
        return said, str(scripted.requests)


async def test_the_models_words_are_said_and_personal_data_stays_here() -> None:
    said, sent = await spoken(Scene(says="能不能讲具体一点，我们好判断。"))
    assert said == "能不能讲具体一点，我们好判断。"
    assert "三周能不能上线" in sent
    assert "13800138000" not in sent


@pytest.mark.parametrize(
    "scene",
    [
        Scene(says="我们预算只有50万。"),
        Scene(says="作为AI，我建议您先共情。"),
        Scene(says="【AI 陪练】这一轮练完了。"),
        Scene(says="我是真人客户，你说吧。"),
        Scene(says="好" * 200),
        Scene(says=""),
        Scene(status=500),
        Scene(refuses=True),
        Scene(says="说具体", cut_after=2),
    ],
)
async def test_whatever_goes_wrong_the_plan_is_said(scene: Scene) -> None:
    assert (await spoken(scene))[0] == PLANNED
