"""The 68 points of iBUG 300-W, which many face models speak, on the mesh."""

from __future__ import annotations

#: The mesh vertex nearest to each of the 68 points, in their order: jaw 0-16, brows
#: 17-26, nose 27-35, eyes 36-47, mouth 48-67.
IBUG_VERTICES: tuple[int, ...] = (
    *(127, 234, 93, 132, 58, 136, 150, 176, 152, 400, 379, 365, 288, 361, 323, 454, 356),
    *(70, 63, 105, 66, 107, 336, 296, 334, 293, 300),
    *(168, 197, 5, 1, 75, 97, 2, 326, 305),
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87),
)
