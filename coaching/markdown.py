"""The report as Markdown, for wikis, chats and mail: the page's content in the page's order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from coaching import view
from coaching.agreed import Agreed
from coaching.hearing import is_any_unsure
from coaching.losses import Loss
from coaching.page import happened
from coaching.report import Report
from coaching.words import Say, in_words, speaker_of
from domain.conversation import Turn
from domain.signals import Moment
from domain.sources import SourceKind
from domain.suggestions import AI_LABEL, Claim, Envelope, Suggestion

_SPECIAL = re.compile(r"([\\`*_\[\]<>#|~])")


def render_markdown(report: Report, *, lang: str = "zh") -> str:
    """Render the report; every claim carries its marks, its sources stand right below it."""
    say = speaker_of(lang)
    return "\n".join(_Lines(report, say, lang).all()).rstrip() + "\n"


def escaped(words: str) -> str:
    """Return words as plain text in Markdown: what people said cannot become markup, a line stays one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(words.split()))


class _Lines:
    """Writes a report section by section; each section yields its lines."""

    def __init__(self, report: Report, say: Say, lang: str) -> None:
        self._report, self._say, self._lang = report, say, lang
        self._turns = {turn.id: turn for turn in report.transcript.turns}

    def all(self) -> Iterator[str]:
        yield from self._head()
        yield from self._stop()
        yield from self._alerts()
        yield from self._summary()
        yield from self._tips()
        yield from self._strengths()
        yield from self._replies()
        yield from self._scorecard()
        yield from self._metrics()
        yield from self._brief()
        yield from self._transcript()
        yield from self._foot()

    def _head(self) -> Iterator[str]:
        transcript = self._report.transcript
        name = self._say("title" if transcript.kind == "call" else "chat_title")
        account = f" · {escaped(self._report.account_name)}" if self._report.account_name else ""
        yield f"# {name}{account}"
        yield ""
        yield f"> {AI_LABEL}"
        yield ""
        parts = [f"{transcript.started_at:%Y-%m-%d %H:%M}"] if transcript.started_at else []
        if transcript.duration_ms:
            seconds = transcript.duration_ms // 1000
            parts.append(self._say("meta", minutes=seconds // 60, seconds=seconds % 60))
        figures = [f"{figure.name} **{figure.value}**" for figure in view.headline(self._report, self._say)]
        yield " · ".join([*parts, *figures])

    def _stop(self) -> Iterator[str]:
        if self._report.stop_request:
            yield from self._heading("stop")
            yield f"{self._moment(self._report.stop_request)} {self._say('stop_next')}"

    def _alerts(self) -> Iterator[str]:
        groups = view.alert_groups(self._report.alerts)
        if groups:
            yield from self._heading("alerts")
        for group in groups:
            places = self._joined((self._moment(moment) for moment in group.moments), "；")
            yield f"- **{self._say(f'alert_{group.severity}')} · {self._words(group.label)}** {places}"
            if group.message:
                yield f"  {self._words(group.message)}"
            if group.rewrite:
                yield f"  {self._say('alert_try')}{self._words(group.rewrite)}"

    def _summary(self) -> Iterator[str]:
        report, summary = self._report, self._report.summary
        yield from self._heading("summary")
        yield f"**{self._say('happened')}** {escaped(happened(report, self._say, self._lang))}"
        yield ""
        yield f"**{self._say('why')}**"
        yield ""
        yield from (self._loss(loss) for loss in view.reasons_of(report))
        for fired in view.gains_of(report):
            yield f"- {self._words(fired.why)} {self._places(fired.moments)}"
        if summary.worries:
            yield from self._list(self._say("worries"), summary.worries)
        yield ""
        yield f"**{self._say('next')}**"
        yield ""
        steps = [one for one in summary.agreed if one.is_step]
        yield from self._agreed("steps", steps)
        yield from self._agreed("promises", [one for one in summary.agreed if not one.is_step])
        if not steps and not report.stop_request:
            yield f"- {self._say('no_steps')}"

    def _tips(self) -> Iterator[str]:
        cases, rules = view.case_tips(self._report), view.rule_tips(self._report)
        if cases or rules:
            yield from self._heading("tips")
        for number, tip in enumerate(cases, start=1):
            if tip.asked:
                at = view.clock(tip.asked.start_ms) or view.turn_number(tip.asked.id)
                yield f"{number}. **{at} {self._say('customer_said')}“{self._said(tip.asked)}”**"
            else:
                yield f"{number}. **{escaped(tip.suggestion.tactic)}**"
            if tip.answers:
                yield f"   {self._say('you_said')}“{''.join(map(self._said, tip.answers))}”"
            yield f"   {self._say('better_more' if tip.is_met else 'better')}{self._claims(tip.claims)}"
            yield from self._sources(tip.suggestion, indent="   ")
        for number, loss in enumerate(rules, start=len(cases) + 1):
            yield f"{number}. **{view.place(loss.moments[0])} {self._words(loss.why)}**"
            if loss.moments[0].quote:
                yield f"   {self._quote(loss.moments[0])}"
            yield f"   {self._say('do_this')}{self._words(loss.advice)}（{self._say('rule_tip')}）"

    def _strengths(self) -> Iterator[str]:
        if self._report.strengths:
            yield from self._heading("strengths")
        for strength in self._report.strengths:
            times = self._say("times", times=strength.times)
            yield f"- {self._words(strength.act)} {times} {self._moment(strength.moment)}"

    def _replies(self) -> Iterator[str]:
        replies = self._report.replies
        if replies is None:
            return
        yield from self._heading("replies")
        if self._report.asked:
            yield f"{self._say('asked')}{self._moment(self._report.asked)}"
            yield ""
        yield from self._suggestions(replies)
        yield self._say("copy_hint")

    def _scorecard(self) -> Iterator[str]:
        card = self._report.scorecard
        if card is None:
            return
        total = "" if card.total is None else f" · {self._say('total')} {card.total:.0f}"
        yield from self._heading("scorecard", total)
        for item in card.items:
            if item.level is None:
                yield f"- **{self._words(item.name)}** {self._words(item.undefined_because or '')}"
                continue
            level = self._say("level", level=f"{item.level:.1f}")
            yield f"- **{self._words(item.name)} {level}** {self._words(item.anchor)}"
            for fired in item.evidence:
                yield f"  - {fired.points:+.1f} {self._words(fired.why)} {self._places(fired.moments)}".rstrip()

    def _metrics(self) -> Iterator[str]:
        yield from self._heading("metrics")
        for gauge in view.gauges_of(self._report, self._say, lang=self._lang):
            yield f"- **{gauge.name}** {gauge.value}" + "".join(
                f" · {part}" for part in (gauge.standing_words, gauge.range, gauge.why) if part
            )
            basis = (self._say("divided_by", what=gauge.divided_by), self._say("source_of", what=gauge.source))
            yield f"  {escaped(self._joined(basis, '；'))}"
        yield ""
        yield escaped(f"{self._say('not_for_hr')} {self._say('marks_explained')}")

    def _brief(self) -> Iterator[str]:
        if self._report.brief is None:
            return
        yield from self._heading("brief")
        yield from self._suggestions(self._report.brief)
        if self._report.brief.missing:
            yield f"**{self._say('missing')}**"
            yield ""
            yield from (f"- {escaped(question)}" for question in self._report.brief.missing)

    def _transcript(self) -> Iterator[str]:
        yield from self._heading("transcript")
        if is_any_unsure(self._report.transcript.turns):
            yield self._say("unsure_legend_text")
            yield ""
        for turn in self._report.transcript.turns:
            at = view.clock(turn.start_ms) or view.turn_number(turn.id)
            words = escaped(view.marked(view.pieces(turn, turn.text, whole=True)))
            yield f"- {at} **{view.turn_name(turn, self._say)}** {words}"

    def _foot(self) -> Iterator[str]:
        yield ""
        yield "---"
        yield ""
        for envelope in view.envelopes_of(self._report):
            yield f"{self._say('decision')} `{envelope.decision_id}` · {escaped(envelope.engine)}  "
        yield AI_LABEL

    def _suggestions(self, envelope: Envelope) -> Iterator[str]:
        if envelope.abstained:
            yield f"{self._say('abstained')} {escaped(envelope.reason or '')}"
        for one in envelope.suggestions:
            rows = [(claim, tuple(marks)) for claim, marks in view.marked_claims(one)]
            yield f"**{self._words(one.tactic)}** {self._claims(rows) if rows else self._say('empty_section')}"
            yield ""
            yield from (f"- ⚖ {self._words(note.message)}" for note in one.compliance)
            yield from self._sources(one)
            yield ""

    def _sources(self, one: Suggestion, *, indent: str = "") -> Iterator[str]:
        for note in view.footnotes_of(one):
            # A turn's title ends with its time.
            is_timed = note.first.start_ms is not None and note.first.source_kind is not SourceKind.TURN
            at = f" {view.clock(note.first.start_ms)}" if is_timed else ""
            source = f"`{note.source_id}` v{note.first.version}"
            yield f"{indent}- \\[{note.number}\\] {escaped(note.first.title)}{at}：{escaped(note.quoted)} {source}"

    def _claims(self, rows: Sequence[tuple[Claim, Sequence[int]]]) -> str:
        return "".join(escaped(claim.text) + "".join(f"\\[{mark}\\]" for mark in marks) for claim, marks in rows)

    def _list(self, heading: str, moments: Sequence[Moment]) -> Iterator[str]:
        yield f"- {heading}"
        yield from (f"  - {self._moment(moment)}" for moment in moments)

    def _agreed(self, heading: str, things: Sequence[Agreed]) -> Iterator[str]:
        if things:
            yield f"- {self._say(heading)}"
        for one in things:
            due = f" · {view.day(one.due_on, self._say)}" if one.due_on else ""
            flagged = one.is_promise and any(view.is_alerted(self._report, moment) for moment in one.moments)
            flag = f" · **{self._say('take_back')}**" if flagged else ""
            quote = self._quote(one.moments[0])
            yield f"  - **{view.hand(one, self._say)}** {quote}{due} {self._places(one.moments)}{flag}"

    def _loss(self, loss: Loss) -> str:
        return f"- {self._words(loss.why)} {self._places(loss.moments)}"

    def _moment(self, moment: Moment) -> str:
        return f"{view.place(moment)} {self._quote(moment)}"

    def _quote(self, moment: Moment) -> str:
        return f"“{escaped(view.marked(view.pieces(self._turns.get(moment.turn_id), moment.quote)))}”"

    def _said(self, turn: Turn) -> str:
        return escaped(view.marked(view.pieces(turn, turn.text)))

    def _places(self, moments: Sequence[Moment]) -> str:
        return self._joined((view.place(moment) for moment in view.distinct(moments)), "、")

    def _joined(self, parts: Iterable[str], mark: str) -> str:
        """Join the way the language does: Chinese marks stand without a space."""
        return (mark if self._lang == "zh" else {"、": ", ", "；": "; "}[mark]).join(parts)

    def _words(self, words: str) -> str:
        return escaped(in_words(words, self._lang))

    def _heading(self, name: str, more: str = "") -> Iterator[str]:
        yield ""
        yield f"## {self._say(name)}{more}"
        yield ""
