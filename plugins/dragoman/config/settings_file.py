"""Settings from the YAML file and the variables that it names.

The keys are the public contract of ``docs/operating.md``; ``KEYS`` lists them all and drives the check for
unknown ones, with what each dialect adds. A mistake is a ``SettingsError``: one line with file, key, what is
wrong and what is allowed.
"""

from __future__ import annotations

import ipaddress
import os
import re
from typing import TYPE_CHECKING, Final

from dragoman.config.auth import read_auth
from dragoman.config.bundled import PREFIX, package_folder
from dragoman.config.dialects import DialectSettings, added_processes, dialect_keys, read_dialects
from dragoman.config.file import ConfigFile, check_schema, read_config, shown, without_effect
from dragoman.config.keys import KEYS, MANAGER, PACKAGED
from dragoman.config.settings import FetchSettings, JobSettings, LimitSettings, ProcessDeclaration, Settings
from dragoman.config.values import Section

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

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
