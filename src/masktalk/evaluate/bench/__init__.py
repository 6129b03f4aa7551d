"""Benchmarks of rendering and of live sessions on this machine."""
