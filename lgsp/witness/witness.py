"""The witness at work: decides, writes down, and only then signs. Blocking; one thread asks it, so requests follow each other."""

from collections.abc import Callable
from datetime import datetime

import msgspec

from lgsp.core.log.checkpoint import Checkpoint
from lgsp.core.log.cosignature import cosign
from lgsp.core.log.witness import Cosign, Logs, Malformed, Refuse, decide, parse_submission
from lgsp.log import get_logger
from lgsp.witness.folder import Identity, WitnessFolder

log = get_logger()

SIZE_TYPE = "text/x.tlog.size"
TEXT_TYPE = "text/plain"
UNUSABLE = Refuse(status=400, code="request_invalid", vi="Yêu cầu sai dạng", en="Not a request of tlog-witness")
UNWRITTEN = Refuse(status=500, code="state_unwritten", vi="Không ghi được trạng thái", en="The state could not be written")


class Answer(msgspec.Struct, frozen=True):
    """Of HTTP. `media_type` without its charset."""

    status: int
    media_type: str
    text: str


class Witness:
    """Of the logs that it was told of, in a folder that is its own (`WitnessFolder.alone`)."""

    def __init__(self, folder: WitnessFolder, identity: Identity, logs: Logs, clock: Callable[[], datetime]) -> None:
        self._folder = folder
        self._identity = identity
        self._logs = logs
        self._clock = clock
        self._latest = folder.load()

    def answer(self, octets: bytes) -> Answer:
        """To POST /add-checkpoint."""
        try:
            sent = parse_submission(octets)
            decided = decide(sent, self._logs, self._latest)
        except Malformed as error:
            return _refused(UNUSABLE, str(error))
        if isinstance(decided, Refuse):
            if decided.fork:
                self._show(decided.origin, sent.note)
            return _refused(decided)
        try:
            return self._cosigned(decided)
        except OSError as error:
            return _refused(UNWRITTEN, error.strerror or "")

    def _cosigned(self, decided: Cosign) -> Answer:
        checkpoint = decided.checkpoint
        if self._known(checkpoint) != (checkpoint.size, checkpoint.root):
            self._folder.save(checkpoint.origin, decided.note)
            self._latest[checkpoint.origin] = checkpoint
        identity = self._identity
        line = cosign(checkpoint, identity.verifier, int(self._clock().timestamp()), identity.key.sign)
        log.info("witness.cosigned", origin=checkpoint.origin, size=checkpoint.size)
        return Answer(200, TEXT_TYPE, line)

    def _known(self, checkpoint: Checkpoint) -> tuple[int, bytes] | None:
        known = self._latest.get(checkpoint.origin)
        return None if known is None else (known.size, known.root)

    def _show(self, origin: str, note: bytes) -> None:
        """Keeps what can be shown to others: the log's signature under two trees of one size."""
        try:
            is_new = self._folder.save_fork(origin, note)
        except OSError as error:
            log.error("fork.found", origin=origin, detail=f"not kept: {error.strerror}")
        else:
            if is_new:
                log.error("fork.found", origin=origin, detail="both checkpoints are in the folder forks")


def _refused(refusal: Refuse, detail: str = "") -> Answer:
    log.info("witness.refused", code=refusal.code, status=refusal.status, origin=refusal.origin, detail=detail)
    if refusal.known_size is not None:
        return Answer(refusal.status, SIZE_TYPE, f"{refusal.known_size}\n")
    words = f"{refusal.code}: {refusal.vi} · {refusal.en}"
    return Answer(refusal.status, TEXT_TYPE, f"{words}: {detail}\n" if detail else f"{words}\n")
