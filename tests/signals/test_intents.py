"""Customer intents: what the shipped head says of turns as people speak them."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.conversation import Transcript, Turn
from domain.errors import IntegrityError
from domain.signals import Intent, Signal
from language.encoder import Encoder
from signals.corpus import corpus_folder, corpus_hash, read_rows, split
from signals.heads import Said, Utterance
from signals.intent_head import LEAST, decide, load_intent_head
from signals.intent_wording import LABELS, answers
from signals.intents import IntentDetector
from signals.pipeline import SignalDetector
from signals.set_aside import focus_of


def heard(encoder: Encoder, *lines: str) -> tuple[Signal, ...]:
    """Signals of a conversation written as `r:`, `c:` and `s:` lines."""
    turns = tuple(
        Turn(id=f"t{at}", speaker={"r": "rep", "c": "customer", "s": "speaker_0"}[line[0]], text=line[2:])
        for at, line in enumerate(lines, start=1)
    )
    return SignalDetector([IntentDetector()], encoder=encoder).detect(Transcript(id="c", turns=turns))


def labels(signals: tuple[Signal, ...]) -> set[str]:
    return {signal.label for signal in signals}


@pytest.mark.model
@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("这套系统一年多少钱", {Intent.ASK_PRICE}),
        ("太贵了，能不能再便宜点", {Intent.PUSH_PRICE}),
        ("我们预算还没批下来", {Intent.BUDGET}),
        ("能不能跟我们的ERP对接", {Intent.TECHNICAL_DOUBT}),
        ("有没有同行业的案例", {Intent.ASK_REFERENCE}),
        ("我们不需要，别再打了", {Intent.REFUSE}),
        ("好，那就签合同吧", {Intent.SIGN}),
        ("我们厂一共三百来号人", {Intent.OTHER}),
    ],
)
def test_plain_wishes_have_their_intent_and_no_other(encoder: Encoder, text: str, wanted: set[Intent]) -> None:
    assert labels(heard(encoder, f"c:{text}")) == wanted


@pytest.mark.model
@pytest.mark.parametrize(
    ("text", "wanted", "never"),
    [
        ("价格这块倒不是问题，主要是你们能不能接我们那套老的MES", Intent.TECHNICAL_DOUBT, Intent.PUSH_PRICE),
        ("不是嫌贵，是怕上了以后工人不会用", Intent.TECHNICAL_DOUBT, Intent.PUSH_PRICE),
        ("价格这块倒不是问题", Intent.OTHER, Intent.PUSH_PRICE),
        ("工期我们不赶，按你们的节奏来", Intent.OTHER, Intent.DELIVERY),
        ("我不是来投诉的", Intent.OTHER, Intent.COMPLAIN),
    ],
)
def test_a_denied_topic_is_not_that_topic(encoder: Encoder, text: str, wanted: Intent, never: Intent) -> None:
    found = labels(heard(encoder, f"c:{text}"))
    assert wanted in found
    assert never not in found


@pytest.mark.model
def test_a_short_answer_is_read_with_the_question_before_it(encoder: Encoder) -> None:
    asked = heard(encoder, "r:您这边什么时候要上线", "c:八月份")
    assert [(one.turn_id, one.label) for one in asked] == [("t2", Intent.DELIVERY)]
    assert labels(heard(encoder, "r:您公司是什么时候成立的", "c:八月份")) == {Intent.OTHER}
    (alone,) = heard(encoder, "c:八月份")
    assert asked[0].score > alone.score


@pytest.mark.model
def test_only_attributed_customers_have_intents(encoder: Encoder) -> None:
    assert heard(encoder, "r:这套一年多少钱", "s:这套一年多少钱", "c:  ") == ()


@pytest.mark.model
def test_an_intent_stands_on_its_clause_and_the_rest_on_the_whole_turn(encoder: Encoder) -> None:
    price, delivery = heard(encoder, "c:这批礼盒五百份单价多少，多少天能交货")
    assert (price.label, price.quote) == (Intent.ASK_PRICE, "这批礼盒五百份单价多少")
    assert (delivery.label, delivery.quote) == (Intent.DELIVERY, "多少天能交货")
    (rest,) = heard(encoder, "c:嗯，我是做质量的")
    assert (rest.label, rest.quote) == (Intent.OTHER, "嗯，我是做质量的")


@pytest.mark.model
@settings(max_examples=25, deadline=None)
@given(st.lists(st.text("价格贵吗，。不是的 \n合同签下周abc？！😂们没问题", max_size=30), min_size=1, max_size=4))
def test_any_text_gives_spans_that_round_trip_and_the_rest_alone(encoder: Encoder, texts: list[str]) -> None:
    found = heard(encoder, *(f"c:{text}" for text in texts))
    for at, text in enumerate(texts, start=1):
        mine = [one for one in found if one.turn_id == f"t{at}"]
        assert bool(mine) == bool(text.strip())
        assert all(text[one.start : one.end] == one.quote for one in mine)
        assert Intent.OTHER not in labels(tuple(mine)) or len(mine) == 1


@pytest.mark.model
def test_the_head_refuses_another_encoder(encoder: Encoder) -> None:
    class Other:
        fingerprint = "sha256:other"
        encode = encoder.encode

    with pytest.raises(IntegrityError):
        SignalDetector([IntentDetector()], encoder=Other()).detect(
            Transcript(id="c", turns=(Turn(id="t1", speaker="customer", text="多少钱"),))
        )


def test_the_manifest_names_the_corpus_the_weights_were_trained_on() -> None:
    about = json.loads((files("signals") / "weights" / "intents.json").read_text(encoding="utf-8"))
    assert about["corpus"] == corpus_hash(corpus_folder("intents"))
    assert IntentDetector().version == about["version"] == load_intent_head().version


def test_no_family_is_on_both_sides_and_no_text_of_the_written_set_is_trained_on() -> None:
    train, test = split(read_rows(corpus_folder("intents"), labels=tuple(map(str, LABELS))))
    assert {row.family for row in train}.isdisjoint(row.family for row in test)
    known = {row.utterance.text for row in (*train, *test) if not row.utterance.before}
    written = [json.loads(line) for line in Path("eval/sets/intents.jsonl").read_text(encoding="utf-8").splitlines()]
    assert known.isdisjoint(row["text"] for row in written if row["half"] == "test" and not row.get("before"))


def scores(**by_label: float) -> np.ndarray:
    return np.array([by_label.get(label.name, 0.0) for label in LABELS], np.float32)


@pytest.mark.parametrize(
    ("given_scores", "wanted"),
    [
        (scores(ASK_PRICE=0.9, DELIVERY=LEAST), {Intent.ASK_PRICE, Intent.DELIVERY}),
        (scores(ASK_PRICE=0.3, OTHER=0.2), {Intent.ASK_PRICE}),
        (scores(ASK_PRICE=0.3, OTHER=0.35), {Intent.OTHER}),
        (scores(ASK_PRICE=0.5, OTHER=0.9), {Intent.OTHER}),
    ],
)
def test_the_likeliest_reading_is_asserted_and_never_nothing(given_scores: np.ndarray, wanted: set[Intent]) -> None:
    assert {LABELS[place] for place in decide(given_scores)} == wanted


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("价格好商量，没有等保证书一切免谈", "没有等保证书一切免谈"),
        ("领导都同意了，就差付款方式没谈拢", "就差付款方式没谈拢"),
        ("领导都同意了，准备合同吧", "领导都同意了，准备合同吧"),
        ("价格有问题吗，多少钱", "价格有问题吗，多少钱"),
        ("价格没问题，数据放哪儿？", "数据放哪儿？"),
    ],
)
def test_what_is_put_aside_is_left_out_and_the_rest_stays(text: str, kept: str) -> None:
    assert focus_of(text).text == kept


def test_a_turn_that_only_puts_topics_aside_stays_whole() -> None:
    focus = focus_of("价格没问题，技术也没意见")
    assert (focus.text, focus.is_all_aside) == ("价格没问题，技术也没意见", True)


def test_an_answer_needs_a_question_of_the_other_side() -> None:
    asked = (Said("rep", "您希望什么时候上线"),)
    assert answers(Utterance("八月份下个月", before=asked)) == {Intent.DELIVERY}
    assert answers(Utterance("八月份下个月", before=(Said("customer", "您希望什么时候上线"),))) == frozenset()
    assert answers(Utterance("八月份下个月")) == frozenset()


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_higher_score_is_never_less_sure_and_stays_a_probability(one: float, other: float) -> None:
    head = load_intent_head()
    low, high = head.sureness(min(one, other)), head.sureness(max(one, other))
    assert 0.0 <= low <= high <= 1.0
