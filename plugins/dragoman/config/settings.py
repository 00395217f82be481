"""What the operator decided: one frozen object, made once from the whole YAML, passed in, never global."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from dragoman.config.auth import AuthSettings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

GIB: Final = 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchSettings:
    """How inputs are fetched from elsewhere."""

    allow: tuple[str, ...] = ()
    """Lower-case ``host`` or ``host:port`` (IPv6 in brackets before a port) that may be private."""
    max_bytes: int = 2 * GIB
    """Of one input, both as sent and as decompressed; inclusive."""
    timeout: float = 300.0
    """Seconds, for one input with all its redirects."""
    redirects: int = 5
    """Followed at most; 0 is none."""
    object_stores: tuple[str, ...] = ()
    """Prefixes ``s3://bucket/...`` or ``gs://bucket/...`` that may be read, with the server's credentials."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSettings:
    """How jobs queue, retry and expire."""

    queue_limit: int = 10_000
    """Accepted jobs that may wait; inclusive."""
    max_attempts: int = 3
    """Runs of one job that end with its worker's death, the first included."""
    sync_waiters: int = 0
    """Sync calls that may wait at once; 0: the web server decides from its threads."""
    sync_slots: int = 1
    """Of the workers those that only sync calls take; where there is one worker, none."""
    keep_results: float | None = 7 * 86400.0
    """Seconds after the end; None is for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSettings:
    """What no request may exceed."""

    request_bytes: int = 256 * 1024**2
    """Of a request body; inclusive."""
    max_pixels: int = 4_000_000_000
    """Of one input raster: width x height x bands; inclusive."""
    opening_timeout: float = 30.0
    """Seconds that opening the file of one input may take."""
    min_free_disk: int = 500 * 1024**2
    """Bytes free under HOME, below which the server is not ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessDeclaration:
    """One process resource of the YAML: a package of ours, or a foreign processor."""

    id: str
    package: Path | None = None
    """The package's folder (absolute, perhaps missing); None for a foreign processor."""
    processor: Mapping[str, Any] | None = None
    """The pygeoapi processor definition; None for a package."""
    profiles: tuple[str, ...] = ()
    max_parallel: int = 0
    """Jobs of it that run at once; 0: as many as there are workers."""
    line: int
    """Where the YAML declares it, from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All that dragoman reads from the configuration."""

    config_path: Path
    """The YAML file, absolute."""
    server_url: str
    """The public base URL, without a trailing slash."""
    host: str
    port: int
    home: Path
    """Absolute; perhaps not there yet."""
    database_url: str = field(repr=False)
    """An SQLAlchemy URL; may hold a password."""
    workers: int
    """At least 1."""
    warm_workers: int = 8
    reload: bool = True
    """Whether a package is loaded anew when its files have changed."""
    log_format: str = "text"
    """How server and engine log: one of LOG_FORMATS."""
    data_roots: tuple[Path, ...] = ()
    """Absolute, not resolved, perhaps not there yet."""
    fetch: FetchSettings = FetchSettings()
    jobs: JobSettings = JobSettings()
    limits: LimitSettings = LimitSettings()
    cors_origins: tuple[str, ...] = ()
    """``scheme://host[:port]``, lower-case, as a browser sends it."""
    cors_everyone: bool = False
    """pygeoapi's own ``server.cors``: pages of every origin may POST and DELETE."""
    gzip: bool = False
    """Whether JSON and pages are compressed for clients that take it."""
    behind_proxy: bool = False
    auth: AuthSettings = field(default_factory=AuthSettings)
    processes: tuple[ProcessDeclaration, ...] = ()
    """In the declared order."""
    dialects: Mapping[str, object] = field(default_factory=dict)
    """What each dialect made of its part, by name; one that is off is False, one that is not here has its defaults."""
    counted_dialects: tuple[str, ...] = ()
    """The dialects whose settings the engine depends on."""
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The whole parsed YAML, substituted."""

    @property
    def digest(self) -> str:
        """Hash of what the engine depends on: a supervisor that has another one is replaced."""
        engine = asdict(self)
        irrelevant_keys = (
            "host",
            "port",
            "cors_origins",
            "cors_everyone",
            "gzip",
            "behind_proxy",
            "auth",
            "reload",
            "raw",
        )
        for irrelevant in irrelevant_keys:
            del engine[irrelevant]
        dialects = engine.pop("dialects")
        engine["dialects"] = {name: dialects[name] for name in self.counted_dialects}
        text = json.dumps(engine, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()
