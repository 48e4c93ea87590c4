"""Reading SOAP messages of this generation as leniently as packets of edXML: stray bytes before the markup, a byte order mark,
UTF-16, prefixes that nobody declared. Pure."""

from typing import NamedTuple

import msgspec
from lxml import etree

from contracts.edxml.opening import open_tree
from contracts.errors import ContractError
from contracts.soap.message import Message, read_message
from contracts.soap.mime import Related, is_related, read_related


class Caps(NamedTuple):
    """Of the message without its files, before it is looked into."""

    root_bytes: int
    tags: int


REQUEST = Caps(2**20, 20_000)  # to 500 bodies with 64 files: about 300 kB and 12,000 tags
ANSWER = Caps(48 * 2**20, 150_000)  # with a list in it


def read_leniently(content_type: str, octets: bytes, caps: Caps = REQUEST) -> Message:
    """As `contracts.soap.message.read_message`, within `caps`, and once more where a message has to be put right first. Raises
    what that raises."""
    related = read_related(content_type, octets) if is_related(content_type) else Related(root=octets, root_type=content_type)
    if len(related.root) > caps.root_bytes or related.root.count(b"<") > caps.tags:
        raise ContractError("soap.malformed", "/", f"more than {caps.tags} tags or {caps.root_bytes} bytes, files not counted")
    try:
        message = read_message(related.root_type, related.root)
    except ContractError as error:
        mended = _mended(related.root) if error.code == "soap.malformed" else None
        if mended is None:
            raise
        message = read_message(related.root_type, mended)
    return msgspec.structs.replace(message, related=related)


def _mended(octets: bytes) -> bytes | None:
    """Well-formed. None: nothing was wrong with it that could be put right."""
    try:
        root, repairs = open_tree(octets)
    except ContractError:
        return None
    return etree.tostring(root) if repairs else None
