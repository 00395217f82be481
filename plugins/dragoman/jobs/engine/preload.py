"""Imported by the forkserver before it forks any worker: the imports that a worker would wait for.

It acts at import, and must: the forkserver runs no other code of ours. PR_SET_PDEATHSIG in the workers
alone would watch the forkserver, not the supervisor; so the forkserver itself dies with the supervisor.
"""

from __future__ import annotations

import gc

import numpy  # noqa: F401 - preloaded
import rasterio
import rasterio.warp  # noqa: F401 - preloaded
import xarray  # noqa: F401 - preloaded

import dragoman.jobs.engine.worker
import dragoman.packages.native.form
import dragoman.packages.native.program
import dragoman.packages.pesto.form
import dragoman.packages.pesto.program
import dragoman.rasters.images  # noqa: F401 - preloaded
from dragoman.workers.process_tree import die_with_parent

die_with_parent()
gc.freeze()  # what is loaded now is shared by all workers; a collection must not touch, and so copy, it
