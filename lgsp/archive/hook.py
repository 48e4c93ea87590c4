"""The program that takes an archive file over: copies it to the archive office, a tape, another house. Its word is its exit
status."""

import asyncio
import os
import shlex
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lgsp.errors import LgspError

_TOLD_BYTES = 2000  # of what it says, the end
_GOODBYE_S = 5.0


class HookFailed(LgspError):
    """It did not take the file over; the same file is offered again later."""


@dataclass(frozen=True, slots=True)
class Hook:
    """`command`: program and arguments; the path of the file is added. It gets none of the hub's settings, of which some are
    secrets, through its environment."""

    command: tuple[str, ...]
    timeout_s: float

    @classmethod
    def of(cls, command: str, timeout_s: float) -> "Hook":
        """From words as a shell would write them. Raises ValueError."""
        words = tuple(shlex.split(command))
        if not words:
            raise ValueError("expected a program and its arguments")
        return cls(words, timeout_s)

    async def hand_over(self, path: Path) -> None:
        """Returns when the program took the file (an absolute path) over: exit status 0. It may be asked again about a file that
        it took, when the hub died before it noted so. Raises HookFailed."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self.command,
                str(path),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env={name: value for name, value in os.environ.items() if not name.startswith("LGSP_")},
                start_new_session=True,
            )
        except OSError as error:
            raise HookFailed(f"{self.command[0]}: {error.strerror}") from error
        try:
            async with asyncio.timeout(self.timeout_s):
                told = await _end_of(process.stdout)
                status = await process.wait()
        except TimeoutError:
            raise HookFailed(f"{self.command[0]}: not done after {self.timeout_s:g} s") from None
        finally:
            await _end(process)
        if status != 0:
            raise HookFailed(f"{self.command[0]}: exit status {status}{f': {told}' if told else ''}")


async def _end_of(stream: asyncio.StreamReader | None) -> str:
    """The last words of a stream, however much it says."""
    kept = b""
    while stream is not None and (piece := await stream.read(_TOLD_BYTES)):
        kept = (kept + piece)[-_TOLD_BYTES:]
    return kept.decode(errors="replace").strip()


async def _end(process: asyncio.subprocess.Process) -> None:
    """With whatever it started, where it is still there."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_S):
                await process.communicate()
