"""Clips: the rows of a manifest, checked and with their options converted."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, fields, replace
from fractions import Fraction
from functools import cache, cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from masktalk.avatar import is_avatar
from masktalk.avatar.manifest import MANIFEST_NAME
from masktalk.batch.manifest import Row, take_shard
from masktalk.batch.options import Shard
from masktalk.engines import engine_class, make_engine
from masktalk.errors import InputError, InputErrors, MasktalkError, OptionError
from masktalk.faces.options import parse_face
from masktalk.files import file_digest
from masktalk.media import audio_duration, open_source
from masktalk.media.local_files import checked_file
from masktalk.option_fields import parse_fraction
from masktalk.preparation import PrepareOptions
from masktalk.rendering import RenderOptions, check_encoding
from masktalk.speech.transcript import transcript_beside
from masktalk.types import Progress, no_progress

_OWN = ("avatar", "speech", "output")
#: Set by the batch itself, or for all its clips.
_NOT_COLUMNS = frozenset({"seconds", "overwrite", "articulator", "engine_options"})


@dataclass(frozen=True)
class Clip:
    """One video to render.

    Attributes:
        place: Its row of the manifest in words.
        avatar: Anything that ``prepare`` takes.
        speech: Recording.
        output: Result, below the batch's folder.
        preparing: Options of the avatar.
        rendering: Options of the result.
        seconds: Length of the result.
        sources: SHA-256 of everything that it is made of, by role.
    """

    place: str
    avatar: Path
    speech: Path
    output: Path
    preparing: PrepareOptions
    rendering: RenderOptions
    seconds: Fraction = Fraction(0)
    sources: dict[str, str] = field(default_factory=dict)

    @cached_property
    def key(self) -> str:
        """Return the name of the result by its content."""
        content = {
            "masktalk": version("masktalk"),
            "output": self.output.as_posix(),
            "sources": self.sources,
            "prepare": replace(self.preparing, seconds=None).key(),
            "render": asdict(replace(self.rendering, overwrite=False)),
        }
        written = json.dumps(content, sort_keys=True, default=str)
        return hashlib.sha256(written.encode()).hexdigest()[:24]

    @property
    def avatar_key(self) -> str:
        """Return a name for the avatar, equal for clips that can share it."""
        prepared = json.dumps(replace(self.preparing, seconds=None).key(), sort_keys=True)
        return f"{self.sources['avatar']} {prepared}"


def make_clips(
    manifest: Path,
    rows: list[Row],
    base: Path,
    shard: Shard,
    progress: Progress = no_progress,
) -> list[Clip]:
    """Return the clips of a manifest, after a look at every file and option.

    Args:
        manifest: For messages.
        rows: From ``read_rows``.
        base: Folder that relative paths start from.
        shard: The part to return; files of others are not looked at.
        progress: Progress callback.

    Raises:
        InputErrors: One error for each row that cannot be rendered.
    """
    look = _Files()
    chosen = {row.place: row for row in take_shard(rows, shard)}
    problems: list[MasktalkError] = []
    clips: list[Clip] = []
    seen: dict[str, str] = {}
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        asked = {place: threads.submit(_clip, row, base, look) for place, row in chosen.items()}
        for done, row in enumerate(rows, start=1):
            try:
                output = _output(row)
                same = seen.setdefault(os.path.normcase(str(output)), row.place)
                if same != row.place:
                    raise OptionError(
                        f"output {output}", f"is that of {same} too", "name it otherwise"
                    )
                if row.place in asked:
                    clips.append(asked[row.place].result())
            except MasktalkError as error:
                # A manifest has columns, not flags.
                problem = str(error).replace("`", "")
                problems.append(InputError(f"{manifest} {row.place}", problem))
            progress("checking", done, len(rows))
    if problems:
        raise InputErrors(problems)
    return clips


class _Files:
    """Facts about files, each found out once however many rows name it."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], Any] = {}

    def ask(self, question: Callable[..., Any], *subject: Any) -> Any:
        """Return ``question(*subject)``, remembered; an error is raised anew each time."""
        key = (question, *(str(each) for each in subject))
        if key not in self._known:
            try:
                self._known[key] = question(*subject)
            except MasktalkError as error:
                self._known[key] = error
        if isinstance(self._known[key], MasktalkError):
            raise self._known[key]
        return self._known[key]


