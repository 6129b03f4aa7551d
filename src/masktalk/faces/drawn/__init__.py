"""Finding drawn faces: networks trained on pictures that code draws, and their verdicts."""
