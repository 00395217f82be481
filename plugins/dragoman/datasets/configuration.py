"""A session's configuration, as a client posts it: checked, and its defaults filled in.

Source: contracts/aeon.md, "Session config"; messages begin as recorded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from dragoman.datasets.augmentation import Augmentation, read_augmentation
from dragoman.datasets.fields import (
    INT_MAX,
    Field,
    count,
    flag,
    number,
    read_fields,
    text,
)
from dragoman.datasets.order import OrderSettings
from dragoman.errors import DatasetError, DatasetFieldError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dragoman.model.process import JSON

MODES: Final = ("ONCE", "COUNT", "INFINITE")
_IGNORED: Final = (
    "cache_directory",
    "web_server_port",
    "ssd_config",
    "remote",  # the client posts its whole configuration, with what it knows of the server
    "cpu_list",
    "decode_thread_count",
    "python_plugin",
)
_LONGEST_PATH: Final = 4096
_FIELDS: Final = (
    text("manifest_filename"),
    text("manifest_root", ""),
    count("batch_size", most=1_000_000),
    count("block_size", 5000, least=0),
    number("subset_fraction", 1.0, least=0, most=1),
    flag("shuffle_enable", default=False),
    flag("shuffle_manifest", default=False),
    flag("pinned", default=False),
    flag("batch_major", default=True),
    count("random_seed", 0, least=0, most=2**32 - 1),
    text("iteration_mode", "ONCE"),
    Field(name="iteration_mode_count", kind="integer", default=0),
    count("node_id", 0, least=0),
    count("node_count", 0, least=0),
    Field(name="augmentation", kind="array", default=()),
    Field(name="etl", kind="array", default=None),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionConfiguration:
    """What one session reads, in which order, and in which form."""

    document: Mapping[str, JSON]
    """As posted, with the seed that was drawn where it said 0: from it the same configuration can be read again."""
    manifest_filename: str
    manifest_root: str
    etl: tuple[JSON, ...]
    augmentation: Augmentation
    order: OrderSettings
    iteration_mode: str
    iteration_mode_count: int
    pinned: bool
    batch_major: bool

    @property
    def batch_size(self) -> int:
        """Records of a batch."""
        return self.order.batch_size


def read_configuration(body: JSON, draw_seed: Callable[[], int]) -> SessionConfiguration:
    """The configuration in a body; ``draw_seed`` gives a seed where it asks for any.

    Raises DatasetFieldError for members that are missing or of another type, DatasetError for all else.
    """
    values = read_fields(body, _FIELDS, ignored=_IGNORED)
    etl = _etl(body, values)
    _check_paths(values)
    _check_iteration(values)
    if values["subset_fraction"] == 0:
        raise DatasetError("subset_fraction must be >= 0 and <= 1; got 0, which leaves no record")
    if values["node_count"] and values["node_id"] >= values["node_count"]:
        raise DatasetError(
            f"node_id can't be greater than node_count; allowed: 0 to {values['node_count'] - 1}"
        )
    seed = values["random_seed"] or (1 if values["node_count"] else draw_seed())
    return SessionConfiguration(
        document={**body, "random_seed": seed},
        manifest_filename=values["manifest_filename"],
        manifest_root=values["manifest_root"],
        etl=etl,
        augmentation=read_augmentation(values["augmentation"]),
        order=OrderSettings(
            random_seed=seed,
            **{
                name: values[name]
                for name in (
                    "batch_size",
                    "block_size",
                    "subset_fraction",
                    "shuffle_manifest",
                    "shuffle_enable",
                    "node_id",
                    "node_count",
                )
            },
        ),
        iteration_mode=values["iteration_mode"],
        iteration_mode_count=values["iteration_mode_count"],
        pinned=values["pinned"],
        batch_major=values["batch_major"],
    )


def batch_count(configuration: SessionConfiguration, record_count: int) -> int:
    """Batches of one pass, as ``batch_count`` tells it; a session in mode INFINITE goes on after them."""
    if configuration.iteration_mode == "COUNT":
        return configuration.iteration_mode_count
    return -(-record_count // configuration.batch_size)


def is_over(configuration: SessionConfiguration, record_count: int, number: int) -> bool:
    """Whether there is no batch with this number, counted from 0."""
    return configuration.iteration_mode != "INFINITE" and number >= batch_count(configuration, record_count)


def _etl(body: Mapping[str, JSON], values: Mapping[str, Any]) -> tuple[JSON, ...]:
    if not isinstance(body, dict) or "etl" not in body:
        raise DatasetFieldError("error when parsing field \"etl\": required argument 'etl' not set")
    if not values["etl"]:
        raise DatasetError("value for 'etl' out of range: got []; allowed: an entry for each column")
    return tuple(values["etl"])


def _check_paths(values: Mapping[str, Any]) -> None:
    for name in ("manifest_filename", "manifest_root"):
        if "\0" in values[name] or len(values[name]) > _LONGEST_PATH:
            raise DatasetError(f"value for '{name}' out of range; allowed: an absolute path")


def _check_iteration(values: Mapping[str, Any]) -> None:
    if values["iteration_mode"] not in MODES:
        raise DatasetError("iteration_mode must be one of ONCE, COUNT, or INFINITE")
    if values["iteration_mode"] == "COUNT" and not 0 < values["iteration_mode_count"] <= INT_MAX:
        raise DatasetError("iteration_mode_count must be a positive integer")
