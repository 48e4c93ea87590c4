"""What the hub keeps of a packet, and what it makes of it for those who take packets.

Unsigned: files become attachments of the envelope, so that every recipient gets them as files, and a mark with the digest stays
where each was. Signed: the octets stay, files are attached besides. A body of the hub given back is a packet again.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from lxml import etree

from contracts.edxml.attachments import CAPS, Caps, File, files_in
from contracts.edxml.model import Attachment, Kept, Packet, Status, TraceHeader
from contracts.edxml.names import STORED
from contracts.edxml.places import Opened, opened
from contracts.edxml.placing import with_files
from contracts.edxml.read import packet_in, read
from contracts.edxml.tree import children
from contracts.edxml.when import moment
from contracts.edxml.write import write_packet, write_status

_KEPT = f"{{{STORED}}}Kept"


class Slim(msgspec.Struct, frozen=True, kw_only=True):
    """`packet` is what `body` says, without the texts of files."""

    body: bytes
    files: tuple[File, ...]
    packet: Packet


def slimmed(octets: bytes, caps: Caps = CAPS) -> Slim:
    """Raises ContractError as `read.read_packet` and `attachments.files_in`."""
    return slimmed_tree(octets, opened(octets), caps)


def slimmed_tree(octets: bytes, tree: Opened, caps: Caps = CAPS) -> Slim:
    """The same, for who has opened the packet already; the tree is changed."""
    packet = packet_in(tree.places, tree.repairs)
    files = files_in(packet, caps)
    body = octets
    if not packet.signed:
        for element, file in zip(tree.places.files, files, strict=True):
            _mark(element, file)
        body = etree.tostring(tree.root, xml_declaration=True, encoding="UTF-8")
    light = tuple(_light(one, file) for one, file in zip(packet.attachments, files, strict=True))
    return Slim(
        body=body,
        files=tuple(file for file in files if file is not None),
        packet=msgspec.structs.replace(packet, attachments=light),
    )


def restored(body: bytes, files: Sequence[File], traced_by: tuple[str, datetime]) -> bytes:
    """What a recipient of packets gets: of an unsigned body a packet strictly written, its files inside again, this hub's hop
    added to the trace; of a signed one the very octets. A status is written strictly, it has no trace.

    `files` are those of the envelope, each under its name: they are put where the marks are, the others where the manifest names
    them, else at the end. Raises ContractError as `read.read`, "attachment.unknown" for a mark whose file is missing.
    """
    packet = read(body)
    if packet.signed:
        return body
    if isinstance(packet, Status):
        return write_status(packet, carried=True)
    return write_packet(with_hop(with_files(packet, files), *traced_by), carried=True)


def with_hop(packet: Packet, code: str, at: datetime) -> Packet:
    """The packet with one more TraceHeader (clause 2.1): who passed it on, and when."""
    hop = TraceHeader(organ_id=code, timestamp=moment(at))
    trace = msgspec.structs.replace(packet.trace, trace_header=(*packet.trace.trace_header, hop))
    return msgspec.structs.replace(packet, trace=trace)


def _mark(element: etree._Element, file: File | None) -> None:
    """The file's text makes room for a mark. Marks that a sender made up go."""
    for one in (*element.findall(_KEPT), *children(element, "ContentTransferEncoded")):
        element.remove(one)
    if file is not None:
        kept = etree.SubElement(element, _KEPT, {"digest": file.digest}, nsmap={"lgsp": STORED})
        kept.set("zipped", "true" if file.zipped else "false")


def _light(attachment: Attachment, file: File | None) -> Attachment:
    kept = None if file is None else Kept(digest=file.digest, zipped=file.zipped)
    return msgspec.structs.replace(attachment, encoded=None, kept=kept)
