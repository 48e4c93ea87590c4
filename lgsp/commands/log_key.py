"""The public keys of a log, as one gives them to a command: each itself, or a file of them as `GET /log/vkey` answers."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from lgsp.core.log.note import NoteVerifier

_MAX_BYTES = 100_000  # a log has a handful of keys


class LogKeys(click.ParamType["tuple[NoteVerifier, ...]"]):
    """A file has one key a line: a log that changed its key over has several."""

    name = "vkey"

    def convert(
        self, value: "str | tuple[NoteVerifier, ...]", param: click.Parameter | None, ctx: click.Context | None
    ) -> "tuple[NoteVerifier, ...]":
        from lgsp.core.log.note import NoteInvalid, NoteVerifier

        if not isinstance(value, str):
            return value
        path = Path(value)
        if value.count("+") < 2 and not path.is_file():
            self.fail(f"{value!r} is neither a key as GET /log/vkey of the hub answers it, nor a file of some", param, ctx)
        try:
            text = _text(path) if path.is_file() else value
            keys = tuple(map(NoteVerifier.of, text.split()))
        except (NoteInvalid, OSError, UnicodeDecodeError) as error:
            self.fail(f"{value}: {error}; write it as GET /log/vkey of the hub answers it", param, ctx)
        if not keys:
            self.fail(f"{value}: no key stands in this file", param, ctx)
        return keys


def together(given: "Iterable[tuple[NoteVerifier, ...]]") -> "tuple[NoteVerifier, ...]":
    """Of an option that may be repeated."""
    return tuple(key for keys in given for key in keys)


def _text(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_MAX_BYTES).decode("utf-8")
