"""Classic NetCDF that was cut is told from what is whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import netCDF4
import numpy as np
import pytest

from dragoman.errors import InvalidRequest
from dragoman.rasters.hdf5_contents import DAMAGED
from dragoman.rasters.netcdf_classic import is_complete
from dragoman.rasters.netcdf_opening import open_dataset

if TYPE_CHECKING:
    from pathlib import Path

FORMS = ["NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA"]


def make(path: Path, form: Any, records: int | None = None, **variables: str) -> Path:
    """A file with the variables by name and type, along (time, x); ``records``: time grows."""
    with netCDF4.Dataset(path, "w", format=form) as file:
        file.title = "odd length"
        file.createDimension("time", 3 if records is None else None)
        file.createDimension("x", 5)
        for name, kind in variables.items():
            made = file.createVariable(name, kind, ("time", "x"))
            made.units = "K"
            if records != 0:
                made[:] = np.ones((records or 3, 5))
    return path


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("records", [None, 0, 1, 4])
@pytest.mark.parametrize("variables", [{"a": "f4"}, {"a": "i2"}, {"a": "i1", "b": "i2", "c": "f8"}])
def test_a_whole_file_is_read_and_a_cut_one_is_not(
    tmp_path: Path, form: str, records: int | None, variables: dict[str, str]
) -> None:
    path = make(tmp_path / "a.nc", form, records, **variables)
    assert is_complete(path)
    open_dataset(path).close()
    whole = path.read_bytes()
    for length in {len(whole) - 8, len(whole) // 2, 40, 5}:
        path.write_bytes(whole[:length])
        assert not is_complete(path)
        with pytest.raises(InvalidRequest, match=DAMAGED):
            open_dataset(path)


def test_a_file_without_variables_is_whole(tmp_path: Path) -> None:
    path = make(tmp_path / "a.nc", FORMS[0])
    assert is_complete(path)


def test_records_of_unknown_number_are_as_many_as_there_are(tmp_path: Path) -> None:
    path = make(tmp_path / "a.nc", FORMS[0], 4, a="f4", b="f4")
    content = bytearray(path.read_bytes())
    content[4:8] = b"\xff" * 4
    path.write_bytes(content)
    assert is_complete(path)


@pytest.mark.parametrize(
    "content",
    [
        b"CDF\x01",
        b"CDF\x01" + b"\xff" * 60,
        b"CDF\x01" + bytes(4) + b"\x00\x00\x00\x0a\x7f\xff\xff\xff" + bytes(60),
        b"CDF\x05" + bytes(8) + bytes(3) + b"\x0b" + bytes(80),
    ],
)
def test_a_header_that_makes_no_sense_is_damage(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.nc"
    path.write_bytes(content)
    with pytest.raises(InvalidRequest, match=DAMAGED):
        open_dataset(path)


def test_the_whole_of_a_random_header_is_never_an_error_of_ours(tmp_path: Path) -> None:
    rng: Any = np.random.default_rng(1)
    whole = make(tmp_path / "a.nc", FORMS[0], 4, a="f4").read_bytes()
    path = tmp_path / "b.nc"
    for _ in range(300):
        content = bytearray(whole)
        content[rng.integers(4, 160)] = rng.integers(256)
        path.write_bytes(content)
        is_complete(path)
