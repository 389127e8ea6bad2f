"""The only place that picks concrete classes. Parts are built when first asked for, and once."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from domain.errors import InputError
from zhanqing.logs import configure_logs
from zhanqing.settings import SearchSettings, Settings, SpeechSettings, read_settings

if TYPE_CHECKING:
    from agent.calls import CallCoach
    from agent.chat_engine import ChatEndpoint
    from agent.coach import Coach
    from agent.drills import DrillCoach
    from agent.engines import Engine
    from domain.lexicon import Lexicon
    from language.encoder import Encoder, Prefix
    from retrieval.index import PassageIndex
    from retrieval.rerankers import Reranker
    from retrieval.search import CaseSearch, IndexFactory
    from signals.llm_extractor import Chat
    from signals.pipeline import Detector, SignalDetector
    from speech.live import LiveTranscriber
    from speech.recognizer import Recognizer
    from speech.transcriber import SpeechOptions, Transcriber
    from speech.voices import Diarizer
    from store.sealing import Sealer
    from store.work import Store

ENCODER = "e5-small-zh"


class Parts:
    """The product's parts for one process, made from settings; tests replace what they need.

    Args:
        settings: All settings.
        lang: Language of text for people, over the setting.
    """

    def __init__(self, settings: Settings, *, lang: str | None = None) -> None:
        self.settings = settings
        self.lang = lang or settings.lang

    @property
    def home(self) -> Path:
        """The data folder."""
        return self.settings.home

    @cached_property
    def encoder(self) -> Encoder:
        """The text encoder.

        Raises:
            MissingError: Its weights have not been pulled.
        """
        from language.encoder import OnnxEncoder
        from zhanqing.models import model_folder

        return OnnxEncoder(model_folder(ENCODER, self.settings.models.cache), threads=os.cpu_count() or 1)

    @cached_property
    def store(self) -> Store:
        """The database; `opened` makes it ready for use."""
        from store.engine import make_engine
        from store.work import Store

        return Store(make_engine(self.settings.database_url), blobs=self.home / "blobs", sealer=self.sealer)

    @cached_property
    def transcriber(self) -> Transcriber:
        """The speech recogniser with all its guards.

        Raises:
            MissingError: Its weights have not been pulled.
        """
        from speech.transcriber import CallTranscriber

        return CallTranscriber(self.recognizer, diarizer=make_diarizer(), options=speech_options(self.settings.speech))

    @cached_property
    def recognizer(self) -> Recognizer:
        """What turns windows of sound into words, as the settings choose it."""
        chosen = self.settings.speech
        match chosen.recognizer:
            case "endpoint":
                from speech.endpoint_recognizer import EndpointRecognizer

                key = chosen.api_key.get_secret_value() if chosen.api_key else ""
                return EndpointRecognizer(
                    chosen.base_url or "", model=chosen.model, api_key=key, timeout_s=chosen.timeout_s
                )
            case "openai-whisper":
                from speech.openai_whisper_recognizer import OpenAiWhisperRecognizer

                return OpenAiWhisperRecognizer(Path(chosen.model).expanduser(), device=chosen.device)
            case "faster-whisper":
                from speech.faster_whisper_recognizer import FasterWhisperRecognizer

                threads = chosen.threads or os.cpu_count() or 1
                return FasterWhisperRecognizer(self._speech_folder(), device=chosen.device, threads=threads)

    def live_transcriber(
        self, *, channels: int, roles: Sequence[str] | None = None, lexicon: Lexicon = (), partials: bool = True
    ) -> LiveTranscriber:
        """Return a transcriber for one call as it happens; it shares the recogniser with recordings.

        Args:
            partials: Whether unfinished turns are shown; each look costs a recognition.
        """
        from speech.live import LiveTranscriber

        return LiveTranscriber(
            self.recognizer,
            channels=channels,
            roles=roles,
            lexicon=lexicon,
            options=speech_options(self.settings.speech),
            partial_every_s=2.0 if partials else 0.0,
        )

    @cached_property
    def detector(self) -> SignalDetector:
        """Everything that is noticed in conversations."""
        from signals.pipeline import SignalDetector

        return SignalDetector(build_detectors(emotion=self.settings.signals.emotion), encoder=self.encoder)

    @cached_property
    def analyst(self) -> SignalDetector:
        """What reads whole conversations: the detector, with a model's second opinion where the settings want it.

        Answers and drills do not wait for that.
        """
        from signals.llm_extractor import LlmExtractor
        from signals.pipeline import SignalDetector

        chosen, chat = self.settings.signals, self._extraction_chat()
        if chat is None:
            return self.detector
        second = LlmExtractor(chat, budget_s=chosen.llm_budget_s)
        return SignalDetector([*build_detectors(emotion=chosen.emotion), second], encoder=self.encoder)

    def _extraction_chat(self) -> Chat | None:
        from agent.extraction_chat import ExtractionChat

        endpoint = self._chat_endpoint() if self.settings.signals.llm else None
        return ExtractionChat(endpoint) if endpoint else None

    @cached_property
    def search(self) -> CaseSearch:
        """Search over published war cases and documents, as the settings choose it."""
        from retrieval.search import CaseSearch

        return CaseSearch(
            self.store,
            self.search_encoder,
            make_index=make_index(self.settings.search, self.search_encoder),
            snapshots=self.home / "indexes",
            reranker=make_reranker(self.settings.search),
            lang=self.lang,
        )

    @cached_property
    def search_encoder(self) -> Encoder:
        """What makes the vectors of questions and passages; the default is the text encoder itself.

        Raises:
            MissingError: Its weights, or the extra that loads them, are absent.
        """
        chosen = self.settings.search
        prefixes: dict[Prefix, str] = {"query": chosen.query_prefix, "passage": chosen.passage_prefix}
        match chosen.encoder:
            case "endpoint":
                from language.endpoint_encoder import EndpointEncoder

                return EndpointEncoder(
                    chosen.base_url or "",
                    model=chosen.model,
                    dimension=chosen.dimension,
                    api_key=chosen.api_key.get_secret_value() if chosen.api_key else None,
                    prefixes=prefixes,
                    timeout_s=chosen.timeout_s,
                )
            case "sentence-transformers":
                from language.sentence_transformers_encoder import SentenceTransformerEncoder

                return SentenceTransformerEncoder(chosen.model, prefixes=prefixes)
            case "e5-small-zh":
                return self.encoder

    @cached_property
    def coach(self) -> Coach:
        """Answers, replies, briefs and tips."""
        from agent.coach import Coach

        return Coach(self.store, self.search, detector=self.detector, encoder=self.encoder, engine=self.engine)

    @cached_property
    def engine(self) -> Engine | None:
        """The model of the settings with the composer behind it; None leaves the composer alone."""
        from agent.chat_engine import ChatEngine
        from agent.engines import ExtractiveEngine
        from agent.vectors import Vectors

        endpoint = self._chat_endpoint()
        return ChatEngine(endpoint, ExtractiveEngine(Vectors(self.encoder))) if endpoint else None

    def _chat_endpoint(self) -> ChatEndpoint | None:
        from agent.chat_engine import ChatEndpoint

        chosen = self.settings.llm
        if chosen.base_url is None:
            return None
        return ChatEndpoint(
            base_url=chosen.base_url,
            model=chosen.model,
            api_key=chosen.api_key.get_secret_value() if chosen.api_key else "",
            timeout_s=chosen.timeout_s,
            source_characters=chosen.source_characters,
        )

    @cached_property
    def calls(self) -> CallCoach:
        """Recordings and transcripts to reports."""
        from agent.calls import CallCoach

        return CallCoach(self.store, self.coach, self.analyst, transcriber=lambda: self.transcriber)

    @cached_property
    def drills(self) -> DrillCoach:
        """Role plays on lost moments and cases."""
        from agent.drill_voice import ModelVoice
        from agent.drills import DrillCoach

        endpoint = self._chat_endpoint()
        voice = ModelVoice(endpoint) if endpoint else None
        return DrillCoach(self.store, self.detector, adviser=self.coach, voice=voice)

    @cached_property
    def sealer(self) -> Sealer:
        """Seals and signs with this installation's own key."""
        from store.sealing import Sealer, installation_key

        return Sealer(installation_key(self.home))

    def _speech_folder(self) -> Path:
        """A catalogue model's folder, or the folder that the setting names."""
        from zhanqing.models import catalogue, model_folder

        name = self.settings.speech.model
        return model_folder(name, self.settings.models.cache) if name in catalogue() else Path(name)

    @asynccontextmanager
    async def opened(self, *, migrate: bool = False) -> AsyncIterator[Parts]:
        """Make the home folder and the database ready, and close what was opened when the block ends.

        Raises:
            InputError: The home folder cannot be written.
            MissingError: The database is of an older version; `zhanqing db upgrade` brings it up.
        """
        from store.migrate import prepare

        make_home(self.home)
        try:
            await prepare(self.store.engine, migrate=migrate)
            yield self
        finally:
            await self.store.close()


