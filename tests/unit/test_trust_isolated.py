"""PDFs are read in processes that misbehave now and then: whatever they do, a verdict comes back in time and nothing leaks."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from lgsp.trust.isolated import Limits, PdfChecker
from signing.pdf import PdfCaps
from signing.report import Integrity, Verdict
from signing.trust import TrustBase
from tests.pdf_signers import document, sign, stamped
from tests.signatures import AT, authority
from tests.stamps import stamp_anchors

ROOT = Path(__file__).parents[2]
ONE = sign(document())
TRUST = TrustBase(documents=authority().anchors(), time_stamps=stamp_anchors())
TWO = sign(ONE, "Second", box=(10, 10, 100, 100))
STAMPED = stamped(TWO)

# What a worker does instead of reading, given to it where production gives pyHanko.
MISBEHAVIOUR = {
    "loops for ever": ("while True: pass", "pdf.too_slow"),
    "takes all memory": ("x = bytearray(2**31)", "pdf.structure"),
    "takes memory for ever": ("x = []\nwhile True: x.append(bytes(2**20))", "pdf.structure"),
    "crashes": ("os.abort()", "pdf.check_failed"),
    "ends": ("os._exit(0)", "pdf.check_failed"),
    "raises": ("raise KeyError('x')", "pdf.structure"),
    "recurses": ("def f(): f()\nf()", "pdf.structure"),
    "leaves": ("raise SystemExit", "pdf.check_failed"),
    "answers nonsense": ("for fd in range(3, 99):\n try: os.write(fd, b'{')\n except OSError: pass", "pdf.check_failed"),
    "finds nonsense": ("return ({'name': 1},)", "pdf.check_failed"),
    "opens a connection": ("socket.socket()", "pdf.structure"),
    "opens a file": ("open('/etc/passwd')", "pdf.structure"),
    "starts a program": ("subprocess.run(['true'])", "pdf.structure"),
    "looks around": ("raise ValueError(repr((dict(os.environ), os.getcwd())))", "pdf.structure"),
}
SCRIPT = """
import os, socket, subprocess, sys
sys.path.insert(0, {root!r})
from lgsp.trust import pdf_worker
pdf_worker.CPU_S = 1
def review(octets):
{body}
    return ()
pdf_worker.serve(review, sys.stdin.buffer, sys.stdout.buffer)
"""


def misbehaving(body: str) -> tuple[str, ...]:
    indented = "\n".join(f"    {line}" for line in body.splitlines())
    return (sys.executable, "-I", "-c", SCRIPT.format(root=str(ROOT), body=indented))


@asynccontextmanager
async def checker(limits: Limits | None = None, command: tuple[str, ...] | None = None) -> AsyncIterator[PdfChecker]:
    made = PdfChecker(limits) if command is None else PdfChecker(limits, command)
    try:
        yield made
    finally:
        await made.close()


@pytest.fixture
def written(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(octets: bytes) -> Path:
        path = tmp_path / "a.pdf"
        path.write_bytes(octets)
        return path

    return write


async def test_signatures_are_reported_as_they_are_without_isolation(written: Callable[[bytes], Path]) -> None:
    """One worker reads several files, each with its own verdicts."""
    async with checker() as pdfs:
        for octets, signatures in ((ONE, 1), (TWO, 2), (STAMPED, 3)):
            reports = await pdfs.check_pdf(written(octets), TRUST, AT)
            assert [one.verdict for one in reports] == [Verdict.VERIFIED_REVOCATION_UNKNOWN] * signatures
        assert len(pdfs._idle) == 1


@pytest.mark.parametrize("what", MISBEHAVIOUR)
async def test_a_worker_that_misbehaves_verifies_nothing(what: str, written: Callable[[bytes], Path]) -> None:
    """It is over within the limits, with a code, and the next file finds a worker again."""
    body, code = MISBEHAVIOUR[what]
    async with checker(command=misbehaving(body)) as pdfs:
        for _ in range(2):
            (report,) = await pdfs.check_pdf(written(ONE), TRUST, AT)
            assert report.verdict is Verdict.NOT_VERIFIED
            assert report.refusal is not None and report.refusal.rule.code == code, report.refusal


async def test_a_worker_knows_nothing_of_its_surroundings(
    written: Callable[[bytes], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No environment, no working directory of ours."""
    monkeypatch.setenv("LGSP_SECRET", "x")
    async with checker(command=misbehaving(MISBEHAVIOUR["looks around"][0])) as pdfs:
        (report,) = await pdfs.check_pdf(written(ONE), TRUST, AT)
    assert report.refusal is not None
    assert "'/'" in report.refusal.detail and "SECRET" not in report.refusal.detail and "HOME" not in report.refusal.detail


