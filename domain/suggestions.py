"""What the agent says: suggestions whose every sentence is a claim with citations."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from domain.signals import Severity
from domain.sources import Citation

AI_LABEL = "由AI生成，仅供参考，请核实后使用"
BRIEF_SECTIONS: tuple[str, ...] = ("客户背景", "当前卡点", "所需支持", "隐性需求", "策略", "导师")
MANDATORY_BRIEF_SECTIONS: tuple[str, ...] = BRIEF_SECTIONS[:3]


class SuggestionKind(StrEnum):
    """What an envelope may carry.

    `practice` is three talk lines with their risks for a note or a call; `first_call` an outline of a first call;
    `follow_up` a plan of what is to be done next; `summary` what was said in a call, for the CRM.
    """

    REPLY = "reply"
    BRIEF = "brief"
    ASK = "ask"
    TIPS = "tips"
    PRACTICE = "practice"
    FIRST_CALL = "first_call"
    FOLLOW_UP = "follow_up"
    SUMMARY = "summary"


PREPARATIONS = (
    SuggestionKind.PRACTICE,
    SuggestionKind.FIRST_CALL,
    SuggestionKind.FOLLOW_UP,
    SuggestionKind.SUMMARY,
)
"""What a rep prepares for a talk, or keeps of it."""


class Audience(StrEnum):
    """Who may read it; nothing is sent to a customer by the machine."""

    INTERNAL = "internal"
    CUSTOMER = "customer"


class AbstentionReason(StrEnum):
    """Why nothing is said."""

    NO_EVIDENCE = "no_evidence"
    UNKNOWN_COMPETITOR = "unknown_competitor"
    NOT_PERMITTED = "not_permitted"
    AMBIGUOUS = "ambiguous"
    UNSAFE_REQUEST = "unsafe_request"


class DropReason(StrEnum):
    """Why the gate withheld a sentence."""

    NO_SUPPORT = "no_support"
    NUMBER_NOT_IN_QUOTE = "number_not_in_quote"
    NAME_NOT_IN_QUOTE = "name_not_in_quote"
    QUOTE_MISMATCH = "quote_mismatch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One sentence of a suggestion: `what[start:end] == text`, supported by its citations."""

    text: str
    start: int
    end: int
    citations: tuple[Citation, ...]

    def __post_init__(self) -> None:
        if not self.citations:
            raise ValueError("a claim without a citation must not exist")
        if self.end - self.start != len(self.text) or self.start < 0:
            raise ValueError("a claim's span and text must agree")


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplianceNote:
    """A rule that touches the wording at `what[start:end]`."""

    rule: str
    severity: Severity
    message: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A reply, a section, an answer or a tip.

    Invariant: the claims' ranges cover every sentence of `what`, in order, without overlap.
    `why` and `next` come from templates and hold no fact that the citations do not.
    """

    id: str
    tactic: str
    what: str
    why: str
    next: str
    confidence: float
    claims: tuple[Claim, ...]
    compliance: tuple[ComplianceNote, ...] = ()

    def __post_init__(self) -> None:
        at = 0
        for claim in self.claims:
            if claim.start < at or self.what[claim.start : claim.end] != claim.text:
                raise ValueError("claims must lie in order inside `what` and match it")
            if self.what[at : claim.start].strip():
                raise ValueError("words outside every claim")
            at = claim.end
        if self.what[at:].strip():
            raise ValueError("words outside every claim")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """A drafted sentence that did not leave."""

    text: str
    why: DropReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Aigc:
    """The seven metadata fields of 人工智能生成合成内容标识办法, in the letter case it prescribes."""

    ContentProducer: str
    ProduceID: str
    Label: str = "1"
    ReservedCode1: str = ""
    ContentPropagator: str = ""
    PropagateID: str = ""
    ReservedCode2: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What leaves the agent: suggestions, or an abstention with its reason.

    Attributes:
        engine: `extractive` or `llm:<model>`, what actually wrote it.
        reason: What was looked for and what would help; never repeats the question's words.
        notes: Fallbacks and warnings.
        missing: Questions to ask next.
    """

    decision_id: str
    kind: SuggestionKind
    engine: str
    suggestions: tuple[Suggestion, ...]
    aigc: Aigc
    created_at: datetime
    abstained: bool = False
    reason: str | None = None
    reason_code: AbstentionReason | None = None
    dropped: tuple[Dropped, ...] = ()
    notes: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    audience: Audience = Audience.INTERNAL
    label: str = AI_LABEL

    def __post_init__(self) -> None:
        if self.abstained != (not self.suggestions) or self.abstained != (self.reason_code is not None):
            raise ValueError("an envelope has suggestions, or abstains with a reason code")


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedSentence:
    """A sentence that passed every check, on its way while the next ones are still being written.

    It stands in the envelope that follows, in the suggestion of this id, unless a `StartedOver` comes first.
    """

    suggestion_id: str
    tactic: str
    claim: Claim


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedOver:
    """What was streamed so far no longer holds: the conversation moved on, or a source was withdrawn."""


StreamEvent = VerifiedSentence | StartedOver | Envelope
"""What a streamed answer is made of; the envelope comes last and is the whole answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieved:
    """One line of a decision's retrieval trace."""

    query: str
    passage_id: str
    source_id: str
    dense: float | None
    lexical: float | None
    fused_rank: int
    used: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptUse:
    """The registered prompt (or composer rule set) a draft came from."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check of the grounding gate on one drafted sentence."""

    name: str
    passed: bool
    detail: str = ""


class FeedbackAction(StrEnum):
    """What a human did with a suggestion."""

    ACCEPT = "accept"
    EDIT = "edit"
    REJECT = "reject"
    CHALLENGE = "challenge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """One human action on a suggestion."""

    action: FeedbackAction
    by: str
    at: datetime
    suggestion_id: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainLink:
    """A decision's place in its tenant's hash chain."""

    index: int
    previous: str
    commitment: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The audit record of an envelope: all that is needed to say why, from storage alone."""

    decision_id: str
    envelope: Envelope
    inputs: tuple[str, ...]
    retrieval: tuple[Retrieved, ...]
    engine: str
    prompt: PromptUse
    checks: tuple[Check, ...]
    request: str = ""
    feedback: tuple[Feedback, ...] = ()
    chain: ChainLink | None = None
    context: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasedDecision:
    """What is left of a decision after its payload was erased: that it was, and its place in the chain."""

    decision_id: str
    erased_at: datetime
    receipt: str
    chain: ChainLink


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainVerdict:
    """Whether a tenant's chain holds; `first_broken` is the index of the first link that does not."""

    ok: bool
    checked: int
    first_broken: int | None = None
