"""Every key of the configuration that is ours to read, but those of the dialects, with a line on each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

MANAGER: Final = "dragoman.plugin.JobManager"
PACKAGED: Final = "dragoman.plugin.PackagedProcessor"

KEYS: Final[Mapping[str, str]] = {
    "server.bind.host": "Address to listen on; other than loopback only with auth or behind a proxy.",
    "server.bind.port": "Port to listen on, 1 to 65535.",
    "server.url": "The public base URL, as clients see it.",
    "server.manager.name": f"The job manager: {MANAGER}.",
    "server.manager.output_dir": "HOME, the folder of all state: database, job folders, logs.",
    "server.manager.connection": "Database URL, sqlite or postgresql; empty: SQLite under output_dir.",
    "server.manager.workers": "Jobs that run at once; 0: one per CPU.",
    "server.manager.warm_workers": "Idle workers that are kept ready.",
    "server.manager.reload": "Whether packages are loaded anew when their files change; if not, at a start.",
    "server.manager.log_format": "How server and engine log: text, or json, an object a line.",
    "server.manager.data_roots": "Folders that file: inputs may be read from; a list, or joined by ':'.",
    "server.manager.fetch.allow": "Hosts (or host:port) that may be private; a list, or joined by ','.",
    "server.manager.fetch.max_bytes": "Size of one fetched input at most, as sent and as decompressed.",
    "server.manager.fetch.timeout": "Time that fetching one input may take, in all.",
    "server.manager.fetch.redirects": "Redirects that are followed; 0: none.",
    "server.manager.fetch.object_stores": "What may be read of s3:// and gs://: a list of prefixes, or joined by ','.",
    "server.manager.jobs.queue_limit": "Jobs that may wait; beyond, a new one gets 503 with Retry-After.",
    "server.manager.jobs.max_attempts": "Runs of one job, the first included, when its worker dies.",
    "server.manager.jobs.sync_waiters": "Sync calls that may wait; 0: the web server's threads less two.",
    "server.manager.jobs.sync_slots": "Of the workers (of two or more) those that only sync calls take; 0: none.",
    "server.manager.jobs.keep_results": "How long finished jobs and their results are kept; 0: for ever.",
    "server.manager.limits.request_bytes": "Size of a request body at most.",
    "server.manager.limits.max_pixels": "Pixels of one input raster at most (width x height x bands).",
    "server.manager.limits.opening_timeout": "Time that opening the file of one input may take.",
    "server.manager.limits.min_free_disk": "Free space under HOME below which no job is taken.",
    "server.manager.cors.origins": "Origins whose pages may POST and DELETE; GET is open to all.",
    "server.manager.auth.behind_proxy": "Whether a proxy guards the port: binding elsewhere is allowed.",
    "server.manager.auth.oidc": "Who issues tokens (OpenID Connect); left out: nobody is authenticated.",
    "server.manager.auth.oidc.issuer": "Exactly what tokens have as iss; https, or http on loopback.",
    "server.manager.auth.oidc.audience": "What tokens for this server have in aud; one, or a list.",
    "server.manager.auth.oidc.algorithms": "Signatures that are accepted; asymmetric ones alone.",
    "server.manager.auth.oidc.scopes": "Scopes that every token must have.",
    "server.manager.auth.oidc.user_claim": "The claim that names the owner of what a token makes.",
    "server.manager.auth.oidc.client_claim": "The owner where that claim is missing: the first of these.",
    "server.manager.auth.oidc.roles_claim": "The claim with the roles, or the dotted path to it.",
    "server.manager.auth.oidc.admin_role": "The role that sees everybody's jobs.",
    "server.manager.auth.oidc.client_id": "The public client that users' programs log in by.",
    "server.manager.auth.oidc.introspection": "Where opaque tokens are asked about (RFC 7662); left out: refused.",
    "server.manager.auth.oidc.introspection.url": "The introspection endpoint.",
    "server.manager.auth.oidc.introspection.client_id": "The client that asks there.",
    "server.manager.auth.oidc.introspection.client_secret": "Its secret.",
    "server.manager.auth.oidc.leeway": "How much the clocks of issuer and server may differ.",
    "server.manager.auth.public": "What needs no token.",
    "server.manager.auth.execute": "Who may execute what, by process; * stands for each that is not named.",
    "resources.*.processor.name": f"{PACKAGED} for a folder of yours; else any pygeoapi processor.",
    "resources.*.processor.package": "The package's folder, relative to this file; or dragoman:NAME of a bundled one.",
    "resources.*.processor.max_parallel": "Jobs of this process that run at once; 0: as many as there are workers.",
    "resources.*.processor.profiles": "Profiles of a PESTO project that are switched on.",
}
"""Ours and pygeoapi's; ``*`` stands for any process id. Each dialect brings its own (``config.dialects``)."""
