"""Borrowed mouths: any talking video, or another engine's, drives the avatar."""

from masktalk.driver.borrowed import EngineArticulator, VideoArticulator
from masktalk.driver.calibration import Calibration
from masktalk.driver.driving_video import DriverOptions, make_driver, make_movement

__all__ = [
    "Calibration",
    "DriverOptions",
    "EngineArticulator",
    "VideoArticulator",
    "make_driver",
    "make_movement",
]
