"""`zhanqing team` and `zhanqing drill`: what many calls show, and practising what they lost."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from domain.messages import text
from zhanqing.cli.options import JsonOut, Lang, Tenant
from zhanqing.cli.output import STDOUT, ensure_writable, read_json, say, write_json, write_text
from zhanqing.cli.trust import run_opened

if TYPE_CHECKING:
    from agent.drills import DrillOrder, DrillStep
    from coaching.digest import TeamDigest
    from zhanqing.bootstrap import Parts

Reps = Annotated[
    list[str] | None, typer.Option("--rep", metavar="ID", help="只看这些销售，可多次给。 Only these reps.")
]
Days = Annotated[int, typer.Option("--days", min=1, max=3650, help="往回看多少天。 How far back.")]
High = Annotated[
    list[str] | None,
    typer.Option("--high", metavar="ID", help="转化好的销售，可多次给；与其余的人比做法。 Reps who convert well."),
]
TeamHtml = Annotated[Path | None, typer.Option("--html", metavar="OUT", help="周报网页。 The digest as a page.")]
OneRep = Annotated[str | None, typer.Option("--rep", metavar="ID", help="谁来练。 Who practises.")]
Conversation = Annotated[
    str | None,
    typer.Option("--conversation", metavar="ID|FILE.json", help="从这段对话里丢分的地方练起。 Its lost moments."),
]
CaseId = Annotated[str | None, typer.Option("--case", metavar="ID", help="从这条战例练起。 A war case's customer.")]
Resume = Annotated[str | None, typer.Option("--resume", metavar="DRILL", help="接着练上次的。 Go on with a drill.")]


def team(
    rep: Reps = None,
    high: High = None,
    days: Days = 30,
    html: TeamHtml = None,
    json_out: JsonOut = None,
    tenant: Tenant = "default",
    lang: Lang = None,
) -> None:
    """团队周报：谁需要帮助、哪些客户在犹豫、15 分钟辅导什么。 The team digest over many calls."""
    for destination in (html, json_out):
        ensure_writable(destination)

    async def gather(parts: Parts) -> None:
        from agent.team_calls import calls_of, reps_heard
        from coaching.attribution import compare
        from coaching.digest import build_digest
        from coaching.team_page import render_team, team_document

        reps = rep or await reps_heard(parts.store, tenant)
        since = parts.store.clock() - timedelta(days=days)
        calls = await calls_of(parts.store, tenant, reps, since=since)
        digest, differences = build_digest(calls), compare(calls, high or ())
        if html is not None:
            write_text(html, render_team(digest, differences=differences if high else None, lang=parts.lang))
        if json_out != STDOUT:
            print_digest(digest, parts.lang)
        write_json(json_out, team_document(digest, differences))

    run_opened(lang, gather)


def drill(
    conversation: Conversation = None,
    case: CaseId = None,
    rep: OneRep = None,
    resume: Resume = None,
    json_out: JsonOut = None,
    tenant: Tenant = "default",
    lang: Lang = None,
) -> None:
    """和模拟客户对练，一行一句，回复“结束”看点评。 Practise with a customer played by AI, a line at a time."""
    ensure_writable(json_out)

    async def practise(parts: Parts) -> None:
        from agent.drill_documents import drill_document

        quiet = json_out == STDOUT
        if resume is not None:
            step = await parts.drills.at(tenant, resume)
        else:
            step = await parts.drills.open(tenant, await _order(parts, tenant, conversation, case, rep))
        say(f"{step.drill.id}\n{step.said}", quiet=quiet)
        lines = _spoken()
        while not step.drill.is_over and (line := next(lines, None)) is not None:
            step = await parts.drills.say(tenant, step.drill.id, line)
            say(step.said, quiet=quiet)
        if not quiet:
            print_debrief(step, parts.lang)
        write_json(json_out, drill_document(step))

    run_opened(lang, practise)


async def _order(parts: Parts, tenant: str, conversation: str | None, case: str | None, rep: str | None) -> DrillOrder:
    """Return what to practise; a transcript file is coached and kept first."""
    from agent.drills import DrillOrder

    if conversation is not None and conversation.endswith(".json"):
        from wire.documents import read_transcript

        transcript = read_transcript(read_json(Path(conversation)))
        await parts.calls.note_transcript(tenant, transcript)
        conversation = transcript.id
    return DrillOrder(rep_id=rep, conversation_id=conversation, case_id=case)


def _spoken() -> Iterator[str]:
    """Yield the lines of stdin that say something."""
    for line in sys.stdin:
        if line.strip():
            yield line.strip()


def print_digest(digest: TeamDigest, lang: str) -> None:
    """Print who needs help, which customers hesitate and the plan, a line each."""
    say(text("coaching.team_help", lang))
    for need in digest.who_needs_help:
        weak = " ".join(f"{each.ability} {each.level:.1f}" for each in need.needs)
        say(f"  {need.rep_id}  {text('coaching.alerts_short', lang)} {need.alerts}  {weak}".rstrip())
    say(text("coaching.team_hesitates", lang))
    for each in digest.who_hesitates:
        say(f"  {each.account_name or each.conversation_id}  {each.label}  “{each.moment.quote}”")
    say(text("coaching.team_plan", lang))
    for item in digest.plan:
        say(f"  {item.minutes:.1f}′ {item.rep_id} {item.about} “{item.moment.quote}” ({item.conversation_id})")


def print_debrief(step: DrillStep, lang: str) -> None:
    """Print the score with its reasons, then the better words with their sources; or how to go on."""
    from coaching.words import in_words
    from zhanqing.cli.advice import print_envelope

    if not step.drill.is_over:
        say(text("zhanqing.drill_paused", lang, drill_id=step.drill.id))
        return
    card = step.debrief.scorecard if step.debrief else None
    if step.debrief is None or card is None:
        say(text("zhanqing.drill_unscored", lang))
    else:
        total = "—" if card.total is None else f"{card.total:.0f}"
        say(f"{text('coaching.total', lang)} {total}")
        for item in card.items:
            level = "—" if item.level is None else f"{item.level:.1f} / 5"
            say(f"  {in_words(item.name, lang)} {level} {in_words(item.anchor or item.undefined_because or '', lang)}")
            for fired in item.evidence:
                say(f"    {fired.points:+.1f} {in_words(fired.why, lang)}")
        for loss in step.debrief.losses[:3]:
            say(f"→ {in_words(loss.why, lang)}：{in_words(loss.advice, lang)}")
    if step.better is not None:
        print_envelope(step.better, lang)
