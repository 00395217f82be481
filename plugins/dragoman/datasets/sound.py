"""Sound as numbers: decode it, and turn it into spectra. Imported by the loader alone.

Spectra have one row for each step of time. Mel filters: practicalcryptography.com's guide to MFCC, which aeon's
service follows too.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final

import av
import cv2
import numpy as np

from dragoman.errors import DatasetError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_SAMPLES: Final = 100_000_000
"""Of one recording, decoded."""

type Samples = NDArray[np.int16]
type Spectra = NDArray[np.float32]
"""Shape (steps of time, frequencies)."""


def decode_sound(content: bytes, rate: int) -> Samples:
    """The samples of the first track, one channel, at ``rate`` Hz; DatasetError for what cannot be decoded."""
    pieces: list[NDArray[Any]] = []
    number = 0
    try:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=rate)
        with av.open(io.BytesIO(content), mode="r") as container:
            for frame in container.decode(audio=0):
                for piece in resampler.resample(frame):
                    pieces.append(piece.to_ndarray().reshape(-1))
                    number += len(pieces[-1])
                if number > MOST_SAMPLES:
                    raise DatasetError(f"the sound has more than {MOST_SAMPLES} samples")
            pieces.extend(piece.to_ndarray().reshape(-1) for piece in resampler.resample(None))
    except (av.error.FFmpegError, IndexError, ValueError) as error:
        raise DatasetError("the sound cannot be decoded") from error
    if not pieces:
        raise DatasetError("the sound has no samples")
    return np.concatenate(pieces).astype(np.int16, copy=False)


def with_noise(samples: Samples, noise: Samples, offset: float, level: float) -> Samples:
    """The samples with a noise ``level`` times as loud added, which starts at a share of its length and repeats."""
    start = int(len(noise) * offset)
    repeated = np.resize(np.roll(noise, -start), len(samples))
    mixed = samples.astype(np.float32) + repeated.astype(np.float32) * np.float32(level)
    return np.clip(np.rint(mixed), -32768, 32767).astype(np.int16)


def window_of(kind: str, length: int) -> NDArray[np.float32]:
    """The weights of the samples of a frame, by the name of a window function."""
    at = np.arange(length)
    turn = 2 * np.pi * at / max(1, length - 1)
    weights = {
        "none": np.ones(length),
        "hann": 0.5 - 0.5 * np.cos(turn),
        "hamming": 0.54 - 0.46 * np.cos(turn),
        "blackman": 0.42 - 0.5 * np.cos(turn) + 0.08 * np.cos(2 * turn),
        "bartlett": 1 - 2 * np.abs(at - length / 2) / length,
    }
    return weights[kind].astype(np.float32)


def spectra_of(samples: Samples, window: NDArray[np.float32], stride: int, most: int) -> Spectra:
    """The magnitudes of the Fourier transform of each frame; frequencies from 0 to half the rate."""
    length = len(window)
    steps = min((len(samples) - length) // stride + 1, most) if len(samples) >= length else 0
    if not steps:
        return np.zeros((0, length // 2 + 1), dtype=np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(samples, length)[::stride][:steps]
    spectra: Spectra = np.abs(np.fft.rfft(frames.astype(np.float32) * window, axis=1)).astype(np.float32)
    return spectra


def mel_filters(number: int, length: int, rate: int) -> NDArray[np.float32]:
    """Shape (frequencies of a frame of ``length``, number): triangles, as wide as the ear hears them."""
    top = 2595 * np.log10(1 + rate / 2 / 700)
    mels = np.linspace(0, top, number + 2)
    bins = np.floor((1 + length) / rate * 700 * (10 ** (mels / 2595) - 1)).astype(int)
    filters = np.zeros((length // 2 + 1, number), dtype=np.float32)
    for n in range(number):
        low, middle, high = bins[n : n + 3]
        for bin_ in range(low, middle):
            filters[bin_, n] = (bin_ - low) / (middle - low)
        for bin_ in range(middle, min(high, len(filters))):
            filters[bin_, n] = (high - bin_) / (high - middle)
    return filters


def mel_spectra(spectra: Spectra, filters: NDArray[np.float32]) -> Spectra:
    """Logarithms of the power that each filter lets through; of nothing, that of the least float."""
    power = spectra * spectra / (2 * max(1, spectra.shape[1] - 1))
    logarithms: Spectra = np.log(np.maximum(power @ filters, np.finfo(np.float32).tiny)).astype(np.float32)
    return logarithms


def cepstra_of(mel: Spectra, number: int) -> Spectra:
    """The first ``number`` coefficients of a cosine transform along the frequencies."""
    even = mel if mel.shape[1] % 2 == 0 else np.pad(mel, ((0, 0), (0, 1)))
    return np.ascontiguousarray(cv2.dct(even, flags=cv2.DCT_ROWS)[:, :number])


def stretched(spectra: Spectra, factor: float) -> Spectra:
    """The spectra with time stretched by a factor."""
    steps = max(1, round(len(spectra) * factor))
    if not len(spectra) or steps == len(spectra):
        return spectra
    method = cv2.INTER_CUBIC if factor > 1 else cv2.INTER_AREA
    return np.asarray(cv2.resize(spectra, (spectra.shape[1], steps), interpolation=method))


def as_bytes(spectra: Spectra) -> NDArray[np.uint8]:
    """The spectra from their least, 0, to their greatest, 255."""
    if not spectra.size:
        return spectra.astype(np.uint8)
    low, high = float(spectra.min()), float(spectra.max())
    scaled = (spectra - low) * (255 / (high - low)) if high > low else np.zeros_like(spectra)
    return np.rint(scaled).astype(np.uint8)
