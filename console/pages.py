"""The console's pages: templates filled with what a signed-in person may see. Nothing here reads the store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import sha256
from importlib.resources import files
from zoneinfo import ZoneInfo

import jinja2

from domain.messages import text

Say = Callable[..., str]

SECTIONS = ("calls", "team", "cases", "decisions", "trust", "chats", "keys", "users")
ADMIN_SECTIONS = frozenset({"keys", "users"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What every page shows around its content.

    Attributes:
        lang: `zh` or `en`.
        zone: The time zone in which instants are written.
        section: Which of `SECTIONS` is open; empty where none is.
        login: Who is signed in; empty before.
        role: Their role's word.
        csrf: The token that every form of theirs carries.
        here: The page's own path, for the language switch.
    """

    lang: str
    zone: str
    section: str = ""
    login: str = ""
    role: str = ""
    csrf: str = ""
    here: str = "/console/"

    @property
    def sections(self) -> list[str]:
        """The sections that this person may open."""
        return [name for name in SECTIONS if self.role == "admin" or name not in ADMIN_SECTIONS]


def render(name: str, frame: Frame, **content: object) -> str:
    """Fill the template `<name>.html.j2`; everything that comes from outside is escaped.

    Raises:
        jinja2.UndefinedError: The template wants something that was not given.
    """

    def say(key: str, **params: object) -> str:
        return text(f"console.{key}", frame.lang, **params)

    def local(at: datetime | None) -> str:
        return f"{at.astimezone(ZoneInfo(frame.zone)):%Y-%m-%d %H:%M}" if at else "—"

    return _environment().get_template(f"{name}.html.j2").render(frame=frame, say=say, local=local, **content)


@cache
def stylesheet() -> tuple[str, str]:
    """Return the stylesheet and a short name of its content, for its address."""
    css = (files("console") / "console.css").read_text(encoding="utf-8")
    return css, sha256(css.encode("utf-8")).hexdigest()[:12]


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("console", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.globals["style"] = stylesheet()[1]
    environment.filters["percent"] = percent
    return environment


def percent(value: float | None) -> str:
    """Write a share the way people read it."""
    return "—" if value is None else f"{100 * value:.1f}%"
