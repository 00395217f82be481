"""What the operator decided: one frozen object, made once from the whole YAML, passed in, never global.

The keys are the public contract of ``docs/operating.md``; ``KEYS`` lists them all and drives the check for
unknown ones, with what each dialect adds. A mistake is a ``SettingsError``: one line with file, key, what is
wrong and what is allowed.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import os
import re
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from dragoman.config.auth import AuthSettings, read_auth
from dragoman.config.bundled import PREFIX, package_folder
from dragoman.config.dialects import DialectSettings, added_processes, dialect_keys, read_dialects
from dragoman.config.file import ConfigFile, check_schema, read_config, shown, without_effect
from dragoman.config.keys import KEYS, MANAGER, PACKAGED
from dragoman.config.values import Section

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["KEYS", "MANAGER", "PACKAGED", "FetchSettings", "JobSettings", "LimitSettings"]
__all__ += ["ProcessDeclaration", "Settings", "default_environment", "load_settings"]

GIB: Final = 1024**3
LOG_FORMATS: Final = ("text", "json")
VARIABLES: Final = (
    "DRAGOMAN_BIND",
    "DRAGOMAN_PORT",
    "DRAGOMAN_URL",
    "DRAGOMAN_HOME",
    "DRAGOMAN_DATABASE_URL",
    "DRAGOMAN_WORKERS",
    "DRAGOMAN_DATA_ROOTS",
    "DRAGOMAN_FETCH_ALLOW",
)
"""What the shipped configuration names; in another file that does not, they would have no effect."""

_PROCESS_ID = re.compile(r"[A-Za-z0-9._~:-]{1,200}", re.ASCII)  # it is a segment of URLs


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


def _variables(env: Mapping[str, str]) -> list[str]:
    """The variables that somebody has set for us: not the URL that follows the port, nor Kubernetes' own."""
    ours = [name for name in VARIABLES if not env.get(name, "").startswith("tcp://")]
    if env.get("DRAGOMAN_URL") == default_environment({**env, "DRAGOMAN_URL": ""})["DRAGOMAN_URL"]:
        ours.remove("DRAGOMAN_URL")
    return ours


def default_environment(env: Mapping[str, str]) -> dict[str, str]:
    """The variables to set where they are missing or empty: the public URL follows the port."""
    if env.get("DRAGOMAN_URL"):
        return {}
    return {"DRAGOMAN_URL": f"http://localhost:{env.get('DRAGOMAN_PORT') or 5000}"}


def load_settings(path: Path, env: Mapping[str, str], dialects: Sequence[DialectSettings]) -> Settings:
    """Read, check and freeze the configuration; SettingsError for the first mistake found.

    ``dialects`` are those that there are: this room knows none of them.
    """
    config = read_config(path, {**env, **default_environment(env)}, {**KEYS, **dialect_keys(dialects)})
    if (error := without_effect(config.path, env, _variables(env))) is not None:
        raise error
    server = Section(config, ("server",))
    bind, manager = server.section("bind"), server.section("manager")
    if (name := manager.text("name", "")) != MANAGER:
        raise manager.error("name", f"{shown(name)} is another job manager; allowed: {MANAGER}")
    host, port = bind.text("host", "127.0.0.1").strip("[]"), bind.whole("port", 5000, 1, 65535)
    home = manager.folder("output_dir", "var")
    auth, processes = manager.section("auth"), _processes(config)
    process_ids = [process.id for process in processes]
    own = read_dialects(manager.section("dialects"), dialects, process_ids)
    settings = Settings(
        config_path=config.path,
        server_url=server.web_url("url"),  # after the port, which it follows
        host=host,
        port=port,
        home=home,
        database_url=manager.database("connection", home),
        workers=manager.whole("workers", 0) or os.cpu_count() or 1,
        warm_workers=manager.whole("warm_workers", 8),
        reload=manager.flag("reload", True),
        log_format=_log_format(manager),
        data_roots=manager.folders("data_roots"),
        fetch=_fetch(manager.section("fetch")),
        jobs=_jobs(manager.section("jobs")),
        limits=_limits(manager.section("limits")),
        cors_origins=manager.section("cors").origins("origins"),
        cors_everyone=server.values.get("cors") is True,  # pygeoapi's keys, held to its schema below
        gzip=server.values.get("gzip") is True,
        behind_proxy=auth.flag("behind_proxy", False),
        auth=read_auth(auth, [*process_ids, *added_processes(dialects, own)]),
        processes=processes,
        dialects=own,
        counted_dialects=tuple(dialect.name for dialect in dialects if dialect.counted),
        raw=config.data,
    )
    if settings.cors_everyone and settings.cors_origins:
        problem = "lets in pages of every origin, while server.manager.cors.origins names some"
        raise server.error("cors", f"{problem}; allowed: false, or server.manager.cors left out")
    _guard_binding(bind, settings)
    check_schema(config)
    return settings