def make_index(chosen: SearchSettings, encoder: Encoder) -> IndexFactory:
    """Return what makes a tenant's index."""
    from retrieval.search import index_in_memory

    if chosen.index == "memory":
        return index_in_memory

    def on_milvus(tenant: str, dimension: int) -> PassageIndex:
        from retrieval.milvus_index import MilvusIndex

        return MilvusIndex(
            chosen.milvus_url or "",
            tenant=tenant,
            dimension=dimension,
            encoder=encoder.fingerprint,
            token=chosen.milvus_token.get_secret_value() if chosen.milvus_token else "",
        )

    return on_milvus


def make_reranker(chosen: SearchSettings) -> Reranker | None:
    """Return the reranker that the settings name, if any.

    Raises:
        MissingError: Its weights, or the extra that loads them, are absent.
    """
    from retrieval.rerankers import CrossEncoderReranker, EndpointReranker

    match chosen.reranker:
        case "none":
            return None
        case "cross-encoder":
            return CrossEncoderReranker(chosen.reranker_model)
        case "endpoint":
            key = chosen.reranker_api_key.get_secret_value() if chosen.reranker_api_key else None
            return EndpointReranker(
                chosen.reranker_base_url or "", model=chosen.reranker_model, api_key=key, timeout_s=chosen.timeout_s
            )


