"""Review of a talking video: figures, curves, highlights, a page and a contact sheet."""
