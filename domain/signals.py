"""Signals: typed observations on a span of a turn. What each label means: docs/glossary.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class SignalKind(StrEnum):
    """The families of signals."""

    INTENT = "intent"
    REP_ACT = "rep_act"
    EMOTION = "emotion"
    COMPETITOR = "competitor"
    PROMISE = "promise"
    NEXT_STEP = "next_step"
    RISK = "risk"
    QUESTION = "question"
    BUYING_ROLE = "buying_role"
    IMPLICIT_NEED = "implicit_need"
    LOGIC_BREAK = "logic_break"
    LEAD_FACT = "lead_fact"


class Intent(StrEnum):
    """What a customer turn wants (closed, versioned taxonomy)."""

    ASK_PRICE = "询价"
    COMPARE_PRICE = "比价"
    PUSH_PRICE = "压价"
    DELIVERY = "交付周期"
    BUDGET = "预算审批"
    DECISION_CHAIN = "决策链"
    TECHNICAL_DOUBT = "技术质疑"
    DATA_SECURITY = "数据安全合规"
    COMPARE_COMPETITOR = "竞品对比"
    ASK_REFERENCE = "案例索取"
    TRIAL = "试用/POC"
    STALL = "拖延(再考虑)"
    REFUSE = "拒绝"
    SIGN = "签约意向"
    COMPLAIN = "投诉不满"
    SUPPORT = "售后支持"
    CONTRACT_TERMS = "合同条款"
    NEXT_STEP = "约定下一步"
    SMALL_TALK = "寒暄"
    OTHER = "其他"


class RepAct(StrEnum):
    """What a rep turn does."""

    OPEN_QUESTION = "开放式提问"
    CLOSED_QUESTION = "封闭式提问"
    RESTATE = "复述确认"
    EMPATHY = "共情"
    VALUE = "价值陈述"
    REFERENCE = "案例引用"
    PROMISE = "承诺"
    NEXT_STEP = "约定下一步"
    DISPARAGE = "贬低竞品"
    ABSOLUTE = "绝对化用语"
    KICKBACK = "违规利益(回扣)"
    ASK_SENSITIVE = "索要敏感信息"
    MONOLOGUE = "产品独白"


class Emotion(StrEnum):
    """The speaker's own feeling, as a cue and never as a fact about a person."""

    POSITIVE = "积极"
    SATISFIED = "满意"
    NEUTRAL = "中性"
    HESITANT = "犹豫"
    WORRIED = "担忧"
    UNHAPPY = "不满"
    ANGRY = "愤怒"


class Risk(StrEnum):
    """Wording that law or policy forbids or limits."""

    ABSOLUTE = "绝对化用语"
    FALSE_DATA = "虚假数据"
    OVER_PROMISE = "夸大承诺"
    DISPARAGE = "贬低竞品"
    KICKBACK = "利益输送"
    ASK_SENSITIVE = "索要敏感信息"


class Severity(StrEnum):
    """What happens to risky wording."""

    BLOCK = "block"
    REWRITE = "rewrite"
    NOTE = "note"


class QuestionForm(StrEnum):
    """Open questions cannot be answered yes or no."""

    OPEN = "开放式"
    CLOSED = "封闭式"


class LogicBreak(StrEnum):
    """Where the thread of a conversation tears."""

    UNANSWERED = "未回答的问题"
    TOPIC_JUMP = "话题跳转"
    NO_EVIDENCE = "无依据主张"
    CONTRADICTION = "前后矛盾"


class LeadFact(StrEnum):
    """Facts that make a lead worth more."""

    BUDGET_CLEAR = "预算明确"
    DECISION_HEADCOUNT = "决策链人数"
    RIVAL_POC = "竞品POC已启动"


class BuyingRole(StrEnum):
    """The part a customer's person plays in buying."""

    DECIDER = "决策人"
    TECHNICAL = "技术负责人"
    USER = "使用部门"
    PURCHASING = "采购"
    FINANCE = "财务"
    LEGAL = "法务"
    INFLUENCER = "影响者"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """An asserted observation; candidates below the detector's threshold are not made.

    Attributes:
        score: Calibrated confidence in [0, 1].
        start: Half-open code point range in the turn's text; `turn.text[start:end] == quote`.
        extractor: The detector's name; `version` changes when its output may.
        attributes: What the kind adds (docs: contracts), plain JSON values.
    """

    id: str
    kind: SignalKind
    label: str
    score: float
    turn_id: str
    start: int
    end: int
    quote: str
    extractor: str
    version: str
    attributes: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0.0 <= self.score <= 1.0:
            raise ValueError(f"score must lie in [0, 1], not {self.score}")
        if self.end - self.start != len(self.quote) or self.start < 0:
            raise ValueError("span and quote must agree")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A stretch of a conversation that evidence points at."""

    turn_id: str
    start_ms: int | None = None
    end_ms: int | None = None
    quote: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One number about a conversation, with what it was divided by and where its range is from.

    `value` is None exactly when `undefined_because` says why.
    """

    name: str
    value: float | None
    unit: str
    denominator: str
    undefined_because: str | None = None
    default_range: tuple[float | None, float | None] | None = None
    range_source: str = ""
    evidence: tuple[Moment, ...] = ()

    def __post_init__(self) -> None:
        if (self.value is None) == (self.undefined_because is None):
            raise ValueError("a metric has a value or a reason, never both or neither")


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """All signals and metrics of one conversation."""

    conversation_id: str
    signals: tuple[Signal, ...]
    metrics: tuple[Metric, ...]
