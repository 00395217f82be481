"""Entries of type ``audio``: a recording as samples, spectra, mel spectra or cepstra."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dragoman.datasets.buffers import ELEMENT_TYPES, Buffer
from dragoman.datasets.etl.entry import Entry, buffer_name
from dragoman.datasets.fields import choice, count, flag, number, out_of_range, read_fields, span, text
from dragoman.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from dragoman.datasets.augmentation import Span
    from dragoman.datasets.elements import Element, Files
    from dragoman.datasets.etl.entry import EtlSettings, RecordKey
    from dragoman.datasets.geometry import Geometry
    from dragoman.datasets.sound import Samples
    from dragoman.model.process import JSON

_FEATURES: Final = ("specgram", "mfsc", "mfcc", "samples")
_FIELDS: Final = (
    text("max_duration"),
    text("frame_stride"),
    text("frame_length"),
    count("num_cepstra", 40, most=10_000),
    count("num_filters", 64, most=10_000),
    choice("feature_type", "specgram", _FEATURES),
    choice("window_type", "hann", ("none", "hann", "hamming", "blackman", "bartlett")),
    text("output_type", ""),
    count("sample_freq_hz", 16_000, least=100, most=1_000_000),
    text("noise_index_file", ""),
    text("noise_root", ""),
    number("add_noise_probability", 0.0, least=0, most=1),
    span("time_scale_fraction", (1.0, 1.0), least=0.01, most=100),
    span("noise_level", (0.0, 0.5), least=0, most=100),
    flag("emit_length", default=False),
    text("name", ""),
)
_DURATION: Final = re.compile(r"\s*([0-9.]+(?:[eE][-+]?[0-9]+)?)\s*(samples|milliseconds|seconds)\s*")
_MOST_STEPS: Final = 100_000_000
_NOISES_KEPT: Final = 16
_NOISE: Final = 2
"""The purpose of the random numbers that draw noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Recordings that are added to others."""

    files: Files
    names: tuple[str, ...]
    probability: float
    level: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Audio(Entry):
    """See ``Entry``; shape [1, frequencies, steps of time], highest frequency first, and perhaps a length [1]."""

    feature: str
    window: str
    rate: int
    frame_length: int
    """Samples of a frame."""
    stride: int
    """Samples from one frame to the next."""
    duration: int
    """Samples at most."""
    filters: int
    cepstra: int
    time_scale: Span
    noise: Noise | None
    buffers: tuple[Buffer, ...]

    def decode(self, elements: Sequence[Element]) -> Samples:
        """The samples at the configured rate."""
        from dragoman.datasets.sound import decode_sound

        return decode_sound(elements[0].content, self.rate)

    def load(
        self, decoded: Samples, _geometry: Geometry | None, rows: Sequence[NDArray[Any]], key: RecordKey
    ) -> None:
        """See ``Entry``; zeros after the end of the recording."""
        random = np.random.default_rng(key.numbers(_NOISE))
        values = self._values(self._noisy(decoded, random), float(random.uniform(*self.time_scale)))
        steps = min(len(values), rows[0].shape[2])
        rows[0][...] = 0
        rows[0][0, :, :steps] = values[:steps].T[::-1]
        if len(rows) > 1:
            rows[1][...] = min(len(decoded), self.duration)

    def _noisy(self, samples: Samples, random: np.random.Generator) -> Samples:
        from dragoman.datasets.sound import with_noise

        noise = self.noise
        if noise is None or random.random() >= noise.probability:
            return samples
        name = noise.names[int(random.integers(len(noise.names)))]
        offset, level = float(random.random()), float(random.uniform(*noise.level))
        return with_noise(samples, _noise(noise.files, name, self.rate), offset, level)

    def _values(self, samples: Samples, time_scale: float) -> NDArray[Any]:
        """Shape (steps, frequencies), in the type of the buffer or one that it can hold."""
        from dragoman.datasets import sound

        steps = self.buffers[0].shape[2]
        if self.feature == "samples":
            return samples[:steps, np.newaxis]
        spectra = sound.spectra_of(
            samples, sound.window_of(self.window, self.frame_length), self.stride, steps
        )
        if self.feature != "specgram":
            spectra = sound.mel_spectra(spectra, _filters(self.filters, self.frame_length, self.rate))
        if self.feature == "mfcc" and len(spectra):
            spectra = sound.cepstra_of(spectra, self.cepstra)
        return sound.as_bytes(sound.stretched(spectra, time_scale)[:steps])


@lru_cache(maxsize=8)
def _filters(filters: int, frame: int, rate: int) -> NDArray[np.float32]:
    from dragoman.datasets.sound import mel_filters

    return mel_filters(filters, frame, rate)


@lru_cache(maxsize=_NOISES_KEPT)
def _noise(files: Files, name: str, rate: int) -> Samples:
    from dragoman.datasets.sound import decode_sound

    return decode_sound(files.read(name), rate)


def read_audio(members: Mapping[str, JSON], settings: EtlSettings) -> Audio:
    """The entry that its configuration says."""
    values = read_fields(members, _FIELDS)
    rate, feature = values["sample_freq_hz"], values["feature_type"]
    duration, frame, stride = (
        _samples(name, values[name], rate) for name in ("max_duration", "frame_length", "frame_stride")
    )
    _check_frames(feature, duration, frame, stride)
    if values["num_cepstra"] > values["num_filters"] and feature == "mfcc":
        raise out_of_range(
            "num_cepstra", values["num_cepstra"], f"1 to num_filters ({values['num_filters']})"
        )
    frequencies = {
        "specgram": frame // 2 + 1,
        "mfsc": values["num_filters"],
        "mfcc": values["num_cepstra"],
        "samples": 1,
    }[feature]
    shape = (1, frequencies, (duration - frame) // stride + 1)
    return Audio(
        feature=feature,
        window=values["window_type"],
        rate=rate,
        frame_length=frame,
        stride=stride,
        duration=duration,
        filters=values["num_filters"],
        cepstra=values["num_cepstra"],
        time_scale=tuple(values["time_scale_fraction"]),
        noise=_read_noise(values, settings.files),
        buffers=_buffers(values, shape),
    )


def _buffers(values: Mapping[str, Any], shape: tuple[int, ...]) -> tuple[Buffer, ...]:
    allowed = ("int16_t", "float") if values["feature_type"] == "samples" else ("uint8_t",)
    output_type = values["output_type"] or allowed[0]
    if output_type not in allowed:
        raise out_of_range("output_type", output_type, ", ".join(allowed))
    name = values["name"]
    sound = Buffer(
        name=buffer_name(name, "audio"),
        shape=shape,
        type=ELEMENT_TYPES[output_type],
        axes=("channels", "frequency", "time"),
    )
    if not values["emit_length"]:
        return (sound,)
    length = Buffer(name=buffer_name(name, "audio_length"), shape=(1,), type=ELEMENT_TYPES["uint32_t"])
    return sound, length


def _samples(name: str, words: str, rate: int) -> int:
    """A duration such as ``20 milliseconds`` in samples."""
    match = _DURATION.fullmatch(words)
    try:
        value = float(match[1]) if match else -1.0
    except ValueError:
        value = -1.0
    factor = {"samples": 1.0, "milliseconds": rate / 1000, "seconds": float(rate)}[match[2]] if match else 1.0
    samples = int(value * factor) if value * factor < _MOST_STEPS else 0
    if samples < 1:
        raise out_of_range(
            name, words, "such as '20 milliseconds', '1.5 seconds' or '400 samples', one sample at least"
        )
    return samples


def _check_frames(feature: str, duration: int, frame: int, stride: int) -> None:
    if feature == "samples" and (frame, stride) != (1, 1):
        raise DatasetError("frame and stride must both be 1 sample to use raw sample feature_type")
    if frame > duration:
        raise out_of_range("frame_length", f"{frame} samples", f"at most max_duration ({duration} samples)")


def _read_noise(values: Mapping[str, Any], files: Files) -> Noise | None:
    """The recordings that the index names, a line each; they lie below the data roots as all files do."""
    if not values["noise_index_file"] or not values["add_noise_probability"]:
        return None
    index = values["noise_index_file"]
    lines = files.read(index).decode("utf-8", "replace").splitlines()
    names = tuple(os.path.join(values["noise_root"], line) for line in map(str.strip, lines) if line)
    if not names:
        raise DatasetError(f"No noise files provided in {index[:200]}")
    for name in names:
        files.path(name)
    return Noise(
        files=files,
        names=names,
        probability=values["add_noise_probability"],
        level=tuple(values["noise_level"]),
    )
