"""All tables in one place: importing this module makes `metadata` complete."""

from __future__ import annotations

from store.columns import Base
from store.tables_chats import ChatAnswerRow, ChatBindingRow, ChatCodeRow, ChatThreadRow
from store.tables_coaching import DrillRow
from store.tables_conversations import (
    AnalysisRow,
    CallRow,
    ConversationRow,
    MomentCommentRow,
    ReportRow,
    SignalRow,
    TurnRow,
)
from store.tables_crm import AccountRow, ConsentRow, ContactRow, DealRow, ExternalIdRow, LexiconRow
from store.tables_decisions import (
    ChainHeadRow,
    DecisionContextRow,
    DecisionPayloadRow,
    DecisionRow,
    DecisionSourceRow,
    FeedbackRow,
)
from store.tables_knowledge import (
    CaseAdoptionRow,
    CaseEventRow,
    CaseRow,
    CaseVersionRow,
    CorpusRow,
    DocumentRow,
    ImportRow,
    PassageRow,
    PassageVectorRow,
    SourceRow,
)
from store.tables_tenancy import (
    AccessRow,
    ApiKeyRow,
    GrantRow,
    ReceiptRow,
    RepRow,
    RepVoiceRow,
    SessionRow,
    TeamRow,
    TenantRow,
    UserRow,
)
from store.tables_work import (
    BlobRow,
    IdempotencyRow,
    InboxRow,
    JobEventRow,
    JobRow,
    LockRow,
    WebhookDeliveryRow,
    WebhookRow,
)

metadata = Base.metadata

__all__ = [
    "AccessRow",
    "AccountRow",
    "AnalysisRow",
    "ApiKeyRow",
    "BlobRow",
    "CallRow",
    "CaseAdoptionRow",
    "CaseEventRow",
    "CaseRow",
    "CaseVersionRow",
    "ChainHeadRow",
    "ChatAnswerRow",
    "ChatBindingRow",
    "ChatCodeRow",
    "ChatThreadRow",
    "ConsentRow",
    "ContactRow",
    "ConversationRow",
    "CorpusRow",
    "DealRow",
    "DecisionContextRow",
    "DecisionPayloadRow",
    "DecisionRow",
    "DecisionSourceRow",
    "DocumentRow",
    "DrillRow",
    "ExternalIdRow",
    "FeedbackRow",
    "GrantRow",
    "IdempotencyRow",
    "ImportRow",
    "InboxRow",
    "JobEventRow",
    "JobRow",
    "LexiconRow",
    "LockRow",
    "MomentCommentRow",
    "PassageRow",
    "PassageVectorRow",
    "ReceiptRow",
    "RepRow",
    "RepVoiceRow",
    "ReportRow",
    "SessionRow",
    "SignalRow",
    "SourceRow",
    "TeamRow",
    "TenantRow",
    "TurnRow",
    "UserRow",
    "WebhookDeliveryRow",
    "WebhookRow",
    "metadata",
]
