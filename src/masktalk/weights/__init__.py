"""Public checkpoints: where they come from, where they lie, and how they are opened."""

from masktalk.weights.checkpoint import fill_network, load_tensors
from masktalk.weights.store import WeightStore
from masktalk.weights.table import WeightFile, weight_file, weight_table

__all__ = [
    "WeightFile",
    "WeightStore",
    "fill_network",
    "load_tensors",
    "weight_file",
    "weight_table",
]
