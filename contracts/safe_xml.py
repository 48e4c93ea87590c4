"""Parsing XML that strangers sent: no DTD, no entities, no network, and caps before work."""

from lxml import etree

from contracts.errors import ContractError

MAX_MARKUP = 200_000  # "<" in the octets: a tree takes about 200 bytes of memory for each
MAX_DEPTH = 64  # edXML with a signature nests 12 deep, our own kinds 6
MAX_ATTRIBUTES = 64  # of one element: to compare them with each other takes the square of their number
MAX_NAMESPACES = 128  # in scope: to copy them takes the square of their number, and they are copied with each element written out


class NotWellFormed(ContractError):
    """As libxml2 found it. Two mistakes some readers can mend: `unbound`, a prefix that nothing declares; `unprintable`, a
    character that XML 1.0 cannot carry."""

    def __init__(self, error: etree.XMLSyntaxError) -> None:
        line, column = error.position
        code = getattr(error, "code", None)
        self.unbound = code == etree.ErrorTypes.NS_ERR_UNDEFINED_NAMESPACE
        self.unprintable = code == etree.ErrorTypes.ERR_INVALID_CHAR
        super().__init__("body.malformed", "/", f"not well-formed UTF-8 XML at line {line}, column {column}")


def _parser(*, huge_texts: bool) -> etree.XMLParser:
    # UTF-8 whatever the declaration says: some systems declare UTF-16 and send UTF-8, and only so DOCTYPE is found as octets.
    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        dtd_validation=False,
        no_network=True,
        huge_tree=huge_texts,
        remove_comments=True,
        remove_pis=True,
    )


_STRICT = _parser(huge_texts=False)
_HUGE_TEXTS = _parser(huge_texts=True)


def parse(octets: bytes, *, huge_texts: bool = False, max_markup: int = MAX_MARKUP) -> etree._Element:
    """The root element, without comments and processing instructions.

    `huge_texts` lifts the library's limit of 10 MB for one text: attachments stand in edXML as base64. The limits it lifts
    besides guard against entities that grow and against depth; the former needs a DTD, the latter is checked here.
    Raises ContractError "body.malformed"; its detail names places, never content.
    """
    if b"<!DOCTYPE" in octets or b"<!ENTITY" in octets:
        raise ContractError("body.malformed", "/", "a document type declaration is not allowed")
    if octets.count(b"<") > max_markup:
        raise ContractError("body.malformed", "/", f"more than {max_markup} tags")
    try:
        root = etree.fromstring(octets, _HUGE_TEXTS if huge_texts else _STRICT)
    except etree.XMLSyntaxError as error:
        raise NotWellFormed(error) from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise ContractError("body.malformed", "/", "a document type declaration is not allowed")
    _check_depth(root)
    # Looked for only where there are as many in all: most documents have fewer.
    if octets.count(b"=") > MAX_ATTRIBUTES:
        _check_attributes(root)
    if octets.count(b"xmlns") > MAX_NAMESPACES:
        _check_namespaces(root)
    return root


def _check_depth(root: etree._Element) -> None:
    level, depth = [root], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise ContractError("body.malformed", "/", f"nested deeper than {MAX_DEPTH} elements")
        level = [inner for one in level for inner in one]


def _check_attributes(root: etree._Element) -> None:
    if any(len(one.attrib) > MAX_ATTRIBUTES for one in root.iter()):
        raise ContractError("body.malformed", "/", f"more than {MAX_ATTRIBUTES} attributes on one element")


def _check_namespaces(root: etree._Element) -> None:
    declared = 0
    for event, _ in etree.iterwalk(root, events=("start-ns", "end-ns")):
        declared += 1 if event == "start-ns" else -1
        if declared > MAX_NAMESPACES:
            raise ContractError("body.malformed", "/", f"more than {MAX_NAMESPACES} namespaces declared around one element")


def local_name(element: etree._Element) -> str:
    return etree.QName(element).localname
