"""Requests made up from the service's own description never break it and never get an undocumented answer.

Left out are the two checks that would have the description say every rule of meaning: that a cursor
was made here, that a speaker is named as the contract wants, that a turn without an id gets one.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import CHECKS
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from api.app import create_app
from api.parts import ApiLimits
from api.testing import QuotingCoach, TestParts, key_for
from store.sealing import Sealer
from store.testing import Databases
from store.work import Store

LEFT_OUT = [positive_data_acceptance, negative_data_rejection]
QUICK = settings(
    max_examples=4,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


class Service:
    """The application behind a real socket, in a thread of its own."""

    def __init__(self, databases: Databases, folder: Path) -> None:
        self._databases = databases
        self._folder = folder
        self._ready = threading.Event()
        self.url = ""
        self.key: dict[str, str] = {}
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(60)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(60)

    async def _serve(self) -> None:
        async with self._databases.fresh() as engine:
            store = Store(engine, blobs=self._folder, sealer=Sealer(b"k" * 32))
            self.key = {"Authorization": (await key_for(store, "acme"))["authorization"]}
            app = create_app(TestParts(store=store, coach=QuotingCoach(store)))
            self._server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", access_log=False))
            serving = asyncio.create_task(self._server.serve())
            while not self._server.started:
                await asyncio.sleep(0.01)
            port = self._server.servers[0].sockets[0].getsockname()[1]
            self.url = f"http://127.0.0.1:{port}/openapi.json"
            self._ready.set()
            await serving


@pytest.fixture(scope="module")
def service(sqlite_databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = Service(sqlite_databases, tmp_path_factory.mktemp("fuzz"))
    service.start()
    yield service
    service.stop()


@pytest.fixture(scope="module")
def description(service: Service) -> Any:
    return schemathesis.openapi.from_url(service.url, headers=service.key)


class NoParts:
    limits = ApiLimits()


OPERATIONS = sorted(
    (path, method.upper())
    for path, item in create_app(NoParts()).openapi()["paths"].items()  # type: ignore[arg-type]  # only routes are read
    for method in item
)


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_a_made_up_request_gets_a_documented_answer(description: Any, service: Service, path: str, method: str) -> None:
    @QUICK
    @given(case=description[path][method].as_strategy())
    def answered_as_documented(case: schemathesis.Case) -> None:
        case.call_and_validate(headers=service.key, excluded_checks=LEFT_OUT)

    answered_as_documented()


def test_made_up_sequences_of_requests_get_documented_answers(description: Any, service: Service) -> None:
    class Sequences(description.as_state_machine()):
        def get_call_kwargs(self, case: schemathesis.Case) -> dict[str, Any]:
            return {"headers": service.key}

        def validate_response(self, response: Any, case: schemathesis.Case, **_: Any) -> None:
            case.validate_response(response, excluded_checks=LEFT_OUT)

    Sequences.run(settings=settings(QUICK, max_examples=8, stateful_step_count=6))


def test_the_checks_left_out_are_two_of_many() -> None:
    assert len(CHECKS.get_all()) - len(LEFT_OUT) >= 6
