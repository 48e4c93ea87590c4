"""What commands share: the settings, the form of their output, and how they fail."""

import asyncio
import functools
import os
import shutil
import sys
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import click
import msgspec

if TYPE_CHECKING:
    from lgsp.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")


_AS_JSON = f"{__name__}.as_json"  # in the invocation's `meta`: the command was called with --json


class Failed(click.ClickException):
    """The job failed: exit status 1. `remedy` says what to do about it, `code` is for programs; `more` is what --json adds."""

    def __init__(self, message: str, remedy: str = "", *, code: str = "command.failed", more: Mapping[str, Any] | None = None):
        super().__init__(message)
        self.remedy = remedy
        self.code = code
        self.more = more or {}

    def form(self) -> dict[str, Any]:
        """What --json prints: the members of a refusal of the hub, whoever it was that failed."""
        return {
            "code": self.code,
            "title": "The command could not do its job",
            "title_vi": "Lệnh không thực hiện được",
            "field": "",
            "detail": self.message,
            "remedy": self.remedy,
            "remedy_vi": "Xem detail và remedy; `lgsp doctor` tìm nguyên nhân.",
            **self.more,
        }

    def show(self, file: Any = None) -> None:
        click.secho(self.message, fg="red", err=True)
        if self.remedy:
            click.echo(f"→ {self.remedy}", err=True)


class Refused(Failed):
    """A refusal with a code of the catalogue: its texts are for people, its code for programs. `problem`: see RFC 9457."""

    def __init__(self, problem: Mapping[str, Any], more: Mapping[str, Any] | None = None) -> None:
        self.problem = problem
        super().__init__(
            explained(problem["code"], problem["field"], problem["title_vi"], problem["title"], problem["detail"]),
            f"{problem['remedy_vi']}\n→ {problem['remedy']}",
            code=problem["code"],
            more=more,
        )

    def form(self) -> dict[str, Any]:
        return {**super().form(), **self.problem}


def print_if_json(failed: Failed) -> None:
    """On one line, as it may end a stream of lines."""
    if click.get_current_context().meta.get(_AS_JSON):
        print_json(failed.form(), indent=False)


def explained(code: str, field: str, title_vi: str, title_en: str, detail: str) -> str:
    """A refusal for people: code and place, what is wrong in both languages, the technical addition."""
    where = f"  [{field}]" if field else ""
    return f"{code}{where}\n{title_vi} · {title_en}\n{detail}".rstrip()


@dataclass(frozen=True, slots=True)
class Invocation:
    """What was said before the command's name."""

    settings_file: Path | None

    def settings(self) -> "Settings":
        """Raises SettingsError."""
        from lgsp.settings import Settings

        return Settings.load(self.settings_file, os.environ)


def with_settings(command: Callable[Concatenate["Settings", P], R]) -> Callable[P, R]:
    """The command's first argument becomes the loaded settings."""

    @click.pass_obj
    @functools.wraps(command)
    def loaded(invocation: Invocation, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return command(invocation.settings(), *args, **kwargs)

    return loaded


def _remembered(context: click.Context, _: click.Parameter, value: bool) -> bool:
    context.meta[_AS_JSON] = value
    return value


json_option = click.option("--json", "as_json", is_flag=True, callback=_remembered, help="Print JSON, for programs.")


def run(coroutine: Coroutine[Any, Any, R]) -> R:
    """Until it ends; Ctrl-C ends it in order."""
    return asyncio.run(coroutine)


def run_until_stopped(coroutine: Coroutine[Any, Any, R]) -> R | None:
    """For what goes on until somebody presses Ctrl-C: that is its proper end, and None."""
    try:
        return run(coroutine)
    except KeyboardInterrupt:
        return None


def program() -> str:
    """What one types to call this program, as it was called: `.venv/bin/lgsp`; plain `lgsp` where the shell finds it."""
    called = Path(sys.argv[0])
    if called.name != "lgsp" or shutil.which("lgsp") == str(called):
        return "lgsp"
    return str(called)


def quiet_log() -> None:
    """Commands that print results keep the log away from them: warnings and worse, on standard error."""
    from lgsp import log

    log.configure("auto", "warning", stream=sys.stderr)


def print_json(value: object, *, indent: bool = True) -> None:
    """One value; with `indent` False on one line, for streams."""
    encoded = msgspec.json.encode(value)
    click.echo((msgspec.json.format(encoded, indent=2) if indent else encoded).decode())


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """For people. Cells are shown as they are: nothing in them is markup."""
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=title or None, title_justify="left", show_header=any(columns), box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(escape("" if cell is None else str(cell)) for cell in row))
    # A pipe has no width of its own: lines are not cut there.
    Console(width=None if sys.stdout.isatty() else 200, highlight=False).print(table)


def say(text: str, colour: str | None = None) -> None:
    """A line for people on standard output."""
    click.secho(text, fg=colour)
