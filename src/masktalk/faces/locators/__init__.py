"""Everything that can find a face, one class a file."""

from masktalk.faces.locators.base import LOCATORS, Locator, Sighting, make_locator

__all__ = ["LOCATORS", "Locator", "Sighting", "make_locator"]
