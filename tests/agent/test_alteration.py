"""A clause that is its evidence's but for one thing, or with two sides in each other's place, is withheld."""

from __future__ import annotations

import pytest

from agent.polarity import Context, find_flip
from language.quantities import quantities


@pytest.mark.parametrize(
    ("claim", "evidence", "kind"),
    [
        ("新仓库的网络没有改造。", "老张说旧仓库的网络没有改造，要先拉光纤。", "altered"),
        ("退货率从5%降到2%。", "换货率从5%降到2%。", "altered"),
        ("质保期内更换全免。", "质保期内更换减半收费。", "altered"),
        ("安装费全部由我们承担。", "安装费的60%由我们承担。", "altered"),
        ("培训和备件都包含在报价里。", "培训包含在报价里，备件按次另算。", "lumped"),
        ("国产方案比进口方案贵两万。", "进口方案比国产方案贵两万。", "swap"),
        ("供应商给客户赔付三万元。", "客户给供应商赔付三万元。", "swap"),
        ("先上财务模块。", "先把库存模块上了，财务模块等跑顺一个月以后再上。", "swap"),
        ("服务器放在我们的机房。", "我们把服务器放在您的机房。", "role"),
        ("评审不下来也可以开工。", "评审下来才可以开工。", "negation"),
        ("这个模块不做了。", "这个模块等明年再做。", "negation"),
    ],
)
def test_a_turned_claim_is_found(claim: str, evidence: str, kind: str) -> None:
    flip = find_flip(claim, [Context(text=evidence)])
    assert flip is not None
    assert flip.kind in (kind, "other", "opposite")


@pytest.mark.parametrize(
    ("claim", "evidence"),
    [
        ("旧仓库的网络没有改造。", "老张说旧仓库的网络没有改造，要先拉光纤。"),
        ("安装费60%由我们承担。", "安装费的60%由我们承担。"),
        ("培训和备件都包含在报价里。", "培训和备件包含在报价里。"),
        ("进口方案比国产方案贵两万。", "进口方案比国产方案贵两万。"),
        ("先上库存模块。", "先把库存模块上了，财务模块等跑顺一个月以后再上。"),
        ("服务器放在您的机房。", "我们把服务器放在您的机房。"),
        ("客户要求记录水印到人。", "客户要求下载留痕、记录水印到人、离职收权。"),
    ],
)
def test_the_same_thing_is_not(claim: str, evidence: str) -> None:
    assert find_flip(claim, [Context(text=evidence)]) is None


def test_a_tenth_that_is_left_is_a_share() -> None:
    assert [one.text for one in quantities("余下一成作为质保金")] == ["一成"]
    assert not quantities("下一步再谈")


@pytest.mark.parametrize(
    ("claim", "evidence"),
    [
        ("东区的柜子换了三十个。", "西区的柜子换了三十个，东区的还没换。"),
        ("尾款全免。", "验收超过三十天，尾款减半。"),
        ("罚款由我们出。", "到货晚了超过三天，罚款由我们出。"),
        ("客户做过压力测试。", "客户没有做过压力测试，压力测试放到下个月。"),
    ],
)
def test_what_is_said_of_another_or_under_a_condition_is_found(claim: str, evidence: str) -> None:
    assert find_flip(claim, [Context(text=evidence)]) is not None
