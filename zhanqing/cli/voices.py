"""`zhanqing voice`: a rep's voice on file, by their own consent, for recordings whose channels tell nobody apart."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from domain.errors import InputError, NotFoundError
from domain.messages import text
from zhanqing.cli.options import Lang, Tenant
from zhanqing.cli.output import say
from zhanqing.cli.trust import run_opened

if TYPE_CHECKING:
    from zhanqing.bootstrap import Parts

voice_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
RepId = Annotated[str, typer.Argument(help="销售编号。 Rep id.")]
Agreed = Annotated[
    bool, typer.Option("--agreed", help="本人已同意：顺便记下这份同意。 The rep agreed: record this consent.")
]


@voice_app.command("enroll")
def enroll(
    rep_id: RepId,
    audio: Annotated[Path, typer.Argument(help="只有本人说话的录音，至少 5 秒。 The rep alone, 5 s or more.")],
    consent: Annotated[str, typer.Option("--consent", metavar="REF", help="本人同意的编号。 The rep's own consent.")],
    agreed: Agreed = False,
    tenant: Tenant = "default",
    lang: Lang = None,
) -> None:
    """登记销售的声音（需本人同意；只存密封的声纹，不存录音）。 Keep a rep's voiceprint, sealed; never the sound."""

    async def keep(parts: Parts) -> None:
        if agreed:
            await _record_consent(parts, tenant, rep_id, consent)
        async with parts.store.read(tenant) as work:
            await work.rep_voices.refuse_without_consent(rep_id, consent)
        voice = await asyncio.to_thread(parts.transcriber.voiceprint, audio)
        async with parts.store.begin(tenant) as work:
            await work.rep_voices.enrol(rep_id, voice.dump(), consent_reference=consent)
        say(text("zhanqing.voice_kept", parts.lang, rep=rep_id))

    run_opened(lang, keep)


@voice_app.command("list")
def list_voices(tenant: Tenant = "default", lang: Lang = None) -> None:
    """列出登记了声音的销售。 List whose voices are on file."""

    async def show(parts: Parts) -> None:
        async with parts.store.read(tenant) as work:
            for voice in await work.rep_voices.all():
                say(f"{voice.rep_id:<24}  {voice.enrolled_at:%Y-%m-%d %H:%M}  {voice.consent_reference}")

    run_opened(lang, show)


@voice_app.command("forget")
def forget(rep_id: RepId, tenant: Tenant = "default", lang: Lang = None) -> None:
    """删除登记的声音，立即生效。 Erase a rep's voice at once."""

    async def erase(parts: Parts) -> None:
        async with parts.store.begin(tenant) as work:
            if not await work.rep_voices.forget(rep_id):
                raise NotFoundError("zhanqing.no_voice", rep=rep_id)
        say(text("zhanqing.voice_gone", parts.lang, rep=rep_id))

    run_opened(lang, erase)


async def _record_consent(parts: Parts, tenant: str, rep_id: str, reference: str) -> None:
    """Note the rep's consent; one of this reference that is somebody else's stays theirs.

    Raises:
        InputError: There is no rep of this id to consent.
    """
    from store.consents import ConsentRecord

    async with parts.store.begin(tenant) as work:
        if await work.people.rep(rep_id) is None:
            raise InputError("store.no_rep")
        granted_at = parts.store.clock()
        await work.consents.put(
            ConsentRecord(reference=reference, subject=rep_id, channel="voice", granted_at=granted_at)
        )
