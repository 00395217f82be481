"""The operator's YAML: every mistake is one line that names the file, the key and what is allowed."""

from __future__ import annotations

import os
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import make_url

from dragoman.adapters.aeon.settings import AeonSettings
from dragoman.adapters.appstore import settings as appstore
from dragoman.adapters.appstore.settings import Application, AppStoreSettings
from dragoman.adapters.ccp.settings import CcpSettings
from dragoman.adapters.pesto.settings import PestoSettings
from dragoman.adapters.registry import dialect_settings
from dragoman.config.dialects import dialect_keys
from dragoman.config.file import unset_empty
from dragoman.config.keys import KEYS
from dragoman.config.settings_file import default_environment, load_settings
from dragoman.config.values import DURATIONS, SIZES, parse_quantity
from dragoman.errors import SettingsError
from dragoman.jobs.stores import open_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragoman.config.settings import Settings

    type Load = Callable[..., Settings]

OURS = Path(__file__).parents[2] / "pygeoapi-config.yml"
TEXT = OURS.read_text(encoding="utf-8")
APPSTORE = "".join(re.findall(r"^      appstore: .*\n        downloads: .*\n", TEXT, re.MULTILINE))


def aeon(members: str) -> tuple[str, str]:
    """What is replaced in our file, and by what, for aeon to have these members."""
    return "    dialects:\n", f"    dialects:\n      aeon: {{{members}}}\n"


def store(members: str) -> tuple[str, str]:
    """The same for AppStore, of which our file says what the default is."""
    return APPSTORE, f"      appstore: {{{members}}}\n"


