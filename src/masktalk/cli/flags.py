"""The flags commands share, as records, and what they mean to the layers below."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, make_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from masktalk.option_fields import parse_fraction

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from masktalk.driver import DriverOptions
    from masktalk.preparation import PrepareOptions
    from masktalk.rendering import RenderOptions

_AVATAR, _OUTPUT, _ENGINE = "The avatar", "The result", "The engine"
_DRIVER = "A borrowed mouth"


#: Options whose flag is not their own name.
_FLAGS = {"rate": "fps", "driver.video": "driver"}


def name_flags(message: str) -> str:
    """Return an error message with `` `crf` ``, the option, replaced by ``--crf``, the flag."""
    return re.sub(r"`([a-z_.]+)`", lambda found: f"--{_flag_name(found[1])}", message)


def _flag_name(option: str) -> str:
    return re.sub("[_.]", "-", _FLAGS.get(option, option))


@dataclass(frozen=True)
class AvatarFlags:
    """Flags of avatar preparation."""

    face: Annotated[
        str,
        typer.Option(
            help="Which of several faces: largest, left, right, a number from the left, or X,Y.",
            rich_help_panel=_AVATAR,
        ),
    ] = "largest"
    points: Annotated[
        Path | None,
        typer.Option(
            help="JSON with mouth corners, lips, chin and eyes, for a face nothing finds.",
            rich_help_panel=_AVATAR,
        ),
    ] = None
    mouth: Annotated[
        str,
        typer.Option(
            help="auto, open (lips), cloth (a covered mouth) or draw (there is none).",
            rich_help_panel=_AVATAR,
        ),
    ] = "auto"

    unmasked: Annotated[
        Path | None,
        typer.Option(
            help="The same person without the mask: this face speaks, the mask is laid over it.",
            rich_help_panel=_AVATAR,
        ),
    ] = None
    mask: Annotated[
        Path | None,
        typer.Option(
            help="The mask alone (RGBA) or its matte; told from the two pictures unless given.",
            rich_help_panel=_AVATAR,
        ),
    ] = None

    height: Annotated[
        int | None,
        typer.Option(
            help="Scale to a height in pixels; without it, as it is, and images at most to "
            "8.8 megapixels.",
            rich_help_panel=_AVATAR,
        ),
    ] = None

    consent: Annotated[
        str | None,
        typer.Option(
            help="Note on the consent of the person shown, kept with the avatar and its videos.",
            rich_help_panel=_AVATAR,
        ),
    ] = None

    def options(self) -> PrepareOptions:
        from masktalk.faces.options import parse_face
        from masktalk.preparation import PrepareOptions

        return PrepareOptions(
            face=parse_face(self.face),
            points=self.points,
            mouth=self.mouth,  # type: ignore[arg-type]
            unmasked=self.unmasked,
            mask=self.mask,
            height=self.height,
            consent=self.consent,
        )


@dataclass(frozen=True)
class EngineFlags:
    """The engine; ``engine_flags`` adds the options that the engines have."""

    engine: Annotated[
        str,
        typer.Option(help="warp needs nothing; see `masktalk engines`.", rich_help_panel=_ENGINE),
    ] = "warp"

    def values(self) -> dict[str, Any]:
        """Return the engines' own options that were given, by name."""
        given = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "engine"}
        return {name: value for name, value in given.items() if value is not None}


def engine_flags() -> type[EngineFlags]:
    """Return ``EngineFlags`` with a flag for every option of every engine in the table.

    Flags take text, which the option records check. An engine that is not installed has
    none.
    """
    from masktalk.engines import ENGINES, engine_class
    from masktalk.errors import MissingExtraError

    texts: dict[str, list[str]] = {}
    engines: dict[str, list[str]] = {}
    switches, hidden = set(), set()
    for engine in ENGINES:
        try:
            record = engine_class(engine).Options
        except MissingExtraError:
            continue
        for option, declared in record.model_fields.items():
            texts.setdefault(option, []).append(describe_option(declared))
            engines.setdefault(option, []).append(engine)
            if declared.annotation is bool:
                switches.add(option)
        for old, new in record.RENAMED.items():
            texts[old], engines[old] = [f"Earlier name of --{_flag_name(new)}."], [engine]
            hidden.add(old)
            if new in switches:
                switches.add(old)
    made: list[tuple[str, Any, Any]] = []
    for option, descriptions in texts.items():
        chosen: Any = typer.Option(
            *((f"--{_flag_name(option)}",) if option in hidden else ()),
            help=" / ".join(dict.fromkeys(descriptions)),
            rich_help_panel=f"Engine {', '.join(engines[option])}",
            hidden=option in hidden,
        )
        kind: Any = bool if option in switches else str
        made.append((option, Annotated[kind | None, chosen], None))
    return make_dataclass("AllEngineFlags", made, bases=(EngineFlags,), frozen=True)


