"""Every setting of the product: `ZHANQING_LLM__BASE_URL` is `settings.llm.base_url`.

Read once by an entry point; rooms get plain values. All faults are reported together.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, Self
from zoneinfo import available_timezones

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.errors import InputError
from domain.retention import RetentionPolicy
from zhanqing.bot_settings import BotsSettings

PREFIX = "ZHANQING_"
TEST_PREFIX = "ZHANQING_TEST_"


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelsSettings(_Group):
    """Local model weights."""

    cache: Path = Field(
        default_factory=lambda: platformdirs.user_cache_path("zhanqing") / "models",
        description="Folder of the pulled model weights.",
    )


class DatabaseSettings(_Group):
    """Where rows are kept."""

    url: SecretStr | None = Field(default=None, description="SQLAlchemy URL; default is SQLite inside the home folder.")


class RedisSettings(_Group):
    """Redis, for jobs and rate limits beyond one machine."""

    url: SecretStr | None = Field(default=None, description="redis://…; absent means in-process workers.")


class SpeechSettings(_Group):
    """Recognition of recordings."""

    recognizer: Literal["faster-whisper", "openai-whisper", "endpoint"] = Field(
        default="faster-whisper", description="What recognises; openai-whisper needs the [torch] extra."
    )
    device: Literal["cpu", "cuda"] = Field(default="cpu", description="Where Whisper runs.")
    model: str = Field(
        default="whisper-base",
        description="Catalogue name or CTranslate2 folder; openai-whisper: its .pt file; endpoint: its name there.",
    )
    base_url: str | None = Field(default=None, description="Transcription endpoint that ends in /v1.")
    api_key: SecretStr | None = Field(default=None, description="Key sent to that endpoint.")
    timeout_s: float = Field(default=60.0, gt=0, description="Longest wait for one window at that endpoint.")
    language: str | None = Field(default=None, pattern="^[a-z]{2}$", description="ISO 639-1 code; absent: found out.")
    script: Literal["simplified", "tw", "hk"] = Field(default="simplified", description="Characters of transcripts.")
    normalize_numbers: bool = Field(default=False, description="Turns also carry their text with numbers in digits.")
    accept_truncated: bool = Field(default=False, description="Take recordings whose end is missing.")
    roles: tuple[Literal["rep", "customer"], ...] = Field(
        default=("rep", "customer"), min_length=2, max_length=2, description="Who is left, who right, as a JSON list."
    )
    threads: int = Field(default=0, ge=0, description="Threads for recognition; 0 means one per core.")
    max_duration_s: int = Field(default=3 * 3600, gt=0, description="Longest recording accepted, in seconds.")
    max_bytes: int = Field(default=2 << 30, gt=0, description="Largest recording accepted, in bytes.")

    @model_validator(mode="after")
    def _endpoint_has_an_address(self) -> Self:
        if self.recognizer == "endpoint" and not self.base_url:
            raise ValueError("recognizer=endpoint needs base_url")
        return self


class LlmSettings(_Group):
    """An OpenAI-compatible chat endpoint; without one the extractive composer writes."""

    base_url: str | None = Field(default=None, description="Base URL that ends in /v1.")
    api_key: SecretStr | None = Field(default=None, description="Key sent to that endpoint.")
    model: str = Field(default="", description="Model name sent to that endpoint.")
    timeout_s: float = Field(default=20.0, gt=0, description="Whole budget of one answer, in seconds.")
    source_characters: int = Field(default=6000, gt=0, description="Most characters of sources shown to the model.")
    local_model: str = Field(
        default="qwen2.5-coder-0.5b-instruct-q4", description="Catalogue name of what serve --local-llm runs."
    )

    @model_validator(mode="after")
    def _endpoint_has_a_model(self) -> Self:
        if self.base_url and not self.model:
            raise ValueError("base_url needs the name of a model")
        return self


class SignalsSettings(_Group):
    """What is noticed in conversations."""

    emotion: bool = Field(default=True, description="Emotion cues; false turns them off everywhere.")
    llm: bool = Field(
        default=False,
        description="The model of llm.base_url may add or overrule intents and rep acts of analysed conversations.",
    )
    llm_budget_s: float = Field(default=60.0, gt=0, description="Longest time for that model on one conversation.")


class SearchSettings(_Group):
    """How war cases and documents are found; the signals keep their own encoder."""

    encoder: Literal["e5-small-zh", "sentence-transformers", "endpoint"] = Field(
        default="e5-small-zh", description="What makes search vectors; sentence-transformers needs the [torch] extra."
    )
    model: str = Field(default="", description="Folder or hub id for sentence-transformers; the name at the endpoint.")
    base_url: str | None = Field(default=None, description="Embeddings endpoint that ends in /v1.")
    api_key: SecretStr | None = Field(default=None, description="Key sent to that endpoint.")
    dimension: int = Field(default=1024, gt=0, description="Length of the endpoint's vectors.")
    query_prefix: str = Field(default="", description="Written before a question, where the model wants it.")
    passage_prefix: str = Field(default="", description="Written before a passage, where the model wants it.")
    timeout_s: float = Field(default=30.0, gt=0, description="Longest wait for an endpoint, in seconds.")
    reranker: Literal["none", "cross-encoder", "endpoint"] = Field(
        default="none", description="Reads the first cases once more; cross-encoder needs the [torch] extra."
    )
    reranker_model: str = Field(default="", description="Folder or hub id of a CrossEncoder; the name at the endpoint.")
    reranker_base_url: str | None = Field(default=None, description="Rerank endpoint that ends in /v1.")
    reranker_api_key: SecretStr | None = Field(default=None, description="Key sent to the rerank endpoint.")
    index: Literal["memory", "milvus"] = Field(default="memory", description="Where the index is.")
    milvus_url: str | None = Field(default=None, description="http://host:19530 of a cluster, or a Milvus Lite file.")
    milvus_token: SecretStr | None = Field(default=None, description="user:password of the cluster.")

    @model_validator(mode="after")
    def _chosen_ones_are_named(self) -> Self:
        needed = {
            "model": self.encoder != "e5-small-zh",
            "base_url": self.encoder == "endpoint",
            "reranker_model": self.reranker != "none",
            "reranker_base_url": self.reranker == "endpoint",
            "milvus_url": self.index == "milvus",
        }
        missing = [name for name, is_needed in needed.items() if is_needed and not getattr(self, name)]
        if missing:
            raise ValueError(f"also needs {', '.join(missing)}")
        return self


class ApiSettings(_Group):
    """The HTTP service."""

    max_upload_bytes: int = Field(default=512 << 20, gt=0, description="Largest request body, in bytes.")
    live_calls: int = Field(default=4, ge=0, description="Calls heard at once as they happen; each takes a core.")
    cors_origins: tuple[str, ...] = Field(default=(), description="Origins allowed to call from a browser.")
    trusted_proxies: str = Field(
        default="127.0.0.1",
        description="Proxies whose X-Forwarded-For and -Proto are believed: addresses or networks with commas.",
    )


class OtelSettings(_Group):
    """Traces to an OpenTelemetry collector; needs the otel extra."""

    endpoint: str | None = Field(default=None, description="OTLP over HTTP, e.g. http://collector:4318/v1/traces.")


class RetentionSettings(_Group):
    """How many days things are kept; 0 keeps them until somebody asks for their erasure."""

    recordings_days: int = Field(default=365, ge=0, description="Days that audio is kept; its transcript stays.")
    conversations_days: int = Field(default=3 * 365, ge=0, description="Days that what was said is kept.")
    access_log_days: int = Field(default=365, ge=0, description="Days that refusals are kept.")
    sweep_s: int = Field(default=3600, ge=60, description="How often a worker looks for what is over, in seconds.")

    @property
    def policy(self) -> RetentionPolicy:
        """The same as the store reads it."""
        return RetentionPolicy(
            recordings_days=self.recordings_days or None,
            conversations_days=self.conversations_days or None,
            access_log_days=self.access_log_days or None,
        )


class OidcSettings(_Group):
    """Signing in to the console through the company's OpenID provider; off while `issuer` is absent."""

    issuer: str | None = Field(default=None, description="Address of the OpenID provider, https://…")
    name: str = Field(default="OIDC", description="What the sign-in button calls it.")
    client_id: str = Field(default="", description="Client id registered with the provider.")
    client_secret: SecretStr | None = Field(default=None, description="Client secret registered with the provider.")
    redirect_url: str = Field(default="", description="Our callback: https://…/console/oidc/callback.")
    claim: str = Field(default="email", description="Claim of the ID token that is the login here.")
    tenant: str = Field(default="default", description="Tenant whose users sign in through it.")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.issuer and not (self.client_id and self.client_secret and self.redirect_url):
            raise ValueError("an issuer needs CLIENT_ID, CLIENT_SECRET and REDIRECT_URL beside it")
        return self


