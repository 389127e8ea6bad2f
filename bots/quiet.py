"""Addresses in the HTTP library's own log lines, without what they carry: tokens and secrets stand in their queries."""

from __future__ import annotations

import logging

import httpx


class _NoQueries(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        """Shorten each address among a line's values; every line passes."""
        if isinstance(record.args, tuple):
            record.args = tuple(_short(value) for value in record.args)
        return True


_FILTER = _NoQueries()


def keep_queries_out_of_logs() -> None:
    """Let the HTTP library log hosts only; calling it again changes nothing."""
    logging.getLogger("httpx").addFilter(_FILTER)


def _short(value: object) -> object:
    return f"{value.scheme}://{value.host}/…" if isinstance(value, httpx.URL) else value
