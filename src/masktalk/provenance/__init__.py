"""Provenance: results say that they were generated, from what and with what."""

from masktalk.provenance.label import label_patch
from masktalk.provenance.marking import MARKINGS, Marker, Marking
from masktalk.provenance.origin import Ingredient, Origin
from masktalk.provenance.verification import Verification, verify

__all__ = [
    "MARKINGS",
    "Ingredient",
    "Marker",
    "Marking",
    "Origin",
    "Verification",
    "label_patch",
    "verify",
]
