"""Landmarks of MediaPipe's 478-point face mesh, each list named for its use.

Indices follow the canonical face mesh; "left" is the image's left. Lip and eyelid curves
run from the left (outer) corner to the right (inner) one and leave both corners out.
"""

from __future__ import annotations

import numpy as np

MESH_LANDMARKS = 478

LEFT_EYE_OUTER, RIGHT_EYE_OUTER = 33, 263
LEFT_EYE_INNER, RIGHT_EYE_INNER = 133, 362
#: The two landmarks whose distance is the unit of length on a face.
OUTER_EYE_CORNERS = (LEFT_EYE_OUTER, RIGHT_EYE_OUTER)
LEFT_EYE_CORNERS = (LEFT_EYE_OUTER, LEFT_EYE_INNER)
RIGHT_EYE_CORNERS = (RIGHT_EYE_OUTER, RIGHT_EYE_INNER)
EYE_CORNERS = (*LEFT_EYE_CORNERS, *RIGHT_EYE_CORNERS)
#: Upper and lower lid, per eye (left, right), without the corners.
UPPER_LIDS = ((246, 161, 160, 159, 158, 157, 173), (466, 388, 387, 386, 385, 384, 398))
LOWER_LIDS = ((7, 163, 144, 145, 153, 154, 155), (249, 390, 373, 374, 380, 381, 382))
#: Middle of the iris, per eye (left, right).
IRISES = (468, 473)
BROWS = ((70, 63, 105, 66, 107), (300, 293, 334, 296, 336))

NOSE_TIP, NOSE_BASE = 1, 2
LEFT_NOSE_WING, RIGHT_NOSE_WING = 98, 327
NOSE_ROOT = 6
#: Down the nose, from its root to its base.
NOSE_LINE = (NOSE_ROOT, 197, 195, 5, 4, NOSE_BASE)

LEFT_MOUTH_CORNER, RIGHT_MOUTH_CORNER = 61, 291
LEFT_INNER_MOUTH_CORNER, RIGHT_INNER_MOUTH_CORNER = 78, 308
UPPER_LIP_INNER, LOWER_LIP_INNER = 13, 14
UPPER_LIP_TOP, LOWER_LIP_BOTTOM = 0, 17
#: Outer and inner mouth corners, left then right.
MOUTH_CORNERS = (
    LEFT_MOUTH_CORNER,
    RIGHT_MOUTH_CORNER,
    LEFT_INNER_MOUTH_CORNER,
    RIGHT_INNER_MOUTH_CORNER,
)
#: The four landmarks whose mean is the mouth's centre.
MOUTH = (LEFT_MOUTH_CORNER, RIGHT_MOUTH_CORNER, UPPER_LIP_INNER, LOWER_LIP_INNER)

#: Rings of each lip from its border with the skin (outer) to the lip line (inner).
UPPER_LIP_RINGS = (
    (185, 40, 39, 37, 0, 267, 269, 270, 409),
    (184, 74, 73, 72, 11, 302, 303, 304, 408),
    (183, 42, 41, 38, 12, 268, 271, 272, 407),
    (191, 80, 81, 82, 13, 312, 311, 310, 415),
)
LOWER_LIP_RINGS = (
    (146, 91, 181, 84, 17, 314, 405, 321, 375),
    (77, 90, 180, 85, 16, 315, 404, 320, 307),
    (96, 89, 179, 86, 15, 316, 403, 319, 325),
    (95, 88, 178, 87, 14, 317, 402, 318, 324),
)
LIP_RINGS = len(UPPER_LIP_RINGS)
LIP_COLUMNS = len(UPPER_LIP_RINGS[0])
UPPER_LIP = tuple(index for ring in UPPER_LIP_RINGS for index in ring)
LOWER_LIP = tuple(index for ring in LOWER_LIP_RINGS for index in ring)
#: Closed contours, clockwise from the left corner.
OUTER_LIP_CONTOUR = (
    LEFT_MOUTH_CORNER,
    *UPPER_LIP_RINGS[0],
    RIGHT_MOUTH_CORNER,
    *reversed(LOWER_LIP_RINGS[0]),
)
INNER_LIP_CONTOUR = (
    LEFT_INNER_MOUTH_CORNER,
    *UPPER_LIP_RINGS[-1],
    RIGHT_INNER_MOUTH_CORNER,
    *reversed(LOWER_LIP_RINGS[-1]),
)
LIP_CONTOURS = OUTER_LIP_CONTOUR + INNER_LIP_CONTOUR
#: The lip line at five places from corner to corner: upper lip's edge, lower lip's edge.
UPPER_LIP_LINE = (LEFT_INNER_MOUTH_CORNER, 81, UPPER_LIP_INNER, 311, RIGHT_INNER_MOUTH_CORNER)
LOWER_LIP_LINE = (LEFT_INNER_MOUTH_CORNER, 178, LOWER_LIP_INNER, 402, RIGHT_INNER_MOUTH_CORNER)

CHIN = 152
LEFT_EAR, RIGHT_EAR = 234, 454
#: The face's outline, clockwise from the top of the forehead.
FACE_OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378,
             400, 377, 152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21,
             54, 103, 67, 109)  # fmt: skip
#: The face's outline from the left ear under the chin to the right ear.
JAWLINE = tuple(reversed(FACE_OVAL[FACE_OVAL.index(356) : FACE_OVAL.index(127) + 1]))
#: What speech may move: the outline below the ears, the nose's wings and its base.
LOWER_FACE = (*JAWLINE[1:-1], LEFT_NOSE_WING, RIGHT_NOSE_WING, NOSE_BASE)
#: The part that speaks, inside the outline: below the nose, along the cheeks and the jaw.
#: It is the hull of MuseTalk's soft mask, which must not touch the outline.
SPEAKING_REGION = (
    *(2, 326, 426, 411, 416, 434, 430, 394, 395, 369, 396, 175),
    *(171, 140, 170, 169, 210, 214, 192, 187, 206, 97),
)

