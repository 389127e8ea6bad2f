"""Every export shows the AI label and carries all seven AIGC fields; its words are data, never markup."""

from __future__ import annotations

import io
from dataclasses import asdict, replace

import docx
import pytest

from agent.coach import Coach
from agent.exports import ExportFormat, export, read_aigc
from domain.accounts import Account
from domain.conversation import Transcript, Turn
from domain.errors import InputError
from domain.suggestions import AI_LABEL, Envelope, SuggestionKind

ACCOUNT = Account(account_id="A-1", name="城东医院", industry="医疗", product="设备运维管理系统", amount_cny=680000)
TALK = Transcript(id="call-1", turns=(Turn(id="t001", speaker="customer", text="四周上线还是有点长。"),))


@pytest.fixture
async def brief(coach: Coach, tenant: str) -> Envelope:
    return await coach.brief(tenant, conversations=[TALK], account=ACCOUNT)


def words_of(content: bytes, form: ExportFormat) -> str:
    if form is not ExportFormat.DOCX:
        return content.decode("utf-8")
    document = docx.Document(io.BytesIO(content))
    footer = document.sections[0].footer.paragraphs
    return "\n".join(one.text for one in (*document.paragraphs, *footer))


@pytest.mark.parametrize("form", ExportFormat)
async def test_the_seven_fields_are_read_back(form: ExportFormat, brief: Envelope) -> None:
    found = read_aigc(export(brief, form), form)
    assert found == brief.aigc
    assert len(asdict(found)) == 7


@pytest.mark.parametrize("form", ExportFormat)
async def test_the_label_and_every_sentence_and_quote_are_shown(form: ExportFormat, brief: Envelope) -> None:
    shown = words_of(export(brief, form), form).replace("\\", "")
    assert shown.count(AI_LABEL) >= 2
    for claim in (claim for one in brief.suggestions for claim in one.claims):
        assert claim.text in shown
        assert all(citation.quote.replace("\n", " ") in shown for citation in claim.citations)


@pytest.mark.parametrize("form", ExportFormat)
@pytest.mark.parametrize("kind", SuggestionKind)
async def test_every_kind_and_an_abstention_can_be_exported(
    kind: SuggestionKind, form: ExportFormat, coach: Coach, tenant: str
) -> None:
    declined = await coach.ask(tenant, "王主任的手机号是多少？")
    content = export(replace(declined, kind=kind), form, lang="en")
    assert declined.reason in words_of(content, form)
    assert read_aigc(content, form) == declined.aigc


async def test_words_of_a_customer_are_no_markup(coach: Coach, tenant: str) -> None:
    envelope = await coach.brief(tenant, conversations=[], account=Account(name="<script>alert(1)</script>*院*"))
    assert "<script>" not in export(envelope, ExportFormat.HTML).decode()
    assert "\\<script\\>" in export(envelope, ExportFormat.MARKDOWN).decode()


@pytest.mark.parametrize("form", ExportFormat)
def test_a_file_without_the_fields_is_refused(form: ExportFormat) -> None:
    with pytest.raises(InputError, match="AIGC"):
        read_aigc(b"# brief", form)
