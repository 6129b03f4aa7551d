"""Colour spaces of video: the code points of ITU-T H.273, by FFmpeg's names."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import av

_MATRIX = {
    0: "rgb", 1: "bt709", 2: "unspecified", 4: "fcc", 5: "bt470bg", 6: "smpte170m",
    7: "smpte240m", 8: "ycgco", 9: "bt2020nc", 10: "bt2020c",
}  # fmt: skip
_PRIMARIES = {
    1: "bt709", 2: "unspecified", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m",
    8: "film", 9: "bt2020", 10: "smpte428", 11: "smpte431", 12: "smpte432", 22: "ebu3213",
}  # fmt: skip
_TRANSFER = {
    1: "bt709", 2: "unspecified", 4: "gamma22", 5: "gamma28", 6: "smpte170m", 7: "smpte240m",
    8: "linear", 9: "log100", 10: "log316", 11: "iec61966-2-4", 12: "bt1361e",
    13: "iec61966-2-1", 14: "bt2020-10", 15: "bt2020-12", 16: "smpte2084", 17: "smpte428",
    18: "arib-std-b67",
}  # fmt: skip
_RANGE = {0: "unspecified", 1: "limited", 2: "full"}

#: swscale knows these matrices; the others are read as BT.601, as FFmpeg does.
_SWSCALE = {"bt709": 1, "fcc": 4, "bt470bg": 5, "smpte170m": 5, "smpte240m": 7, "bt2020nc": 9}
_SWSCALE_DEFAULT = 5


def _code(table: dict[int, str], name: str) -> int:
    return next(code for code, known in table.items() if known == name)


@dataclass(frozen=True)
class Color:
    """Colour description of a video, as its tags say.

    Attributes:
        matrix: YUV matrix; ``unspecified`` is read as BT.601, like FFmpeg does.
        primaries: Colour primaries.
        transfer: Transfer characteristic.
        range: ``limited`` (16..235), ``full`` (0..255) or ``unspecified`` (means limited).
    """

    matrix: str = "bt709"
    primaries: str = "bt709"
    transfer: str = "bt709"
    range: str = "limited"

    #: What a picture is written as.
    IMAGE: ClassVar[Color]

    def __post_init__(self) -> None:
        fields = (
            ("matrix", _MATRIX), ("primaries", _PRIMARIES), ("transfer", _TRANSFER),
            ("range", _RANGE),
        )  # fmt: skip
        for name, table in fields:
            if getattr(self, name) not in table.values():
                known = ", ".join(table.values())
                raise ValueError(f"{name} is one of {known}, not {getattr(self, name)!r}")

    @classmethod
    def of(cls, tagged: Any) -> Color:
        """Read the tags of a PyAV video frame or codec context."""
        pixel_format = tagged.format.name if tagged.format else ""
        full = pixel_format.startswith("yuvj")
        return cls(
            _MATRIX.get(tagged.colorspace, "unspecified"),
            _PRIMARIES.get(tagged.color_primaries, "unspecified"),
            _TRANSFER.get(tagged.color_trc, "unspecified"),
            "full" if full else _RANGE.get(tagged.color_range, "unspecified"),
        )

    def tag(self, tagged: Any) -> None:
        """Write the tags onto a PyAV video frame or codec context."""
        tagged.colorspace = _code(_MATRIX, self.matrix)
        tagged.color_primaries = _code(_PRIMARIES, self.primaries)
        tagged.color_trc = _code(_TRANSFER, self.transfer)
        tagged.color_range = _code(_RANGE, self.range)

    @property
    def swscale_matrix(self) -> int:
        """The SWS_CS_* constant to convert with."""
        return _SWSCALE.get(self.matrix, _SWSCALE_DEFAULT)

    @property
    def swscale_range(self) -> int:
        """The AVCOL_RANGE_* constant to convert with: 1 limited, 2 full."""
        return 2 if self.range == "full" else 1

    @property
    def is_hdr(self) -> bool:
        """Tell whether the transfer characteristic is PQ or HLG."""
        return self.transfer in ("smpte2084", "arib-std-b67")

    def as_dict(self) -> dict[str, str]:
        """For a JSON file; ``Color(**it)`` reads it back."""
        return asdict(self)


Color.IMAGE = Color()


def is_rgb(pixel_format: av.VideoFormat) -> bool:
    """Return whether a pixel format holds RGB (or a palette of it) rather than YUV or grey."""
    return bool(pixel_format.is_rgb or pixel_format.has_palette)
