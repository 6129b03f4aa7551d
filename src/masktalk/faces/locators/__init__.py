"""Everything that can find a face, one class a file."""

from masktalk.faces.locators.locator import LOCATORS, Effort, Locator, Sighting, make_locator

__all__ = ["LOCATORS", "Effort", "Locator", "Sighting", "make_locator"]
