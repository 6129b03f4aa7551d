"""Makes the canonical head that ships in masktalk/faces/canonical.npz.

The mesh network looks at the demo's portrait and at its mirror image; what both agree on
is a symmetric head, and which point is whose twin. The lips come from the drawn face,
whose mouth is at rest, laid at the usual height and width of adults.

    python scripts/canonical_face.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.optimize import linear_sum_assignment

import masktalk
from masktalk.demo.faces import draw_cartoon
from masktalk.faces.multi_crop import MultiCropEstimator, mesh_roi
from masktalk.types import UInt8Array

Doubles = npt.NDArray[np.float64]

HERE = Path(masktalk.__file__).parent
LIPS = [
    *(61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409),
    *(78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415),
    *(76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306, 184, 74, 73, 72, 11, 302, 303, 304, 408),
    *(62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292, 183, 42, 41, 38, 12, 268, 271, 272, 407),
]
# Interocular distances below the eye line, and the half width, of a resting mouth.
MOUTH_HEIGHT, MOUTH_HALF_WIDTH, CHIN_HEIGHT = 0.735, 0.27, 1.2
# Height of the nose tip of a head that looks straight ahead.
NOSE_HEIGHT = 0.4


def mesh_of(pixels: UInt8Array) -> Doubles:
    """(478, 3) steady mesh of the only face."""
    with MultiCropEstimator() as examiner:
        mesh, _ = examiner.glance(pixels, examiner.detect(pixels, 0.5)[0])
        for _ in range(3):
            mesh = examiner.look(pixels, mesh_roi(mesh)).mesh
    return mesh.astype(np.float64)


def twins(pixels: UInt8Array, mesh: Doubles) -> npt.NDArray[np.intp]:
    """(478,) which point of the mirrored picture's mesh lies where each point does."""
    mirrored = mesh_of(np.ascontiguousarray(pixels[:, ::-1]))
    mirrored[:, 0] = pixels.shape[1] - mirrored[:, 0]
    apart = np.linalg.norm(mirrored[:, None] - mesh[None], axis=2)
    mirror = linear_sum_assignment(apart)[1]
    if not (mirror[mirror] == np.arange(len(mirror))).all():
        raise ValueError("the mirrored mesh does not match; use a face that looks ahead")
    return np.asarray(mirror)


def turn_between(a: Doubles, b: Doubles) -> Doubles:
    """(3, 3) rotation of centred points a onto b (Kabsch, Acta Cryst. A32, 1976)."""
    u, _, vt = np.linalg.svd(a.T @ b)
    handed = np.diag([1, 1, np.sign(np.linalg.det(u @ vt))])
    return np.asarray(u @ handed @ vt)


def symmetric(mesh: Doubles, mirror: npt.NDArray[np.intp]) -> Doubles:
    """(478, 3) upright frontal head; the outer eye corners are 1 apart around the origin."""
    mesh = mesh - mesh.mean(axis=0)
    other = (mesh * [-1, 1, 1])[mirror]
    head = (mesh + other @ turn_between(other, mesh)) / 2
    pairs = np.arange(478)[mirror > np.arange(478)]
    across = head[mirror[pairs]] - head[pairs]
    right = (across * np.sign(across[:, :1])).sum(axis=0)
    right /= np.linalg.norm(right)
    down = head[152] - head[10]
    down -= right * (down @ right)
    down /= np.linalg.norm(down)
    head = head @ np.stack([right, down, np.cross(right, down)], axis=1)
    head = (head - (head[33] + head[263]) / 2) / np.linalg.norm(head[263] - head[33])
    return np.asarray((head + (head * [-1, 1, 1])[mirror]) / 2)


def level(head: Doubles) -> Doubles:
    """The head nodded until its nose tip is at the usual height."""
    _, y, z = head[1]
    nod = np.arctan2(z, y) - np.arccos(NOSE_HEIGHT / np.hypot(y, z)) * np.sign(z)
    about_x = np.array([[1, 0, 0], [0, np.cos(nod), np.sin(nod)], [0, -np.sin(nod), np.cos(nod)]])
    return np.asarray(head @ about_x.T)


def spread(head: Doubles, indices: list[int], moves: Doubles, reach: float) -> Doubles:
    """The head with some points moved and their surroundings moved along smoothly."""
    apart = np.linalg.norm(head[:, None] - head[indices][None], axis=2) / reach
    kernel = (1 + apart) * np.exp(-apart)
    weights = np.linalg.solve(kernel[indices] + 1e-4 * np.eye(len(indices)), moves)
    return np.asarray(head + kernel @ weights)


def rested(head: Doubles, lips: Doubles) -> Doubles:
    """The head with resting lips at the usual place."""
    lips = lips - lips[[61, 291]].mean(axis=0)
    lips *= MOUTH_HALF_WIDTH / lips[291, 0]
    lips[:, 1] += MOUTH_HEIGHT - lips[[13, 14], 1].mean()
    lips[:, 2] += head[[13, 14], 2].mean() - lips[[13, 14], 2].mean()
    still = [1, 2, 33, 263, 6, 234, 454, 132, 361, 50, 280]
    chin = np.array([head[152, 0], CHIN_HEIGHT, head[152, 2]]) - head[152]
    moves = np.concatenate([lips[LIPS] - head[LIPS], chin[None], np.zeros((len(still), 3))])
    moved = spread(head, [*LIPS, 152, *still], moves, reach=0.25)
    moved[LIPS] = lips[LIPS]
    return moved


def main() -> None:
    with Image.open(HERE / "demo" / "material" / "portrait.jpg") as picture:
        portrait = np.asarray(picture.convert("RGB"))
    mesh = mesh_of(portrait)
    mirror = twins(portrait, mesh)
    head = rested(level(symmetric(mesh, mirror)), symmetric(mesh_of(draw_cartoon()), mirror))
    head = (head + (head * [-1, 1, 1])[mirror]) / 2
    np.savez(
        HERE / "faces" / "canonical.npz",
        mesh=head.astype(np.float32),
        mirror=mirror.astype(np.int16),
    )


if __name__ == "__main__":
    main()
