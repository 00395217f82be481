"""Commands of others that ours become: pygeoapi's and gunicorn's."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from dragoman.errors import Unavailable


def program(name: str) -> str:
    """Where a command lies that was installed with us: beside our own, beside Python, or on PATH.

    Raises Unavailable where it is in none of these.
    """
    beside = [str(Path(place).absolute().parent) for place in (sys.argv[0], sys.executable)]
    path = shutil.which(name, path=os.pathsep.join(beside)) or shutil.which(name)
    if path is None:
        raise Unavailable(f"the command {name} is not installed, neither in {beside[0]} nor on PATH")
    return path
