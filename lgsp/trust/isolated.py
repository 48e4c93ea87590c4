"""PDFs of strangers are read in processes of their own: without network, files, secrets, and with only so much time and memory.

Places, digests, values, certificates and paths are judged here, in the process that knows whom to trust. A worker that answers
late, wrongly or not at all is ended, and its file is not verified.
"""

import asyncio
import mmap
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import msgspec

from lgsp.trust.pdf_worker import ANSWER_BYTES, Answer
from signing import pades, pdf
from signing.pdf import Octets, PdfCaps
from signing.report import Integrity, SignatureReport
from signing.rules import RULES, Refused
from signing.trust import TrustBase

WORKER = (sys.executable, "-I", "-m", "lgsp.trust.pdf_worker")
_PIECE_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Limits:
    """`processes`: at once; further files wait for their turn. `wall_s`: from a worker's being asked to its answer, its start
    included. Memory and processor time are the worker's own limits."""

    processes: int = 2
    wall_s: float = 20.0
    files: PdfCaps = field(default_factory=PdfCaps)


class PdfChecker:
    """Workers are started when they are needed and kept. One event loop; `close` ends them."""

    def __init__(self, limits: Limits | None = None, command: Sequence[str] = WORKER) -> None:
        self._limits = limits or Limits()
        self._command = tuple(command)
        self._turns = asyncio.Semaphore(self._limits.processes)
        self._idle: list[asyncio.subprocess.Process] = []

    async def check_pdf(self, file: Path, trust: TrustBase, at: datetime) -> tuple[SignatureReport, ...]:
        """One report for each signature, or one that says why none could be looked at. Raises OSError if there is no such file.

        What is cheaply seen to be wrong costs no worker.
        """
        octets = await asyncio.to_thread(_map, file)
        try:
            places = await asyncio.to_thread(pdf.find, octets, self._limits.files)
            answer = await self._review(octets)
        except Refused as wrong:
            state = Integrity.ABSENT if wrong.rule.code == "signature.absent" else Integrity.NOT_VERIFIABLE
            return (pades.refused(wrong.rule.code, wrong.place, wrong.detail, state),)
        return await asyncio.to_thread(pades.judge, octets, places, answer.findings, trust, at)

    async def close(self) -> None:
        """Ends all workers."""
        while self._idle:
            await _end(self._idle.pop())

    async def _review(self, octets: Octets) -> Answer:
        """Raises Refused `pdf.*`."""
        async with self._turns:
            worker = await self._kept()
            try:
                async with asyncio.timeout(self._limits.wall_s):
                    worker = worker or await self._start()
                    answer = await _ask(worker, octets)
            except TimeoutError:
                raise Refused("pdf.too_slow", "", f"no answer within {self._limits.wall_s:g} s") from None
            except (OSError, EOFError, msgspec.MsgspecError) as error:
                raise Refused("pdf.check_failed", "", type(error).__name__) from None
            else:
                self._idle.append(worker)
                worker = None
            finally:
                if worker is not None:
                    await _end(worker)
        if answer.refusal is not None:
            code, place, detail = answer.refusal
            raise Refused(code if code in RULES else "pdf.check_failed", place[:100], detail[:300])
        return answer

    async def _kept(self) -> asyncio.subprocess.Process | None:
        """One that waits for work and was not ended by anybody else meanwhile."""
        while self._idle:
            worker = self._idle.pop()
            if worker.returncode is None:
                return worker
            await _end(worker)
        return None

    async def _start(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={},
            cwd="/",
            start_new_session=True,
        )


def _map(file: Path) -> Octets:
    """Mapped, so that large files take no memory; unmapped when nothing refers to it any more."""
    with file.open("rb") as opened:
        if not os.fstat(opened.fileno()).st_size:
            return b""
        return mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)


async def _ask(worker: asyncio.subprocess.Process, octets: Octets) -> Answer:
    """Raises OSError, EOFError or msgspec.MsgspecError."""
    assert worker.stdin is not None and worker.stdout is not None
    worker.stdin.write(len(octets).to_bytes(8))
    for at in range(0, len(octets), _PIECE_BYTES):
        worker.stdin.write(octets[at : at + _PIECE_BYTES])
        await worker.stdin.drain()
    size = int.from_bytes(await worker.stdout.readexactly(4))
    if size > ANSWER_BYTES:
        raise EOFError
    return msgspec.json.decode(await worker.stdout.readexactly(size), type=Answer)


async def _end(worker: asyncio.subprocess.Process) -> None:
    """With the child it may have: they are a group of their own. The number of one that is gone may be another's by now."""
    if worker.returncode is None:
        try:
            os.killpg(worker.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    if worker.stdin is not None:
        worker.stdin.close()
    await worker.wait()
