"""Painted masks: cloth, helmets, hands and microphones before a face, bound to its mesh.

Material to train and to test with; the truth behind each mask is known.
"""

from masktalk.mask_painter.painter import MaskPainter, MaskStyle, PaintedMask, paint_mask
from masktalk.mask_painter.shapes import MASK_KINDS, MaskKind

__all__ = [
    "MASK_KINDS",
    "MaskKind",
    "MaskPainter",
    "MaskStyle",
    "PaintedMask",
    "paint_mask",
]
