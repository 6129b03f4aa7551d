"""Training of the networks that find drawn faces, on pictures drawn by code."""
