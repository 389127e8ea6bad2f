"""One transaction of one tenant, with a repository for each kind of thing."""

from __future__ import annotations

from functools import cached_property

from store.access import Access
from store.accounts import Accounts, Deals
from store.adoptions import Adoptions
from store.audits import Audits
from store.blobs import BlobFolder, Blobs
from store.calls import Calls
from store.cases import Cases
from store.chat_answers import ChatAnswers
from store.chat_people import ChatPeople
from store.chat_threads import ChatThreads
from store.comments import Comments
from store.consents import Consents
from store.conversations import Conversations
from store.corpus import Corpus
from store.decisions import Decisions
from store.documents import Documents
from store.drills import Drills
from store.external_ids import ExternalIds
from store.idempotency import IdempotencyKeys
from store.inbox import Inbox
from store.jobs import Jobs
from store.keys import ApiKeys
from store.leases import Leases
from store.lexicons import Lexicons
from store.passages import Passages
from store.people import People
from store.rep_voices import RepVoices
from store.scope import Scope
from store.sealing import Sealer
from store.signals import Signals
from store.sources import Sources
from store.subjects import Subjects
from store.trust import Trust
from store.users import Users
from store.webhooks import Webhooks


class Work:
    """One transaction of one tenant, with a repository for each kind of thing."""

    def __init__(self, scope: Scope, blob_folder: BlobFolder | None, sealer: Sealer | None) -> None:
        self.scope = scope
        self._blob_folder = blob_folder
        self._sealer = sealer

    @property
    def tenant(self) -> str:
        """Whose transaction this is."""
        return self.scope.tenant

    @cached_property
    def sources(self) -> Sources:
        """Citable texts."""
        return Sources(self.scope)

    @cached_property
    def conversations(self) -> Conversations:
        """Transcripts and turns."""
        return Conversations(self.scope)

    @cached_property
    def signals(self) -> Signals:
        """Analyses and reports."""
        return Signals(self.scope)

    @cached_property
    def accounts(self) -> Accounts:
        """Customers."""
        return Accounts(self.scope)

    @cached_property
    def deals(self) -> Deals:
        """Deals."""
        return Deals(self.scope)

    @cached_property
    def external_ids(self) -> ExternalIds:
        """What other systems call our objects."""
        return ExternalIds(self.scope)

    @cached_property
    def cases(self) -> Cases:
        """War cases."""
        return Cases(self.scope)

    @cached_property
    def adoptions(self) -> Adoptions:
        """Who used which case."""
        return Adoptions(self.scope)

    @cached_property
    def passages(self) -> Passages:
        """What retrieval finds."""
        return Passages(self.scope)

    @cached_property
    def documents(self) -> Documents:
        """Policies, price lists, product documents."""
        return Documents(self.scope)

    @cached_property
    def decisions(self) -> Decisions:
        """The decision log."""
        return Decisions(self.scope)

    @cached_property
    def jobs(self) -> Jobs:
        """Work to be done."""
        return Jobs(self.scope)

    @cached_property
    def leases(self) -> Leases:
        """Jobs as the worker that holds them sees them."""
        return Leases(self.scope)

    @cached_property
    def blobs(self) -> Blobs:
        """Stored files."""
        return Blobs(self.scope, self._blob_folder)

    @cached_property
    def lexicons(self) -> Lexicons:
        """The tenant's own names."""
        return Lexicons(self.scope)

    @cached_property
    def consents(self) -> Consents:
        """What customers agreed to."""
        return Consents(self.scope)

    @cached_property
    def calls(self) -> Calls:
        """Recordings that were handed in."""
        return Calls(self.scope, self.blobs)

    @cached_property
    def subjects(self) -> Subjects:
        """The rights of those whose words are kept."""
        return Subjects(self.scope, self.blobs)

    @cached_property
    def inbox(self) -> Inbox:
        """Messages from chat platforms."""
        return Inbox(self.scope, self._sealer)

    @cached_property
    def chat_answers(self) -> ChatAnswers:
        """Answers in chats on their way out."""
        return ChatAnswers(self.scope, self._sealer)

    @cached_property
    def chat_people(self) -> ChatPeople:
        """Who the senders in chats are."""
        return ChatPeople(self.scope)

    @cached_property
    def chat_threads(self) -> ChatThreads:
        """What chats are about at present."""
        return ChatThreads(self.scope)

    @cached_property
    def people(self) -> People:
        """Teams and reps."""
        return People(self.scope)

    @cached_property
    def access(self) -> Access:
        """Grants and the access log."""
        return Access(self.scope)

    @cached_property
    def api_keys(self) -> ApiKeys:
        """Keys of calling systems."""
        return ApiKeys(self.scope)

    @cached_property
    def users(self) -> Users:
        """People who sign in to the console."""
        return Users(self.scope)

    @cached_property
    def idempotency(self) -> IdempotencyKeys:
        """Requests that must not act twice."""
        return IdempotencyKeys(self.scope)

    @cached_property
    def rep_voices(self) -> RepVoices:
        """Voices on file, of reps who agreed to it."""
        return RepVoices(self.scope, self._sealer)

    @cached_property
    def webhooks(self) -> Webhooks:
        """Subscriptions and their deliveries."""
        return Webhooks(self.scope, self._sealer)

    @cached_property
    def audits(self) -> Audits:
        """The auditor's questions."""
        return Audits(self.scope)

    @cached_property
    def trust(self) -> Trust:
        """How far the decision log can be trusted."""
        return Trust(self.scope)

    @cached_property
    def corpus(self) -> Corpus:
        """The corpus version."""
        return Corpus(self.scope)

    @cached_property
    def drills(self) -> Drills:
        """Role plays between two turns."""
        return Drills(self.scope)

    @cached_property
    def comments(self) -> Comments:
        """Comments on moments."""
        return Comments(self.scope)
