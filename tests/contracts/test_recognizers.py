"""One contract over every recogniser: the fake, faster-whisper, openai-whisper, an endpoint on a loopback server."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import numpy as np
import pytest

from domain.errors import MissingError, ModelError
from speech.audio import RATE
from speech.endpoint_recognizer import EndpointRecognizer
from speech.faster_whisper_recognizer import FasterWhisperRecognizer
from speech.openai_whisper_recognizer import OpenAiWhisperRecognizer
from speech.recognizer import Recognizer
from speech.testing import ScriptedRecognizer, quiet, tone
from tests.conftest import pulled_model

REPLY = {
    "text": "您好再见",
    "language": "chinese",
    "words": [{"word": "您好", "start": 0.1, "end": 0.5}, {"word": "再见", "start": 0.6, "end": 9.0}],
    "segments": [{"text": "您好再见", "start": 0.1, "end": 1.0, "avg_logprob": -0.3, "no_speech_prob": 0.02}],
}


def endpoint(answer: Callable[[httpx.Request], httpx.Response]) -> EndpointRecognizer:
    return EndpointRecognizer(
        "http://localhost/v1", model="whisper-1", api_key="secret-key", transport=httpx.MockTransport(answer)
    )


class TranscriptionService(BaseHTTPRequestHandler):
    """Answers a multipart upload with a key as such a service does, and anything else with a refusal."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        is_right = self.path == "/v1/audio/transcriptions" and b"RIFF" in body
        allowed = self.headers["authorization"] == "Bearer secret-key"
        content = json.dumps(REPLY).encode() if is_right and allowed else b"{}"
        self.send_response(200 if is_right and allowed else 401)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


@pytest.fixture
def loopback() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), TranscriptionService) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()
        serving.join()


def tiny_whisper(folder: Path) -> Path:
    """A Whisper of random weights, small enough to run in a second."""
    torch = pytest.importorskip("torch")
    from whisper.model import ModelDimensions, Whisper

    torch.manual_seed(0)
    sizes = {"n_audio_ctx": 1500, "n_text_ctx": 448, "n_audio_state": 16, "n_text_state": 16}
    dims = ModelDimensions(
        n_mels=80, n_audio_head=2, n_audio_layer=1, n_vocab=51865, n_text_head=2, n_text_layer=2, **sizes
    )
    model = Whisper(dims)
    # Whisper leaves this one as whatever the memory held, which may be no number at all.
    torch.nn.init.normal_(model.decoder.positional_embedding)
    path = folder / "tiny.pt"
    torch.save({"dims": dims.__dict__, "model_state_dict": model.state_dict()}, path)
    return path


@pytest.fixture(
    params=[
        "scripted",
        "endpoint",
        "loopback server",
        pytest.param("faster-whisper", marks=pytest.mark.model),
        pytest.param("openai-whisper", marks=pytest.mark.torch),
    ]
)
def recognizer(request: pytest.FixtureRequest, tmp_path: Path) -> Recognizer:
    match request.param:
        case "scripted":
            return ScriptedRecognizer(["您好", "再见", "谢谢"])
        case "endpoint":
            return endpoint(lambda sent: httpx.Response(200, json=REPLY))
        case "loopback server":
            return EndpointRecognizer(request.getfixturevalue("loopback"), model="whisper-1", api_key="secret-key")
        case "faster-whisper":
            folder = pulled_model("whisper-base", request.getfixturevalue("models_cache"))
            return FasterWhisperRecognizer(folder, threads=1)
        case _:
            return OpenAiWhisperRecognizer(tiny_whisper(tmp_path))


def test_nothing_in_is_nothing_out(recognizer: Recognizer) -> None:
    assert recognizer.recognize([], language="zh", prompt="") == []


def test_each_window_gets_one_hypothesis_inside_its_time(recognizer: Recognizer) -> None:
    windows = [tone(1.5), quiet(2.0)]

    hypotheses = recognizer.recognize(windows, language="zh", prompt="启明软件。")

    assert len(hypotheses) == 2
    for window, hypothesis in zip(windows, hypotheses, strict=True):
        assert hypothesis.language == "zh"
        assert hypothesis.average_log_probability <= 0
        for word in hypothesis.words:
            assert 0 <= word.start_s <= word.end_s <= len(window) / RATE + 30
            assert 0 <= word.probability <= 1


def test_it_has_a_name_without_a_path(recognizer: Recognizer) -> None:
    assert recognizer.name
    assert "/" not in recognizer.name


def test_the_endpoint_is_sent_sound_names_and_language() -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json=REPLY)

    (hypothesis,) = endpoint(answer).recognize([tone(1.0)], language="zh", prompt="启明软件。")

    body = sent[0].content
    assert sent[0].url.path == "/v1/audio/transcriptions"
    assert b"RIFF" in body and "启明软件".encode() in body and b"verbose_json" in body
    assert hypothesis.text == "您好再见"
    assert hypothesis.words[-1].end_s == 1.0


def test_a_service_without_word_times_still_gives_words() -> None:
    (hypothesis,) = endpoint(lambda sent: httpx.Response(200, json={"text": "您好"})).recognize(
        [tone(1.0)], language=None, prompt=""
    )

    assert [(word.text, word.start_s, word.end_s) for word in hypothesis.words] == [("您好", 0.0, 1.0)]


@pytest.mark.parametrize(
    "response",
    [httpx.Response(500), httpx.Response(401), httpx.Response(200, text="no json"), httpx.Response(200, json={})],
)
def test_an_endpoint_that_fails_is_a_model_error_without_the_key(response: httpx.Response) -> None:
    with pytest.raises(ModelError) as failed:
        endpoint(lambda sent: response).recognize([tone(1.0)], language="zh", prompt="")

    assert failed.value.code == "speech.endpoint_failed"
    assert "secret-key" not in json.dumps(failed.value.line("en"))


def test_an_endpoint_that_cannot_be_reached_is_a_model_error() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(ModelError):
        endpoint(refuse).recognize([np.zeros(RATE, np.float32)], language="zh", prompt="")


def test_missing_weights_name_the_command_that_brings_them(tmp_path: Path) -> None:
    with pytest.raises(MissingError) as missing:
        FasterWhisperRecognizer(tmp_path / "whisper-base").recognize([tone(1.0)], language="zh", prompt="")

    assert "zhanqing models pull whisper-base" in missing.value.line("zh")


def test_broken_weights_are_a_model_error(tmp_path: Path) -> None:
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (tmp_path / name).write_bytes(b"{}")

    with pytest.raises(ModelError):
        FasterWhisperRecognizer(tmp_path).recognize([tone(1.0)], language="zh", prompt="")
