"""A language model's voice for the practice customer: it words the planned line and decides nothing.

Whatever goes wrong — an error, silence, a number or a mark that the plan does not hold — the plan itself is said.
"""

from __future__ import annotations

import asyncio
import re

import structlog

from agent.chat_engine import ChatEndpoint
from coaching.drills import MARK, Drill
from domain.conversation import REP
from language.pii import mask
from prompts.registry import PromptRegistry, RenderedPrompt, registry, render

log = structlog.get_logger(__name__)

MOST_CHARACTERS = 160
_TOKENS_OUT = 200
_NUMBER = re.compile(r"\d+|[零一二两三四五六七八九十百千万亿]{2,}")
_OUT_OF_ROLE = re.compile(r"真人|＊|作为(?:一个)?(?:AI|人工智能|语言模型)|销售[:：]|客户[:：]|```")


class ModelVoice:
    """`Voice` over an OpenAI-compatible endpoint; personal data is masked before it leaves."""

    def __init__(self, endpoint: ChatEndpoint, *, prompts: PromptRegistry | None = None) -> None:
        self._endpoint = endpoint
        self._prompts = prompts or registry()

    async def speak(self, drill: Drill, planned: str) -> str:
        """Return the planned line as the model words it, or the plan where that cannot be used."""
        heard = next((turn.text for turn in reversed(drill.turns) if turn.speaker == REP), "")
        persona = {"最担心的": drill.open_worry, "背景": drill.persona.background}
        values = {
            "persona": {name: mask(words) for name, words in persona.items()},
            "heard": mask(heard),
            "planned": mask(planned),
        }
        try:
            async with asyncio.timeout(self._endpoint.timeout_s):
                said = await self._asked(render(self._prompts.find("drill"), values))
        except TimeoutError:
            log.warning("drill.voice_failed", why="timeout")
            return planned
        return said if is_faithful(said, planned, drill) else planned

    async def _asked(self, prompt: RenderedPrompt) -> str:
        """Return what the model says; nothing where the endpoint fails."""
        import httpx
        import openai
        from langchain_openai import ChatOpenAI
        from pydantic import SecretStr

        model = ChatOpenAI(
            base_url=self._endpoint.base_url,
            api_key=SecretStr(self._endpoint.api_key or "none"),
            model=self._endpoint.model,
            temperature=0.4,
            timeout=self._endpoint.timeout_s,
            max_retries=0,
            extra_body={"max_tokens": _TOKENS_OUT},
        )
        said, is_whole = "", False
        try:
            async for piece in model.astream([("system", prompt.system), ("user", prompt.user)]):
                said += str(piece.text)
                is_whole = is_whole or bool(piece.response_metadata.get("finish_reason"))
        except (openai.OpenAIError, httpx.HTTPError, ValueError, TypeError, KeyError, AttributeError) as error:
            log.warning("drill.voice_failed", why=type(error).__name__)
            return ""
        return said.strip().strip('“”"') if is_whole else ""


def is_faithful(said: str, planned: str, drill: Drill) -> bool:
    """Whether words may stand for the plan: in role, short, and without a number that nobody gave."""
    known = "\n".join((planned, drill.persona.background, drill.persona.blocker, *drill.persona.worries))
    invented = [number for number in _NUMBER.findall(said) if number not in known]
    return 0 < len(said) <= MOST_CHARACTERS and MARK not in said and not invented and not _OUT_OF_ROLE.search(said)
