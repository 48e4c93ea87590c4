"""Words of the SOAP bus of the e-doc generation: namespaces, actions, elements. Sources: README.md of this folder."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

SCHEMA = "http://www.e-doc.vn/Schema/"  # of header blocks, manifest and replies; prefix edXML
TOKEN_SCHEMA = "http://e-doc.vn/xsd"  # noqa: S105 - a namespace
XLINK = "http://www.w3.org/1999/xlink"

Action = Literal[
    "SendDocument", "GetPendingDocumentIds", "GetDocument", "ConfirmReceived", "GetTraces", "UpdateTraces", "CheckPermission",
    "GetOrganizations",
]  # fmt: skip

# One branch of the software names two actions otherwise; what is asked by one name is answered by it.
ACTIONS: Mapping[str, Action] = MappingProxyType(
    {
        "SendDocument": "SendDocument",
        "SendMessage": "SendDocument",
        "GetPendingDocumentIds": "GetPendingDocumentIds",
        "GetDocument": "GetDocument",
        "GetMessage": "GetDocument",
        "ConfirmReceived": "ConfirmReceived",
        "GetTraces": "GetTraces",
        "UpdateTraces": "UpdateTraces",
        "CheckPermission": "CheckPermission",
        "GetOrganizations": "GetOrganizations",
    }
)

# Root of the request in the SOAP body, unqualified, by the name under which the action was asked.
REQUEST_ROOTS: Mapping[str, str] = MappingProxyType(
    {
        "GetPendingDocumentIds": "GetPendingDocumentIdsRequest",
        "GetDocument": "GetDocumentRequest",
        "GetMessage": "GetMessageRequest",
        "ConfirmReceived": "ConfirmReceived",
        "GetTraces": "GetTraces",
        "GetOrganizations": "GetOrganizations",
    }
)


def edoc(name: str) -> str:
    """A name of the schema, as lxml writes it."""
    return f"{{{SCHEMA}}}{name}"