def _clip(row: Row, base: Path, look: _Files) -> Clip:
    for column in ("avatar", "speech"):
        if column not in row.values:
            raise InputError(column, "is missing", "give a file")
    avatar, speech = (base / str(row.values[column]) for column in ("avatar", "speech"))
    preparing, rendering = _options(row, base)
    make_engine(rendering.engine, dict(rendering.engine_options))
    if rendering.text is None and engine_class(rendering.engine).capabilities.articulated:
        beside = transcript_beside(speech)
        rendering = replace(rendering, text=None if beside is None else str(beside))
    output = _output(row)
    sources = {
        "avatar": look.ask(_avatar_digest, avatar),
        "speech": look.ask(_file_digest, speech),
    }
    for role in ("text", "background"):
        value = getattr(rendering, role)
        if value is not None and (base / value).is_file():
            changed: dict[str, Any] = {role: str(base / value)}
            rendering = replace(rendering, **changed)
            sources[role] = look.ask(_file_digest, base / value)
    look.ask(_check_encoding, avatar, output.suffix, rendering.background, rendering.encoder)
    preparing.key()  # digests, so that missing files are found now
    if preparing != PrepareOptions() and is_avatar(avatar):
        raise OptionError(avatar, "is prepared already", "leave the options of the avatar out")
    seconds = look.ask(audio_duration, speech)
    if rendering.preview is not None:
        seconds = min(seconds, rendering.preview)
    return Clip(row.place, avatar, speech, output, preparing, rendering, seconds, sources)


def _options(row: Row, base: Path) -> tuple[PrepareOptions, RenderOptions]:
    """Return the options that the columns of a row give, each in its record."""
    given = {name: value for name, value in row.values.items() if name not in _OWN}
    if wrong := _NOT_COLUMNS & given.keys():
        raise OptionError(min(wrong), "is no column", "leave it out")
    rendering, preparing = (_fitting(kind, given, base) for kind in (RenderOptions, PrepareOptions))
    preparing.pop("fps", None)  # of a folder of frames; the column is that of the result
    engine = {name: value for name, value in given.items() if name not in rendering | preparing}
    return PrepareOptions(**preparing), RenderOptions(**rendering, engine_options=engine)


def _fitting(record: type[Any], given: dict[str, Any], base: Path) -> dict[str, Any]:
    """Return the values that are options of a record, converted to their types."""
    hints = _type_hints(record)
    known = [each.name for each in fields(record) if each.name in given]
    return {name: _converted(name, hints[name], given[name], base) for name in known}


_type_hints: Callable[[Any], dict[str, Any]] = cache(get_type_hints)


def _converted(name: str, hint: Any, value: Any, base: Path) -> Any:
    if name == "face":
        return parse_face(",".join(map(str, value)) if isinstance(value, list) else str(value))
    if hint == Fraction | None:
        return parse_fraction(str(value), name)
    if hint == Path | None:
        return checked_file(base / str(value))
    wanted = str(value) if hint in (str, str | None) else value
    try:
        return TypeAdapter(hint).validate_python(wanted)
    except ValidationError as error:
        raise OptionError(f"`{name}` {value}", error.errors()[0]["msg"]) from error


def _output(row: Row) -> Path:
    """Return the result's path below the batch's folder."""
    default = "-".join(Path(str(row.values.get(each, ""))).stem for each in _OWN[:2]) + ".mp4"
    output = Path(os.path.normpath(str(row.values.get("output", default))))
    if output.is_absolute() or ".." in output.parts:
        raise OptionError(
            f"output {output}", "lies outside the folder of the results", "give a name below it"
        )
    return output


def _file_digest(path: Path) -> str:
    return file_digest(checked_file(path))


def _avatar_digest(path: Path) -> str:
    if is_avatar(path):
        return file_digest(path / MANIFEST_NAME)  # it holds the digests of all the others
    return open_source(path).digest()


def _check_encoding(avatar: Path, suffix: str, background: str | None, encoder: str | None) -> None:
    options = RenderOptions(background=background, encoder=encoder)
    check_encoding(avatar, Path(f"output{suffix}"), options)
