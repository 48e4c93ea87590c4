"""The published schema of edXML as this hub reads it: lenient on purpose.

Senders in service order the elements differently, add their own and leave some empty; the regulation's strict order would refuse
most of them. So every group takes anything (`lax`), and what stands in it is checked where the element is known here: a value
that is there has to be of its list. What must be there at all (From, To, DocumentId, StatusCode) the hub checks when reading.
"""

_TEXTS = (
    # element, most characters, clause of QCVN 102:2016/BTTTT
    ("OrganId", 50, "1.1 OrganId"),
    ("DocumentId", 200, "1.14"),
    ("CodeNumber", 255, "1.3.1"),
    ("CodeNotation", 255, "1.3.2"),
    ("PromulgationDate", 255, "1.4.2, yyyy/MM/dd"),
    ("TypeName", 255, "1.5.2"),
    ("Subject", 4000, "1.6"),
    ("Description", 4000, "status packet"),
    ("Timestamp", 255, "yyyy/MM/dd HH:mm:ss"),
)
_CODES = (
    ("Priority", "[0-4]?", "1.11.1: 0 thường, 1 khẩn, 2 thượng khẩn, 3 hỏa tốc, 4 hỏa tốc hẹn giờ"),
    ("BussinessDocType", "[0-3]?", "2.2.1: 0 new, 1 recall, 2 update, 3 replace"),
    ("StatusCode", "([0-9]{2})?", "status packet: 01 arrived to 16 refused to change"),
)
_GROUPS = (
    "edXML", "EdXML", "edXMLEnvelope", "edXMLHeader", "MessageHeader", "TraceHeaderList", "TraceHeader", "Bussiness", "From",
    "To", "Code", "PromulgationInfo", "DocumentType", "OtherInfo", "ResponseFor", "ReplacementInfoList", "ReplacementInfo",
)  # fmt: skip

_HEAD = """<?xml version='1.0' encoding='UTF-8'?>
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="http://www.mic.gov.vn/TBT/QCVN_102_2016"
    targetNamespace="http://www.mic.gov.vn/TBT/QCVN_102_2016" elementFormDefault="qualified" version="1">
  <xs:annotation>
    <xs:documentation xml:lang="vi">Phần đầu gói tin edXML (QCVN 102:2016/BTTTT), không bắt buộc thứ tự</xs:documentation>
    <xs:documentation xml:lang="en">Header of an edXML packet (QCVN 102:2016/BTTTT), lenient: the order is free</xs:documentation>
  </xs:annotation>
  <xs:complexType name="Group" mixed="true">
    <xs:sequence>
      <xs:any namespace="##any" processContents="lax" minOccurs="0" maxOccurs="unbounded"/>
    </xs:sequence>
    <xs:anyAttribute namespace="##any" processContents="lax"/>
  </xs:complexType>
"""


def _restricted(name: str, facet: str, value: object, note: str) -> str:
    return f"""  <xs:element name="{name}">
    <xs:annotation>
      <xs:documentation xml:lang="vi">QCVN 102:2016/BTTTT, {note}</xs:documentation>
    </xs:annotation>
    <xs:simpleType>
      <xs:restriction base="xs:token">
        <xs:{facet} value="{value}"/>
      </xs:restriction>
    </xs:simpleType>
  </xs:element>
"""


EDXML_XSD = (
    _HEAD
    + "".join(f'  <xs:element name="{name}" type="Group"/>\n' for name in _GROUPS)
    + "".join(_restricted(name, "maxLength", limit, note) for name, limit, note in _TEXTS)
    + "".join(_restricted(name, "pattern", pattern, note) for name, pattern, note in _CODES)
    + "</xs:schema>\n"
).encode()
