"""Measuring what was made: mouths tracked, videos reviewed, real ones reenacted."""
