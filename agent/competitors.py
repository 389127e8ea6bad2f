"""The competitor rule: what is said of a competitor comes from a card or from the customer, and says so."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agent.drafts import DraftSentence
from domain.conversation import CUSTOMER
from domain.lexicon import Lexicon, LexiconKind
from domain.sources import Source, SourceKind

_ATTRIBUTED = re.compile(
    r"客户(?:方)?[^，。]{0,8}(?:提到|表示|说|反馈|问|认为|提出|称|透露|确认|要求|担心|希望|报了|拿)"
)
_CUSTOMER_COLUMN = "customer_question"
_SELF_QUOTED = re.compile(r"您(?:刚才|之前|上次)?(?:提到|说|问)")


def competitors_named(text: str, lexicon: Lexicon) -> list[str]:
    """Return the canonical names of the lexicon's competitors that the text names."""
    folded = text.lower()
    return [
        entry.name
        for entry in lexicon
        if entry.kind is LexiconKind.COMPETITOR and any(form.lower() in folded for form in entry.forms)
    ]


def breaks_competitor_rule(sentence: DraftSentence, sources: Sequence[Source], lexicon: Lexicon) -> str | None:
    """Return the competitor about whom the sentence speaks without being allowed to, or None."""
    named = competitors_named(sentence.text, lexicon)
    if not named or any(source.kind is SourceKind.CARD for source in sources):
        return None
    if any(_is_customers_word(source) for source in sources):
        said_so = _ATTRIBUTED.search(sentence.text) or _SELF_QUOTED.search(sentence.text)
        return None if said_so else named[0]
    return named[0]


def _is_customers_word(source: Source) -> bool:
    if source.kind is SourceKind.TURN:
        return source.speaker == CUSTOMER
    return source.kind is SourceKind.CASE and source.source_id.endswith(f":{_CUSTOMER_COLUMN}")
