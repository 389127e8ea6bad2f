"""No sentence leaves without a live source that supports it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.drafts import DraftSentence
from agent.grounding import Gate, Verdict
from agent.support import SupportScorer, shipped_model
from agent.vectors import Vectors
from domain.lexicon import LexiconEntry, LexiconKind
from domain.sources import Citation, Source, SourceKind, SourceStatus, cite, content_hash
from domain.suggestions import DropReason
from language.testing import HashingEncoder

RIVAL = LexiconEntry(name="云舟科技", aliases=("云舟",), kind=LexiconKind.COMPETITOR)
GATE = Gate(SupportScorer(None), lexicon=(RIVAL,))


def source(text: str, *, source_id: str = "doc:d1", speaker: str | None = None) -> Source:
    kind = SourceKind(source_id.split(":")[0])
    return Source(
        source_id=source_id, version=1, kind=kind, title="", text=text, content_hash=content_hash(text), speaker=speaker
    )


def whole(one: Source) -> Citation:
    return cite(one, 0, len(one.text))


def judged(claim: str, *sources: Source) -> Verdict:
    sentence = DraftSentence(text=claim, citations=tuple(whole(one) for one in sources))
    return GATE.judge(sentence, {(one.source_id, one.version): one for one in sources})


@pytest.mark.parametrize(
    ("claim", "quote"),
    [
        ("三周内先跑起来。", "21天内先跑起来。"),
        ("停机时间下降了40%。", "停机时间下降四成。"),
        ("成交价58万元。", "58万元成交，成交价没有再降。"),
        ("接口比较少的话，可以压缩到四周。", "标准版一般六周上线，如果接口比较少，可以压缩到四周。"),
    ],
)
def test_the_same_thing_in_other_words_may_leave(claim: str, quote: str) -> None:
    assert judged(claim, source(quote)).is_grounded


@pytest.mark.parametrize(
    ("claim", "quote", "reason"),
    [
        ("用了31天全部接完。", "用了13天全部接完。", DropReason.NUMBER_NOT_IN_QUOTE),
        ("客诉降到每月5起。", "客诉降到每周5起。", DropReason.NUMBER_NOT_IN_QUOTE),
        ("王主任同意试用。", "李主任同意试用。", DropReason.NAME_NOT_IN_QUOTE),
        ("我们会承诺两周上线。", "我们不会承诺两周上线。", DropReason.NO_SUPPORT),
        ("停机时间上升四成。", "停机时间下降四成。", DropReason.NO_SUPPORT),
        ("可以压缩到四周。", "如果接口比较少，可以压缩到四周。", DropReason.NO_SUPPORT),
        ("必须先付款。", "可以先付款。", DropReason.NO_SUPPORT),
        ("返工率从2.1%升到6.5%。", "返工率从6.5%降到2.1%。", DropReason.NO_SUPPORT),
        ("停拨按钮在我们手里。", "停拨按钮在您手里。", DropReason.NO_SUPPORT),
        ("系统支持语音录入。", "合同额54万元。", DropReason.NO_SUPPORT),
    ],
    ids=["number", "rate", "name", "negation", "opposite", "condition", "modality", "order", "actor", "unrelated"],
)
def test_a_change_of_meaning_is_withheld(claim: str, quote: str, reason: DropReason) -> None:
    assert judged(claim, source(quote)).reason is reason


def test_a_claim_may_need_two_citations_together() -> None:
    rep, result = source("林晓", source_id="case:C-1:rep"), source("第20天上线。", source_id="case:C-1:result")
    claim = "负责销售是林晓，第20天上线。"
    assert judged(claim, rep, result).is_grounded
    assert not judged(claim, rep).is_grounded
    assert not judged(claim, result).is_grounded


def test_the_id_of_the_cited_case_may_be_named_and_no_other() -> None:
    title = source("轴承厂老设备联网", source_id="case:C-0007:title")
    assert judged("轴承厂老设备联网（C-0007）。", title).is_grounded
    assert not judged("轴承厂老设备联网（C-0008）。", title).is_grounded


@pytest.mark.parametrize("status", [SourceStatus.RETIRED, SourceStatus.SUPERSEDED, SourceStatus.ERASED])
def test_a_source_that_is_not_live_supports_nothing(status: SourceStatus) -> None:
    gone = replace(source("用了13天全部接完。"), status=status)
    assert judged("用了13天全部接完。", gone).reason is DropReason.QUOTE_MISMATCH


def test_a_quote_that_is_not_where_it_says_is_refused() -> None:
    one = source("用了13天全部接完。")
    moved = replace(whole(one), start=1, end=len(one.text) + 1)
    verdict = GATE.judge(DraftSentence(text="用了13天全部接完。", citations=(moved,)), {("doc:d1", 1): one})
    assert verdict.reason is DropReason.QUOTE_MISMATCH


def test_a_source_that_is_not_there_is_refused() -> None:
    one = source("用了13天全部接完。")
    verdict = GATE.judge(DraftSentence(text="用了13天全部接完。", citations=(whole(one),)), {})
    assert verdict.reason is DropReason.QUOTE_MISMATCH


def test_a_competitor_is_spoken_of_only_from_a_card_or_by_the_customer() -> None:
    said = "云舟科技说两周就能上线。"
    customer = source(said, source_id="turn:c1:t001", speaker="customer")
    assert not judged(said, source(said)).is_grounded
    assert not judged(said, customer).is_grounded
    assert judged(f"客户提到：“{said}”", customer).is_grounded
    assert judged(said, source(said, source_id="card:云舟科技")).is_grounded


SENTENCES = [
    "采集盒不改机床电路，也不停产。",
    "每周五我们一起过一次进度。",
    "三年维护含在总价内。",
    "数据保存多久按您的制度来。",
]


@given(st.sampled_from(SENTENCES))
def test_a_sentence_supports_itself(text: str) -> None:
    assert judged(text, source(text)).is_grounded


@given(st.integers(min_value=2, max_value=500), st.integers(min_value=2, max_value=500))
def test_a_number_leaves_exactly_when_it_is_the_quotes(claimed: int, given_: int) -> None:
    assert judged(f"用了{claimed}天全部接完。", source(f"用了{given_}天全部接完。")).is_grounded == (claimed == given_)


def test_weights_over_meaning_are_used_only_with_the_encoder_they_were_fitted_with() -> None:
    other = Vectors(HashingEncoder())
    scorer, words_only = SupportScorer(other), SupportScorer(None)
    assert scorer.score("四周能上线。", ["四周可以上线"]) == words_only.score("四周能上线。", ["四周可以上线"])
    with pytest.raises(ValueError, match="another encoder"):
        SupportScorer(other, model=shipped_model("overlap_and_meaning"))


def test_the_words_of_a_named_title_turn_nothing_round() -> None:
    title = source("三甲医院被口头承诺，没做到丢了二期", source_id="case:C-1:title")
    blocker = source("销售当场口头答应两周上线。", source_id="case:C-1:blocker")
    said = DraftSentence(text=f"《{title.text}》的卡点：{blocker.text}", citations=(whole(title), whole(blocker)))
    sources = {(one.source_id, one.version): one for one in (title, blocker)}
    assert GATE.judge(said, sources).is_grounded
    turned = DraftSentence(text=f"《{title.text}》的卡点：销售没有口头答应两周上线。", citations=said.citations)
    assert not GATE.judge(turned, sources).is_grounded


@pytest.mark.parametrize(
    ("claim", "quote"),
    [
        ("验收之后付30%。", "合同写明验收后付三成，质保期满再付一成。"),
        ("对手的报价不包含第二年的维护。", "竞争对手报了三十二万，但是不含第二年的维护。"),
        ("对账时间从每月三天缩短到半天。", "客户原来每月要花三天对账，上线后缩短到半天。"),
        ("月底前签约的话，实施费能减免一半。", "如果月底前签约，实施费可以减免一半；过了月底按原价执行。"),
        ("客户说响应快。", "你们这个价格贵了，不过响应确实快。"),
    ],
)
def test_a_paraphrase_may_leave(claim: str, quote: str) -> None:
    assert judged(claim, source(quote)).is_grounded


@pytest.mark.parametrize(
    ("claim", "quote"),
    [
        ("采购总监担心换系统会影响年底关账。", "财务总监担心换系统会影响年底关账。"),
        ("试点在华南三个仓做。", "试点只在华东三个仓做，华南的仓要等第二期再说。"),
        ("最后是财务总监定。", "财务总监要看投资回报，最后是总经理定。"),
        ("硬件部分已过技术评审。", "预算评审排在下季度，目前软件部分已过技术评审。"),
        ("成交价31.8万元，降了价。", "返工率下降，成交价31.8万元，没有降价。"),
        ("仓库现在盘点一次要停工两天。", "仓库原来盘点一次要停工两天，现在四小时盘完。"),
    ],
)
def test_another_actor_thing_or_time_in_the_same_place_is_withheld(claim: str, quote: str) -> None:
    assert not judged(claim, source(quote)).is_grounded
