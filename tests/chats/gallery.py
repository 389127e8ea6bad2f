"""What a rep sees in a chat, from a real run over the sample cases: `python -m tests.chats.gallery` writes docs/bots.md.

With a folder as argument it also writes gallery.html there, drawn as a phone shows it, for the picture.
"""

from __future__ import annotations

import asyncio
import html
import json
import re
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from agent.testing import read_cases, store_of
from bots.inbound import Attachment, Click, InboundKind
from bots.outgoing import Card, Outgoing
from domain.conversation import Consent, ConsentStatus, Transcript
from domain.signals import Analysis
from signals.pipeline import SignalDetector
from signals.promises import PromiseDetector
from store.engine import make_engine
from store.people import Rep
from store.testing import SteppingClock
from store.work import Store
from tests.chats.conftest import BEARING, HOSPITAL, KEY, ROOT, Chat, make_chat
from wire.documents import read_transcript

DOC = ROOT / "docs" / "bots.md"
_IDS = re.compile(r"\b(?:d|call|job)-[0-9a-f]{24}\b|sha256:[0-9a-f]{64}|版本 [\d.]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What a rep did, and what came back."""

    title: str
    said: str
    shown: Outgoing


async def exchanges(folder: Path) -> list[Exchange]:
    """Play a rep's day with the bot."""
    cases = read_cases(ROOT / "examples" / "cases.jsonl")
    clock = SteppingClock(datetime(2026, 11, 20, 3, 0, tzinfo=UTC))
    async with store_of(cases, folder, clock=clock):
        pass
    store = Store(
        make_engine(f"sqlite+aiosqlite:///{folder / 'agent.db'}"), blobs=folder / "b", sealer=KEY, clock=clock
    )
    async with store.begin("default") as work:
        await work.people.put_rep(Rep(rep_id="r1", name="张三"))
        await work.accounts.put(BEARING)
        await work.accounts.put(HOSPITAL)
        await _a_call(work)
        code = await work.chat_people.invite("r1")
    chat = make_chat(store, cases)
    found = await _day(chat, code)
    await store.close()
    return found


async def _day(chat: Chat, code: str) -> list[Exchange]:
    found: list[Exchange] = []

    async def show(title: str, said: str, **changes: object) -> Outgoing:
        shown = await chat.send(said, **changes)
        words = said.replace(code, "12345678") or f"（{title}）"
        found.append(Exchange(title=title, said=words, shown=shown))
        return shown

    await show("还没绑定", "你好")
    await show("绑定", f"绑定 {code}")
    await show("打开聊天", "", kind=InboundKind.ENTER)
    replies = await show("客户的原话", "客户说老设备没有网口、联不上网怎么办，咋回")
    assert replies.card is not None
    press = Click(task_id=replies.card.task_id, key=replies.card.buttons[0].key)
    await show("点“采纳 1”", "", kind=InboundKind.CLICK, click=press)
    await show("改成自己的说法", "修改 2 我们先给您两台设备装上看效果")
    await show("问案例", "老设备联网的轴承厂合同额多少？")
    await show("追问依据", "为什么")
    await show("没有依据的问题", "华为云的报价是多少")
    await show("说不清是哪位客户", "王主任那单咋推")
    await show("简报", "江州市第一人民医院 简报")
    await show("待办", "待办")
    chat.platform.files["L1"] = b"OggS" + bytes(400)
    attachment = Attachment(locator="L1", file_name="王主任回访.ogg")
    await show("发来录音", "", kind=InboundKind.FILE, attachment=attachment)
    await show("客户同意了", "已同意")
    await show("演练", "演练 老设备没有网口")
    await show("练一句", "您最担心的是停产，还是接不通？我们先挑最老的一台现场接给您看。")
    await show("演练结束", "结束")
    await show("不打扰", "勿扰 21-8")
    await show("读不了的消息", "", kind=InboundKind.OTHER)
    await show("帮助", "帮助")
    return found


async def _a_call(work: object) -> None:
    said = {
        "id": "call-1",
        "account_id": "A2",
        "rep_id": "r1",
        "turns": [
            {"id": "t001", "speaker": "customer", "text": "今年预算已经报上去了，要等院办公会批。你们的培训谁来做？"},
            {"id": "t002", "speaker": "rep", "text": "我周五之前把培训计划和报价单发给您。"},
        ],
    }
    transcript = read_transcript(said)
    assert isinstance(transcript, Transcript)
    consent = Consent(status=ConsentStatus.GRANTED, reference="rec-1")
    from dataclasses import replace

    transcript = replace(transcript, consent=consent, started_at=datetime(2026, 11, 18, 2, 0, tzinfo=UTC))
    found = SignalDetector([PromiseDetector()]).detect(transcript, lexicon=())
    await work.conversations.put(transcript)  # type: ignore[attr-defined]  # a Work
    await work.signals.put("call-1", Analysis(conversation_id="call-1", signals=found, metrics=()))  # type: ignore[attr-defined]


def document(found: list[Exchange]) -> str:
    """Return docs/bots.md."""
    parts = [
        "# 在企业微信和钉钉里看到的 · What a rep sees",
        "由 `python -m tests.chats.gallery` 从示例战例真实跑出；测试保证这一页和产品一致。配置见 [bots-setup.md](bots-setup.md)。\n"
        "Made by a real run over the sample cases; a test keeps this page true. 卡片按钮在钉钉普通消息里以文字命令代替。",
        "![聊天截图](bots.png)",
    ]
    for one in found:
        shown = _IDS.sub("…", one.shown.text) or "（卡片更新）"
        quoted = "\n".join(f"> {line}".rstrip() for line in [*shown.split("\n"), *_card_lines(one.shown.card)])
        parts.append(f"## {one.title}\n\n**销售**：{one.said}\n\n{quoted}")
    return "\n\n".join(parts) + "\n"


def _card_lines(card: Card | None) -> list[str]:
    if card is None:
        return []
    buttons = " ".join(f"`{button.text}`" for button in card.buttons)
    return ["", f"🗂 **{card.done or card.title}** {buttons}".rstrip(), *card.lines]


def page(found: list[Exchange]) -> str:
    """Return the chats drawn as bubbles, as wide as a phone."""
    bubbles = []
    for one in found:
        bubbles.append(f'<div class="me">{html.escape(one.said)}</div>')
        if one.shown.text:
            bubbles.append(f'<div class="bot">{_drawn(one.shown.text)}</div>')
        if one.shown.card:
            card = one.shown.card
            buttons = "".join(f"<button>{html.escape(button.text)}</button>" for button in card.buttons)
            bubbles.append(
                f'<div class="bot card"><b>{html.escape(card.done or card.title)}</b><p>{"".join(map(html.escape, card.lines))}</p>{buttons}</div>'
            )
    return _PAGE.replace("BUBBLES", "\n".join(bubbles))


def _drawn(text: str) -> str:
    safe = html.escape(re.sub(r"\\(.)", r"\1", text))
    safe = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", safe)
    safe = re.sub(r"^&gt; (.*)$", r"<q>\1</q>", safe, flags=re.MULTILINE)
    return safe.replace("</q>\n", "</q>").replace("\n", "<br>")


_PAGE = """<!doctype html><meta charset="utf-8"><style>
body{margin:0;padding:12px;width:366px;background:#ededed;font:15px/1.55 "Noto Sans CJK SC",sans-serif}
div{max-width:300px;padding:9px 12px;border-radius:8px;margin:8px 0;overflow-wrap:anywhere;width:fit-content}
.me{background:#95ec69;margin-left:auto}.bot{background:#fff}.card{border-left:4px solid #2b6cb0}
q{display:block;quotes:none;color:#666;border-left:3px solid #ccc;padding-left:6px;font-size:13px}
p{margin:4px 0;color:#666;font-size:13px}button{margin:4px 6px 0 0;border:1px solid #2b6cb0;color:#2b6cb0;background:#fff;border-radius:6px;padding:4px 10px;font:inherit}
</style>BUBBLES"""


def main() -> None:
    """Write the page."""
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(exchanges(Path(folder)))
    DOC.write_text(document(found), encoding="utf-8")
    if len(sys.argv) > 1:
        (Path(sys.argv[1]) / "gallery.html").write_text(page(found), encoding="utf-8")
    sys.stdout.write(json.dumps({"exchanges": len(found)}) + "\n")


if __name__ == "__main__":
    main()
