"""Asking a witness to cosign: add-checkpoint of C2SP tlog-witness, from the log's side."""

from base64 import b64encode
from collections.abc import Awaitable, Callable, Sequence

from lgsp.core.log.checkpoint import parse_checkpoint, parse_decimal
from lgsp.core.log.cosignature import add_cosignatures
from lgsp.core.log.note import NoteInvalid, parse_note
from lgsp.core.log.policy import Witness
from lgsp.ports import NotVouched
from lgsp.trust.fetching import Fetcher, FetchFailed

MAX_ANSWER_BYTES = 64 * 1024
_CONTENT_TYPE = "text/plain; charset=utf-8"
_SIZE_TYPE = "text/x.tlog.size"
_TURNS = 2  # what it says it knows is believed once: a second conflict is another gateway's doing, or a witness's that lies

Prove = Callable[[int, int], Awaitable[Sequence[bytes]]]  # consistency between two sizes


class WitnessClient:
    """One witness of the policy, asked at its address there and nowhere else. It is told what continues what it cosigned last;
    what that was it says itself, so nothing of it has to be kept."""

    def __init__(self, fetcher: Fetcher, witness: Witness, prove: Prove) -> None:
        self.name = witness.name
        self._fetcher = fetcher
        self._witness = witness
        self._prove = prove
        self._url = f"{witness.url.rstrip('/')}/add-checkpoint"
        self._known_size = 0

    async def cosign(self, note: str) -> str:
        """As `Cosigner`. Raises NotVouched, JournalUnavailable, ProofInvalid."""
        size = parse_checkpoint(parse_note(note)[0]).size
        for _ in range(_TURNS):
            status, media_type, octets = await self._ask(note, size)
            if status == 200:
                lines = self._verified(note, octets)
                self._known_size = size
                return lines
            if status != 409:
                raise NotVouched(_REFUSALS.get(status, "witness.refused"), f"{status} {_told(octets)}".strip())
            known_size = _size_in(media_type, octets)
            if known_size > size:  # nothing can be proved from there, now or with the next checkpoint
                raise NotVouched("witness.ahead", f"it has cosigned {known_size} entries, this checkpoint has {size}")
            self._known_size = known_size
        raise NotVouched("witness.conflict", f"it says again that it knows another size: {self._known_size}")

    async def _ask(self, note: str, size: int) -> tuple[int, str, bytes]:
        proof = await self._prove(self._known_size, size)
        lines = [f"old {self._known_size}", *(b64encode(one).decode() for one in proof)]
        body = "\n".join((*lines, "", note)).encode()
        try:
            return await self._fetcher.exchange("POST", self._url, body, _CONTENT_TYPE, max_bytes=MAX_ANSWER_BYTES)
        except FetchFailed as error:
            raise NotVouched(error.code, error.detail) from None

    def _verified(self, note: str, octets: bytes) -> str:
        try:
            return add_cosignatures(note, octets.decode(), [self._witness.key]).removeprefix(note)
        except (NoteInvalid, UnicodeDecodeError) as error:
            raise NotVouched("witness.signature", str(error)) from None


_REFUSALS = {403: "witness.log_unknown", 404: "witness.log_unknown", 422: "witness.proof_refused"}


def _size_in(media_type: str, octets: bytes) -> int:
    """Of a conflict: C2SP tlog-witness, "add-checkpoint". Raises NotVouched, also where both have another tree of one size."""
    try:
        if media_type.partition(";")[0].strip() != _SIZE_TYPE:
            raise ValueError("not of type text/x.tlog.size")
        return parse_decimal(octets.decode("ascii").removesuffix("\n"))
    except ValueError as error:  # NoteInvalid and UnicodeDecodeError are some
        raise NotVouched("witness.conflict", f"{error}: {_told(octets)}") from None


def _told(octets: bytes) -> str:
    """What it says, for people: of a stranger, so short and printable."""
    text = octets[:200].decode("utf-8", "replace")
    return "".join(one if one.isprintable() else " " for one in text).strip()
