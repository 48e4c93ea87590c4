"""Names that the dialects of edXML use for the same things."""

from collections.abc import Mapping
from types import MappingProxyType

QCVN = "http://www.mic.gov.vn/TBT/QCVN_102_2016"
E_DOC = "http://www.e-doc.vn/Schema/"
XLINK = "http://www.w3.org/1999/xlink"
XMLDSIG = "http://www.w3.org/2000/09/xmldsig#"
SOAP_11 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"
STORED = "urn:lgsp:edxml:1"  # of the mark that stands for a file which the hub keeps beside the packet

PREFIX = "edXML"
MEDIA_TYPE = "application/edxml+xml"

SPACES = frozenset({QCVN, E_DOC, None})  # one of them, or none at all, is declared by every sender in service
ROOTS = frozenset({"edXML", "EdXML", "edXMLEnvelope"})

# Names of the generation before QCVN 102, spellings of the standard's "Bussiness" put right by senders, and what a gateway of an
# enterprise calls the files.
ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "Author": "SignerInfo",
        "Function": "Position",
        "OrganInCharge": "OrganizationInCharge",
        "Business": "Bussiness",
        "BusinessDocType": "BussinessDocType",
        "BusinessDocReason": "BussinessDocReason",
        "BusinessDocumentInfo": "BussinessDocumentInfo",
        "TimeStamp": "Timestamp",
        "edXMLAttachments": "AttachmentEncoded",
        "AttachmentData": "ContentTransferEncoded",
    }
)
