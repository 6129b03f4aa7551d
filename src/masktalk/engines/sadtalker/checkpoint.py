"""SadTalker's public files: found, opened safely and loaded into networks of their size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar, cast

import torch
from torch import Tensor, nn

from masktalk.engines.sadtalker.audio import ExpressionNetwork
from masktalk.engines.sadtalker.mapping import MappingNetwork
from masktalk.engines.sadtalker.pose import UNUSED_PREFIXES, PoseNetwork
from masktalk.engines.sadtalker.recon import ReconNetwork
from masktalk.errors import WeightsError
from masktalk.head_renderer import (
    GeneratorConfig,
    HeadGenerator,
    HeadRenderer,
    KeypointDetector,
    fold_norms,
    use_winograd,
)
from masktalk.weights import WeightStore, fill_network, load_tensors

if TYPE_CHECKING:
    from masktalk.engines.device import Compute
    from masktalk.engines.sadtalker.options import SadTalkerOptions

State: TypeAlias = dict[str, Tensor]
Network = TypeVar("Network", bound=nn.Module)

#: Networks of the release in one file, by the prefix of their keys.
_PREFIXES = {
    "expression": "audio2exp.",
    "pose": "audio2pose.",
    "recon": "face_3drecon.",
    "generator": "generator.",
    "keypoints": "kp_extractor.",
}
#: The same in the earlier release: file and section.
_EARLIER_FILES = {
    "expression": ("auido2exp_00300-model.pth", "model"),
    "pose": ("auido2pose_00140-model.pth", "model"),
    "recon": ("epoch_20.pth", "net_recon"),
    "generator": ("facevid2vid_00189-model.pth.tar", "generator"),
    "keypoints": ("facevid2vid_00189-model.pth.tar", "kp_detector"),
}
_MAPPING_SECTION = "mapping"


@dataclass(frozen=True)
class Files:
    """Paths of the weights.

    Attributes:
        networks: One file, or the folder of the earlier release's files.
        mapping: The mapping network that fits the crop mode.
    """

    networks: Path
    mapping: Path

    @classmethod
    def find(cls, options: SadTalkerOptions) -> Files:
        """Return the paths that the options and the weights table give.

        Raises:
            WeightsError: One that is needed is not on this machine.
        """
        store = WeightStore(options.checkpoints)
        networks = store.find(options.weights)
        if networks is None and options.size == 256:
            networks = _earlier_release(store.folder)
        return cls(networks or store.path(options.weights), store.path(options.mapping_weights))

    @property
    def all(self) -> list[Path]:
        """Every file."""
        if self.networks.is_file():
            return [self.networks, self.mapping]
        names = dict.fromkeys(name for name, _ in _EARLIER_FILES.values())
        return [*(self.networks / name for name in names), self.mapping]


def _earlier_release(folder: Path | None) -> Path | None:
    for place in () if folder is None else (folder, folder / "checkpoints"):
        if all((place / name).is_file() for name, _ in _EARLIER_FILES.values()):
            return place
    return None


@dataclass(frozen=True, eq=False)
class Networks:
    """The loaded networks, in float32 but for the renderer's generator.

    Attributes:
        expression: Audio to expression.
        pose: Audio to head motion.
        recon: Aligned face to 3DMM coefficients.
        mapping: Coefficients to pose and keypoint offsets.
        renderer: Keypoints to frames.
        device: Where they are.
    """

    expression: ExpressionNetwork
    pose: PoseNetwork
    recon: ReconNetwork
    mapping: MappingNetwork
    renderer: HeadRenderer
    device: torch.device


def load_networks(files: Files, compute: Compute) -> Networks:
    """Load the networks; their sizes follow from the shapes in the files.

    Raises:
        WeightsError: A file cannot be opened safely or does not fit.
    """
    states = _states(files.networks)
    mapping = load_tensors(files.mapping, _MAPPING_SECTION)
    made = {
        name: _filled(build, files.networks, states.pop(name)) for name, build in _BUILDERS.items()
    }
    mapper = _filled(_mapping, files.mapping, mapping).to(compute.device)
    generator = fold_norms(made.pop("generator"))
    if compute.device.type == "cpu" and compute.dtype == torch.float32:
        use_winograd(generator)
    renderer = HeadRenderer(
        cast(HeadGenerator, generator),
        cast(KeypointDetector, fold_norms(made.pop("keypoints"))),
        compute.device,
        compute.dtype,
    )
    return Networks(
        **{name: network.to(compute.device) for name, network in made.items()},  # type: ignore[arg-type]
        mapping=mapper,
        renderer=renderer,
        device=compute.device,
    )


def _states(path: Path) -> dict[str, State]:
    if path.is_dir():
        return {
            name: load_tensors(path / file, section)
            for name, (file, section) in _EARLIER_FILES.items()
        }
    tensors = load_tensors(path)
    return {
        name: {
            key.removeprefix(prefix): value
            for key, value in tensors.items()
            if key.startswith(prefix)
        }
        for name, prefix in _PREFIXES.items()
    }


def _filled(build: Callable[[State], Network], path: Path, state: State) -> Network:
    kept = {k: v for k, v in state.items() if not k.startswith(UNUSED_PREFIXES)}
    try:
        with torch.device("meta"):
            network = build(kept)
    except (KeyError, IndexError, ZeroDivisionError, ValueError) as error:
        raise WeightsError(path, f"is not a checkpoint of SadTalker's ({error})") from error
    fill_network(network, path, kept)
    return network


def _expression(state: State) -> ExpressionNetwork:
    return ExpressionNetwork(len(state["audio_encoder.0.conv_block.0.weight"]))


def _pose(state: State) -> PoseNetwork:
    styles, latent = state["netG.decoder.classbias"].shape
    return PoseNetwork(
        audio_channels=len(state["audio_encoder.audio_encoder.0.conv_block.0.weight"]),
        channels=len(state["netG.decoder.resunet.input_layer.0.weight"]),
        styles=styles,
        latent=latent,
        hidden=len(state["netG.decoder.MLP.L0.weight"]),
    )


def _recon(state: State) -> ReconNetwork:
    blocks: list[int] = []
    while number := _count(state, f"backbone.layer{len(blocks) + 1}."):
        blocks.append(number)
    return ReconNetwork(len(state["backbone.conv1.weight"]), blocks)


def _mapping(state: State) -> MappingNetwork:
    channels, coefficients, _ = state["first.0.weight"].shape
    return MappingNetwork(coefficients, channels, len(state["fc_exp.weight"]) // 3)


def _generator(state: State) -> HeadGenerator:
    volume = len(state["resblocks_3d.3dr0.conv1.weight"])
    levels = "dense_motion_network.hourglass.encoder.down_blocks."
    return HeadGenerator(
        GeneratorConfig(
            keypoints=len(state["dense_motion_network.mask.weight"]) - 1,
            channels=len(state["first.conv.weight"]),
            depth=len(state["second.weight"]) // volume,
            volume_channels=volume,
            volume_blocks=_count(state, "resblocks_3d."),
            hourglass=tuple(
                len(state[f"{levels}{index}.conv.weight"]) for index in range(_count(state, levels))
            ),
            middle_channels=len(state["decoder.fc.weight"]),
            label_hidden_channels=len(state["decoder.G_middle_0.norm_0.mlp_shared.0.weight"]),
        )
    )


def _keypoints(state: State) -> KeypointDetector:
    keypoints, channels = state["kp.weight"].shape[:2]
    folded, flat = state["predictor.conv.weight"].shape[:2]
    return KeypointDetector(keypoints, channels, folded // flat)


_BUILDERS: Mapping[str, Callable[[State], nn.Module]] = {
    "expression": _expression,
    "pose": _pose,
    "recon": _recon,
    "generator": _generator,
    "keypoints": _keypoints,
}


def _count(state: State, prefix: str) -> int:
    """Return how many different names follow a prefix."""
    return len({key[len(prefix) :].split(".")[0] for key in state if key.startswith(prefix)})
