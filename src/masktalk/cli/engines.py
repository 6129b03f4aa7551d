"""`masktalk engines`: what can move a mouth, and each engine's own options."""

from __future__ import annotations

import sys


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
