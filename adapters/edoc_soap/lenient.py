"""Reading SOAP messages of this generation as leniently as packets of edXML: stray bytes before the markup, a byte order mark,
UTF-16, prefixes that nobody declared. Pure."""

import msgspec
from lxml import etree

from contracts.edxml.opening import open_tree
from contracts.errors import ContractError
from contracts.soap.message import Message, read_message
from contracts.soap.mime import Related, is_related, read_related

MAX_MARKUP = 20_000  # "<" of a message to 500 bodies with 64 files: about 12,000
MAX_LIST_MARKUP = 150_000  # of an answer with a list in it


def read_leniently(content_type: str, octets: bytes, max_markup: int = MAX_MARKUP) -> Message:
    """As `contracts.soap.message.read_message`, of at most so many tags, and once more where a message has to be put right first.
    Raises what that raises."""
    related = read_related(content_type, octets) if is_related(content_type) else Related(root=octets, root_type=content_type)
    if related.root.count(b"<") > max_markup:
        raise ContractError("soap.malformed", "/", f"more than {max_markup} tags")
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