def saying(answer: bytes) -> str:
    return f"import os; os.write(1, {answer!r})\nwhile True: pass"


WORKERS = {
    "is silent": ("import time; time.sleep(1000)", "pdf.too_slow"),
    "is not there": ("", "pdf.check_failed"),
    "says too much": (saying(b"\xff" * 100_000), "pdf.check_failed"),
    "says nonsense": (saying(b"\0\0\0\2[]"), "pdf.check_failed"),
    "names no rule": (saying(b'\0\0\0\x1b{"refusal":["no","such","x"]}'), "pdf.check_failed"),
    "reads nothing": ("import time\nwhile True: time.sleep(1)", "pdf.too_slow"),
}


@pytest.mark.parametrize("what", WORKERS)
async def test_a_broken_worker_is_ended(what: str, written: Callable[[bytes], Path]) -> None:
    """With all it started, within the time that is allowed."""
    body, code = WORKERS[what]
    async with checker(Limits(wall_s=1.0), (sys.executable, "-I", "-c", body)) as pdfs:
        began = time.monotonic()
        (report,) = await pdfs.check_pdf(written(ONE + b" " * 2**21 if what == "reads nothing" else ONE), TRUST, AT)
        assert time.monotonic() - began < 10
    assert report.refusal is not None and report.refusal.rule.code == code
    assert report.integrity is Integrity.NOT_VERIFIABLE


async def test_a_check_that_is_given_up_leaves_no_process(written: Callable[[bytes], Path]) -> None:
    """Who asked has gone away."""
    async with checker(command=(sys.executable, "-I", "-c", "import time; time.sleep(1000)")) as pdfs:
        started: list[int] = []
        told = asyncio.Event()
        real = pdfs._start

        async def start() -> asyncio.subprocess.Process:
            worker = await real()
            started.append(worker.pid)
            told.set()
            return worker

        pdfs._start = start  # type: ignore[method-assign]
        asking = asyncio.create_task(pdfs.check_pdf(written(ONE), TRUST, AT))
        await told.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        with pytest.raises(ProcessLookupError):
            os.kill(started[0], 0)


async def test_a_worker_that_died_in_its_sleep_costs_no_verdict(written: Callable[[bytes], Path]) -> None:
    """Whoever ended it: the next file gets another one."""
    async with checker() as pdfs:
        path = written(ONE)
        await pdfs.check_pdf(path, TRUST, AT)
        (worker,) = pdfs._idle
        os.kill(worker.pid, signal.SIGKILL)
        await worker.wait()
        (report,) = await pdfs.check_pdf(path, TRUST, AT)
        assert report.verdict is Verdict.VERIFIED_REVOCATION_UNKNOWN
        assert pdfs._idle[0].pid != worker.pid


async def test_only_so_many_files_are_read_at_once(written: Callable[[bytes], Path]) -> None:
    """The others wait for their turn."""
    async with checker(Limits(processes=2)) as pdfs:
        path = written(ONE)
        reports = await asyncio.gather(*[pdfs.check_pdf(path, TRUST, AT) for _ in range(7)])
        assert {one.verdict for (one,) in reports} == {Verdict.VERIFIED_REVOCATION_UNKNOWN}
        assert 1 <= len(pdfs._idle) <= 2


@pytest.mark.parametrize(
    ("octets", "code"),
    [(b"", "pdf.type"), (b"PK\3\4", "pdf.type"), (document(), "signature.absent"), (b"%PDF-" + b" " * 70_000, "pdf.too_large")],
)
async def test_what_is_cheaply_seen_costs_no_worker(octets: bytes, code: str, written: Callable[[bytes], Path]) -> None:
    """None is started."""
    async with checker(Limits(files=PdfCaps(octets=66_000)), ("/nonexistent",)) as pdfs:
        (report,) = await pdfs.check_pdf(written(octets), TRUST, AT)
    assert report.refusal is not None and report.refusal.rule.code == code
