"""A small language model on this machine, behind llama.cpp's own OpenAI-compatible server on loopback.

It writes slowly on a processor: it is shown fewer sources and given more time than an endpoint elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from domain.errors import MissingError
from zhanqing.models import model_folder
from zhanqing.settings import LlmSettings, Settings

log = structlog.get_logger(__name__)

CONTEXT_TOKENS = 4096
SOURCE_CHARACTERS = 700
"""Of all sources together; with the prompt about 900 tokens, read in 40 s at 22 tokens a second (two cores)."""
BUDGET_S = 180.0


@contextmanager
def local_llm(settings: Settings) -> Iterator[Settings]:
    """Serve the local model while the block runs; yield the settings that point at it.

    Raises:
        MissingError: The extra is not installed, or the weights have not been pulled.
    """
    name = settings.llm.local_model
    weights = model_folder(name, settings.models.cache) / "model.gguf"
    server = _server(weights)
    address = server.listening_address  # type: ignore[attr-defined]  # an untyped extension
    log.info("model.serving", model=name, address=address)
    try:
        yield settings.model_copy(update={"llm": _pointing_at(f"{address}/v1", name, settings.llm)})
    finally:
        del server  # the library stops its server with the object


def _pointing_at(base_url: str, name: str, chosen: LlmSettings) -> LlmSettings:
    return LlmSettings(
        base_url=base_url,
        model=name,
        local_model=name,
        timeout_s=max(chosen.timeout_s, BUDGET_S),
        source_characters=min(chosen.source_characters, SOURCE_CHARACTERS),
    )


def _server(weights: Path) -> object:
    try:
        import xllamacpp
    except ImportError as error:
        raise MissingError("zhanqing.no_local_llm") from error
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(weights)
    parameters.hostnames, parameters.port = ["127.0.0.1"], 0
    parameters.n_ctx, parameters.n_parallel = CONTEXT_TOKENS, 1
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = os.cpu_count() or 1
    parameters.warmup, parameters.verbosity = False, -1
    parameters.ui = False
    return xllamacpp.Server(parameters)
