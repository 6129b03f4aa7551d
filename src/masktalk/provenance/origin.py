"""The origin of a result: the engine and the material that it was made with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

#: "Modification, augmentation or combination of existing media with media made by a trained
#: algorithm", https://cv.iptc.org/newscodes/digitalsourcetype/
COMPOSITE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
_OPENING = "Generated with masktalk: "


@dataclass(frozen=True)
class Ingredient:
    """Something that a result was made from.

    Attributes:
        role: ``avatar`` or ``speech``.
        name: File name without its path.
        digest: SHA-256 of its content, in hex.
    """

    role: str
    name: str
    digest: str


@dataclass(frozen=True)
class Origin:
    """The origin of a result.

    Attributes:
        engine: Name of the engine.
        ingredients: Material.
        consent: Note on the consent of the person shown; empty if there is none.
        digital_source_type: Term of the IPTC's vocabulary.
        version: Version of masktalk.
    """

    engine: str
    ingredients: tuple[Ingredient, ...] = ()
    consent: str = ""
    digital_source_type: str = COMPOSITE
    version: str = version("masktalk")

    def comment(self) -> str:
        """Return the origin as a comment for the metadata of a container."""
        return _OPENING + json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_comment(cls, comment: str) -> Origin | None:
        """Return the origin that a comment tells; None if it tells none."""
        if not comment.startswith(_OPENING):
            return None
        try:
            told = json.loads(comment.removeprefix(_OPENING))
            ingredients = tuple(Ingredient(**each) for each in told.pop("ingredients"))
            return cls(**told, ingredients=ingredients)
        except (ValueError, TypeError, KeyError, AttributeError):
            return None

    def manifest(self, title: str, mime: str) -> Mapping[str, Any]:
        """Return the origin as a C2PA manifest definition.

        Args:
            title: File name of the result.
            mime: Its media type.
        """
        agent = {"name": "masktalk", "version": self.version}
        created = {
            "action": "c2pa.created",
            "digitalSourceType": self.digital_source_type,
            "softwareAgent": agent,
        }
        return {
            "claim_generator_info": [agent],
            "title": title,
            "format": mime,
            "assertions": [
                {"label": "c2pa.actions.v2", "data": {"actions": [created]}},
                {"label": "org.masktalk.origin", "data": asdict(self)},
            ],
            "ingredients": [
                {
                    "title": each.name,
                    "relationship": "inputTo",
                    "instance_id": f"sha256:{each.digest}",
                }
                for each in self.ingredients
            ],
        }
