"""How the server and the engine log: a line each, times in UTC with their zone, as text or as JSON."""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from dragoman.config.settings import Settings

TEXT: Final = "[%(asctime)s] %(levelname)s %(name)s - %(message)s"
MOMENT: Final = "%Y-%m-%dT%H:%M:%SZ"
MEMBERS: Final = ("action", "job_id", "process_id")
"""What our loggers say in ``extra``."""
GUNICORN: Final = ("gunicorn.error", "gunicorn.access")
"""Loggers that have handlers of their own."""


class UtcFormatter(logging.Formatter):
    """Text; times in UTC."""

    converter = time.gmtime  # type: ignore[assignment]  # it may be called without a time, too

    def __init__(self) -> None:
        super().__init__(TEXT, MOMENT)


class JsonFormatter(UtcFormatter):
    """One JSON object a line: time, level, logger, message; action, job_id and process_id where there are any."""

    def format(self, record: logging.LogRecord) -> str:
        """See logging."""
        line = {
            "time": self.formatTime(record, self.datefmt),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: getattr(record, name) for name in MEMBERS if hasattr(record, name)}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def formatter(log_format: str) -> UtcFormatter:
    """The one of that name: ``text`` or ``json``."""
    return JsonFormatter() if log_format == "json" else UtcFormatter()


def log_as_engine(level: str, file: str | None, log_format: str) -> None:
    """Set up logging in the engine's process."""
    handler = logging.FileHandler(file) if file else logging.StreamHandler()
    handler.setFormatter(formatter(log_format))
    logging.basicConfig(level=level.upper(), handlers=[handler])


def log_as_server(settings: Settings) -> None:
    """Have what pygeoapi has set up, and gunicorn, log as the engine does: in one form, to standard error or the file.

    An operator's own ``logging.logformat`` stays, unless JSON is asked for.
    """
    form = formatter(settings.log_format)
    if "logformat" not in (settings.raw.get("logging") or {}) or settings.log_format == "json":
        for handler in logging.getLogger().handlers:
            handler.setFormatter(form)
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler) and handler.stream is sys.stdout:
            handler.setStream(sys.stderr)
    for name in GUNICORN:
        for handler in logging.getLogger(name).handlers:
            handler.setFormatter(form)
