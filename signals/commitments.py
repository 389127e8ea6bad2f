"""What somebody undertakes in a conversation: tasks, guarantees, concessions, meetings and dated requests.

Two detectors read the result. By the conventions of the contract a dated task of one side is a promise and a next
step, a guarantee or concession only a promise, a joint meeting or a dated request only a next step; what is hedged,
denied, past, reported of others or withdrawn is neither.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from weakref import WeakKeyDictionary

from domain.conversation import CUSTOMER, REP
from language.dates import Edge, find_dates
from language.sentences import Span
from language.spoken import spoken_clauses
from signals.commitment_clauses import ANY_DAY, HeardClause, rule
from signals.commitment_kinds import BOTH, Commitment, Force
from signals.pipeline import Reading
from signals.rulebook import section
from signals.withdrawals import withdrawn

_TIME_TURNS = 4
"""How many turns back a bare date may answer."""
_MEMORY = 40
"""How many earlier commitments a cancellation can take back; keeps the cost linear."""
_VAGUEST = frozenset(("尽快", "尽早", "到时候", "回头", "改天", "近期", "第一时间", "当场"))

_held: WeakKeyDictionary[Reading, tuple[Commitment, ...]] = WeakKeyDictionary()


def commitments_in(reading: Reading) -> tuple[Commitment, ...]:
    """Return what stands at the end of the conversation, in order; computed once a reading."""
    if reading not in _held:
        _held[reading] = tuple(_standing(reading))
    return _held[reading]


def _standing(reading: Reading) -> list[Commitment]:
    """Walk the turns; a cancellation or correction takes back what it speaks of."""
    speakers = [turn.speaker for turn in reading.turns]
    kept: list[Commitment] = []
    for index, turn in enumerate(reading.turns):
        clauses = spoken_clauses(turn.text)
        recent = kept[-_MEMORY:]
        gone = withdrawn(turn, index, clauses, recent, speakers, reading.held_on)
        if gone:
            kept[-_MEMORY:] = [one for one in recent if one not in gone]
        kept += _in_turn(reading, index, clauses)
    return kept


def _in_turn(reading: Reading, index: int, clauses: Sequence[Span]) -> list[Commitment]:
    turn = reading.turns[index]
    found: list[Commitment] = []
    for place, clause in enumerate(clauses):
        if found and place + 1 < len(clauses) and rule("not.correction").search(clause.text):
            found.pop()
        heard = HeardClause(turn, clauses, place, reading.held_on)
        asked = _asked_for(reading, index, clauses[:place]) if heard.is_only_a_date else None
        commitment = _undertaken(heard, index, asked)
        if commitment is not None:
            found.append(commitment)
    return found


def _undertaken(clause: HeardClause, index: int, asked: Force | None) -> Commitment | None:
    force = _force_of(clause, asked)
    who = _who(clause, force) if force else None
    if force is None or who is None:
        return None
    start, end = clause.extent
    due = clause.date
    if force is Force.STANDING and due and due.edge is not Edge.BEFORE:
        due = None  # 两小时内响应, 三年内不涨价: a level of service, no day
    return Commitment(
        turn=index,
        start=start,
        end=end,
        force=force,
        who=who,
        what=clause.what,
        due=due.text if due else None,
        due_on=due.on if due else None,
        is_dated=(due is not None and due.text not in _VAGUEST) or clause.has("firm.steps"),
    )


def _force_of(clause: HeardClause, asked: Force | None) -> Force | None:
    """The decision in the order of its steps: what is no undertaking, then meeting, request, pledge, task."""
    if _is_only_a_condition(clause) or _is_unreal(clause) or _is_called_off(clause):
        return None
    if _is_meeting(clause, asked):
        return Force.MEETING
    if clause.has("not.negated") and not clause.has("firm.concession") and not clause.has("firm.never"):
        return None
    if clause.subject == "other" and not clause.has("firm.given_to_other"):
        return Force.REQUEST if _is_request(clause) else None
    if _asks(clause):
        return None
    if asked is Force.TASK and not clause.is_of_another_thing:
        return Force.TASK
    if _is_pledge(clause):
        is_task = clause.is_firm_dated and clause.acts and not clause.has("firm.standing")
        return Force.TASK if is_task else Force.STANDING
    return _task_force(clause)


def _is_only_a_condition(clause: HeardClause) -> bool:
    """Whether the clause only says when: what is undertaken comes in the next one."""
    if clause.text.endswith("的话"):
        return True
    opens = rule("not.condition_start").match(clause.text) is not None
    return opens and not re.search(r"的话|就|我们?(?:给|送|再|会|免费|派)|咱们?", clause.text[2:])


def _is_unreal(clause: HeardClause) -> bool:
    """Whether it is hedged, past, a threat, or what others said; past is judged without the date (周三之前)."""
    if clause.has("not.complaint") or clause.has("not.reported") or clause.has("not.hedge"):
        return True
    if rule("not.past").search(clause.bare):
        return True
    if not clause.is_firm_dated and (clause.has("not.hedge_undated") or clause.has("not.past_undated")):
        return True
    return clause.after is not None and rule("not.hedge_after").match(clause.after.text) is not None


def _is_called_off(clause: HeardClause) -> bool:
    """明天的会议取消了: named only to be cancelled."""
    return clause.has("not.cancel") and not clause.has("joint.moved")


def _is_meeting(clause: HeardClause, asked: Force | None) -> bool:
    is_moved = clause.is_firm_dated and clause.has("joint.moved")
    if clause.has("not.habit") or (clause.has("not.negated") and not clause.has("joint.moved")):
        return False
    if is_moved:
        return rule("joint.handed_over").search(clause.bare) is None
    if clause.has("joint.online") and clause.is_firm_dated:
        return True
    if clause.is_only_a_date and clause.has("joint.settled"):
        return True
    if (asked is Force.MEETING and not clause.is_of_another_thing) or (clause.is_firm_dated and _is_invitation(clause)):
        return True
    if not clause.has("joint.acts") or clause.subject in ("other", "staff"):
        return False
    if clause.has("joint.one_sided") or rule("joint.done_for_you").search(clause.bare):
        return False
    return clause.is_firm_dated or rule("joint.arranged").search(clause.bare) is not None or clause.has("joint.advised")


def _is_invitation(clause: HeardClause) -> bool:
    """下周四你们来我们厂里看一下, 您周四方便吗."""
    if clause.has("joint.visit") and clause.subject in ("other", "none"):
        return True
    return rule("joint.open_offer").search(clause.bare) is not None


def _is_request(clause: HeardClause) -> bool:
    return clause.is_firm_dated and clause.acts and not clause.has("not.question") and clause.mark not in ("？", "?")


def _asks(clause: HeardClause) -> bool:
    """A question commits nobody; a proposal (要不我晚上再给您打？) does."""
    if clause.has("not.question"):
        return True
    return clause.mark in ("？", "?") and not re.match(r"要不|不如|那我|那咱", clause.text)


def _is_pledge(clause: HeardClause) -> bool:
    if clause.turn.speaker == CUSTOMER and clause.has("firm.customer_concession"):
        return clause.subject == "self"
    if clause.has("firm.concession"):
        owed = re.search("赔|退|补", clause.text) is not None
        return clause.turn.speaker != CUSTOMER and (owed or not clause.has("not.habit"))
    pledge = rule("firm.pledge").search(clause.text)
    if pledge is None:
        return False
    if len(clause.text) - pledge.end() < 2:
        return clause.has("firm.in_charge")
    return re.search(r"是|有点|非常|喜欢|满意", clause.text[pledge.end() : pledge.end() + 3]) is None


def _task_force(clause: HeardClause) -> Force | None:
    if clause.has("not.habit") or _is_talk(clause):
        return None
    if clause.turn.speaker == CUSTOMER and clause.has("not.demand"):
        return None
    orders = clause.turn.speaker == CUSTOMER and clause.has("firm.orders")
    if clause.is_conditioned and (clause.has("firm.then") or orders):
        return Force.TASK
    if not clause.acts:
        return None
    if clause.is_firm_dated:
        return Force.STANDING if clause.has("firm.standing") else Force.TASK
    if clause.date is not None and clause.subject in ("self", "staff"):
        return Force.TASK
    return Force.TASK if _is_own_task(clause) else None


def _is_own_task(clause: HeardClause) -> bool:
    """Undated, somebody must take it on: 我会…, 我帮您…, or 同时把… behind what was taken on."""
    if clause.has("not.vague_act") or rule("acts.only_tries").search(clause.bare):
        return False
    continues = clause.before is not None and re.match("同时|并且?|再|也", clause.text) and "把" in clause.text
    is_mine = clause.subject == "self" and re.match(r"[^，]{0,6}我(?!们)", clause.bare)
    return clause.has("firm.strong_self") or bool(continues) or bool(is_mine)


def _is_talk(clause: HeardClause) -> bool:
    """我先给您介绍一下: said about this very conversation."""
    if clause.is_firm_dated and clause.date is not None and clause.date.text not in ("今天", "现在"):
        return False
    opening = f"(?:那|好|我们?|先|就|再|接着|来|{section('commitments', 'actors.lead')})*"
    return re.match(f"{opening}{section('commitments', 'acts.talk')}", clause.bare) is not None


def _who(clause: HeardClause, force: Force) -> str | None:
    """Whose it is; None where the speaker is not known and the words do not say."""
    if force is Force.MEETING:
        return BOTH
    speaker = clause.turn.speaker
    if speaker not in (REP, CUSTOMER):
        return None
    if force is Force.REQUEST:
        return CUSTOMER if speaker == REP else REP
    return speaker


def _asked_for(reading: Reading, index: int, earlier: Sequence[Span]) -> Force | None:
    """What a bare date answers: a meeting that was proposed, or 什么时候能给报价."""
    turns = [turn.text for turn in reading.turns[max(0, index - _TIME_TURNS) : index]]
    if any(_proposes(text) for text in (*turns, *(span.text for span in earlier))):
        return Force.MEETING
    return Force.TASK if turns and rule("not.ask_time").search(turns[-1]) else None


def _proposes(text: str) -> bool:
    """Whether a meeting is proposed; 现在方便说几分钟吗 asks for this very talk."""
    if rule("joint.invited").search(rule("joint.this_talk").sub("", text)):
        return True
    joint = rule("joint.acts").search(text) or rule("joint.moved").search(text)
    return joint is not None and bool(find_dates(text, today=ANY_DAY))
