"""Faces drawn on the canonical mesh, and an avatar that needs no files."""

from fractions import Fraction

import cv2
import numpy as np

from masktalk.engines.warp.engine import FrameWarper, WarpOptions
from masktalk.engines.warp.prepared_data import learn, unpacked
from masktalk.faces.canonical import canonical_face, rotation
from masktalk.landmarks import LOWER_LIP_RINGS, SKIN, SKIN_JAW_FOLLOW, UPPER_LIP_RINGS
from masktalk.types import CHANNELS, Face, Frame

SIZE = 360
UNIT = 110.0
INNER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308,
         324, 318, 402, 317, 14, 87, 178, 88, 95)  # fmt: skip
LIPS = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291,
        375, 321, 405, 314, 17, 84, 181, 91, 146)  # fmt: skip
OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400,
        377, 152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67,
        109)  # fmt: skip


def mesh_of(yaw=0.0, pitch=0.0, roll=0.0, gap=0.0, shift=(0.0, 0.0)):
    """The mean head in the picture's middle, its lips ``gap`` eye distances apart."""
    mesh = canonical_face().mesh.copy()
    upper, lower = list(UPPER_LIP_RINGS[-1]), list(LOWER_LIP_RINGS[-1])
    line = (mesh[upper] + mesh[lower]) / 2
    arch = 1 - (2 * (line[:, 0] - line[0, 0]) / (line[-1, 0] - line[0, 0]) - 1) ** 2
    mesh[upper], mesh[lower] = line.copy(), line.copy()
    mesh[lower, 1] += gap * arch * 0.95 + 1e-4
    for share, ring in zip((0.8, 0.85, 0.9), LOWER_LIP_RINGS[:-1], strict=True):
        mesh[list(ring), 1] += share * gap * arch
    mesh[list(SKIN), 1] += 0.6 * gap * SKIN_JAW_FOLLOW
    turned = mesh @ rotation(yaw, pitch, roll).T * UNIT
    place = np.array([SIZE / 2 + shift[0], SIZE * 0.40 + shift[1], 0])
    return (turned + place).astype(np.float32)


def skin_of(rig, deltas, index):
    """(3,) how a skin point of the mesh moves."""
    return rig.follow[SKIN.index(index)] @ deltas.leads


def picture_of(mesh, teeth=False, alpha=False, cloth=False, size=SIZE):
    """A shaded, grained face on a striped wall; (H, W, 3) or (H, W, 4) with a clear wall."""
    rng = np.random.default_rng(3)
    rows, columns = np.mgrid[:size, :size]
    wall = np.stack([90 + 40 * np.sin(columns / 6), 110 + 0 * rows, 130 + 30 * np.sin(rows / 9)])
    image = np.moveaxis(wall, 0, -1).astype(np.uint8).copy()
    face = np.zeros((size, size), np.uint8)
    _fill(face, mesh, OVAL, 255)
    skin = np.stack([205 - rows * 0.10, 160 - columns * 0.08, 135 - rows * 0.05], axis=-1)
    image[face > 0] = skin[face > 0].astype(np.uint8)
    for eye in ((33, 160, 158, 133, 153, 144), (263, 387, 385, 362, 380, 373)):
        _fill(image, mesh, eye, (240, 240, 240))
    _fill(image, mesh, LIPS, (170, 80, 80))
    if teeth:
        _fill(image, mesh, INNER, (245, 240, 225))
    if cloth:
        low = np.zeros_like(face)
        _fill(low, mesh, (127, 93, 58, 172, 150, 152, 379, 397, 288, 323, 356, 195), 255)
        weave = 60 + 25 * np.sin(columns / 2.5) * np.sin(rows / 3.5)
        image[low > 0] = np.repeat(weave[..., None], 3, axis=-1)[low > 0].astype(np.uint8)
    noise = rng.normal(0, 5, image.shape)
    image = np.clip(cv2.GaussianBlur(image, (0, 0), 0.8) + noise, 0, 255).astype(np.uint8)
    return np.dstack([image, cv2.GaussianBlur(face, (0, 0), 1.0)]) if alpha else image


def _fill(image, mesh, indices, colour):
    colour = colour if isinstance(colour, tuple) else (colour,)
    cv2.fillPoly(image, [np.round(mesh[list(indices), :2]).astype(np.int32)], colour)


class DrawnAvatar:
    """What the warp asks of an avatar, held in memory."""

    overlay = None

    def __init__(self, pictures, meshes, mouth="open", folder=None):
        self.pictures = pictures
        self.faces = [
            None if mesh is None else Face(mesh, "points", 1.0, "closed") for mesh in meshes
        ]
        self.mouth = mouth
        self.folder = folder
        self.frame_count = len(pictures)
        self.is_image = len(pictures) == 1
        self.rate = Fraction(25)

    def frame(self, index):
        return Frame(self.pictures[index], Fraction(index, 25))

    def index_at(self, time):
        return int(time * self.rate) % self.frame_count

    def engine_folder(self, name):
        path = self.folder / "engines" / name
        path.mkdir(parents=True, exist_ok=True)
        return path


def still(mouth="open", cloth=False, teeth=False, alpha=False, folder=None, **pose):
    mesh = mesh_of(**pose)
    picture = picture_of(mesh, teeth=teeth, alpha=alpha, cloth=cloth)
    return DrawnAvatar([picture], [mesh], mouth, folder)


def warper_of(avatar, **options):
    return FrameWarper(avatar, unpacked(learn(avatar)), WarpOptions(**options))


def values_of(**channels):
    """(len(CHANNELS),) articulation; a name without its side sets both."""
    values = np.zeros(len(CHANNELS), np.float32)
    for name, value in channels.items():
        for side in ("", "Left", "Right"):
            if name + side in CHANNELS:
                values[CHANNELS.index(name + side)] = value
    return values


WIDE = values_of(jawOpen=0.7, mouthLowerDown=0.3)
MOUTHS = {
    "rest": values_of(),
    "wide": WIDE,
    "round": values_of(jawOpen=0.2, mouthPucker=0.8, mouthFunnel=0.3),
    "spread": values_of(jawOpen=0.2, mouthStretch=0.6, mouthSmile=0.6),
    "pressed": values_of(jawOpen=0.08, mouthClose=0.08, mouthPress=0.5),
}


def laid_over(frame, patch):
    from masktalk.compose import paste

    return paste(Frame(frame), patch, Fraction(0)).pixels
