"""The process that reads PDFs of strangers: `python -I -m lgsp.trust.pdf_worker`. It is started and spoken to by isolated.py.

It loads what is needed once and opens none of the files that it is sent: for each one it forks a child that may open nothing, use
so much memory and so much time, and ends with its answer. What one file does to its child, the next one does not see.

Requests: 8 octets of length, then the file. Answers: 4 octets of length, then JSON (`Answer`).
"""

import codecs
import logging
import os
import resource
import signal
from collections.abc import Callable
from typing import BinaryIO

import msgspec

from signing.pdf_findings import Finding
from signing.rules import RULES, Refused

MEMORY_BYTES, CPU_S = 2**30, 10
ANSWER_BYTES = 2**18
Review = Callable[[bytes], tuple[Finding, ...]]


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was found, or by which rule (code, place, detail) the file is refused."""

    findings: tuple[Finding, ...] = ()
    refusal: tuple[str, str, str] | None = None


def serve(review: Review, requests: BinaryIO, answers: BinaryIO) -> None:
    """Until there are no more requests."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.disable(logging.CRITICAL)  # what a reader thinks of a stranger's file stands in its answer
    for name in ("ascii", "latin-1", "utf-8", "utf-16-be", "utf-16-le", "idna"):
        codecs.lookup(name)  # loaded now, for the children can open no files
    while header := requests.read(8):
        _say(answers, _ask_child(review, requests.read(int.from_bytes(header))))


def _say(answers: BinaryIO, answer: bytes) -> None:
    answers.write(len(answer).to_bytes(4) + answer)
    answers.flush()


def _ask_child(review: Review, octets: bytes) -> bytes:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _be_child(review, octets, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as answers:
        answer = answers.read(ANSWER_BYTES)
    _, status = os.waitpid(child, 0)
    if status == 0:
        return answer
    ended = os.waitstatus_to_exitcode(status)
    return _refusal("pdf.too_slow" if ended == -signal.SIGXCPU else "pdf.check_failed", f"ended with {ended}")


def _be_child(review: Review, octets: bytes, writing: int) -> None:
    """Ends the process."""
    status = 1
    try:
        _confine(keep=writing)
        answer = _answer(review, octets)
        while answer:
            answer = answer[os.write(writing, answer) :]
        status = 0
    finally:
        os._exit(status)


def _confine(keep: int) -> None:
    """No file and no connection can be opened any more, nothing written but the answer; memory and time are counted."""
    os.closerange(0, keep)
    os.closerange(keep + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    for what, most in (
        (resource.RLIMIT_NOFILE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_AS, MEMORY_BYTES),
    ):
        resource.setrlimit(what, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S + 1))


def _answer(review: Review, octets: bytes) -> bytes:
    try:
        return msgspec.json.encode(Answer(findings=review(octets)))
    except Refused as refused:
        return _refusal(refused.rule.code, refused.detail, refused.place)
    except Exception as error:  # noqa: BLE001 - whatever the reader stumbles over, the file is not verified
        return _refusal("pdf.structure", f"{type(error).__name__}: {str(error)[:200]}")


def _refusal(code: str, detail: str, place: str = "") -> bytes:
    return msgspec.json.encode(Answer(refusal=(RULES[code].code, place, detail)))


def main() -> None:
    """Nothing but answers may be written to where the answers go."""
    from signing.pdf_review import review

    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1):
        os.dup2(null, standard)
    serve(review, requests, answers)


if __name__ == "__main__":
    main()
