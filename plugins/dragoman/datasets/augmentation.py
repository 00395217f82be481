"""How pictures are varied for training: the settings of ``augmentation``, checked.

Source: contracts/aeon.md, "augmentation[0] type image".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from dragoman.datasets.fields import (
    Field,
    choice,
    count,
    flag,
    number,
    numbers,
    out_of_range,
    read_fields,
    span,
    text,
)
from dragoman.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dragoman.model.process import JSON

type Span = tuple[float, float]
"""A number is drawn between the two, each as likely."""

INTERPOLATIONS: Final = ("LINEAR", "NEAREST", "CUBIC", "AREA", "LANCZOS4")
_TRIALS: Final = 1000
"""Tries of a batch sampler at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampler:
    """One way in which regions of a picture are tried, for localization_ssd; sizes are shares of the picture."""

    max_sample: int
    """Regions that are enough; -1: as many as ``max_trials`` give."""
    max_trials: int
    scale: Span
    aspect_ratio: Span
    limits: Mapping[str, float]
    """By name, such as ``min_jaccard_overlap``: what a region must have with one of the boxes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """What is drawn for each record, and what is the same for all."""

    scale: Span = (1.0, 1.0)
    angle: Span = (0, 0)
    """Degrees, whole."""
    lighting: Span = (0.0, 0.0)
    """Mean and standard deviation of the colour noise."""
    horizontal_distortion: Span = (1.0, 1.0)
    contrast: Span = (1.0, 1.0)
    brightness: Span = (1.0, 1.0)
    saturation: Span = (1.0, 1.0)
    hue: Span = (0, 0)
    """Steps of 2 degrees, whole."""
    expand_ratio: Span = (1.0, 1.0)
    expand_probability: float = 0.0
    flip_enable: bool = False
    center: bool = True
    crop_enable: bool = True
    do_area_scale: bool = False
    fixed_aspect_ratio: bool = False
    fixed_scaling_factor: float = -1.0
    padding: int = 0
    resize_short_size: int = 0
    interpolation_method: str = "LINEAR"
    emit_constraint_type: Literal["", "center", "min_overlap"] = ""
    emit_constraint_min_overlap: float = 0.0
    mean: tuple[float, ...] = ()
    """Of each channel, of values from 0 to 1; in the order blue, green, red."""
    stddev: tuple[float, ...] = ()
    batch_samplers: tuple[Sampler, ...] = ()

    @property
    def fixed(self) -> bool:
        """Whether nothing is drawn, so that pictures of one size are all treated alike."""
        spans = (
            self.scale,
            self.angle,
            self.horizontal_distortion,
            self.contrast,
            self.brightness,
            self.saturation,
            self.hue,
        )
        even = all(low == high for low, high in spans) and not self.lighting[1]
        return even and not self.flip_enable and not self.padding and (self.center or not self.crop_enable)


_FIELDS: Final[tuple[Field, ...]] = (
    span("scale", (1.0, 1.0), least=0, most=1),
    span("angle", (0, 0)),
    Field(
        name="lighting",
        kind="array",
        default=(0.0, 0.0),
        fits=lambda value: len(value) == 2 and value[1] >= 0,
        allowed="[mean, standard deviation]",
    ),
    span("horizontal_distortion", (1.0, 1.0), least=0),
    span("contrast", (1.0, 1.0)),
    span("brightness", (1.0, 1.0)),
    span("saturation", (1.0, 1.0)),
    span("hue", (0, 0), least=-180, most=180),
    span("expand_ratio", (1.0, 1.0), least=1, most=100),
    number("expand_probability", 0.0, least=0, most=1),
    flag("flip_enable", default=False),
    flag("center", default=True),
    flag("crop_enable", default=True),
    flag("do_area_scale", default=False),
    flag("fixed_aspect_ratio", default=False),
    number("fixed_scaling_factor", -1.0, most=100),
    count("padding", 0, least=0, most=10_000),
    count("resize_short_size", 0, least=0, most=100_000),
    choice("interpolation_method", "LINEAR", INTERPOLATIONS),
    text("emit_constraint_type", ""),
    number("emit_constraint_min_overlap", 0.0, least=0, most=1),
    numbers("mean", ()),
    numbers("stddev", ()),
    Field(name="batch_samplers", kind="array", default=()),
)

_SAMPLER: Final = (
    count("max_sample", -1, least=0),
    count("max_trials", 100, most=_TRIALS),
    Field(name="sampler", kind="object", default={}),
    Field(name="sample_constraint", kind="object", default={}),
)
_REGION: Final = (
    span("scale", (1.0, 1.0), least=1e-3, most=1),
    span("aspect_ratio", (1.0, 1.0), least=1e-3, most=1e3),
)
_LIMITS: Final = tuple(
    number(f"{end}_{kind}", None, least=0, most=1)
    for kind in ("jaccard_overlap", "sample_coverage", "object_coverage")
    for end in ("min", "max")
)


def read_augmentation(members: Sequence[JSON]) -> Augmentation:
    """The first entry of ``augmentation``; none: nothing is varied. Further entries and unknown members are ignored."""
    if not members or members[0] is None:
        return Augmentation()
    entry = members[0] if isinstance(members[0], dict) else {}
    if "type" not in entry:
        raise DatasetError("augmentation missing 'type'")
    if entry["type"] != "image":
        return Augmentation()  # audio has its own settings, in its entry of etl
    values = read_fields(entry, _FIELDS, open_ended=True)
    values["emit_constraint_type"] = _constraint(values["emit_constraint_type"])
    values["batch_samplers"] = tuple(_sampler(member) for member in values["batch_samplers"])
    for name in ("mean", "stddev"):
        values[name] = tuple(map(float, values[name]))
    for field in _FIELDS:
        if isinstance(values[field.name], list):
            values[field.name] = tuple(values[field.name])
    if values["padding"] and values["crop_enable"]:
        raise DatasetError(
            "crop_enable should not be true: when padding is defined, a region of the picture's own size is cropped"
        )
    if any(value == 0 for value in values["stddev"]):
        raise out_of_range("stddev", list(values["stddev"]), "numbers other than 0")
    return Augmentation(**values)


def _constraint(word: str) -> str:
    if word.lower() not in ("", "center", "min_overlap"):
        raise DatasetError(f"Invalid emit constraint type '{word[:100]}'; allowed: center, min_overlap")
    return word.lower()


def _sampler(members: JSON) -> Sampler:
    values: dict[str, Any] = read_fields(members or {}, _SAMPLER, open_ended=True)
    region = read_fields(values["sampler"], _REGION, open_ended=True)
    limits = read_fields(values["sample_constraint"], _LIMITS, open_ended=True)
    return Sampler(
        max_sample=values["max_sample"],
        max_trials=values["max_trials"],
        scale=tuple(region["scale"]),
        aspect_ratio=tuple(region["aspect_ratio"]),
        limits={name: value for name, value in limits.items() if value is not None},
    )