#: Skin that hardly anything ever occludes: around and between the eyes.
UNOCCLUDED_SKIN = (6, 8, 9, 168, 117, 118, 346, 347, 107, 336)
#: Skin that shows the face's colour and light.
CHEEKS = (50, 101, 118, 119, 205, 280, 330, 347, 348, 425)
#: Skin where the upper edge of a face mask lies: left cheek outer and inner, right inner and outer.
MASK_EDGE = (116, 118, 347, 345)

# Landmarks that move with the skull when one speaks. All lists share the eye corners and the
# bridge of the nose; what each adds depends on what its user can see and needs.
_SKULL = (*EYE_CORNERS, 168, NOSE_ROOT, 8, 9)
_NOSE_ROOT_SIDES = (193, 417)
#: For a crop of the mouth or the eyes: close together, so that it follows them.
CROP_ANCHORS = (*_SKULL, *_NOSE_ROOT_SIDES)
#: For steadying the head's path: spread over forehead and temples, so that rotation is
#: well determined; without the ears, whose depth is uncertain.
STEADY_ANCHORS = (*_SKULL, 151, 10, 67, 297, 54, 284, *_NOSE_ROOT_SIDES)
#: For placing an occluded mouth: seen above a mask (so nothing of the nose below its root),
#: brows included; ``covered.json`` was fitted with exactly these.
VISIBLE_ABOVE_MASK = (
    *(*_SKULL, 151, 67, 297, 105, 334, 70, 300),
    *(*_NOSE_ROOT_SIDES, 122, 351),
)
#: For registering a masked image onto a bare one: seen in both, and as wide as the face.
REGISTRATION_ANCHORS = (*_SKULL, 151, 127, 356)
#: For carrying a mask overlay: as above, and the nose, which moves under the mask with the
#: skull and is known from the bare image.
OVERLAY_ANCHORS = (*EYE_CORNERS, 168, NOSE_ROOT, 197, 195, 8, 9, 151, 127, 356)
#: For turning a mesh to the front: a mean frontal upper face. x to the image's right, y down,
#: z away from the viewer, in inter-ocular distances. It needs depth, so nose and ears too.
FRONTAL_UPPER_FACE: dict[int, tuple[float, float, float]] = {
    33: (-0.500, 0.000, 0.000),
    133: (-0.192, 0.016, -0.063),
    263: (0.500, 0.000, 0.000),
    362: (0.192, 0.016, -0.063),
    168: (0.000, -0.094, -0.223),
    6: (0.000, -0.002, -0.286),
    197: (0.000, 0.069, -0.355),
    195: (0.000, 0.132, -0.428),
    8: (0.000, -0.197, -0.208),
    9: (0.000, -0.301, -0.204),
    151: (0.000, -0.473, -0.150),
    10: (0.000, -0.642, -0.083),
    67: (-0.392, -0.593, -0.002),
    297: (0.392, -0.593, -0.002),
    54: (-0.664, -0.384, 0.230),
    284: (0.664, -0.384, 0.230),
    127: (-0.777, 0.108, 0.532),
    356: (0.777, 0.108, 0.532),
    193: (-0.085, -0.080, -0.183),
    417: (0.085, -0.080, -0.183),
    122: (-0.063, 0.018, -0.263),
    351: (0.063, 0.018, -0.263),
}

#: Where the depth of a head is read: outline, nose, cheeks, eyes, brows and lips.
DEPTH_LANDMARKS = (
    *FACE_OVAL[::2],
    *(*NOSE_LINE, NOSE_TIP, LEFT_NOSE_WING, RIGHT_NOSE_WING),
    *(*EYE_CORNERS, 9, 151, 105, 334, 70, 300),
    *(50, 280, 205, 425, 118, 347, 210, 430),
    *(*MOUTH_CORNERS[:2], UPPER_LIP_TOP, LOWER_LIP_BOTTOM),
)

# How far a landmark of the skin follows the jaw: 1 moves as the chin does.
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
#: Landmark to its share of the chin's movement: 1 moves as the chin does, 0 stays.
JAW_FOLLOW: dict[int, float] = {
    **_JAW_MIDDLE,
    **_STILL_MIDDLE,
    **{index: weight for pair, weight in _JAW_PAIRS.items() for index in pair},
}
SKIN = tuple(JAW_FOLLOW)
SKIN_JAW_FOLLOW = np.array([JAW_FOLLOW[index] for index in SKIN], np.float32)

#: The landmark nearest to each of the 68 points of iBUG 300-W, in their order: jaw 0-16,
#: brows 17-26, nose 27-35, eyes 36-47, mouth 48-67.
IBUG_68: tuple[int, ...] = (
    *(127, 234, 93, 132, 58, 136, 150, 176, 152, 400, 379, 365, 288, 361, 323, 454, 356),
    *(70, 63, 105, 66, 107, 336, 296, 334, 293, 300),
    *(168, 197, 5, 1, 75, 97, 2, 326, 305),
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87),
)

#: Landmark of each rig point, by its name in points files and messages.
RIG_LANDMARKS = {
    "left_corner": LEFT_MOUTH_CORNER,
    "right_corner": RIGHT_MOUTH_CORNER,
    "upper_lip": UPPER_LIP_INNER,
    "lower_lip": LOWER_LIP_INNER,
    "chin": CHIN,
    "left_eye": LEFT_EYE_OUTER,
    "right_eye": RIGHT_EYE_OUTER,
}
