"""`lgsp archive`: writing archive files, and checking them without the hub."""

import dataclasses
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from lgsp.commands.agency import in_store
from lgsp.commands.common import Failed, Invocation, json_option, print_json, print_table, quiet_log, run, say, with_settings
from lgsp.commands.dead_filter import Moment
from lgsp.commands.labels import clock

if TYPE_CHECKING:
    from lgsp.archive.checking import Checked
    from lgsp.ports import Archive
    from lgsp.settings import Settings

_SHOWN = 1000
_COLUMNS = (
    "Số · Number",
    "Thông điệp · Envelopes",
    "Bắt đầu · Begun",
    "Đã bàn giao · Taken over",
    "SHA-256",
    "Thư mục · Folder",
)
_BREAKS = {
    "missing": ("thiếu tệp", "missing before it"),
    "not_the_one_before": ("không nối tiếp tệp trước", "does not follow the file before it"),
    "another_hub": ("của trục khác", "of another hub"),
    "envelope_twice": ("thông điệp xuất hiện hai lần", "an envelope is in two files"),
}


@click.group(short_help="Lưu trữ · Archive files that hang on each other, and checking them.")
def archive() -> None:
    """Lưu trữ · Export what has come to its end into files that can be kept and checked anywhere."""


@archive.command()
@json_option
@click.option("--until", "moment", type=Moment(), required=True, metavar="DATE", help="What was accepted before.")
@click.option("--to", "folder", type=click.Path(file_okay=False, path_type=Path), help="Default: archive_dir.")
@click.option("--hook", help="Program that takes each file over, its path added; exit status 0: done. Default: archive_hook.")
@click.option("--files", "max_files", type=click.IntRange(1), help="At most so many files now; the next call goes on.")
@with_settings
def export(
    settings: "Settings", moment: datetime, folder: Path | None, hook: str | None, max_files: int | None, as_json: bool
) -> None:
    """Xuất · Archive every envelope accepted before DATE whose deliveries have ended, a file after the other.

    \b
      lgsp archive export --until 2026-01-01 --to /mnt/archive --hook 'rclone copyto ...'

    An envelope counts as archived once its file is on disk and the hook took it over. Interrupted anywhere, the same command goes
    on: no envelope is left out or archived twice; the hook may be offered a file that it took already.
    """
    given = settings if hook is None else dataclasses.replace(settings, archive_hook=hook)
    quiet_log()
    written = run(_export(given, folder or settings.archive_path, moment, max_files, as_json))
    if as_json:
        print_json({"files": written})
    elif not written:
        say("Không có gì để lưu trữ · There was nothing to archive.")


async def _export(settings: "Settings", folder: Path, moment: datetime, max_files: int | None, quiet: bool) -> "list[Archive]":
    from lgsp.archive.archiver import LOCK, ArchiveUnusable
    from lgsp.archive.hook import HookFailed
    from lgsp.bootstrap.keeping import archiver
    from lgsp.bootstrap.stores import open_blobs, open_store
    from lgsp.durable import exclusive
    from lgsp.errors import ArchiveUnderWay

    written: list[Archive] = []
    async with AsyncExitStack() as stack:
        if not stack.enter_context(exclusive(folder / LOCK)):
            raise Failed(
                f"Another process is archiving into {folder}.", "wait for it, or export somewhere else", code="archive.busy"
            )
        store = await stack.enter_async_context(open_store(settings))
        one = archiver(settings, store, open_blobs(settings), folder)
        try:
            async for done in one.until(moment):
                written.append(done)
                if not quiet:
                    say(f"{_name(done)}: {done.envelopes} thông điệp · envelopes  {done.sha256}", "green")
                if max_files is not None and len(written) >= max_files:
                    break
        except HookFailed as error:
            raise Failed(
                f"The file was not taken over: {error}",
                f"it waits in {folder} and nothing of it counts as archived; mend the hook and give the same command again",
                code="archive.not_taken_over",
                more={"files": written},
            ) from None
        except ArchiveUnderWay as error:
            remedy = f"go on there: lgsp archive export --to {error.folder} ..."
            raise Failed(str(error), remedy, code="archive.elsewhere") from None
        except ArchiveUnusable as error:
            raise Failed(str(error), "`lgsp archive check` says what is wrong with it", code="archive.unusable") from None
    return written


@archive.command("list")
@json_option
@with_settings
def list_(settings: "Settings", as_json: bool) -> None:
    """Danh sách · List archive files as the journal knows them; the log has a leaf with the SHA-256 of each."""
    found = in_store(settings, lambda store: store.archives(_SHOWN))
    if as_json:
        print_json({"archives": found})
        return
    rows = ((one.number, one.envelopes, clock(one.begun_at), clock(one.done_at), one.sha256 or "…", one.folder) for one in found)
    print_table("", _COLUMNS, rows)


@archive.command()
@json_option
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--journal", "with_journal", is_flag=True, help="Also compare with what this hub's journal knows of each file.")
@click.pass_obj
def check(invocation: Invocation, folder: Path, with_journal: bool, as_json: bool) -> None:
    """Kiểm tra · Check every file in FOLDER and that they hang on each other. Needs no hub and no network.

    All octets against the manifests; header and body against the digest in the receipt; leaves of the log against both; each file
    against the one before. Exit status 0 or 1. That whole chain exchanged for another one shows the SHA-256 of the last file:
    compare it with `lgsp archive list`, --journal, or the log.
    """
    from lgsp.archive.checking import check_folder, unlike

    checked = check_folder(folder, (lambda _: None) if as_json else lambda name: say(name))
    wrong: list[tuple[str, str]] = []
    if with_journal:
        known = in_store(invocation.settings(), lambda store: store.archives(10_000_000))
        numbers = {one.number: one.sha256 for one in known if one.sha256 is not None and one.number >= (checked.first or 0)}
        wrong = list(unlike(folder, numbers))
    if not checked.is_sound or wrong:
        raise Failed(
            "\n".join(_told(checked, wrong)),
            "fetch these files from where they were taken over to, and check again",
            code="archive.unsound",
            more=_plain(checked, wrong),
        )
    if as_json:
        print_json(_plain(checked, wrong))
        return
    if checked.files == 0:
        say("Không có tệp lưu trữ · There are no archive files here.", "yellow")
        return
    beginning = "" if checked.first == 1 else f" Bắt đầu từ số · The first is number {checked.first}."
    say(f"Toàn vẹn · Sound: {checked.files} tệp · files, {checked.envelopes} thông điệp · envelopes.{beginning}", "green")
    say(f"Tệp cuối · Last: {checked.last}")


def _told(checked: "Checked", wrong: list[tuple[str, str]]) -> list[str]:
    broken = [f"{one.name}: {' · '.join(_BREAKS[one.what])}: {one.detail}" for one in checked.breaks]
    return [*(f"{name}: {one}" for name, one in (*checked.problems, *wrong)), *broken]


def _plain(checked: "Checked", wrong: list[tuple[str, str]]) -> dict[str, Any]:
    return {**msgspec.to_builtins(checked), "sound": checked.is_sound and not wrong, "unlike_the_journal": wrong}


def _name(one: "Archive") -> str:
    from lgsp.core.archive import file_name

    return str(Path(one.folder) / file_name(one.number))
