"""The words for faults of a request: for kinds that there are, filled with what pydantic gives."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Annotated, Literal

import httpx
import pytest
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from api.faults import _chinese, in_words


class Colour(Enum):
    RED = "red"


class Sample(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(min_length=2, max_length=4, pattern="^[a-z]*$")] = "ab"
    count: Annotated[int, Field(ge=1, le=9)] = 1
    share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    parts: Annotated[list[int], Field(min_length=1, max_length=2)] = [1]  # pydantic copies it
    colour: Colour = Colour.RED
    kind: Literal["a", "b"] = "a"
    on: bool = True
    at: AwareDatetime = datetime.fromisoformat("2026-01-01T00:00:00+00:00")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"name": "a"}, "太短，至少 2 个字"),
        ({"name": "abcde"}, "太长，最多 4 个字"),
        ({"name": "AB"}, "格式不对，应符合 ^[a-z]*$"),
        ({"name": 5}, "要写成文字"),
        ({"count": 0}, "不能小于 1"),
        ({"count": 10}, "不能大于 9"),
        ({"count": "x"}, "要写成整数"),
        ({"share": 0}, "要大于 0.0"),
        ({"parts": []}, "至少要 1 项"),
        ({"parts": [1, 2, 3]}, "最多 2 项"),
        ({"parts": 1}, "要写成列表"),
        ({"colour": "blue"}, "只能是 'red'"),
        ({"kind": "c"}, "只能是 'a' or 'b'"),
        ({"on": "maybe"}, "只能是 true 或 false"),
        ({"at": "2026-01-01T00:00:00"}, "时间要带时区，例如 +08:00"),
        ({"at": "soon"}, "要写成时间，例如 2026-11-22T09:30:00+08:00"),
        ({"colours": "red"}, "没有这个字段"),
    ],
)
def test_a_fault_is_said_in_chinese_and_in_pydantics_english(values: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Sample.model_validate(values)
    (fault,) = caught.value.errors()
    assert in_words(fault, "zh") == said
    assert in_words(fault, "en") == fault["msg"]


def test_every_kind_that_has_words_is_one_of_pydantics() -> None:
    from typing import get_args

    from pydantic_core.core_schema import ErrorType

    assert set(_chinese()) <= set(get_args(ErrorType))


async def test_a_field_that_there_is_not_is_named_where_it_stands(client: httpx.AsyncClient, recording: bytes) -> None:
    files = {"audio": ("a.ogg", recording, "audio/ogg")}
    answered = await client.post("/v1/calls", files=files, data={"metadata": '{"consent": "C-1"}'})
    assert answered.status_code == 422
    assert answered.json()["errors"] == [{"pointer": "/body/metadata/consent", "detail": "没有这个字段"}]
    english = await client.post(
        "/v1/calls", files=files, data={"metadata": '{"consent": "C-1"}'}, headers={"accept-language": "en"}
    )
    assert english.json()["errors"][0]["detail"] == "Extra inputs are not permitted"
