"""From what was gathered to the container, up to its seal."""

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from contracts import wire
from contracts.envelope import Attachment
from lgsp.core.signatures.finding import Exhibit
from lgsp.evidence import manifest
from lgsp.evidence.asic import Container
from lgsp.evidence.content import BundleContent, LogContent, MessageContent
from lgsp.evidence.manifest import Attached, Manifest, Message

_PIECE_BYTES = 2**20
_ENDINGS = {"certificate": "cer", "crl": "crl", "ocsp": "ors", "timestamp": "tst"}
_BODIES = {"application/json": "json", "application/xml": "xml", "text/xml": "xml", "application/pdf": "pdf"}
_KEPT_ENDINGS = frozenset({".pdf", ".xml", ".json", ".txt", ".p7s", ".p7m", ".docx", ".xlsx", ".jpg", ".png", ".zip", ".sig"})


def build(content: BundleContent, report: bytes, file: IO[bytes]) -> Container:
    """Everything but the seal, which the caller makes over `Container.manifest` and adds. `report`: PDF; empty: none.

    `file`: empty, can be sought in. Raises TooLarge, OSError.
    """
    container = Container(file)
    messages = [_add_message(container, number, one, content) for number, one in enumerate(content.messages, 1)]
    log, keys = content.log, _add_keys(container, content)
    if log is not None:
        container.add(manifest.CHECKPOINT, (log.note,))
    if report:
        container.add(manifest.REPORT, (report,))
    stated = Manifest(
        hub=content.hub,
        made_at=content.made_at,
        made_for=content.made_for,
        view=content.view,
        subject=content.subject,
        messages=tuple(messages),
        grace=content.grace,
        origin="" if log is None else log.origin,
        checkpoint="" if log is None else manifest.CHECKPOINT,
        stamps=() if log is None else tuple(_add_stamps(container, log)),
        exhibits=_add_exhibits(container, content.messages),
        keys=tuple(keys),
        report=manifest.REPORT if report else "",
    )
    container.add(manifest.NAME, (manifest.encode(stated),))
    return container


def _add_message(container: Container, number: int, one: MessageContent, content: BundleContent) -> Message:
    folder, envelope = f"messages/{number}", one.envelope

    def add(name: str, octets: bytes) -> str:
        """Where it is; "" for nothing."""
        if not octets:
            return ""
        container.add(f"{folder}/{name}", (octets,))
        return f"{folder}/{name}"

    ending = _BODIES.get(envelope.media_type.partition(";")[0].strip().lower(), "bin")
    return Message(
        sender=envelope.sender,
        message_id=envelope.message_id,
        sequence=one.sequence,
        accepted_at=one.accepted_at,
        digest=one.digest,
        salt=one.salt,
        erased=one.erased,
        envelope=add("envelope.json", b"" if one.erased else wire.render(envelope)),
        header=add("header.json", one.header),
        body=add(f"body.{ending}", envelope.body),
        attachments=tuple(
            _add_attachment(container, f"{folder}/attachment-{place}", file, content)
            for place, file in enumerate(one.attachments, 1)
        ),
        examination=add("examination.json", one.examined),
        receipt=add("receipt.jws", one.receipt),
        receipt_xml=add("receipt.xml", one.receipt_xml),
        leaves=one.leaves,
        partners=tuple(map(dict, one.partners)),
    )


def _add_attachment(container: Container, stem: str, one: Attachment, content: BundleContent) -> Attached:
    path = content.files.get(one.digest)
    ending = PurePosixPath(one.name.lower()).suffix
    name = "" if path is None else stem + (ending if ending in _KEPT_ENDINGS else ".bin")
    if path is not None:
        container.add(name, _pieces(path))
    return Attached(name=one.name, digest=one.digest, size_bytes=one.size_bytes, media_type=one.media_type, file=name)


def _add_exhibits(container: Container, messages: Iterable[MessageContent]) -> dict[str, str]:
    """Each once, however many verdicts rest on it."""
    found: dict[str, Exhibit] = {one.digest: one for each in messages for one in each.exhibits}
    names = {}
    for digest, one in sorted(found.items()):
        names[digest] = f"evidence/{digest.partition(':')[2]}.{_ENDINGS.get(one.what, 'bin')}"
        container.add(names[digest], (one.octets,))
    return names


def _add_keys(container: Container, content: BundleContent) -> Iterator[str]:
    log = content.log
    keys = {
        manifest.JWKS: content.jwks,
        manifest.LOG_KEY: b"" if log is None else "".join(f"{one}\n" for one in log.vkeys).encode(),
        manifest.WITNESSES: b"" if log is None else log.policy,
        manifest.STAMP_ANCHORS: content.stamp_anchors,
    }
    for name, octets in keys.items():
        if octets:
            container.add(name, (octets,))
            yield name


def _add_stamps(container: Container, log: LogContent) -> Iterator[str]:
    for number, (_, token) in enumerate(log.stamps, 1):
        name = f"log/stamp-{number}.tst"
        container.add(name, (token,))
        yield name


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as opened:
        while piece := opened.read(_PIECE_BYTES):
            yield piece