def one(members: str) -> tuple[str, str]:
    """The same for one application of it, whose process is echo."""
    return store(f"applications: {{a: {{process: echo, {members}}}}}")


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load our own file with one piece of it replaced."""

    def build(old: str = "", new: str = "", **env: str) -> Settings:
        assert old in TEXT
        path = tmp_path / "config.yml"
        path.write_text(TEXT.replace(old, new, 1) if old else TEXT + new, encoding="utf-8")
        return load_settings(path, env, dialect_settings())

    return build


def test_our_own_file_has_the_documented_defaults(load: Load, tmp_path: Path) -> None:
    settings = load()
    assert settings.server_url == "http://localhost:5000"
    assert (settings.host, settings.port) == ("127.0.0.1", 5000)
    assert settings.home == tmp_path / "var"
    assert settings.database_url == f"sqlite:///{tmp_path}/var/dragoman.db"
    assert settings.workers == (os.cpu_count() or 1)
    assert settings.data_roots == ()
    assert settings.fetch.max_bytes == 2 * 1024**3
    assert settings.jobs.keep_results == 7 * 86400
    assert settings.limits.request_bytes == 256 * 1024**2
    assert [process.id for process in settings.processes][:2] == ["echo", "ndvi"]
    assert settings.processes[1].package == tmp_path / "processes" / "ndvi"
    assert settings.processes[-1].processor == {"name": "HelloWorld"}
    assert TEXT.splitlines()[settings.processes[1].line - 1] == "  ndvi:"


def test_pygeoapi_itself_accepts_our_file() -> None:
    command = [str(Path(sys.executable).with_name("pygeoapi")), "config", "validate", "-c", str(OURS)]
    env = {name: value for name, value in os.environ.items() if not name.startswith("DRAGOMAN_")}
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_settings_do_not_import_pygeoapi_or_rasters() -> None:
    script = (
        "import sys, pathlib; from dragoman.config.settings_file import load_settings;"
        "from dragoman.adapters.registry import dialect_settings;"
        f"load_settings(pathlib.Path({str(OURS)!r}), {{}}, dialect_settings());"
        "print([name for name in ('pygeoapi', 'numpy', 'requests', 'flask') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_environment_variables_reach_the_settings(load: Load, tmp_path: Path) -> None:
    settings = load(
        DRAGOMAN_PORT="6001",
        DRAGOMAN_HOME="state",
        DRAGOMAN_WORKERS="3",
        DRAGOMAN_DATA_ROOTS="/data:more",
        DRAGOMAN_FETCH_ALLOW="Data.example.org, 127.0.0.1:8000,[::1]:8000,::1",
        DRAGOMAN_DATABASE_URL="postgresql+psycopg://user:secret@localhost/jobs",
    )
    assert settings.server_url == "http://localhost:6001"
    assert settings.home == tmp_path / "state"
    assert settings.workers == 3
    assert settings.data_roots == (Path("/data"), tmp_path / "more")
    assert settings.fetch.allow == ("data.example.org", "127.0.0.1:8000", "[::1]:8000", "::1")
    assert settings.database_url == "postgresql+psycopg://user:secret@localhost/jobs"
    assert "secret" not in repr(settings)


def test_a_variable_that_is_set_but_empty_counts_as_unset(load: Load) -> None:
    assert load(DRAGOMAN_PORT="", DRAGOMAN_HOME="", DRAGOMAN_URL="") == load()
    assert unset_empty(TEXT, {"DRAGOMAN_PORT": "", "DRAGOMAN_HOME": "x", "OTHER": ""}) == ["DRAGOMAN_PORT"]


def test_the_public_url_follows_the_port() -> None:
    assert default_environment({}) == {"DRAGOMAN_URL": "http://localhost:5000"}
    assert default_environment({"DRAGOMAN_PORT": "7000"}) == {"DRAGOMAN_URL": "http://localhost:7000"}
    assert default_environment({"DRAGOMAN_URL": "https://geo.example.org", "DRAGOMAN_PORT": "7000"}) == {}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2024", 2024),
        ("010", "010"),
        ("1.5", 1.5),
        ("true", True),
        ("off", False),
        ("1.2.3", "1.2.3"),
        ("-3", -3),
    ],
)
def test_substituted_values_are_typed_as_yaml_would(load: Load, text: str, value: object) -> None:
    settings = load("", "\nx-note: ${NOTE:-none}\n", NOTE=text)
    assert settings.raw["x-note"] == value
    assert type(settings.raw["x-note"]) is type(value)


def test_only_plain_scalars_are_substituted(load: Load) -> None:
    settings = load(new='\nx-note: ["${NOTE:-none}", plain]\nx-other: a-${NOTE:-none}-${MORE:-b}\n', NOTE="n")
    assert settings.raw["x-note"] == ["${NOTE:-none}", "plain"]
    assert settings.raw["x-other"] == "a-n-b"


def test_lists_may_be_lists_or_joined(load: Load, tmp_path: Path) -> None:
    settings = load("data_roots: ${DRAGOMAN_DATA_ROOTS:-}", "data_roots: [a, /b]")
    assert settings.data_roots == (tmp_path / "a", Path("/b"))
    assert load("allow: ${DRAGOMAN_FETCH_ALLOW:-}", "allow: [a, 'b:1']").fetch.allow == ("a", "b:1")


def test_a_relative_database_is_relative_to_the_file(load: Load, tmp_path: Path) -> None:
    assert load(DRAGOMAN_DATABASE_URL="sqlite:///x.db").database_url == f"sqlite:///{tmp_path}/x.db"
    assert load(DRAGOMAN_DATABASE_URL="sqlite:////srv/x.db").database_url == "sqlite:////srv/x.db"


def test_a_home_may_have_any_name(load: Load, tmp_path: Path) -> None:
    name = "ä ö 'q\" %20 #x?y=1&z"
    settings = load(DRAGOMAN_HOME=name)
    assert settings.home == tmp_path / name
    open_store(settings.database_url).close()
    assert (tmp_path / name / "dragoman.db").is_file()
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_dir()] == [name]


def test_so_may_the_folder_of_the_file_that_a_database_is_relative_to(tmp_path: Path) -> None:
    folder = tmp_path / "a %41 #?b"
    folder.mkdir()
    (folder / "config.yml").write_text(TEXT, encoding="utf-8")
    settings = load_settings(
        folder / "config.yml", {"DRAGOMAN_DATABASE_URL": "sqlite:///x%20y.db"}, dialect_settings()
    )
    assert make_url(settings.database_url).database == str(folder / "x y.db")


@pytest.mark.parametrize("port", ["70000", "abc", "0", "-1"])
def test_a_wrong_port_is_blamed_on_the_port(load: Load, port: str) -> None:
    with pytest.raises(SettingsError, match=r" server\.bind\.port: .*allowed: 1 to 65535"):
        load(DRAGOMAN_PORT=port)


@pytest.mark.parametrize("section", ["metadata", "resources"])
def test_a_section_that_is_missing_is_named(tmp_path: Path, section: str) -> None:
    path = tmp_path / "config.yml"
    data = yaml.safe_load(TEXT)
    del data[section]
    data["server"]["manager"]["dialects"] = {}
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    with pytest.raises(SettingsError, match=rf"config\.yml:1: {section}: is missing; allowed: "):
        load_settings(path, {}, dialect_settings())


@pytest.mark.parametrize(
    "variable",
    ["DRAGOMAN_PORT", "DRAGOMAN_URL", "DRAGOMAN_WORKERS", "DRAGOMAN_FETCH_ALLOW", "DRAGOMAN_DATA_ROOTS"],
)
def test_a_long_value_is_cut_where_it_is_quoted(load: Load, variable: str) -> None:
    with pytest.raises(SettingsError, match=r"\.\.\. \(50[01][0-9] characters\)") as caught:
        load(**{variable: "http://" + "_" * 4999 + " "})
    assert len(caught.value.detail) < 600


def test_a_long_name_is_cut_where_it_is_quoted(load: Load) -> None:
    with pytest.raises(SettingsError, match="unknown key") as caught:
        load("redirects: 5", f"{'r' * 1000}: 5")
    assert len(caught.value.detail) < 600


def test_results_may_be_kept_for_ever(load: Load) -> None:
    assert load("keep_results: 7d", "keep_results: 0").jobs.keep_results is None


def test_behind_a_proxy_any_address_may_be_bound(load: Load) -> None:
    settings = load("behind_proxy: false", "behind_proxy: true", DRAGOMAN_BIND="0.0.0.0")
    assert settings.behind_proxy


@pytest.mark.parametrize("host", ["localhost", "127.0.0.2", "::1"])
def test_loopback_may_be_bound(load: Load, host: str) -> None:
    assert load(DRAGOMAN_BIND=host).host == host


def test_a_dialect_may_be_off(load: Load) -> None:
    settings = load("      pesto: ", "      ccp: off\n      pesto: ")
    assert settings.dialects["ccp"] is False


def test_ccp_is_on_and_its_scripts_are_off(load: Load) -> None:
    assert load().dialects["ccp"] == CcpSettings(cancelled_as_failed=True, script_methods=False)
    own = load(
        "      pesto: ", "      ccp: {cancelled_as_failed: false, script_methods: true}\n      pesto: "
    )
    assert own.dialects["ccp"] == CcpSettings(cancelled_as_failed=False, script_methods=True)
    with pytest.raises(
        SettingsError, match=r"dialects\.ccp\.script_methods: 'maybe' is neither; allowed: true"
    ):
        load("      pesto: ", "      ccp: {script_methods: maybe}\n      pesto: ")


def test_pesto_is_on_unless_it_is_off(load: Load) -> None:
    assert load().dialects["pesto"] == PestoSettings()
    block = TEXT[TEXT.index("      pesto: ") : TEXT.index("\nlogging:")]
    assert load(block, "      pesto: off\n").dialects["pesto"] is False
    assert load(block, "      pesto: on\n").dialects["pesto"] == PestoSettings()


def test_pesto_names_the_processes_that_it_treats_alone(load: Load) -> None:
    settings = load("asynchronous: []", "asynchronous: [ndvi]\n        default_process: echo")
    assert settings.dialects["pesto"] == PestoSettings(default_process="echo", asynchronous=("ndvi",))


def test_aeon_is_on_unless_it_is_off(load: Load) -> None:
    assert load().dialects["aeon"] == AeonSettings()
    assert load("    dialects:\n", "    dialects:\n      aeon: off\n").dialects["aeon"] is False


def test_without_applications_those_are_served_whose_processes_are_declared(load: Load) -> None:
    settings = load()
    assert settings.dialects["appstore"] == AppStoreSettings()
    declared = [process.id for process in settings.processes]
    known = [name for name in ("mosaic", "image-report") if name in declared]
    served = appstore.settings_of(settings)
    assert list(served.applications or ()) == known
    assert served.default == (known[0] if known else None)
    both = appstore.bundled(["image-report", "echo", "mosaic"])
    assert list(both) == ["mosaic", "image-report"]
    assert (both["image-report"].attributes, both["image-report"].result_type) == (
        ("longitude", "latitude"),
        "WEBSITE",
    )
    assert load(APPSTORE, "      appstore: off\n").dialects["appstore"] is False


def test_an_application_says_how_its_tasks_are_put_together(load: Load) -> None:
    keys = (
        "assets_input: images, attributes_input: about, attributes: [longitude, latitude], assets_per_batch: 3,"
        " quiet_period: 1m, start_on_short_batch: true, abandoned_after: 2h, result_type: STREAM,"
        " parameters: {crs: 'EPSG:4326', resolution: 0.5}"
    )
    settings = load(
        *store(f"downloads: 2, applications: {{a: {{process: echo, {keys}}}, b: {{process: ndvi}}}}")
    )
    served = appstore.settings_of(settings)
    assert (served.default, served.downloads) == ("a", 2)
    assert served.applications is not None
    assert served.applications["b"] == Application(name="b", process="ndvi")
    assert served.applications["a"] == Application(
        name="a", process="echo", assets_input="images", attributes_input="about",
        attributes=("longitude", "latitude"), assets_per_batch=3, quiet_period=60, start_on_short_batch=True,
        abandoned_after=7200, result_type="STREAM", parameters={"crs": "EPSG:4326", "resolution": 0.5},
    )  # fmt: skip
    assert settings.digest != load(*store("downloads: 3")).digest != load().digest


def test_every_key_of_aeon_counts(load: Load) -> None:
    keys = "idle_timeout: 2h, session_memory: 1MiB, memory: 2MiB, packed_fit: true, fast_decode: true"
    settings = load(*aeon(keys))
    assert settings.dialects["aeon"] == AeonSettings(
        idle_timeout=7200, session_memory=2**20, memory=2**21, packed_fit=True, fast_decode=True
    )
    assert settings.digest != load().digest  # the engine's part is made of them


def test_prefixes_of_object_stores_end_with_a_slash(load: Load) -> None:
    settings = load("object_stores: []", "object_stores: [s3://scenes, 'gs://tiles/2024/']")
    assert settings.fetch.object_stores == ("s3://scenes/", "gs://tiles/2024/")


MISTAKES = [
    ("port: ${DRAGOMAN_PORT:-5000}", "port: many", "server.bind.port", "1 to 65535"),
    ("port: ${DRAGOMAN_PORT:-5000}", "port: 70000", "server.bind.port", "1 to 65535"),
    ("port: ${DRAGOMAN_PORT:-5000}", "port: true", "server.bind.port", "1 to 65535"),
    ("    port: ${", "    prot: 1\n    port: ${", "server.bind.prot", "host, port"),
    ("host: ${DRAGOMAN_BIND:-127.0.0.1}", "host: 0.0.0.0", "server.bind.host", "behind_proxy"),
    ("url: ${DRAGOMAN_URL:-http://localhost:5000}", "url: localhost", "server.url", "http(s)://"),
    ("name: dragoman.plugin.JobManager", "name: TinyDB", "server.manager.name", "dragoman.plugin.JobManager"),
    ("output_dir: ${DRAGOMAN_HOME:-var}", "output_dir: 7", "server.manager.output_dir", "text"),
    ("output_dir: ${DRAGOMAN_HOME:-var}", 'output_dir: "${H:-var}"', "server.manager.output_dir", "quotes"),
    ("workers: ${DRAGOMAN_WORKERS:-0}", "workers: -1", "server.manager.workers", "0 or more"),
    ("warm_workers: 8", "warm: 8", "server.manager.warm", "warm_workers"),
    ("data_roots: ${DRAGOMAN_DATA_ROOTS:-}", "data_roots: {a: b}", "server.manager.data_roots", "[a, b]"),
    ("max_bytes: 2GiB", "max_bytes: 2GB", "server.manager.fetch.max_bytes", "KiB, MiB, GiB"),
    ("max_bytes: 2GiB", "max_bytes: 0", "server.manager.fetch.max_bytes", "more than 0"),
    ("timeout: 300", "timeout: fast", "server.manager.fetch.timeout", "s, m, h, d"),
    ("redirects: 5", "redirect: 5", "server.manager.fetch.redirect", "redirects"),
    ("allow: ${DRAGOMAN_FETCH_ALLOW:-}", "allow: http://a/", "server.manager.fetch.allow", "host:port"),
    ("max_attempts: 3", "max_attempts: 0", "server.manager.jobs.max_attempts", "1 or more"),
    ("keep_results: 7d", "keep_results: 7w", "server.manager.jobs.keep_results", "s, m, h, d"),
    ("origins: []", "origins: ['*']", "server.manager.cors.origins", "http(s)://host"),
    ("behind_proxy: false", "behind_proxy: maybe", "server.manager.auth.behind_proxy", "true, false"),
    ("behind_proxy: false", "public: [landing]", "server.manager.auth.public", "with oidc"),
    ("behind_proxy: false", "execute: {}", "server.manager.auth.execute", "with oidc"),
    (
        "asynchronous: []",
        "asynchronous: [nothing]",
        "server.manager.dialects.pesto.asynchronous",
        "echo, ndvi",
    ),
    ("asynchronous: []", "default_process: 7", "server.manager.dialects.pesto.default_process", "echo, ndvi"),
    ("asynchronous: []", "async: [ndvi]", "server.manager.dialects.pesto.async", "default_process"),
    (
        "    dialects:\n",
        "    dialects:\n      wps: off\n",
        "server.manager.dialects.wps",
        "pesto, ccp, aeon, ncdjango, appstore",
    ),
    (*store("downloads: 0"), "server.manager.dialects.appstore.downloads", "1 to 256"),
    (*store("applications: []"), "server.manager.dialects.appstore.applications", "a name and its keys"),
    (
        *store("applications: {a/b: {process: echo}}"),
        "server.manager.dialects.appstore.applications.a/b",
        "letters, digits",
    ),
    (
        *store("applications: {a: {process: nothing}}"),
        "server.manager.dialects.appstore.applications.a.process",
        "echo, ndvi",
    ),
    (
        *store("applications: {a: {}}"),
        "server.manager.dialects.appstore.applications.a.process",
        "echo, ndvi",
    ),
    (
        *store("applications: {a: {process: echo}}, default: b"),
        "server.manager.dialects.appstore.default",
        "a",
    ),
    (*one("batch: 3"), "server.manager.dialects.appstore.applications.a.batch", "assets_per_batch"),
    (
        *one("assets_per_batch: 0"),
        "server.manager.dialects.appstore.applications.a.assets_per_batch",
        "1 to 10000",
    ),
    (*one("quiet_period: soon"), "server.manager.dialects.appstore.applications.a.quiet_period", "soon"),
    (
        *one("abandoned_after: 0"),
        "server.manager.dialects.appstore.applications.a.abandoned_after",
        "more than 0",
    ),
    (
        *one("start_on_short_batch: 1"),
        "server.manager.dialects.appstore.applications.a.start_on_short_batch",
        "true",
    ),
    (
        *one("result_type: PAGE"),
        "server.manager.dialects.appstore.applications.a.result_type",
        "auto, JSON, STREAM, WEBSITE",
    ),
    (*one("attributes: longitude"), "server.manager.dialects.appstore.applications.a.attributes", "[a, b]"),
    (
        *one("parameters: [1]"),
        "server.manager.dialects.appstore.applications.a.parameters",
        "values by input",
    ),
    (*one("assets_input: ''"), "server.manager.dialects.appstore.applications.a.assets_input", "not empty"),
    (*aeon("idle: 60"), "server.manager.dialects.aeon.idle", "idle_timeout"),
    (*aeon("idle_timeout: soon"), "server.manager.dialects.aeon.idle_timeout", "soon"),
    (*aeon("session_memory: -1"), "server.manager.dialects.aeon.session_memory", "MiB"),
    (*aeon("memory: 1MiB"), "server.manager.dialects.aeon.memory", "268435456 or more"),
    (*aeon("packed_fit: maybe"), "server.manager.dialects.aeon.packed_fit", "true"),
    (*aeon("fast_decode: 1"), "server.manager.dialects.aeon.fast_decode", "true"),
    ("object_stores: []", "object_stores: [bucket]", "server.manager.fetch.object_stores", "s3://bucket/"),
    (
        "connection: ${DRAGOMAN_DATABASE_URL:-}",
        "connection: {}",
        "server.manager.connection",
        "sqlite:///path",
    ),
    (
        "connection: ${DRAGOMAN_DATABASE_URL:-}",
        "connection: 0",
        "server.manager.connection",
        "sqlite:///path",
    ),
    (
        "connection: ${DRAGOMAN_DATABASE_URL:-}",
        "connection: postgresql://h:p/x",
        "server.manager.connection",
        "host/name",
    ),
    ("origins: []", "origins: http://x:99999", "server.manager.cors.origins", "http(s)://host:port"),
    ("origins: []", "origins: [http://x:0]", "server.manager.cors.origins", "http(s)://host:port"),
    ("allow: ${DRAGOMAN_FETCH_ALLOW:-}", "allow: x:65536", "server.manager.fetch.allow", "host:port"),
    ("${DRAGOMAN_DATA_ROOTS:-}", "http://x/y", "server.manager.data_roots", "folders"),
    ("${DRAGOMAN_DATA_ROOTS:-}", "[/a, 's3://x/y']", "server.manager.data_roots", "folders"),
    ("  gzip: false", "  gzip: perhaps", "server.gzip", "boolean"),
    ("  gzip: false", "  gzipp: false", "server.gzipp", "gzip"),
    ("level: INFO", "level: LOUD", "logging.level", "DEBUG"),
    ("logging:", "loging: {}\nlogging:", "loging", "logging"),
    ("package: processes/ndvi", "packge: processes/ndvi", "resources.ndvi.processor.packge", "package"),
    (", package: processes/ndvi", "", "resources.ndvi.processor.package", "folder"),
    (
        "processor: {name: HelloWorld}",
        "processr: {name: HelloWorld}",
        "resources.hello-world.processr",
        "processor",
    ),
    ("processor: {name: HelloWorld}", "visibility: hidden", "resources.hello-world.processor", "name"),
    ("  hello-world:\n", "  hello world:\n", "resources.hello world", "letters"),
    ("  hello-world:\n", "  7:\n", "resources.7", "letters"),
    ("    type: process\n", "    tpye: process\n", "resources.echo", "process"),
    ("  bind:\n", "  bnid:\n", "server.bnid", "bind"),
    ("timeout: 300", "timeout: 99999999d", "server.manager.fetch.timeout", "s, m, h, d"),
    ("  warm", "  workers: 1\n    warm", "server.manager.workers", "each key once"),
    ("output_dir: ${DRAGOMAN_HOME:-var}", "output_dir: ${NOWHERE}", "server.manager.output_dir", "NOWHERE"),
    ("origins: []", "origins: [${X:-}]", "syntax", "block form"),
    ("keywords_type: theme", "keywords_type: [", "syntax", "YAML"),
    ("level: INFO", "level: 2024-13-45", "syntax", "YAML"),
    ("level: INFO", "level: !!python/none x", "syntax", "YAML"),
]


@pytest.mark.parametrize(
    ("old", "new", "key", "allowed"), MISTAKES, ids=[f"{row[2]}: {row[1]}" for row in MISTAKES]
)
def test_a_mistake_is_one_line_with_file_key_and_what_is_allowed(
    load: Load, tmp_path: Path, old: str, new: str, key: str, allowed: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load(old, new)
    line = caught.value.detail
    assert line.startswith(f"{tmp_path / 'config.yml'}:")
    assert f" {key}: " in line
    assert allowed in line
    assert "allowed: " in line
    assert "\n" not in line


def test_a_mistake_names_its_line(load: Load) -> None:
    number = next(i for i, line in enumerate(TEXT.splitlines(), 1) if "redirects: 5" in line)
    with pytest.raises(SettingsError, match=f"config.yml:{number}: server.manager.fetch.redirects: "):
        load("redirects: 5", "redirects: none")


@pytest.mark.parametrize("url", ["jobs.db", "mysql://root:secret@h/x", "sqlite://", "sqlite:///:memory:"])
def test_a_wrong_database_url_is_refused_without_showing_it(load: Load, url: str) -> None:
    with pytest.raises(SettingsError, match=r"server\.manager\.connection: .*sqlite") as caught:
        load(DRAGOMAN_DATABASE_URL=url)
    assert "secret" not in caught.value.detail


@pytest.mark.parametrize("content", [None, b"", b"- a\n", b"\xff\xfe\x00", b"a: &a [*a]\n", b"\x00"])
def test_a_file_that_is_no_configuration_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "other.yml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        load_settings(path, {}, dialect_settings())
    assert "other.yml" in caught.value.detail
    assert "\n" not in caught.value.detail


def test_anchors_and_merge_keys_work(load: Load) -> None:
    text = TEXT.replace("\nserver:", "\nx-jobs: &jobs {queue_limit: 5}\nserver:", 1)
    text = text.replace("      queue_limit: 10000", "      <<: *jobs\n      #")
    assert load(TEXT, text).jobs.queue_limit == 5


def laughs(merged: bool) -> str:
    """Fourteen lines that stand for ten to the thirteenth values."""
    word = "{<<: [%s]}" if merged else "[%s]"
    lines = [
        "x-0: &x0 {a: b}",
        *(f"x-{n}: &x{n} " + word % ", ".join([f"*x{n - 1}"] * 10) for n in range(1, 14)),
    ]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("added", "told"),
    [
        ("x-deep: " + "[" * 3000 + "]" * 3000, ""),
        ("x-deep: " + "{a: " * 100 + "1" + "}" * 100, "is nested too deeply; allowed: 64 levels"),
        ("x-self: &x [*x, *x, *x]", "an alias may not contain itself"),
        (laughs(merged=False), "holds too much with its aliases written out; allowed: 250000 values"),
        (laughs(merged=True), "holds too much with its aliases written out; allowed: 250000 values"),
    ],
    ids=["very deep", "deep", "itself", "aliases", "merge keys"],
)
def test_what_would_explode_is_one_line(load: Load, added: str, told: str) -> None:
    with pytest.raises(SettingsError, match=r"config.yml:\d+: syntax: ") as caught:
        load(TEXT, f"{added}\n{TEXT}")
    assert told in caught.value.detail
    assert "\n" not in caught.value.detail


def test_the_digest_follows_what_the_engine_depends_on(load: Load) -> None:
    settings = load()
    assert settings.digest == load().digest
    assert settings.digest != load(DRAGOMAN_WORKERS="7").digest
    assert settings.digest == load(DRAGOMAN_BIND="127.0.0.2").digest
    assert settings.digest == load("reload: true", "reload: false").digest


def test_settings_travel_to_another_process(load: Load) -> None:
    settings = load()
    assert pickle.loads(pickle.dumps(settings)) == settings


def test_every_key_has_its_line() -> None:
    assert all(
        text.endswith(".") and "\n" not in text
        for text in {**KEYS, **dialect_keys(dialect_settings())}.values()
    )


@given(number=st.integers(1, 10**6), unit=st.sampled_from(sorted(SIZES)), space=st.sampled_from(["", " "]))
def test_sizes_count_in_powers_of_1024(number: int, unit: str, space: str) -> None:
    text = f"{number}{space if unit else ''}{unit}"
    assert parse_quantity(text, SIZES) == number * 1024 ** ["", "KiB", "MiB", "GiB"].index(unit)


@given(number=st.integers(0, 10**6), unit=st.sampled_from(sorted(DURATIONS)))
def test_durations_count_in_seconds(number: int, unit: str) -> None:
    assert parse_quantity(f"{number}{unit}", DURATIONS) == number * DURATIONS[unit]
    assert parse_quantity(number, DURATIONS) == number


@given(st.text() | st.floats() | st.booleans() | st.none() | st.lists(st.integers()))
def test_no_value_breaks_the_reading_of_quantities(value: object) -> None:
    number = parse_quantity(value, SIZES)
    assert number is None or number >= 0


def test_pages_of_every_origin_or_of_some_not_both(load: Load) -> None:
    gzip, everyone = "  gzip: false\n", "  gzip: true\n  cors: true\n"
    settings = load(gzip, everyone)
    assert (settings.cors_everyone, settings.gzip, settings.cors_origins) == (True, True, ())
    with pytest.raises(
        SettingsError, match=r"server\.cors: lets in pages of every origin, .*; allowed: false"
    ):
        load(TEXT, TEXT.replace(gzip, everyone).replace("origins: []", "origins: [https://a.example.org]"))
