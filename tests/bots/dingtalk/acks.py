"""How long a Stream message waits for its acknowledgement and its answer at a steady rate.

`python -m tests.bots.dingtalk.acks 50 20 [database url]` sends 50 messages a second for 20 s and prints milliseconds.
Connection, inbox, worker, courier and database are real and in one process; the answer echoes the message.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time

from bots.testing.dingtalk import BOT_TOPIC, FakeDingtalk, standing
from store.work import Store
from tests.bots.dingtalk.flood import PEOPLE, process
from tests.bots.floods import FastClock, fresh_store


async def acks(store: Store, per_s: float, seconds: float) -> dict[str, float]:
    clock = FastClock(1.0)
    with standing(FakeDingtalk(clock)) as fake:
        fake.people = {f"user{number}" for number in range(PEOPLE)}
        count = int(per_s * seconds)
        async with process(store, fake, clock):
            await fake.until(lambda: bool(fake.lines))
            began = time.monotonic()
            for number in range(count):
                await asyncio.sleep(max(0.0, began + number / per_s - time.monotonic()))
                await _say(fake, number)
            poured = time.monotonic() - began
            await fake.until(lambda: not fake.waiting, timeout_s=120)
            await fake.until(lambda: len(fake.shown) == count, timeout_s=240)
        frames = [fake.frames[f"f{number}"] for number in range(count)]
        waits = [frame.answered_at[0] - frame.sent_at[0] for frame in frames]
        sent = {f"#{number}": frame.sent_at[0] for number, frame in enumerate(frames)}
        answers = [shown.at - sent[shown.text] for shown in fake.shown]
    return {"n": count, "per_s": round(count / poured, 1), **_spread("ack", waits), **_spread("answer", answers)}


async def _say(fake: FakeDingtalk, number: int) -> None:
    person = f"user{number % PEOPLE}"
    message = fake.message(f"#{number}", senderStaffId=person, conversationId=person, msgId=f"m{number}")
    await fake.place.run(fake.push(BOT_TOPIC, message, message_id=f"f{number}"))


def _spread(name: str, waits: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(waits, n=100)
    return {f"{name}_p{p}_ms": round(cuts[p - 1] * 1000, 1) for p in (50, 95, 99)} | {
        f"{name}_max_ms": round(max(waits) * 1000, 1)
    }


async def _main(per_s: float, seconds: float, url: str) -> None:
    async with fresh_store(url) as store:
        print(json.dumps(await acks(store, per_s, seconds)))  # noqa: T201 - the figure


if __name__ == "__main__":
    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    asyncio.run(_main(float(sys.argv[1]), float(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else ""))
