"""The API's own description, without anything running."""

from __future__ import annotations

from typing import Any, cast

from api.app import create_app
from api.parts import ApiLimits, ApiParts


class _Limits:
    """All that the routes' description needs of the parts."""

    limits = ApiLimits()


def description() -> dict[str, Any]:
    """Return the OpenAPI document that `/openapi.json` answers."""
    return create_app(cast(ApiParts, _Limits())).openapi()
