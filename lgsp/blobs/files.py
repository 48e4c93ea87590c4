"""Attachments as files: nothing counts before it and its folder are fsync'd. Blocking; called from threads."""

import asyncio
import contextlib
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

from lgsp.durable import make_folder, sync_folder
from lgsp.errors import Unavailable

PIECE_BYTES = 512 * 1024  # read and written at a time
_READ_ONLY = 0o440

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Unlike asyncio.to_thread, a cancelled caller leaves after the thread did: nobody touches a file the thread still writes.

    Raises Unavailable for trouble with the disk.
    """
    running = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        while not running.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({running})
        raise
    except OSError as error:
        raise Unavailable(f"the attachment store cannot be used: {error}") from error


def publish(data: Path, blob: Path) -> None:
    """Gives the finished, fsync'd `data` its lasting name, and takes the old one away. May be repeated at any point.

    A link, not a rename: an existing blob, which has the same content, is never replaced.
    """
    make_folder(blob.parent)
    try:
        data.chmod(_READ_ONLY)
        blob.hardlink_to(data)
    except FileExistsError:
        pass  # the same content is there already
    except FileNotFoundError:
        if not blob.exists():
            raise
    sync_folder(blob.parent)
    data.unlink(missing_ok=True)


def digest_beginning(path: Path, length_bytes: int) -> "hashlib._Hash":
    """SHA-256 over the first bytes of a file, to go on from there."""
    running = hashlib.sha256()
    if length_bytes == 0:
        return running
    with path.open("rb") as file:
        while length_bytes > 0 and (piece := file.read(min(PIECE_BYTES, length_bytes))):
            running.update(piece)
            length_bytes -= len(piece)
    if length_bytes:
        raise OSError(f"{path.name} is {length_bytes} bytes shorter than recorded")
    return running
