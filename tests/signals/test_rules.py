"""The rule detectors, each by what it promises; conversations are written as `r:` and `c:` lines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from domain.conversation import Transcript, Turn
from domain.lexicon import Lexicon, LexiconEntry, LexiconKind, names_of
from domain.signals import Signal, SignalKind
from language.spoken import spoken_clauses
from signals.buying_roles import BuyingRoleDetector
from signals.competitors import CompetitorDetector
from signals.custom_lexicon import CustomLexiconDetector, Term
from signals.implicit_needs import ImplicitNeedDetector
from signals.lead_facts import LeadFactDetector
from signals.logic_breaks import LogicBreakDetector
from signals.next_steps import NextStepDetector
from signals.pipeline import Detector, Reading, SignalDetector, observe
from signals.promises import PromiseDetector
from signals.questions import QuestionDetector
from signals.risks import RiskDetector
from zhanqing.bootstrap import build_detectors

HELD_AT = datetime(2026, 3, 11, 10, tzinfo=UTC)  # a Wednesday
RIVALS = (
    LexiconEntry(name="数擎软件", aliases=("数擎",), kind=LexiconKind.COMPETITOR),
    LexiconEntry(name="长城", kind=LexiconKind.COMPETITOR),
    LexiconEntry(name="华宇能源", aliases=("华宇",), kind=LexiconKind.COMPETITOR),
    LexiconEntry(name="启明软件", aliases=("启明",), kind=LexiconKind.PRODUCT),
)


def heard(detector: Detector | Sequence[Detector], *lines: str, lexicon: Lexicon = ()) -> tuple[Signal, ...]:
    turns = tuple(
        Turn(id=f"t{number}", speaker={"r": "rep", "c": "customer", "s": "speaker_0"}[line[0]], text=line[2:])
        for number, line in enumerate(lines, start=1)
    )
    detectors = detector if isinstance(detector, Sequence) else [detector]
    return SignalDetector(detectors).detect(Transcript(id="c", turns=turns, started_at=HELD_AT), lexicon=lexicon)


def quotes(signals: Sequence[Signal]) -> list[tuple[str, str]]:
    return [(signal.label, signal.quote) for signal in signals]


class TestCompetitors:
    def test_a_known_name_carries_sentiment_and_the_reps_reaction(self) -> None:
        (found,) = heard(CompetitorDetector(), "c:数擎比你们便宜", "r:包含三年维护吗？", lexicon=RIVALS)
        assert found.label == "数擎软件"
        assert found.attributes["known"] is True
        assert (found.attributes["sentiment"], found.attributes["reaction_turn_id"]) == ("positive", "t2")

    def test_a_homophone_in_a_vendors_place_is_the_name(self) -> None:
        (found,) = heard(CompetitorDetector(), "c:树情软件上个月来演示过", lexicon=RIVALS)
        assert quotes([found]) == [("数擎软件", "树情软件")]

    @pytest.mark.parametrize(
        "line",
        ["c:五一带家里人去爬长城了", "r:我找一下华宇明经理", "c:启明这套是你们自己做的吗", "c:数清楚有多少台再说"],
    )
    def test_a_sight_a_person_an_own_product_and_an_everyday_word_are_none(self, line: str) -> None:
        assert heard(CompetitorDetector(), line, lexicon=RIVALS) == ()

    def test_the_same_word_is_the_company_where_it_sells(self) -> None:
        assert quotes(heard(CompetitorDetector(), "c:长城那边报价最低", lexicon=RIVALS)) == [("长城", "长城")]

    def test_an_unknown_vendor_is_a_candidate_and_recognised_again(self) -> None:
        found = heard(CompetitorDetector(), "c:我们现在用的是蓝石系统", "r:蓝石支持移动端吗")
        assert [(one.label, one.quote, one.attributes["known"]) for one in found] == [
            ("蓝石系统", "蓝石系统", False),
            ("蓝石系统", "蓝石", False),
        ]

    @pytest.mark.parametrize("line", ["c:现在用的是Excel表格", "c:跟去年比预算少了", "c:财务那边报了个数"])
    def test_a_vendors_place_without_a_name_gives_no_candidate(self, line: str) -> None:
        assert heard(CompetitorDetector(), line) == ()


class TestCommitments:
    BOTH = (PromiseDetector(), NextStepDetector())

    def kinds(self, *lines: str) -> list[tuple[str, str, object, object]]:
        found = heard(self.BOTH, *lines)
        return [(one.kind, one.quote, one.attributes["who"], one.attributes["due_on"]) for one in found]

    def test_a_dated_task_of_one_side_is_promise_and_next_step(self) -> None:
        assert self.kinds("r:好的，我周五前把方案发给您，可以吗？") == [
            (SignalKind.NEXT_STEP, "我周五前把方案发给您", "rep", "2026-03-13"),
            (SignalKind.PROMISE, "我周五前把方案发给您", "rep", "2026-03-13"),
        ]

    def test_a_customers_promise_counts(self) -> None:
        assert self.kinds("c:我明天把设备清单发给你")[1][2] == "customer"

    def test_a_guarantee_is_only_a_promise_and_a_meeting_only_a_next_step(self) -> None:
        assert [kind for kind, *_ in self.kinds("r:我们保证三年质保免费上门")] == [SignalKind.PROMISE]
        assert self.kinds("r:周五下午我们再通一次电话") == [
            (SignalKind.NEXT_STEP, "周五下午我们再通一次电话", "both", "2026-03-13")
        ]

    def test_the_span_holds_the_condition(self) -> None:
        assert self.kinds("c:如果能到五十八万，月底签没有问题")[0][1] == "如果能到五十八万，月底签没有问题"

    @pytest.mark.parametrize(
        "line",
        ["r:应该周五能给您吧", "r:我去问一下技术", "r:我不能现在就口头承诺", "c:你们周五之前能给我报价吗",
         "r:报价单我昨天已经发您了", "c:人家说明天就可以派人过来", "r:我尽量周五前给您"],
    )  # fmt: skip
    def test_a_hedge_a_denial_a_question_the_past_and_hearsay_are_neither(self, line: str) -> None:
        assert self.kinds(line) == []

    def test_a_withdrawn_one_is_not_listed(self) -> None:
        assert self.kinds("r:我明天给您寄样品", "c:不用寄了，我们已经有了") == []

    def test_a_moved_meeting_is_listed_at_its_new_time(self) -> None:
        found = self.kinds("r:周四下午我们演示一下", "c:周四下午我有事，改到周五上午吧")
        assert [(quote, on) for _, quote, _, on in found] == [("改到周五上午", "2026-03-13")]

    def test_an_unattributed_speaker_promises_nothing(self) -> None:
        assert self.kinds("s:我周五前把方案发给您") == []


class TestQuestions:
    @pytest.mark.parametrize(
        ("line", "label"),
        [("r:您觉得最需要先解决的是哪一块呢", "开放式"), ("c:你们这个支持私有化部署吗", "封闭式"),
         ("r:您更在意价格还是时效", "封闭式"), ("c:收银的我清楚了，那外卖的呢", "开放式"), ("r:您是负责采购的对吧", "封闭式")],
    )  # fmt: skip
    def test_the_form_follows_the_words_without_any_marks(self, line: str, label: str) -> None:
        assert [one.label for one in heard(QuestionDetector(), line)] == [label]

    @pytest.mark.parametrize(
        "line", ["c:这么贵谁用得起啊？", "r:您再考虑考虑吧", "r:您想看什么都有", "c:我也不知道怎么跟老板解释。"]
    )
    def test_rhetoric_suggestions_and_indefinites_are_no_questions(self, line: str) -> None:
        assert heard(QuestionDetector(), line) == ()

    def test_a_deferral_answers_and_another_subject_does_not(self) -> None:
        deferred = heard(QuestionDetector(), "c:三年总价是多少？", "r:要按点位算，明天上午给您")
        dodged = heard(QuestionDetector(), "c:三年总价是多少？", "r:我们的报表中心非常好看")
        assert (deferred[0].attributes["answered"], dodged[0].attributes["answered"]) == (True, False)


class TestLeads:
    def test_roles_by_title_and_by_decision(self) -> None:
        found = heard(BuyingRoleDetector(), "c:最后是总经理定，财务总监要看投资回报")
        assert quotes(found) == [("决策人", "总经理"), ("财务", "财务总监")]

    @pytest.mark.parametrize("line", ["c:我们想要一套财务软件", "c:我说了不算的", "r:我们技术支持7x24小时在线"])
    def test_products_denials_and_our_own_staff_are_no_buying_roles(self, line: str) -> None:
        assert heard(BuyingRoleDetector(), line) == ()

    def test_a_budget_is_given_in_yuan(self) -> None:
        (found,) = heard(LeadFactDetector(), "c:今年这块批了五十万的预算")
        assert (found.label, found.attributes["value"]) == ("预算明确", 500000)

    def test_a_denied_budget_and_a_rivals_price_are_no_budget(self) -> None:
        assert heard(LeadFactDetector(), "c:预算还没批", "c:数擎报了四十八万", lexicon=RIVALS) == ()

    def test_the_decision_chain_is_counted(self) -> None:
        (found,) = heard(LeadFactDetector(), "c:要三个领导都签字")
        assert (found.label, found.attributes["value"]) == ("决策链人数", 3)

    def test_a_rivals_trial_names_the_rival(self) -> None:
        (found,) = heard(LeadFactDetector(), "c:数擎软件正在我们二车间试用", lexicon=RIVALS)
        assert (found.label, found.attributes["value"]) == ("竞品POC已启动", "数擎软件")

    def test_asking_twice_for_the_delivery_shows_urgency_once(self) -> None:
        lines = (
            "c:交付周期要多久？",
            "r:六周。",
            "c:交付周期能不能保证三周？",
            "r:我确认一下。",
            "c:到底最快几天能上线？",
        )
        (found,) = heard(ImplicitNeedDetector(), *lines)
        assert (found.label, found.turn_id, found.attributes["evidence"]) == ("项目紧迫", "t3", ["t1", "t3", "t5"])

    def test_asking_once_shows_nothing(self) -> None:
        assert heard(ImplicitNeedDetector(), "c:交付周期要多久？") == ()


class TestCustomLexicon:
    TERM = Term(label="压价", forms=("太贵", "贵了"), kind=SignalKind.INTENT, speaker="customer")

    def test_a_term_said_is_listed_and_a_denied_one_is_not(self) -> None:
        found = heard(CustomLexiconDetector([self.TERM]), "c:这个太贵", "c:其实不是太贵", "r:太贵了吗")
        assert [(one.turn_id, one.label) for one in found] == [("t1", "压价")]

    def test_a_label_outside_a_closed_taxonomy_is_refused(self) -> None:
        with pytest.raises(ValueError, match="no label"):
            Term(label="嫌贵", forms=("太贵",), kind=SignalKind.INTENT)


class TestBreaks:
    @pytest.mark.parametrize(
        ("lines", "label", "turn"),
        [
            (("c:年费多少？", "r:亲，咱们新出了AI助手哦，可以自动写邮件"), "未回答的问题", "t1"),
            (("c:年费多少？", "r:亲，咱们新出了AI助手哦，可以自动写邮件"), "话题跳转", "t2"),
            (("r:他们快要倒闭了，很多客户都跑到我们这里来了。",), "无依据主张", "t1"),
            (("r:标准版六周可以上线。", "c:太慢了。", "r:您放心，我们标准版两周就能上线。"), "前后矛盾", "t3"),
        ],
    )
    def test_each_break_stands_on_its_turn(self, lines: tuple[str, ...], label: str, turn: str) -> None:
        assert (label, turn) in [(one.label, one.turn_id) for one in heard(LogicBreakDetector(), *lines)]

    @pytest.mark.parametrize(
        "lines",
        [
            ("c:从签合同到上线要几周？", "r:标准版一般六周。"),
            ("r:标准版六周上线。", "c:嗯。", "r:不好意思，刚才说错了，标准版是八周。"),
            ("r:根据IDC去年的报告，我们在制造业的份额是百分之十二。", "c:嗯。"),
            ("c:你们能接老设备吗？", "r:老设备一共多少台？", "c:八台。", "r:能接，加装采集盒就行。"),
        ],
    )
    def test_an_answer_a_correction_a_source_and_a_clarification_are_sound(self, lines: tuple[str, ...]) -> None:
        assert heard(LogicBreakDetector(), *lines) == ()


def test_every_detector_is_named_versioned_and_keeps_its_spans() -> None:
    detectors: list[Detector] = [CompetitorDetector(), PromiseDetector(), NextStepDetector(), QuestionDetector(), BuyingRoleDetector(),
                 LeadFactDetector(), ImplicitNeedDetector(), RiskDetector(), LogicBreakDetector()]  # fmt: skip
    lines = ("c:数擎报了四十八万，你们呢？", "r:我们是全国第一，周五前给您报价", "c:最后是总经理定", "")
    found = heard(detectors, *(line for line in lines if line), lexicon=RIVALS)
    texts = {f"t{number}": line[2:] for number, line in enumerate(lines, start=1)}
    assert {one.kind for one in found} >= {"competitor", "promise", "question", "risk", "buying_role"}
    assert all(texts[one.turn_id][one.start : one.end] == one.quote and one.extractor and one.version for one in found)


class TestATenantsOwnTerms:
    TERMS = (
        LexiconEntry(name="压价", aliases=("肉疼", "下不去手"), kind=LexiconKind.TERM),
        LexiconEntry(name="绝对化用语", aliases=("宇宙级",), kind=LexiconKind.TERM),
        LexiconEntry(name="开学季", aliases=("秋季入学",), kind=LexiconKind.TERM),
    )

    def test_the_products_own_wiring_reads_them_from_the_lexicon(self) -> None:
        assert "custom_lexicon" in {detector.name for detector in build_detectors()}
        lines = ("c:这价格有点肉疼", "c:倒也不是下不去手", "r:我们是宇宙级方案", "c:秋季入学前要用", "r:肉疼吗")
        found = heard(CustomLexiconDetector(), *lines, lexicon=self.TERMS)
        assert [(one.turn_id, one.kind, one.label, one.quote) for one in found] == [
            ("t1", SignalKind.INTENT, "压价", "肉疼"),
            ("t3", SignalKind.RISK, "绝对化用语", "宇宙级"),
            ("t4", SignalKind.IMPLICIT_NEED, "开学季", "秋季入学"),
        ]

    def test_a_terms_words_are_no_names(self) -> None:
        assert names_of((*RIVALS, *self.TERMS)) == RIVALS
        assert all(
            one.attributes["known"] is False for one in heard(CompetitorDetector(), "c:开学季", lexicon=self.TERMS)
        )

    def test_an_intent_of_the_tenants_words_replaces_the_rest(self) -> None:
        class Rest:
            name, version = "rest", "1"

            def detect(self, reading: Reading) -> list[Signal]:
                return [observe(self, turn, kind=SignalKind.INTENT, label="其他", score=0.9) for turn in reading.turns]

        found = heard([Rest(), CustomLexiconDetector()], "c:肉疼", "c:嗯", lexicon=self.TERMS)
        assert [(one.turn_id, one.label) for one in found] == [("t1", "压价"), ("t2", "其他")]


class TestClauses:
    @pytest.mark.parametrize("text", ["主要是你们能不能接", "我们在跟另外一家谈", "只要是国产的就行"])
    def test_a_connective_inside_a_word_ends_no_clause(self, text: str) -> None:
        assert [clause.text for clause in spoken_clauses(text)] == [text]


class TestWhatIsNoSignal:
    """Everyday words that were once taken for a signal."""

    @pytest.mark.parametrize(
        "line",
        [
            "c:合同到明年三月",
            "c:我们跟云舟的合同到明年三月",
            "r:您的合同到明年三月",
            "c:质保到明年六月",
            "c:他们的合同签到明年三月",
        ],
    )
    def test_how_long_a_contract_runs_is_neither_promise_nor_next_step(self, line: str) -> None:
        assert heard([PromiseDetector(), NextStepDetector()], "r:您现在的合同什么时候到期", line) == ()

    @pytest.mark.parametrize(
        "line",
        ["c:不要再给我打电话了", "c:你们不要再找我", "c:别再给我打了", "c:先不要给我报价", "c:不用再给我报价了", "c:有消息再联系我",
         "c:过两天再找我", "c:晚点给我打电话", "c:方便的话再给我打过来", "c:过阵子给我打电话"],
    )  # fmt: skip
    def test_asking_to_be_left_alone_names_no_competitor(self, line: str) -> None:
        assert heard(CompetitorDetector(), line) == ()

    @pytest.mark.parametrize(
        ("asked", "said"),
        [
            ("c:你先说说你是哪家公司的", "r:我是启明软件的小王，专门做仓储管理的"),
            ("c:你是哪个公司的，有什么事", "r:哦我是启明软件的，想跟您聊聊排班系统"),
            ("c:你们是干什么的", "r:我们是做仓储管理软件的"),
        ],
    )
    def test_saying_who_one_is_answers_who_are_you(self, asked: str, said: str) -> None:
        found = heard([QuestionDetector(), LogicBreakDetector()], asked, said)
        assert [one.kind for one in found if one.kind is SignalKind.LOGIC_BREAK] == []
        assert all(one.attributes["answered"] for one in found if one.kind is SignalKind.QUESTION)

    def test_who_are_you_stays_open_when_the_price_follows(self) -> None:
        (question,) = heard(QuestionDetector(), "c:你先说说你是哪家公司的", "r:今天下单有八折优惠")
        assert question.attributes["answered"] is False

    @pytest.mark.parametrize(
        "line",
        [
            "r:第一期我们先做三个车间",
            "r:先签第一期，第二期明年",
            "r:第一批货下周到",
            "r:第一阶段先梳理流程",
            "r:第一季度有培训",
            "r:第一轮报价发您",
        ],
    )
    def test_counting_first_is_no_absolute_claim(self, line: str) -> None:
        assert heard(RiskDetector(), line) == ()
