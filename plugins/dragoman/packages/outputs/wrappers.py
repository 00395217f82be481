"""Programs around a program: what a client asked for beside the outputs themselves.

Each is a program too, so they can be put around each other, and none knows the form of what it wraps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dragoman.packages.outputs.image_formats import convert_images
from dragoman.packages.outputs.listing import listed
from dragoman.packages.outputs.roi import check_roi, crop_inputs, strip_margins

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from dragoman.model.job import Output
    from dragoman.model.process import Process
    from dragoman.model.resolved import ResolvedValue
    from dragoman.model.roi import Roi
    from dragoman.packages.program import Program, WatchedContext
    from dragoman.sources.resolve import Resolve


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapper:
    """What every program around a program has."""

    program: Program

    @property
    def process(self) -> Process:
        """See Program."""
        return self.program.process

    @property
    def resolve(self) -> Resolve:
        """See Program."""
        return self.program.resolve


@dataclass(frozen=True, slots=True, kw_only=True)
class Cropped(Wrapper):
    """A program that sees a region of its images with some margin, and whose images lose the margin again."""

    roi: Roi
    inputs: Path
    """The folder for cropped copies; made when it is needed, and not the context's scratch, which is the author's."""

    def run(
        self,
        values: Mapping[str, Sequence[ResolvedValue]],
        *,
        context: WatchedContext,
        folder: Path,
        wanted: Collection[str] | None,
    ) -> dict[str, Output]:
        """See Program; raises InputError for a region that the images do not have."""
        check_roi(self.process, self.roi, values)
        cropped, margins = crop_inputs(self.roi, values, self.inputs, context)
        outputs = self.program.run(cropped, context=context, folder=folder, wanted=wanted)
        return strip_margins(self.roi, outputs, margins, folder)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered(Wrapper):
    """A program whose images come in the formats asked for, where these can hold them."""

    formats: Mapping[str, str]
    """Media type by output id."""

    def run(
        self,
        values: Mapping[str, Sequence[ResolvedValue]],
        *,
        context: WatchedContext,
        folder: Path,
        wanted: Collection[str] | None,
    ) -> dict[str, Output]:
        """See Program."""
        outputs = self.program.run(values, context=context, folder=folder, wanted=wanted)
        return convert_images(outputs, self.formats, folder)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed(Wrapper):
    """A program whose small rasters come as nested lists besides."""

    outputs: frozenset[str]
    """Ids of the outputs that may be asked for so; what is no raster, or a large one, stays as it is."""

    def run(
        self,
        values: Mapping[str, Sequence[ResolvedValue]],
        *,
        context: WatchedContext,
        folder: Path,
        wanted: Collection[str] | None,
    ) -> dict[str, Output]:
        """See Program."""
        outputs = self.program.run(values, context=context, folder=folder, wanted=wanted)
        return {
            name: listed(output, folder) if name in self.outputs else output
            for name, output in outputs.items()
        }
