"""Entries of type ``video``: the first frames of a film, each treated as a picture."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dragoman.datasets.buffers import ELEMENT_TYPES, Buffer
from dragoman.datasets.etl.entry import Entry, Frame, buffer_name
from dragoman.datasets.etl.image import FIELDS, ImageSettings, check_normalisation, image_settings
from dragoman.datasets.fields import Field, count, read_fields, text
from dragoman.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from dragoman.datasets.elements import Element
    from dragoman.datasets.etl.entry import EtlSettings, RecordKey
    from dragoman.datasets.geometry import Geometry
    from dragoman.datasets.pictures import Picture
    from dragoman.model.process import JSON

_FIELDS: Final = (
    Field(name="frame", kind="object"),
    count("max_frame_count", most=100_000),
    text("name", ""),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Video(Entry):
    """See ``Entry``; shape [channels, max_frame_count, height, width], black after the last frame."""

    settings: ImageSettings
    buffers: tuple[Buffer, ...]

    def decode(self, elements: Sequence[Element]) -> list[Picture]:
        """The frames, blue first, as many as the buffer takes."""
        from dragoman.datasets.pictures import MOST_PIXELS

        most = self.buffers[0].shape[1]
        frames = _frames(elements[0].content, most, self.settings.channels, MOST_PIXELS)
        if not frames:
            raise DatasetError("the video has no frame that can be decoded")
        return frames

    def frame(self, decoded: list[Picture]) -> Frame | None:
        """The first of them."""
        rows, columns = decoded[0].shape[:2]
        return Frame(size=(columns, rows), target=self.settings.target)

    def load(
        self, decoded: list[Picture], geometry: Geometry | None, rows: Sequence[NDArray[Any]], _key: RecordKey
    ) -> None:
        """See ``Entry``; all frames alike."""
        from dragoman.datasets.pictures import transform

        assert geometry is not None
        rows[0][:, len(decoded) :] = 0
        method = self.settings.etl.augmentation.interpolation_method
        for number, picture in enumerate(decoded):
            self.settings.store(transform(picture, geometry, method), rows[0][:, number])


def read_video(members: Mapping[str, JSON], settings: EtlSettings) -> Video:
    """The entry that its configuration says; frames are channel by channel, whatever ``channel_major`` says."""
    values = read_fields(members, _FIELDS)
    frame = read_fields(values["frame"], (*FIELDS, text("type", "image")))
    image = image_settings({**frame, "channel_major": True}, settings)
    check_normalisation(frame["output_type"], image)
    width, height = image.target
    buffer = Buffer(
        name=buffer_name(values["name"], "video"),
        shape=(image.channels, values["max_frame_count"], height, width),
        type=ELEMENT_TYPES[frame["output_type"]],
        axes=("channels", "frames", "height", "width"),
    )
    return Video(settings=image, buffers=(buffer,))


def _frames(content: bytes, most: int, channels: int, most_pixels: int) -> list[Picture]:
    import av

    kind = "gray" if channels == 1 else "bgr24"
    frames: list[Picture] = []
    pixels = 0
    try:
        with av.open(io.BytesIO(content), mode="r") as container:
            for frame in container.decode(video=0):
                if len(frames) == most:
                    break
                pixels += frame.width * frame.height
                if pixels > most_pixels:
                    raise DatasetError(f"the video's frames have more than {most_pixels} pixels in all")
                frames.append(np.ascontiguousarray(frame.to_ndarray(format=kind)))
    except (av.error.FFmpegError, IndexError, ValueError) as error:
        raise DatasetError("the video cannot be decoded") from error
    return frames
