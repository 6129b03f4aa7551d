"""The embedded engine: the avatar's own pixels moved."""
