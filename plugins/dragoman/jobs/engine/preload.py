"""Imported by the forkserver before it forks any worker: the imports that the worker of a job would wait for."""

from __future__ import annotations

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
