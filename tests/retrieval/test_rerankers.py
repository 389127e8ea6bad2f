"""Rerankers: one contract over the script, the endpoint and the CrossEncoder, and what a search does with them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from domain.cases import Outcome, WarCase
from domain.errors import MissingError, ModelError
from language.testing import HashingEncoder
from retrieval import library
from retrieval.rerankers import EndpointReranker, Floats, Reranker
from retrieval.search import CaseSearch
from store.work import Store

TENANT = "acme"
PASSAGES = ["价格太贵了", "什么时候能交付", ""]


class LongestFirst:
    """Prefers long passages."""

    def scores(self, question: str, passages: Sequence[str]) -> Floats:
        return np.asarray([len(passage) for passage in passages], np.float32)


class Broken:
    def scores(self, question: str, passages: Sequence[str]) -> Floats:
        raise ModelError("retrieval.reranker_failed", kind="Timeout")


class RerankServer(ThreadingHTTPServer):
    """A rerank endpoint on loopback that prefers long documents and answers best first."""

    status = 200
    answer: Any = None

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[dict[str, Any]] = []

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: RerankServer

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append({"path": self.path, "key": self.headers["Authorization"], **asked})
        rows = [{"index": at, "relevance_score": len(text)} for at, text in enumerate(asked["documents"])]
        rows.sort(key=lambda row: -row["relevance_score"])
        body = json.dumps({"results": rows} if self.server.answer is None else self.server.answer).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep test output clean."""


@pytest.fixture
def server() -> Iterator[RerankServer]:
    with RerankServer() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def endpoint(server: RerankServer) -> EndpointReranker:
    return EndpointReranker(server.base_url, model="bge-reranker", api_key="key")


@pytest.fixture
def scripted() -> LongestFirst:
    return LongestFirst()


@pytest.fixture(scope="module")
def cross_encoder(tmp_path_factory: pytest.TempPathFactory) -> Reranker:
    """A CrossEncoder of a few thousand random weights, made, saved and loaded here."""
    import torch
    from sentence_transformers import CrossEncoder
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    from retrieval.rerankers import CrossEncoderReranker

    folder = tmp_path_factory.mktemp("cross")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *dict.fromkeys("价格太贵了什么时候能交付")]
    tokenizer = Tokenizer(models.WordLevel({word: at for at, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    specials = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=64, **specials).save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = BertConfig(vocab_size=len(words), max_position_embeddings=64, num_labels=1, **sizes)
    BertForSequenceClassification(config).save_pretrained(folder)
    CrossEncoder(str(folder), device="cpu").save_pretrained(str(folder / "saved"))
    return CrossEncoderReranker(str(folder / "saved"))


@pytest.fixture(params=["scripted", "endpoint", pytest.param("cross_encoder", marks=pytest.mark.torch)])
def reranker(request: pytest.FixtureRequest) -> Reranker:
    found: Reranker = request.getfixturevalue(request.param)
    return found


class TestContract:
    def test_there_is_one_number_a_passage_in_their_order(self, reranker: Reranker) -> None:
        scores = reranker.scores("多少钱", PASSAGES)
        assert (scores.shape, scores.dtype) == ((3,), np.float32)
        backwards = reranker.scores("多少钱", PASSAGES[::-1])
        np.testing.assert_allclose(scores, backwards[::-1], atol=1e-5)

    def test_no_passages_give_no_numbers(self, reranker: Reranker) -> None:
        assert reranker.scores("多少钱", []).shape == (0,)


class TestEndpoint:
    def test_the_request_names_model_key_and_every_passage(
        self, endpoint: EndpointReranker, server: RerankServer
    ) -> None:
        endpoint.scores("多少钱", PASSAGES)
        (asked,) = server.requests
        assert (asked["path"], asked["key"], asked["model"]) == ("/v1/rerank", "Bearer key", "bge-reranker")
        assert (asked["query"], asked["documents"], asked["top_n"]) == ("多少钱", PASSAGES, 3)

    @pytest.mark.parametrize(
        "answer",
        [
            {},
            [],
            {"results": [{"index": 0, "relevance_score": 1}]},
            {"results": [{"index": at, "relevance_score": "NaN"} for at in range(3)]},
            {"results": [{"index": at} for at in range(3)]},
        ],
    )
    def test_an_answer_that_does_not_fit_is_our_error(
        self, endpoint: EndpointReranker, server: RerankServer, answer: Any
    ) -> None:
        server.answer = answer
        with pytest.raises(ModelError) as failure:
            endpoint.scores("多少钱", PASSAGES)
        assert failure.value.code == "retrieval.reranker_answer"

    def test_a_refusal_and_nobody_there_are_our_errors(self, endpoint: EndpointReranker, server: RerankServer) -> None:
        server.status = 500
        for broken in (endpoint, EndpointReranker("http://127.0.0.1:9/v1", model="x")):
            with pytest.raises(ModelError) as failure:
                broken.scores("多少钱", PASSAGES)
            assert failure.value.code == "retrieval.reranker_failed"


@pytest.mark.torch
def test_a_folder_that_is_no_cross_encoder_is_missing(tmp_path: Path) -> None:
    from retrieval.rerankers import CrossEncoderReranker

    with pytest.raises(MissingError):
        CrossEncoderReranker(str(tmp_path / "none"))


class TestSearch:
    async def published(self, store: Store) -> None:
        cases = [
            WarCase(
                id=f"C-{number}",
                title="价格",
                outcome=Outcome.WON,
                customer_question="价格太贵了" + "。能不能再便宜一点" * number,
                blocker="预算",
                talk_track="先谈范围。",
                result="签约。",
            )
            for number in range(4)
        ]
        async with store.begin(TENANT) as work:
            await work.cases.save(cases, by="test")
            await library.publish(work, [case.id for case in cases], by="test")

    async def test_cases_come_in_the_rerankers_order_with_its_scores(self, store: Store) -> None:
        await self.published(store)
        search = CaseSearch(store, HashingEncoder(), reranker=LongestFirst())
        hits = (await search.search(TENANT, "价格太贵了", top_k=2)).hits
        lengths = [float(len(hit.best.passage.text)) for hit in hits]
        assert [hit.score for hit in hits] == lengths == sorted(lengths, reverse=True)
        plain = await CaseSearch(store, HashingEncoder()).search(TENANT, "价格太贵了", top_k=2)
        assert hits[0].case_id not in {hit.case_id for hit in plain.hits}  # it was further down before

    async def test_when_it_fails_the_fused_order_stands_with_a_warning(self, store: Store) -> None:
        await self.published(store)
        plain = await CaseSearch(store, HashingEncoder()).search(TENANT, "价格太贵了", top_k=3)
        result = await CaseSearch(store, HashingEncoder(), reranker=Broken()).search(TENANT, "价格太贵了", top_k=3)
        assert result.hits == plain.hits
        assert len(result.warnings) == 1
