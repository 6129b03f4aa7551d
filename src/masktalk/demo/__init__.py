"""Material that may be shipped: two drawn faces, a portrait, a few seconds of speech."""
