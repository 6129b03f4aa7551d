"""SadTalker's mapping network: windows of 3DMM coefficients become head pose and keypoints.

Ren et al., "PIRenderer: Controllable Portrait Image Generation via Semantic Neural
Rendering" (ICCV 2021).
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from masktalk.head_renderer import HeadPose
from masktalk.head_renderer.keypoints import bins_to_degrees

_LEAKY_SLOPE, _DILATION, _LAYERS = 0.1, 3, 3
_ANGLE_BINS, _AXES = 66, 3
#: Frames at 25 Hz of a window: the frame itself and 13 on either side.
WINDOW_REACH = 13
WINDOW_FRAMES = 2 * WINDOW_REACH + 1


class MappingNetwork(nn.Module):
    """Maps a window of coefficients to the pose and expression of its middle frame.

    Args:
        coefficients: Per frame: 70, or 73 with the place of the face in the picture.
        channels: Of the hidden layers.
        keypoints: Of the renderer.
    """

    def __init__(self, coefficients: int, channels: int = 1024, keypoints: int = 15) -> None:
        super().__init__()
        self.coefficients = coefficients
        self._keypoints = keypoints
        self.first = nn.Sequential(nn.Conv1d(coefficients, channels, 7))
        for index in range(_LAYERS):
            layer = nn.Conv1d(channels, channels, 3, dilation=_DILATION)
            self.add_module(f"encoder{index}", nn.Sequential(nn.LeakyReLU(_LEAKY_SLOPE), layer))
        self.fc_roll = nn.Linear(channels, _ANGLE_BINS)
        self.fc_pitch = nn.Linear(channels, _ANGLE_BINS)
        self.fc_yaw = nn.Linear(channels, _ANGLE_BINS)
        self.fc_t = nn.Linear(channels, _AXES)
        self.fc_exp = nn.Linear(channels, _AXES * keypoints)

    def features(self, windows: Tensor) -> Tensor:
        """Return (N, channels) of (N, coefficients, 27) windows."""
        x = self.first(windows)
        for index in range(_LAYERS):
            x = getattr(self, f"encoder{index}")(x) + x[:, :, _DILATION:-_DILATION]
        return functional.adaptive_avg_pool1d(x, 1)[..., 0]

    def forward(self, windows: Tensor) -> HeadPose:
        """Return the pose of N frames.

        Args:
            windows: (N, coefficients, 27).
        """
        x = self.features(windows)
        return HeadPose(
            yaw=bins_to_degrees(self.fc_yaw(x)),
            pitch=bins_to_degrees(self.fc_pitch(x)),
            roll=bins_to_degrees(self.fc_roll(x)),
            translation=self.fc_t(x),
            expression=self.fc_exp(x).unflatten(1, (self._keypoints, _AXES)),
        )
