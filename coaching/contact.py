"""A customer's wish not to be contacted again, which ends the selling."""

from __future__ import annotations

import re

from domain.conversation import CUSTOMER, Transcript
from domain.signals import Moment

_STOP = re.compile(
    r"(?:不要|别|不许|请勿)再?(?:给我们?)?打电话(?!给(?!我))"
    r"|(?:不要|别|请勿)再(?:给我们?|跟我们?)?(?:打(?=电话|过来|来|给|扰|了|[，。！,!.]|$)|联系我|联系了|骚扰|推销|发(?:短信|消息|微信))"
    r"|(?:不要|别|请勿)(?:联系|骚扰|打扰)我们?"
    r"|再(?:打(?!折)|联系|骚扰).{0,4}(?:投诉|举报|报警|拉黑)"
    r"|把(?:你|你们)拉黑"
)


def stop_request(transcript: Transcript) -> Moment | None:
    """Return where the customer asked not to be called or written to again; None where nobody did."""
    for turn in transcript.turns:
        if turn.speaker == CUSTOMER and _STOP.search(turn.text):
            return Moment(turn_id=turn.id, start_ms=turn.start_ms, end_ms=turn.end_ms, quote=turn.text)
    return None
