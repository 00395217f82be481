"""Where and how the engine logs: times in UTC with their zone, a line each, as text or as JSON."""

from __future__ import annotations

import json
import logging
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from dragoman.jobs.engine_settings import EngineSettings

TEXT: Final = "[%(asctime)s] %(levelname)s %(name)s - %(message)s"
MOMENT: Final = "%Y-%m-%dT%H:%M:%SZ"
MEMBERS: Final = ("action", "job_id", "process_id")
"""What our loggers say in ``extra``."""


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


def log_as_engine(settings: EngineSettings) -> None:
    """Set up logging in the engine's process."""
    handler = logging.FileHandler(settings.log_file) if settings.log_file else logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if settings.log_format == "json" else UtcFormatter())
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler])
