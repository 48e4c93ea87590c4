"""The WSDL of the SOAP surface (WSDL 1.1, document/literal wrapped, WS-I BP 1.1): one port type, a binding for each version."""

from collections.abc import Sequence

from lxml import etree

from contracts.soap.message import Version
from lgsp.http.soap.operations import NAMESPACE, Operation
from lgsp.http.soap.schema import schema_of

_WSDL = "http://schemas.xmlsoap.org/wsdl/"
_BINDINGS = {
    Version.SOAP_11: "http://schemas.xmlsoap.org/wsdl/soap/",
    Version.SOAP_12: "http://schemas.xmlsoap.org/wsdl/soap12/",
}
_HTTP = "http://schemas.xmlsoap.org/soap/http"
PATH, SERVICE = "/soap", "Lgsp"
XSD_FILE, WSDL_FILE = "lgsp.xsd", "lgsp.wsdl"


def write_xsd(operations: Sequence[Operation]) -> bytes:
    return _octets(schema_of(operations))


def write_wsdl(operations: Sequence[Operation], url: str, schema_location: str | None = None) -> bytes:
    """`url`: where the hub is, without a path. The schema stands inside, or where `schema_location` says."""
    root = etree.Element(
        f"{{{_WSDL}}}definitions",
        {"name": SERVICE, "targetNamespace": NAMESPACE},
        nsmap={"wsdl": _WSDL, "tns": NAMESPACE, **{one.prefix: _BINDINGS[one] for one in Version}},
    )
    types = _add(root, "types")
    if schema_location is None:
        types.append(schema_of(operations))
    else:
        xs = "http://www.w3.org/2001/XMLSchema"
        schema = etree.SubElement(types, f"{{{xs}}}schema", nsmap={"xs": xs})
        etree.SubElement(schema, f"{{{xs}}}import", namespace=NAMESPACE, schemaLocation=schema_location)
    for one in operations:
        _message(root, one.name, one.name, "parameters")
        _message(root, f"{one.name}Response", f"{one.name}Response", "parameters")
    _message(root, "refused", "problem", "problem")
    _port_type(root, operations)
    for version in Version:
        _binding(root, operations, version)
    _service(root, url)
    return _octets(root)


def _message(root: etree._Element, name: str, element: str, part: str) -> None:
    _add(_add(root, "message", name=name), "part", name=part, element=f"tns:{element}")


def _port_type(root: etree._Element, operations: Sequence[Operation]) -> None:
    port_type = _add(root, "portType", name=SERVICE)
    for one in operations:
        operation = _add(port_type, "operation", name=one.name)
        _add(operation, "documentation").text = f"{one.summary}. {one.route.description}".strip()
        _add(operation, "input", message=f"tns:{one.name}")
        _add(operation, "output", message=f"tns:{one.name}Response")
        _add(operation, "fault", name="refused", message="tns:refused")


def _binding(root: etree._Element, operations: Sequence[Operation], version: Version) -> None:
    soap = f"{{{_BINDINGS[version]}}}"
    binding = _add(root, "binding", name=_port(version), type=f"tns:{SERVICE}")
    etree.SubElement(binding, f"{soap}binding", style="document", transport=_HTTP)
    for one in operations:
        operation = _add(binding, "operation", name=one.name)
        etree.SubElement(operation, f"{soap}operation", soapAction=f"{NAMESPACE}/{one.name}", style="document")
        etree.SubElement(_add(operation, "input"), f"{soap}body", use="literal")
        etree.SubElement(_add(operation, "output"), f"{soap}body", use="literal")
        etree.SubElement(_add(operation, "fault", name="refused"), f"{soap}fault", name="refused", use="literal")


def _service(root: etree._Element, url: str) -> None:
    service = _add(root, "service", name=SERVICE)
    for version in Version:
        port = _add(service, "port", name=_port(version), binding=f"tns:{_port(version)}")
        etree.SubElement(port, f"{{{_BINDINGS[version]}}}address", location=f"{url}{PATH}")


def _port(version: Version) -> str:
    return f"{SERVICE}Soap11" if version is Version.SOAP_11 else f"{SERVICE}Soap12"


def _octets(root: etree._Element) -> bytes:
    etree.indent(root)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8") + b"\n"


def _add(parent: etree._Element, tag: str, /, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{_WSDL}}}{tag}", attributes)
