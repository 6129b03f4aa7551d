"""Which points of MediaPipe's face mesh the warp holds on to.

Indices follow the canonical face mesh; "left" is the picture's left. Lip curves run from
the left corner to the right one and leave both corners out.
"""

from __future__ import annotations

import numpy as np

#: Outer and inner mouth corners, left then right.
CORNERS = (61, 291, 78, 308)

#: Rings of each lip from its border with the skin (outer) to the lip line (inner).
UPPER_RINGS = (
    (185, 40, 39, 37, 0, 267, 269, 270, 409),
    (184, 74, 73, 72, 11, 302, 303, 304, 408),
    (183, 42, 41, 38, 12, 268, 271, 272, 407),
    (191, 80, 81, 82, 13, 312, 311, 310, 415),
)
LOWER_RINGS = (
    (146, 91, 181, 84, 17, 314, 405, 321, 375),
    (77, 90, 180, 85, 16, 315, 404, 320, 307),
    (96, 89, 179, 86, 15, 316, 403, 319, 325),
    (95, 88, 178, 87, 14, 317, 402, 318, 324),
)
RINGS = len(UPPER_RINGS)
LIP_COLUMNS = len(UPPER_RINGS[0])

UPPER_LIP = tuple(index for ring in UPPER_RINGS for index in ring)
LOWER_LIP = tuple(index for ring in LOWER_RINGS for index in ring)

#: How far a point of the skin follows the jaw: 1 moves as the chin does.
_JAW_MIDDLE = {152: 1.0, 175: 1.02, 199: 1.08, 200: 1.14, 18: 1.32}
_JAW_PAIRS = {
    (148, 377): 0.97,
    (176, 400): 0.86,
    (149, 378): 0.74,
    (150, 379): 0.58,
    (136, 365): 0.43,
    (172, 397): 0.26,
    (58, 288): 0.10,
    (132, 361): 0.03,
    (93, 323): 0.0,
    (234, 454): 0.0,
    (127, 356): 0.0,
    (171, 396): 1.00,
    (32, 262): 0.88,
    (182, 406): 1.15,
    (194, 418): 1.05,
    (204, 424): 0.82,
    (170, 395): 0.76,
    (210, 430): 0.55,
    (202, 422): 0.62,
    (135, 364): 0.46,
    (212, 432): 0.24,
    (214, 434): 0.22,
    (138, 367): 0.30,
    (215, 435): 0.16,
    (216, 436): 0.10,
    (207, 427): 0.09,
    (213, 433): 0.10,
    (187, 411): 0.05,
    (147, 376): 0.04,
    (206, 426): 0.03,
    (205, 425): 0.02,
    (203, 423): 0.0,
    (50, 280): 0.0,
    (36, 266): 0.0,
    (98, 327): 0.0,
    (97, 326): 0.0,
    (165, 391): 0.0,
    (167, 393): 0.0,
    (83, 313): 1.30,
    (92, 322): 0.05,
    (57, 287): 0.0,
    (43, 273): 0.0,
    (186, 410): 0.0,
    (33, 263): 0.0,
    (145, 374): 0.0,
    (133, 362): 0.0,
}
_STILL_MIDDLE = {1: 0.0, 2: 0.0, 164: 0.0, 6: 0.0}

JAW_FOLLOW: dict[int, float] = {
    **_JAW_MIDDLE,
    **_STILL_MIDDLE,
    **{index: weight for pair, weight in _JAW_PAIRS.items() for index in pair},
}
SKIN = tuple(JAW_FOLLOW)
SKIN_JAW = np.array([JAW_FOLLOW[index] for index in SKIN], np.float32)

#: The face's outline from the left ear under the chin to the right ear.
JAWLINE = (127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152,
           377, 400, 378, 379, 365, 397, 288, 361, 323, 454, 356)  # fmt: skip

#: The face's outline, all the way round from the top of the forehead.
FACE_OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378,
             400, 377, 152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21,
             54, 103, 67, 109)  # fmt: skip

NOSE_BASE, CHIN = 2, 152
EYE_CORNERS = (33, 263)
#: Upper and lower lid from the outer to the inner corner, per eye (left, right).
UPPER_LIDS = ((246, 161, 160, 159, 158, 157, 173), (466, 388, 387, 386, 385, 384, 398))
LOWER_LIDS = ((7, 163, 144, 145, 153, 154, 155), (249, 390, 373, 374, 380, 381, 382))
EYE_ENDS = ((33, 133), (263, 362))
BROWS = ((70, 63, 105, 66, 107), (300, 293, 334, 296, 336))

__all__ = [name for name in dir() if name.isupper()]
