"""Finding faces: where they are, in one mesh for all, and what their mouth is."""

from masktalk.faces.canonical import fit_mesh
from masktalk.faces.face_tracker import track
from masktalk.faces.finder import Finder, locate, locate_all
from masktalk.faces.options import FaceChoice, LocateOptions
from masktalk.faces.points import Points, RigPoints, read_points

__all__ = [
    "FaceChoice",
    "Finder",
    "LocateOptions",
    "Points",
    "RigPoints",
    "fit_mesh",
    "locate",
    "locate_all",
    "read_points",
    "track",
]
