"""The demo's two drawn people."""

from __future__ import annotations

from masktalk.demo.drawing import Canvas, Colour, Point, mirrored
from masktalk.types import UInt8Array

_SKIN: Colour = (226, 176, 140)
_SHADOW: Colour = (176, 118, 92)
_BLUSH: Colour = (232, 150, 130)
_CLOTH: Colour = (38, 41, 52)
_CLOTH_LIGHT: Colour = (74, 79, 96)
_CLOTH_DARK: Colour = (18, 19, 26)

_MIDDLE = 192.0


def draw_ninja() -> UInt8Array:
    """Draw a ninja whose hood leaves only a slit for the eyes, (512, 384, 3) uint8 RGB."""
    canvas = Canvas(384, 512, (196, 205, 214), (122, 134, 150))
    canvas.ellipse((268, 128), (96, 96), (238, 226, 204), soft=1.5)
    _ninja_body(canvas)
    head: list[Point] = [(192, 66), (262, 92), (296, 170), (294, 262), (268, 336), (226, 384)]
    head += [(192, 394), *reversed(mirrored(head[1:6], _MIDDLE))]
    canvas.blob(head, _CLOTH)
    canvas.shade(head, (150, 130), (70, 60), _CLOTH_LIGHT)
    canvas.shade(head, (_MIDDLE, 262), (24, 34), _CLOTH_LIGHT)
    canvas.shade(head, (150, 320), (38, 46), _CLOTH_LIGHT)
    canvas.shade(head, (262, 330), (34, 70), _CLOTH_DARK)
    canvas.shade(head, (_MIDDLE, 314), (60, 9), (28, 30, 39))
    canvas.shade(head, (_MIDDLE, 344), (30, 12), _CLOTH_LIGHT)
    _folds(canvas)
    _ninja_slit(canvas)
    canvas.grain(2.0)
    return canvas.finish()


def _ninja_body(canvas: Canvas) -> None:
    body: list[Point] = [(192, 380), (250, 392), (330, 424), (372, 470), (392, 540), (-8, 540)]
    body += [(12, 470), (54, 424), (134, 392)]
    canvas.blob(body, (30, 33, 43))
    canvas.polygon([(150, 388), (234, 388), (200, 512), (184, 512)], _CLOTH_DARK, soft=2)
    canvas.line([(134, 396), (170, 450), (188, 512)], _CLOTH_LIGHT, 5, soft=1)
    canvas.line([(250, 396), (214, 450), (196, 512)], _CLOTH_LIGHT, 5, soft=1)


def _ninja_slit(canvas: Canvas) -> None:
    slit: list[Point] = [(112, 184), (150, 168), (192, 166), (234, 168), (272, 184), (274, 222)]
    slit += [(236, 240), (208, 246), (192, 248), (176, 246), (148, 240), (110, 222)]
    canvas.blob([(x, y + 2) for x, y in slit], _CLOTH_DARK, soft=2.5)
    canvas.blob(slit, _SKIN, soft=0.6)
    canvas.shade(slit, (_MIDDLE, 168), (100, 14), _SHADOW)
    canvas.shade(slit, (116, 206), (14, 32), _SHADOW)
    canvas.shade(slit, (268, 206), (14, 32), _SHADOW)
    canvas.shade(slit, (174, 214), (7, 26), _SHADOW)
    canvas.shade(slit, (210, 214), (7, 26), _SHADOW)
    canvas.shade(slit, (_MIDDLE, 222), (6, 26), (242, 204, 172))
    for side in (-1, 1):
        _eye(canvas, (_MIDDLE + side * 42, 208), side, iris=(72, 52, 36))
        _brow(canvas, (_MIDDLE + side * 43, 184), side, drop=5)


def _folds(canvas: Canvas) -> None:
    for side in (-1, 1):
        x = _MIDDLE + side * 70
        canvas.line(
            [(x + side * 24, 246), (x, 286), (_MIDDLE + side * 22, 300)], _CLOTH_DARK, 3, 1.6
        )
        canvas.line(
            [(x + side * 22, 282), (x - side * 4, 322), (_MIDDLE + side * 28, 338)],
            _CLOTH_LIGHT,
            2.4,
            1.8,
        )
        canvas.line([(x + side * 8, 330), (x - side * 24, 364), (_MIDDLE, 378)], _CLOTH_DARK, 3, 2)
        canvas.line(
            [(_MIDDLE + side * 96, 150), (_MIDDLE + side * 40, 108), (_MIDDLE, 100)],
            _CLOTH_LIGHT,
            2.4,
            2,
        )


