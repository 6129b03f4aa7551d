"""The structure of the package: no import circles, docstrings by rule, array shapes named.

Packages in ``UNREWORDED`` and ``UNSHAPED`` still hold so many docstrings of the old style; a
number here may only fall.
"""

import ast
import re
from collections import Counter
from pathlib import Path

import masktalk

PACKAGE = Path(masktalk.__file__).parent
QUESTION = re.compile(r"(What|How|Where|Whether|Which|Who)\b")
#: A shape as the docstrings write it: (N,), (H, W, 3), (478, 3), [(x, y)].
SHAPE = re.compile(r"\(\s*[\w .*+/|()]+,[\w ,.*+/|()]*\)")
ARRAY = re.compile(r"\b(\w*Array|NDArray|ndarray|Curve|Mask)\b")

UNREWORDED: dict[str, int] = {}
UNSHAPED: dict[str, int] = {}


def modules():
    return {
        "masktalk." + ".".join(path.relative_to(PACKAGE).with_suffix("").parts): ast.parse(
            path.read_text(encoding="utf-8")
        )
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def package_of(module):
    return module.split(".")[1]


def definitions(tree):
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return [node for node in ast.walk(tree) if isinstance(node, kinds)]


def imports_at_load(tree):
    """Modules that are imported when a module is loaded: not in functions, not for types."""
    waiting = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
        elif isinstance(node, (ast.If, ast.Try, ast.With)):
            waiting += [
                child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)
            ]


def test_no_import_goes_in_a_circle():
    trees = modules()
    graph = {name: set(imports_at_load(tree)) & trees.keys() for name, tree in trees.items()}
    while free := {name for name, wanted in graph.items() if not wanted & graph.keys()}:
        graph = {name: wanted for name, wanted in graph.items() if name not in free}
    assert not graph, f"these import one another: {sorted(graph)}"


def test_no_docstring_opens_with_a_question_word():
    found = Counter()
    for module, tree in modules().items():
        for node in [tree, *definitions(tree)]:
            if QUESTION.match(ast.get_docstring(node) or ""):
                found[package_of(module)] += 1
    assert found <= Counter(UNREWORDED)


def test_public_functions_name_the_shapes_of_their_arrays():
    found = Counter()
    for module, tree in modules().items():
        for node in definitions(tree):
            if isinstance(node, ast.ClassDef) or node.name.startswith("_"):
                continue
            given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            takes = any(
                each.annotation and ARRAY.search(ast.unparse(each.annotation)) for each in given
            )
            if takes and not SHAPE.search(ast.get_docstring(node) or ""):
                found[package_of(module)] += 1
    assert found <= Counter(UNSHAPED)
