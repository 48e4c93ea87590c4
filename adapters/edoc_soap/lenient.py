"""Reading SOAP messages of this generation as leniently as packets of edXML: stray bytes before the markup, a byte order mark,
UTF-16, prefixes that nobody declared. Pure."""

import msgspec
from lxml import etree

from contracts.edxml.opening import open_tree
from contracts.errors import ContractError
from contracts.soap.message import Message, read_message
from contracts.soap.mime import Related, is_related, read_related


def read_leniently(content_type: str, octets: bytes) -> Message:
    """As `contracts.soap.message.read_message`, once more where a message has to be put right first. Raises what that raises."""
    try:
        return read_message(content_type, octets)
    except ContractError as error:
        mended = _mended(content_type, octets) if error.code == "soap.malformed" else None
        if mended is None:
            raise
    message = read_message(mended.root_type, mended.root)
    return msgspec.structs.replace(message, related=mended)


def _mended(content_type: str, octets: bytes) -> Related | None:
    """With a root that is well-formed. None: nothing was wrong with it that could be put right."""
    try:
        related = read_related(content_type, octets) if is_related(content_type) else Related(root=octets, root_type=content_type)
        root, repairs = open_tree(related.root)
    except ContractError:
        return None
    return msgspec.structs.replace(related, root=etree.tostring(root)) if repairs else None