def _eye(canvas: Canvas, centre: Point, side: int, iris: Colour) -> None:
    x, y = centre
    white: list[Point] = [(x - 21 * side, y + 3), (x - 8 * side, y - 8), (x + 8 * side, y - 9)]
    white += [(x + 21 * side, y - 1), (x + 9 * side, y + 8), (x - 8 * side, y + 9)]
    canvas.ellipse((x, y - 1), (25, 15), (198, 142, 112), soft=4)
    canvas.blob(white, (240, 236, 230))
    canvas.ellipse((x, y - 1), (9, 9), iris)
    canvas.ellipse((x, y - 1), (4.4, 4.4), (14, 12, 12))
    canvas.ellipse((x - 3, y - 4), (2.2, 2.2), (255, 255, 255))
    canvas.line([white[0], white[1], white[2], white[3]], (40, 26, 22), 3.2, 0.4)
    canvas.line([white[3], white[4], white[5], white[0]], (150, 96, 78), 1.2, 0.5)
    canvas.line(
        [(x - 20 * side, y - 8), (x, y - 17), (x + 22 * side, y - 9)], (160, 106, 84), 1.4, 0.7
    )


def _brow(canvas: Canvas, centre: Point, side: int, drop: float) -> None:
    x, y = centre
    above: list[Point] = [(x - 27 * side, y + drop), (x - 8 * side, y - 4), (x + 27 * side, y - 1)]
    below: list[Point] = [(x + 8 * side, y + 4), (x - 24 * side, y + drop + 7)]
    canvas.blob([*above, *below], (48, 32, 26), soft=0.7)


def draw_cartoon() -> UInt8Array:
    """Draw a plain cartoon face with flat colours and outlines, (512, 384, 3) uint8 RGB."""
    canvas = Canvas(384, 512, (255, 226, 150), (255, 190, 120))
    ink: Colour = (62, 36, 40)
    canvas.ellipse((_MIDDLE, 214), (150, 176), (120, 62, 48))
    shoulders: list[Point] = [(48, 640), (60, 500), (100, 430), (160, 410)]
    shirt = [*shoulders, *reversed(mirrored(shoulders, _MIDDLE))]
    canvas.blob(shirt, (64, 140, 150))
    canvas.line([*shirt, shirt[0]], ink, 4)
    canvas.blob([(156, 370), (228, 370), (232, 418), (192, 442), (152, 418)], (224, 164, 126))
    face: list[Point] = [(192, 104), (262, 122), (298, 190), (294, 268), (266, 340), (222, 384)]
    face += [(192, 392), *reversed(mirrored(face[1:6], _MIDDLE))]
    for side in (-1, 1):
        canvas.ellipse((_MIDDLE + side * 108, 240), (20, 30), (238, 180, 140))
    canvas.blob(face, (248, 202, 160))
    canvas.shade(face, (136, 296), (26, 18), _BLUSH)
    canvas.shade(face, (248, 296), (26, 18), _BLUSH)
    canvas.line([*face, face[0]], ink, 4)
    canvas.blob(
        [
            (78, 214),
            (92, 116),
            (192, 66),
            (292, 116),
            (306, 214),
            (276, 150),
            (214, 132),
            (150, 150),
            (112, 160),
        ],
        (120, 62, 48),
    )
    for side in (-1, 1):
        _cartoon_eye(canvas, (_MIDDLE + side * 48, 228), side, ink)
    canvas.line([(190, 246), (182, 282), (196, 288)], ink, 3.4)
    _cartoon_mouth(canvas, ink)
    return canvas.finish()


def _cartoon_eye(canvas: Canvas, centre: Point, side: int, ink: Colour) -> None:
    x, y = centre
    canvas.ellipse((x, y), (25, 20), (255, 255, 255))
    canvas.ellipse((x, y + 1), (12.5, 14), (62, 118, 84))
    canvas.ellipse((x, y + 1), (6.5, 8), (24, 18, 20))
    canvas.ellipse((x - 4, y - 5), (3.8, 4), (255, 255, 255))
    lid: list[Point] = [(x - 26 * side, y + 3), (x - 14 * side, y - 15), (x + 10 * side, y - 20)]
    canvas.line([*lid, (x + 29 * side, y - 5)], ink, 5)
    canvas.line([(x - 18 * side, y + 16), (x, y + 20), (x + 20 * side, y + 13)], ink, 1.8)
    canvas.line([(x - 26 * side, y - 32), (x, y - 43), (x + 28 * side, y - 34)], (96, 48, 38), 7.5)


def _cartoon_mouth(canvas: Canvas, ink: Colour) -> None:
    lips: list[Point] = [(148, 325), (172, 316), (186, 314), (192, 317), (198, 314), (212, 316)]
    lips += [(236, 325), (214, 341), (192, 346), (170, 341)]
    canvas.blob(lips, (206, 92, 88))
    canvas.line([(146, 324), (170, 328), (192, 330), (214, 328), (238, 324)], ink, 3.4)
    canvas.line([(180, 358), (192, 361), (204, 358)], (206, 150, 116), 2.6)
