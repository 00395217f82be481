"""Rasters in object stores (``s3://``, ``gs://``), read by GDAL with the server's own credentials.

Only below the prefixes that the operator allows. What is read is copied, piece by piece, into a file of the job:
the format's driver is one of those that read nothing else, and nothing is looked for beside the object.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from dragoman.errors import InvalidRequest
from dragoman.sources import metering
from dragoman.sources.partial_files import removed_on_error
from dragoman.sources.precheck import check_object_href

if TYPE_CHECKING:
    from pathlib import Path

    from dragoman.sources.policy import SourcePolicy

PATHS: Final = {"s3": "/vsis3/", "gs": "/vsigs/"}
"""How GDAL calls them."""


def copy_object(href: str, target: Path, policy: SourcePolicy) -> None:
    """Write the raster to ``target`` as GeoTIFF, decoded within ``max_bytes``, all within ``timeout``.

    Raises InvalidRequest; then no file is left.
    """
    from dragoman.rasters.object_copy import copy_remote

    scheme, bucket, key = check_object_href(href, policy)
    seconds = policy.fetch.timeout
    end = time.monotonic() + seconds

    def check() -> None:
        if time.monotonic() > end:
            raise InvalidRequest(f"fetching took longer than {seconds:g} s, which is the limit")

    with removed_on_error(target):
        copy_remote(
            f"{PATHS[scheme]}{bucket}/{key}",
            target,
            max_bytes=policy.fetch.max_bytes,
            timeout=seconds,
            check=check,
        )
        metering.count(target.stat().st_size)  # as it is decoded: GDAL does not tell what it read