def build_detectors(*, emotion: bool = True) -> list[Detector]:
    """Return every detector, in the order their signals are read.

    Args:
        emotion: False leaves emotion cues out everywhere.
    """
    from signals.buying_roles import BuyingRoleDetector
    from signals.competitors import CompetitorDetector
    from signals.custom_lexicon import CustomLexiconDetector
    from signals.emotion import EmotionDetector
    from signals.implicit_needs import ImplicitNeedDetector
    from signals.intents import IntentDetector
    from signals.lead_facts import LeadFactDetector
    from signals.logic_breaks import LogicBreakDetector
    from signals.next_steps import NextStepDetector
    from signals.promises import PromiseDetector
    from signals.questions import QuestionDetector
    from signals.rep_acts import RepActDetector
    from signals.risks import RiskDetector

    return [
        IntentDetector(),
        RepActDetector(),
        *([EmotionDetector()] if emotion else []),
        QuestionDetector(),
        CompetitorDetector(),
        PromiseDetector(),
        NextStepDetector(),
        RiskDetector(),
        LeadFactDetector(),
        BuyingRoleDetector(),
        ImplicitNeedDetector(),
        LogicBreakDetector(),
        CustomLexiconDetector(),
    ]


def speech_options(chosen: SpeechSettings) -> SpeechOptions:
    """Return what the installation chose about transcription."""
    from language.script import Script
    from speech.audio import AudioLimits
    from speech.transcriber import SpeechOptions

    return SpeechOptions(
        limits=AudioLimits(
            max_bytes=chosen.max_bytes,
            max_duration_s=chosen.max_duration_s,
            accept_truncated=chosen.accept_truncated,
        ),
        language=chosen.language,
        script={"simplified": Script.SIMPLIFIED, "tw": Script.TAIWAN, "hk": Script.HONG_KONG}[chosen.script],
        normalize=chosen.normalize_numbers,
        roles=chosen.roles,
    )


def make_diarizer() -> Callable[[], Diarizer]:
    """Return what makes a diarizer: one that tells voices apart where `[torch]` is installed, else one that does not.

    The packages are only looked for; they are imported by the first mono recording.
    """
    from speech.voices import OneVoice

    if not all(find_spec(package) for package in ("torch", "resemblyzer")):
        return OneVoice
    from speech.diarization import VoiceDiarizer
    from speech.voice_encoder import TorchVoiceEncoder

    encoder = TorchVoiceEncoder()  # its weights are shared by all recordings
    return lambda: VoiceDiarizer(encoder)


def build(settings: Settings | None = None, *, lang: str | None = None) -> Parts:
    """Read the settings where none are given, start the logs, and return the parts; nothing heavy is loaded.

    Raises:
        InputError: Misspelt or unfit settings.
    """
    chosen = settings or read_settings()
    configure_logs(chosen.log_level)
    return Parts(chosen, lang=lang)


def make_home(home: Path) -> None:
    """Make the data folder, readable by its owner only.

    Raises:
        InputError: `zhanqing.unwritable`.
    """
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise InputError("zhanqing.unwritable", path=home, why=error.strerror) from error
