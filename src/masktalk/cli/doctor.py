"""`masktalk doctor`: what is installed, what is missing and how to get it."""

from __future__ import annotations

import json
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Annotated, Any

import typer

_PACKAGES = ("av", "numpy", "opencv-python-headless", "onnxruntime", "pillow")
_EXTRAS = {
    "musetalk": ("torch", "diffusers", "transformers", "safetensors", "huggingface_hub", "yaml"),
    "wav2lip": ("torch", "safetensors", "huggingface_hub", "onnx"),
    "openvino": ("openvino",),
    "sadtalker": ("torch", "safetensors", "huggingface_hub"),
    "server": ("fastapi", "uvicorn", "aiortc", "multipart", "prometheus_client"),
}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
) -> None:
    """Say what is installed, which encoders, engines and weights there are, what is missing."""
    findings = examine()
    if as_json or not sys.stdout.isatty():
        sys.stdout.write(json.dumps(findings, indent=2) + "\n")
        return
    for section, entries in findings.items():
        sys.stdout.write(f"{section}\n")
        for name, state in entries.items():
            sys.stdout.write(f"  {name:28} {state}\n")


def examine() -> dict[str, dict[str, Any]]:
    """Everything doctor says, section by section."""
    return {
        "machine": {"python": platform.python_version(), "system": platform.platform()},
        "packages": {name: _version(name) for name in ("masktalk", *_PACKAGES)},
        "extras": {name: _extra(name, modules) for name, modules in _EXTRAS.items()},
        "encoders": _encoders(),
        "engines": _engines(),
        "weights": _weights(),
        "tools": _tools(),
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return f"missing; pip install {name}"


def _extra(name: str, modules: tuple[str, ...]) -> str:
    missing = [module for module in modules if find_spec(module) is None]
    if not missing:
        return "installed"
    return f"missing {', '.join(missing)}; pip install 'masktalk[{name}]'"


def _encoders() -> dict[str, str]:
    from masktalk.media import available_encoders

    return dict.fromkeys(available_encoders(), "opens")


def _engines() -> dict[str, str]:
    from masktalk.engines import ENGINES, engine_class
    from masktalk.errors import MissingExtraError

    states = {}
    for name in ENGINES:
        try:
            needs = engine_class(name).capabilities.weights
        except MissingExtraError as error:
            states[name] = str(error)
        else:
            states[name] = f"needs the weights {', '.join(needs)}" if needs else "ready"
    return states


def _weights() -> dict[str, str]:
    from masktalk.weights import WeightStore, weight_table

    store = WeightStore()
    found = {name: store.find(name) for name in weight_table()}
    return {
        name: str(path) if path else f"missing; masktalk models pull {name}"
        for name, path in found.items()
    }


def _tools() -> dict[str, str]:
    from shutil import which

    tools = {"espeak-ng": "text to try a live avatar with"}
    return {name: which(name) or f"missing; optional: {why}" for name, why in tools.items()}


def engines() -> None:
    """List the engines and the options that each has."""
    from masktalk.engines import ENGINES, engine_class
    from masktalk.errors import MissingExtraError

    for name in ENGINES:
        try:
            engine = engine_class(name)
        except MissingExtraError as error:
            sys.stdout.write(f"{name}: not installed ({error.remedy})\n")
            continue
        about = (engine.__doc__ or "").strip().splitlines()[0]
        sys.stdout.write(f"{name}: {about}\n")
        for option, field in engine.Options.model_fields.items():
            flag = "--" + option.replace("_", "-")
            sys.stdout.write(f"  {flag:24} {field.description or ''} [{field.default}]\n")
