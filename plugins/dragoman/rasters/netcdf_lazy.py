"""Variables of a NetCDF file that are read when asked for: decoded, and with the file blamed for its faults."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from dragoman.errors import InputError, InvalidRequest
from dragoman.rasters.hdf5_contents import DAMAGED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from dragoman.rasters.netcdf_decoding import Decoder


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a variable comes from, for whoever is told that it cannot be read."""

    path: Path
    name: str
    """With its groups: ``group/name``."""
    input_id: str | None = None
    """The input that the file came as."""
    filter_name: str | None = None
    """The filter that it is stored by and that is not installed here."""

    def fault(self, what: str) -> InputError | InvalidRequest:
        """The error that says what is wrong with the variable."""
        text = f"variable '{self.name}' {what}"
        return InputError(self.input_id, text) if self.input_id else InvalidRequest(text)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Within it, what the libraries raise for a damaged file is the file's fault."""
        try:
            yield
        except InputError:
            raise
        except InvalidRequest as error:
            raise self.fault(error.detail) from error
        except (OSError, RuntimeError) as error:
            if self.filter_name is not None:
                reason = f"is stored by {self.filter_name}, which is not installed here"
                raise self.fault(f"cannot be read: it {reason}") from error
            raise self.fault(f"cannot be read: {DAMAGED}") from error


class DecodedArray(BackendArray):
    """The values of a variable; each access reads and decodes what it asks for."""

    def __init__(self, stored: xr.Variable, decoder: Decoder | None, origin: Origin) -> None:
        self.stored = stored
        self.decoder = decoder
        self.origin = origin
        self.shape = stored.shape
        self.dtype = stored.dtype if decoder is None else decoder.dtype

    def __getitem__(self, key: Any) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> NDArray[Any]:
        with self.origin.reading():
            stored: NDArray[Any] = self.stored[key].values
            return stored if self.decoder is None else self.decoder.decode(stored)


def lazy_variable(array: DecodedArray, attributes: Any, encoding: Any) -> xr.Variable:
    """A variable that reads late."""
    data = indexing.LazilyIndexedArray(array)
    return xr.Variable(array.stored.dims, data, attributes, encoding, fastpath=True)


def decoded_array(variable: xr.Variable) -> DecodedArray | None:
    """What is behind a variable as it was opened, whole; None where it is anything else."""
    data = getattr(variable, "_data", None)  # there is no public way that does not read it
    whole = isinstance(data, indexing.LazilyIndexedArray) and data.shape == variable.shape
    array = getattr(data, "array", None) if whole else None
    return array if isinstance(array, DecodedArray) and array.shape == variable.shape else None
