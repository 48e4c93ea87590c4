"""A WSDL that keeps its schemas in files beside it, as one file: what the hub stores has everything inside. Pure."""

import re
from collections.abc import Mapping, Sequence

from lxml import etree

from adapters.soap.wsdl import WsdlError, forget_places
from contracts.errors import ContractError
from contracts.safe_xml import parse

_XSD = "{http://www.w3.org/2001/XMLSchema}"
_WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
_LAST = re.compile(r"[\w.-]+$")  # of ".../DichVu.asmx?xsd=xsd1": xsd1


def bundled(wsdl: bytes, schemas: Mapping[str, bytes]) -> tuple[str, Sequence[str]]:
    """The WSDL with the schemas (by file name) that it imports or includes inside, and the names of those that it did not need.

    An import finds its schema by namespace, an include by the last word of its place. Raises WsdlError.
    """
    root, files = _parsed("the WSDL", wsdl), {name: _parsed(name, octets) for name, octets in schemas.items()}
    types = root.find(f"{_WSDL}types")
    if types is None:
        raise WsdlError("it has no types; a WSDL that imports another WSDL has to be saved whole (.NET: ?singleWsdl)")
    used = set[tuple[str, str | None]]()  # names, and the namespace in which they stand
    waiting = list(types.iter(f"{_XSD}schema"))
    while waiting:
        schema = waiting.pop()
        while (include := _next_include(schema)) is not None:  # what is included may include
            _include(include, schema, files, used)
        for one in schema.findall(f"{_XSD}import"):
            found = _imported(one, types, files, used)
            if found is not None:
                waiting.append(found)
    forget_places(root)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8").decode(), sorted(
        files.keys() - {name for name, _ in used}
    )


def _next_include(schema: etree._Element) -> etree._Element | None:
    found = schema.find(f"{_XSD}include")
    if schema.find(f"{_XSD}redefine") is not None:
        raise WsdlError("xs:redefine is not understood; write the types as they are meant")
    return found


def _include(
    include: etree._Element, schema: etree._Element, files: Mapping[str, etree._Element], used: set[tuple[str, str | None]]
) -> None:
    """What is in the included file stands in its place, but for what stands there already."""
    name, namespace = _named(include.get("schemaLocation", ""), files), schema.get("targetNamespace")
    if name is None:
        raise WsdlError(f"{include.get('schemaLocation')} is included and not among the files given with --with")
    place = schema.index(include)
    schema.remove(include)
    if (name, namespace) in used:
        return
    used.add((name, namespace))
    for child in reversed([etree.fromstring(etree.tostring(one)) for one in files[name]]):
        if isinstance(child.tag, str):
            schema.insert(place, child)


def _imported(
    one: etree._Element, types: etree._Element, files: Mapping[str, etree._Element], used: set[tuple[str, str | None]]
) -> etree._Element | None:
    """The schema that was put beside this one; None: it is inside, or is one that everybody has."""
    namespace = one.get("namespace")
    inside = {schema.get("targetNamespace") for schema in types.iter(f"{_XSD}schema")}
    if namespace in inside or one.get("schemaLocation") is None:
        return None
    name = next((name for name, schema in files.items() if schema.get("targetNamespace") == namespace), None)
    if name is None:
        return None  # told by whoever reads the whole
    used.add((name, namespace))
    types.append(etree.fromstring(etree.tostring(files[name])))
    return types[-1]


def _named(place: str, files: Mapping[str, etree._Element]) -> str | None:
    found = _LAST.search(place)
    wanted = found[0].lower() if found else ""
    return next((name for name in files if wanted and name.lower() in (wanted, f"{wanted}.xsd")), None)


def _parsed(name: str, octets: bytes) -> etree._Element:
    try:
        return parse(octets.removeprefix(b"\xef\xbb\xbf").lstrip())
    except ContractError as error:
        raise WsdlError(f"{name}: {error.detail}") from None
