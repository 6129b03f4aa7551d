"""The house's shape: imports go down only, and `masktalk --help` loads nothing heavy."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import masktalk

PACKAGE = Path(masktalk.__file__).parent

LAYERS = {
    "__main__": 7,
    "types": 0,
    "errors": 0,
    "landmarks": 0,
    "option_fields": 0,
    "numerics": 0,
    "files": 0,
    "media": 1,
    "weights": 1,
    "faces": 2,
    "speech": 2,
    "compose": 2,
    "avatar": 2,
    "behaviour": 2,
    "head_renderer": 2,
    "provenance": 2,
    "engines": 3,
    "overlay": 4,
    "preparation": 4,
    "rendering": 4,
    "driver": 4,
    "session": 4,
    "demo": 4,
    "mask_painter": 4,
    "server": 5,
    "train": 5,
    "evaluate": 5,
    "livekit": 5,
    "pipecat": 5,
    "broadcast": 5,
    "batch": 5,
    "dub": 5,
    "cli": 6,
}
#: Within these layers the rooms may use one another.
NEIGHBOURLY = {0, 4}
HEAVY = {
    "av",
    "cv2",
    "diffusers",
    "fastapi",
    "numpy",
    "onnxruntime",
    "pydantic",
    "scipy",
    "torch",
    "transformers",
}


def modules():
    return sorted(PACKAGE.rglob("*.py"))


def room(path):
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imported_rooms(path):
    """(room, engine package or None) of every masktalk module that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [node.module]
            if node.module == "masktalk":
                names = [f"masktalk.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            pytest.fail(f"{path} has a relative import; write it in full")
        for name in names:
            parts = name.split(".")
            if parts[0] == "masktalk" and len(parts) > 1:
                yield parts[1], parts[2] if parts[1] == "engines" and len(parts) > 2 else None


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down_only(path):
    here = room(path)
    if here == "__init__":
        return
    assert here in LAYERS, f"{here} has no layer; give it one in this test"
    for other, _ in imported_rooms(path):
        if other == here or other not in LAYERS:
            continue
        sideways = LAYERS[other] == LAYERS[here] and LAYERS[here] not in NEIGHBOURLY
        assert LAYERS[other] <= LAYERS[here], f"{path} imports upwards: {other}"
        assert not sideways, f"{path} imports sideways: {other}"


def test_engines_do_not_import_one_another():
    shared = {path.stem for path in (PACKAGE / "engines").glob("*.py")}
    for path in (PACKAGE / "engines").rglob("*.py"):
        parts = path.relative_to(PACKAGE / "engines").parts
        if len(parts) == 1:
            continue
        others = {engine for other, engine in imported_rooms(path) if other == "engines" and engine}
        assert others <= {parts[0], *shared}, f"{path} imports another engine: {others}"


def landmark_lists(path):
    """Literal lists that can only be landmarks, in files that deal with meshes.

    Four and more distinct integers below 478; one of them is large, as no list of small
    counts or keypoints is.
    """
    text = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(text)) if "mesh" in text else ():
        if isinstance(node, (ast.List, ast.Tuple, ast.Set, ast.Dict)):
            items = node.keys if isinstance(node, ast.Dict) else node.elts
            values = {item.value for item in items if isinstance(item, ast.Constant)}
            whole = {v for v in values if type(v) is int}
            if len(whole) >= 4 and len(whole) == len(items) and 100 <= max(whole) < 478:
                yield node.lineno, sorted(whole)


def test_landmarks_have_one_home():
    for path in modules():
        name = str(path.relative_to(PACKAGE))
        if name != "landmarks.py":
            assert not list(landmark_lists(path)), f"{name}: move these lists to landmarks.py"


def test_help_loads_nothing_heavy():
    code = (
        "import sys; import masktalk.cli; "
        f"print(sorted({HEAVY!r} & {{name.partition('.')[0] for name in sys.modules}}))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert loaded.stdout.strip() == "[]"