class ConsoleSettings(_Group):
    """The console in the browser."""

    time_zone: str = Field(default="Asia/Shanghai", description="IANA time zone in which times are shown.")
    secure_cookies: bool = Field(default=False, description="Cookies over https only; set it behind a TLS proxy.")

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError("no such IANA time zone")
        return name


class Settings(BaseSettings):
    """All settings, from the environment only."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, env_ignore_empty=True
    )

    home: Path = Field(
        default_factory=lambda: platformdirs.user_data_path("zhanqing"),
        description="Data folder: database, indexes, recordings.",
    )
    lang: Literal["zh", "en"] = Field(default="zh", description="Language of text for people.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="warning", description="Least level logged."
    )
    models: ModelsSettings = ModelsSettings()
    database: DatabaseSettings = DatabaseSettings()
    redis: RedisSettings = RedisSettings()
    speech: SpeechSettings = SpeechSettings()
    llm: LlmSettings = LlmSettings()
    signals: SignalsSettings = SignalsSettings()
    search: SearchSettings = SearchSettings()
    api: ApiSettings = ApiSettings()
    console: ConsoleSettings = ConsoleSettings()
    oidc: OidcSettings = OidcSettings()
    retention: RetentionSettings = RetentionSettings()
    otel: OtelSettings = OtelSettings()
    bots: BotsSettings = BotsSettings()

    @property
    def database_url(self) -> str:
        """The database to use: the one set, else SQLite inside the home folder."""
        if self.database.url:
            return self.database.url.get_secret_value()
        return f"sqlite+aiosqlite:///{self.home / 'zhanqing.db'}"


def variables(model: type[BaseModel] = Settings, prefix: str = PREFIX) -> Iterator[tuple[str, str]]:
    """Yield every environment variable that is read, with its description."""
    for name, item in model.model_fields.items():
        kind = item.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from variables(kind, f"{prefix}{name.upper()}__")
        else:
            yield f"{prefix}{name.upper()}", item.description or ""


def unknown_variables(environment: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return each `ZHANQING_*` variable that nobody reads, with the nearest one that somebody does."""
    known = [name for name, _ in variables()]
    strangers = [
        name
        for name in environment
        if name.upper().startswith(PREFIX) and not name.startswith(TEST_PREFIX) and name.upper() not in known
    ]
    return [(name, (difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.0) or [""])[0]) for name in strangers]


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings from the process environment.

    Raises:
        InputError: Misspelt variables or values that do not fit, all of them in one line.
    """
    strangers = sorted(f"{name} → {near}?" for name, near in unknown_variables(environment))
    try:
        chosen = Settings()
    except ValidationError as error:
        raise InputError("zhanqing.bad_setting", faults="; ".join([*strangers, _places(error)])) from error
    if strangers:
        raise InputError("zhanqing.unknown_setting", faults=", ".join(strangers))
    return chosen


def _places(error: ValidationError) -> str:
    """Name the variables at fault; their values may be secrets and are not repeated."""
    faults = error.errors(include_input=False, include_url=False)
    return "; ".join(
        f"{PREFIX}{'__'.join(str(part).upper() for part in fault['loc'])}: {fault['msg']}" for fault in faults
    )