def describe_option(declared: FieldInfo) -> str:
    """Return an option's description with its range and default."""
    limits = {
        name: value
        for limit in declared.metadata
        for name in ("ge", "le")
        if (value := getattr(limit, name, None)) is not None
    }
    text = declared.description or ""
    if len(limits) == 2:
        text += f", {limits['ge']:g} to {limits['le']:g}"
    return text if declared.default is None else f"{text} [{declared.default}]"


@dataclass(frozen=True)
class DriverFlags:
    """Whose mouth the avatar borrows."""

    driver: Annotated[
        Path | None,
        typer.Option(
            help="A talking video whose mouth drives the avatar.", rich_help_panel=_DRIVER
        ),
    ] = None
    driver_engine: Annotated[
        str | None,
        typer.Option(
            help="An engine that makes --driver-face speak and so drives the avatar.",
            rich_help_panel=_DRIVER,
        ),
    ] = None
    driver_face: Annotated[
        Path | None,
        typer.Option(help="A human face for --driver-engine.", rich_help_panel=_DRIVER),
    ] = None

    def options(self) -> DriverOptions:
        from masktalk.driver import DriverOptions

        return DriverOptions(video=self.driver, engine=self.driver_engine, face=self.driver_face)


@dataclass(frozen=True)
class TextFlags:
    """Flags of a known text."""

    text: Annotated[
        str | None,
        typer.Option(
            help="What is said, or a .txt, .srt, .vtt or .TextGrid with it; one of the last "
            "three with the speech's own name is found by itself.",
            rich_help_panel=_AVATAR,
        ),
    ] = None
    language: Annotated[
        str, typer.Option(help="Of the text, as espeak-ng calls it.", rich_help_panel=_AVATAR)
    ] = "en-us"

    def known(self, speech: Path, engine: str) -> str | None:
        """Return the text that was given, or else the transcript beside the speech."""
        from masktalk.engines import engine_class
        from masktalk.speech.transcript import transcript_beside

        if self.text is not None or not engine_class(engine).capabilities.articulated:
            return self.text
        beside = transcript_beside(speech)
        return None if beside is None else str(beside)


@dataclass(frozen=True)
class VideoFlags:
    """Flags of the output video."""

    fps: Annotated[
        str | None,
        typer.Option(
            help="Frames per second, 25 or 30000/1001; the avatar's own unless given.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None
    encoder: Annotated[
        str | None,
        typer.Option(
            help="Video encoder; the best that opens unless given (`masktalk doctor`).",
            rich_help_panel=_OUTPUT,
        ),
    ] = None
    crf: Annotated[
        int | None,
        typer.Option(help="Quality, 0 (best) to 51.", rich_help_panel=_OUTPUT),
    ] = None
    preview: Annotated[
        str | None,
        typer.Option(help="Only the first so many seconds.", rich_help_panel=_OUTPUT),
    ] = None
    background: Annotated[
        str | None,
        typer.Option(
            help="A colour or a picture behind a transparent avatar; alpha is kept without it.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None
    provenance: Annotated[
        str,
        typer.Option(
            help="Statement of origin: auto, c2pa (signed), metadata (of the container) or off.",
            rich_help_panel=_OUTPUT,
        ),
    ] = "auto"
    label: Annotated[
        str | None,
        typer.Option(help="Words to show in the corner of every frame.", rich_help_panel=_OUTPUT),
    ] = None
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing file.", rich_help_panel=_OUTPUT)
    ] = False

    def options(self, engine: EngineFlags) -> RenderOptions:
        from masktalk.rendering import RenderOptions

        return RenderOptions(
            engine=engine.engine,
            engine_options=engine.values(),
            fps=parse_fraction(self.fps, "fps"),
            encoder=self.encoder,
            crf=self.crf,
            preview=parse_fraction(self.preview, "preview"),
            overwrite=self.overwrite,
            background=self.background,
            provenance=self.provenance,  # type: ignore[arg-type]
            label=self.label,
        )
