"""`Report`: how this bus says yes or no. A flag, and errors whose codes say what is wrong with which element.

    <Report xmlns="http://www.e-doc.vn/Schema/"><IsSuccess>false</IsSuccess>
      <ErrorList><Error><Code>N.MessageHeader.Subject</Code><Description>...</Description></Error></ErrorList></Report>

A client in service takes everything in it to be of the namespace, the vendor's annotated classes may leave the children out;
so reading looks at local names.
"""

import msgspec
from lxml import etree

from adapters.edoc_soap.names import SCHEMA, edoc
from contracts.safe_xml import local_name

MAX_ERRORS = 50  # are read


class Error(msgspec.Struct, frozen=True):
    """`code`: N. missing, R. out of range, M. invalid or not matching, T. of a wrong type; then the path of the element."""

    code: str
    description: str


class Report(msgspec.Struct, frozen=True):
    """`errors` may be empty though it failed: so the vendor's bus says that it does not know the token."""

    success: bool
    errors: tuple[Error, ...] = ()

    def told(self) -> str:
        """One line for people."""
        return "; ".join(f"{one.code} {one.description}".strip() for one in self.errors)


OK = Report(True)


def bare(name: str) -> etree._Element:
    """An element of the schema without a prefix, and so will be those that are made inside it."""
    return etree.fromstring(f'<{name} xmlns="{SCHEMA}"/>')


def written(report: Report) -> etree._Element:
    root = bare("Report")
    etree.SubElement(root, edoc("IsSuccess")).text = "true" if report.success else "false"
    errors = etree.SubElement(root, edoc("ErrorList"))
    for one in report.errors:
        error = etree.SubElement(errors, edoc("Error"))
        etree.SubElement(error, edoc("Code")).text = one.code
        etree.SubElement(error, edoc("Description")).text = one.description
    return root


def found_in(body: etree._Element) -> Report | None:
    """The report of a reply, wherever below the SOAP body it stands; None: there is none that could be understood."""
    root = next((one for one in body.iter("*") if local_name(one) == "Report"), None)
    if root is None:
        return None
    flag = _texts(root).get("issuccess", "").lower()
    if flag not in ("true", "false", "1", "0"):
        return None
    errors = [one for one in root.iter("*") if local_name(one) == "Error"]
    return Report(flag in ("true", "1"), tuple(_error(one) for one in errors[:MAX_ERRORS]))


def _error(element: etree._Element) -> Error:
    texts = _texts(element)
    return Error(texts.get("code", ""), texts.get("description", ""))


def _texts(parent: etree._Element) -> dict[str, str]:
    return {local_name(one).lower(): (one.text or "").strip() for one in parent}
