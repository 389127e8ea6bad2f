"""The chat endpoint as the signals' extractor asks it: one prompt, one JSON answer, within a time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from agent.chat_engine import ChatEndpoint
from domain.errors import ModelError
from prompts.registry import RenderedPrompt

if TYPE_CHECKING:
    from langchain_openai import ChatOpenAI

_TOKENS_OUT = 2000


class ExtractionChat:
    """`signals.llm_extractor.Chat` over an OpenAI-compatible endpoint. Waits: call it from a thread."""

    def __init__(self, endpoint: ChatEndpoint) -> None:
        self._endpoint = endpoint

    @property
    def model(self) -> str:
        """The model's name at the endpoint."""
        return self._endpoint.model

    def ask(self, prompt: RenderedPrompt, *, schema: Mapping[str, Any], timeout_s: float) -> str:
        """Return what the model says; an endpoint that knows no schema is asked without one.

        Raises:
            ModelError: It failed, refused, or took longer than `timeout_s` and the endpoint's own limit.
        """
        import openai

        ends_at = time.monotonic() + min(timeout_s, self._endpoint.timeout_s)
        try:
            return self._said(prompt, schema, ends_at)
        except ModelError as error:
            if not isinstance(error.__cause__, openai.BadRequestError):
                raise
            return self._said(prompt, None, ends_at)

    def _said(self, prompt: RenderedPrompt, schema: Mapping[str, Any] | None, ends_at: float) -> str:
        import httpx
        import openai

        said: list[str] = []
        try:
            for piece in self._model(schema, ends_at).stream([("system", prompt.system), ("user", prompt.user)]):
                if piece.additional_kwargs.get("refusal"):
                    raise ModelError("agent.model_refused", model=self.model)
                said.append(str(piece.text))
                if time.monotonic() > ends_at:  # the client's own timeout counts from piece to piece
                    raise ModelError("agent.model_failed", model=self.model, why="timeout")
        except (openai.OpenAIError, httpx.TransportError) as error:
            raise ModelError("agent.model_failed", model=self.model, why=type(error).__name__) from error
        except (httpx.HTTPError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise ModelError("agent.model_garbage") from error
        return "".join(said)

    def _model(self, schema: Mapping[str, Any] | None, ends_at: float) -> ChatOpenAI:
        from langchain_openai import ChatOpenAI
        from pydantic import SecretStr

        body: dict[str, Any] = {"max_tokens": _TOKENS_OUT}
        if schema is not None:
            form = {"name": "findings", "schema": schema, "strict": False}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        return ChatOpenAI(
            base_url=self._endpoint.base_url,
            api_key=SecretStr(self._endpoint.api_key or "none"),
            model=self.model,
            temperature=0,
            timeout=max(ends_at - time.monotonic(), 0.1),
            max_retries=0,
            extra_body=body,
        )