def _log_format(manager: Section) -> str:
    name = manager.text("log_format", LOG_FORMATS[0])
    if name not in LOG_FORMATS:
        raise manager.error("log_format", f"{shown(name)} is no format; allowed: {', '.join(LOG_FORMATS)}")
    return name


def _fetch(section: Section) -> FetchSettings:
    default = FetchSettings()
    return FetchSettings(
        allow=section.hosts("allow"),
        max_bytes=section.size("max_bytes", default.max_bytes),
        timeout=section.duration("timeout", default.timeout),
        redirects=section.whole("redirects", default.redirects, 0, 100),
        object_stores=section.object_stores("object_stores"),
    )


def _jobs(section: Section) -> JobSettings:
    default = JobSettings()
    return JobSettings(
        queue_limit=section.whole("queue_limit", default.queue_limit, 1),
        max_attempts=section.whole("max_attempts", default.max_attempts, 1),
        sync_waiters=section.whole("sync_waiters", default.sync_waiters),
        sync_slots=section.whole("sync_slots", default.sync_slots),
        keep_results=section.duration("keep_results", default.keep_results or 0.0, zero=True) or None,
    )


def _limits(section: Section) -> LimitSettings:
    default = LimitSettings()
    return LimitSettings(
        request_bytes=section.size("request_bytes", default.request_bytes),
        max_pixels=section.whole("max_pixels", default.max_pixels, 1),
        opening_timeout=section.duration("opening_timeout", default.opening_timeout),
        min_free_disk=section.size("min_free_disk", default.min_free_disk, zero=True),
    )


def _guard_binding(bind: Section, settings: Settings) -> None:
    """Without authentication only this machine may reach the server."""
    try:
        local = ipaddress.ip_address(settings.host).is_loopback
    except ValueError:
        local = settings.host.lower() == "localhost"
    if not local and not settings.behind_proxy and settings.auth.oidc is None:
        problem = (
            f"{shown(settings.host)} is open to others and there is no authentication (server.manager.auth)"
        )
        raise bind.error(
            "host", f"{problem}; allowed: 127.0.0.1, ::1, localhost, or auth: oidc or behind_proxy: true"
        )


def _processes(config: ConfigFile) -> tuple[ProcessDeclaration, ...]:
    resources = config.data.get("resources") or {}
    if not isinstance(resources, dict):
        raise config.error(("resources",), "is not a mapping; allowed: {id: {type: ..., ...}, ...}")
    for name, resource in resources.items():
        if not isinstance(resource, dict) or "type" not in resource:
            raise config.error(("resources", name), "has no type; allowed: type: process, collection, ...")
    return tuple(_process(config, name) for name, entry in resources.items() if entry["type"] == "process")


def _process(config: ConfigFile, name: object) -> ProcessDeclaration:
    if not isinstance(name, str) or not _PROCESS_ID.fullmatch(name):
        raise config.error(
            ("resources", str(name)), "is no process id; allowed: letters, digits and . _ ~ : -"
        )
    resource = Section(
        config, ("resources", name), known=("type", "processor", "allow_internal_requests", "visibility")
    )
    line = config.line(resource.key)
    if not isinstance(definition := resource.values.get("processor"), dict) or not definition.get("name"):
        raise resource.error("processor", "is missing or has no name; allowed: {name: ..., ...}")
    if definition["name"] != PACKAGED:
        return ProcessDeclaration(id=name, processor=definition, line=line)
    processor = resource.section("processor")
    if not processor.values.get("package"):
        allowed = f"the package's folder, relative to this file, or {PREFIX}NAME"
        raise processor.error("package", f"is missing; allowed: {allowed}")
    try:
        package = package_folder(processor.text("package", ""), config.path.parent)
    except ValueError as error:
        raise processor.error("package", str(error)) from error
    profiles = processor.words("profiles")
    most = processor.whole("max_parallel", 0)
    return ProcessDeclaration(id=name, package=package, profiles=profiles, max_parallel=most, line=line)
