"""gunicorn's own lines as the server's: ``--logger-class dragoman.host.gunicorn_log.Logger``."""

from __future__ import annotations

from typing import Any, Final

from gunicorn.config import AccessLogFormat
from gunicorn.glogging import Logger as GunicornLogger

from dragoman.host.bootstrap import read_settings
from dragoman.host.log_lines import formatter

ACCESS: Final = '%(h)s "%(r)s" %(s)s %(B)s %(L)s'
"""Client, request, status, bytes, seconds: the time is before it already."""


class Logger(GunicornLogger):  # type: ignore[misc]
    """Logs errors, and requests where gunicorn is told to (``--access-logfile -``), in the configured form."""

    def setup(self, cfg: Any) -> None:
        """See gunicorn."""
        super().setup(cfg)
        form = formatter(read_settings().log_format)
        for log in (self.error_log, self.access_log):
            for handler in log.handlers:
                handler.setFormatter(form)
        if cfg.access_log_format == AccessLogFormat.default:
            cfg.set("access_log_format", ACCESS)
