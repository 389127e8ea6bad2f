"""What both ways in have in common: one app, its answers, its files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bots.clock import Clock
from bots.dingtalk import bodies, checks
from bots.dingtalk.api import DingtalkApi
from bots.dingtalk.config import DingtalkConfig
from bots.dingtalk.delivery import Delivery
from bots.downloads import download
from bots.inbound import Attachment
from bots.outgoing import Outgoing
from bots.platform import Finding
from bots.wecom.hosts import is_local
from domain.errors import InputError, PlatformError


class DingtalkAccount:
    """One app; any process may deliver for it.

    Args:
        hears_presses: Presses on cards come back over this way in.
    """

    def __init__(self, config: DingtalkConfig, clock: Clock, *, hears_presses: bool) -> None:
        self._config = config
        self._clock = clock
        self._api = DingtalkApi(config, clock)
        self._delivery = Delivery(config, self._api, clock, hears_presses=hears_presses)

    @property
    def account_id(self) -> str:
        """The app's client id."""
        return self._config.client_id

    async def deliver(self, outgoing: Outgoing) -> Mapping[str, str]:
        """Show the answer as it is now: on a card as it grows where there is a template, else when it is done."""
        return await self._delivery.deliver(outgoing)

    async def fetch(self, attachment: Attachment, into: Path) -> str:
        """Write a file to `into`; its locator is the download code."""
        body = {"robotCode": self._config.robot, "downloadCode": attachment.locator}
        said = await self._api.call("POST", bodies.DOWNLOAD, body)
        url = said.get("downloadUrl")
        if not isinstance(url, str):
            raise PlatformError("bots.dingtalk_down", status=200)
        if not is_local(url):
            url = url.replace("http://", "https://", 1)  # some tenants are given plain addresses of the same store
        if not self._config.may_reach(url, domains=self._config.file_domains):
            raise InputError("bots.dingtalk_foreign_host")
        found = await download(self._api.client, url, into, max_bytes=self._config.max_file_bytes)
        return attachment.file_name or found.name

    async def check(self) -> list[Finding]:
        """Try the credentials, the robot, the cards and the clock."""
        findings = await checks.credentials(self._api)
        if all(finding.ok for finding in findings):
            findings += [await checks.robot(self._api, self._config), await checks.cards(self._api, self._config)]
            findings.append(checks.clock(self._api, self._clock))
        return findings

    async def close(self) -> None:
        """Let connections go."""
        await self._api.close()
