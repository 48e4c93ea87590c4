"""What documents ask of earlier ones: recall, update, replacement, and the answers."""

import pytest

from contracts.intents import Intent
from contracts.kinds import KINDS, read_body
from contracts.kinds.document_examples import ASKED_BACK, PACKET, RECALL, STATUS

OWN_ID = "000.00.10.H01,2026/11/18,2217/SNNMT-VP"
TEXT = PACKET.decode()
NAMES_ANOTHER = "<edXML:DocumentId>OLD-1</edXML:DocumentId>"
FILE = "S8OtbmggZ+G7rWkgUXXDvSBjxqEgcXVhbi4="


def intent_of(octets: bytes | str, kind: str = "document.packet/1") -> Intent | None:
    body = octets.encode() if isinstance(octets, str) else octets
    return read_body(KINDS[kind], body, "application/xml").intent


def packet(business_type: int, more: str = "", text: str = TEXT) -> str:
    """The example with another business type and these elements beside it."""
    said = "<edXML:BussinessDocType>0</edXML:BussinessDocType>"
    assert said in text
    return text.replace(said, f"<edXML:BussinessDocType>{business_type}</edXML:BussinessDocType>{more}")


def replacing(*rows: str) -> str:
    infos = "".join(f"<edXML:ReplacementInfo>{row}</edXML:ReplacementInfo>" for row in rows)
    return packet(3, f"<edXML:ReplacementInfoList>{infos}</edXML:ReplacementInfoList>")


def row(document: str, *organs: str) -> str:
    listed = "".join(f"<edXML:OrganId>{organ}</edXML:OrganId>" for organ in organs)
    return f"<edXML:DocumentId>{document}</edXML:DocumentId><edXML:OrganIdList>{listed}</edXML:OrganIdList>"


def test_a_new_document_asks_nothing_of_earlier_ones() -> None:
    """Not even of those it answers, and neither does a packet without `Bussiness` nor any other kind of message."""
    assert intent_of(PACKET) is None
    assert intent_of(TEXT.replace("<edXML:BussinessDocType>0</edXML:BussinessDocType>", "")) is None
    for kind in KINDS.values():
        if not kind.name.startswith("document."):
            assert [kind.intent(example.body, example.octets or b"") for example in kind.examples] == [None] * len(kind.examples)


def test_a_recall_is_about_the_document_whose_packet_it_repeats() -> None:
    """The common library sends the whole packet again: neither what it answers nor its attachment matters."""
    assert intent_of(RECALL) == Intent(action="recall", documents=(OWN_ID,), reason="Ban hành nhầm phụ lục, đề nghị thu hồi")


def test_a_recall_that_names_another_document_is_about_that_one() -> None:
    """Its own number is then only the number of the letter that asks."""
    found = intent_of(packet(1, NAMES_ANOTHER))
    assert found is not None
    assert (found.action, found.documents, found.complete) == ("recall", ("OLD-1",), False)


def test_an_update_is_about_the_document_it_names_or_the_one_sent_before_under_its_number() -> None:
    """A second packet with the same id counts as an update in practice."""
    named, resent = intent_of(packet(2, NAMES_ANOTHER)), intent_of(packet(2))
    assert named == Intent(action="update", documents=("OLD-1",), reason="Văn bản điện tử mới", complete=True)
    assert resent == Intent(action="update", documents=(OWN_ID,), reason="Văn bản điện tử mới", complete=True)


def test_a_replacement_is_about_all_the_documents_on_its_list() -> None:
    """Each once, in the order of the list, whatever else the packet names."""
    found = intent_of(replacing(row("OLD-1"), row(" OLD-2 ", "H01.15", "H01.134", "H01.99"), row("OLD-1")))
    assert found is not None
    assert (found.action, found.documents, found.complete) == ("replace", ("OLD-1", "OLD-2"), True)


def test_what_is_replaced_at_some_addressees_only_stays_for_the_others() -> None:
    """The packet goes to H01.134 and H01.15. A document replaced only at the latter must not be taken from the former."""
    found = intent_of(replacing(row("OLD-1", "H01.15"), row("OLD-2")))
    assert found is not None
    assert found.documents == ("OLD-2",)
    assert intent_of(replacing(row("OLD-1", "H01.15"))) is None


@pytest.mark.parametrize("empty", ["", "<edXML:ReplacementInfoList/>", "<edXML:DocumentId/>"])
def test_a_replacement_that_names_nothing_is_about_its_own_number(empty: str) -> None:
    """As an update: the same document, sent again."""
    found = intent_of(packet(3, empty))
    assert found is not None
    assert found.documents == (OWN_ID,)


@pytest.mark.parametrize(
    ("text", "complete"),
    [
        (packet(2), True),
        (packet(2).replace("edXMLManifest", "Manifest"), True),
        (packet(2).replace(FILE, ""), False),
        (packet(2).replace("AttachmentEncoded", "SomethingElse"), False),
        (packet(2).replace("<edXML:Reference>", "<edXML:Reference><edXML:ContentId>cid:2</edXML:ContentId></edXML:Reference>"
                           "<edXML:Reference>"), False),
        (packet(2).replace("edXML:Reference>", "edXML:Nothing>"), True),
        (packet(2).replace("edXML:edXMLEnvelope", "edXMLEnvelope").replace("http://www.mic.gov.vn/TBT/QCVN_102_2016",
                                                                          "http://www.e-doc.vn/Schema/"), True),
    ],
    ids=["with its file", "old name", "empty file", "no files", "one of two files", "no manifest", "the e-doc namespace"],
)  # fmt: skip
def test_a_packet_is_complete_when_it_carries_every_file_that_it_names(text: str, complete: bool) -> None:
    """Only a complete one may take the place of an earlier one that did not arrive yet."""
    assert text != TEXT
    found = intent_of(text)
    assert found is not None
    assert found.complete is complete


def test_a_body_that_wants_its_document_back_says_so_in_a_status() -> None:
    """Code 13, with the reason."""
    assert intent_of(ASKED_BACK, "document.status/1") == Intent(
        action="recall", documents=(OWN_ID,), reason="Ban hành nhầm phụ lục, đề nghị trả lại văn bản"
    )


@pytest.mark.parametrize(("code", "action"), [("13", "recall"), ("15", "recall_agreed"), ("16", "recall_refused")])
def test_three_codes_of_status_ask_or_answer(code: str, action: str) -> None:
    """13 asks, 15 agrees, 16 refuses."""
    found = intent_of(STATUS.replace(b">03<", f">{code}<".encode()), "document.status/1")
    assert found is not None
    assert (found.action, found.documents, found.complete) == (action, (OWN_ID,), False)


@pytest.mark.parametrize("code", ["01", "02", "03", "04", "05", "06", "07", "12", "14", "17", "99"])
def test_all_other_codes_of_status_only_report(code: str) -> None:
    """Also those that nobody has seen."""
    assert intent_of(STATUS.replace(b">03<", f">{code}<".encode()), "document.status/1") is None


def test_a_status_with_agency_and_notation_exchanged_is_understood() -> None:
    """A client in service writes 13 so; the reading is the same as of a right one."""
    right, kind = ASKED_BACK.decode(), KINDS["document.status/1"]
    organ, notation = "<edXML:OrganId>000.00.10.H01</edXML:OrganId>\n          <edXML:Code>2217/SNNMT-VP<", "2217/SNNMT-VP"
    wrong = right.replace(organ, f"<edXML:OrganId>{notation}</edXML:OrganId>\n          <edXML:Code>000.00.10.H01<")
    assert wrong != right
    assert read_body(kind, wrong.encode(), "application/xml") == read_body(kind, right.encode(), "application/xml")


def test_a_long_reason_is_cut_and_refuses_nothing() -> None:
    """What is only shown must not stop a recall."""
    found = intent_of(RECALL.replace("Ban hành nhầm".encode(), b"x" * 5000))
    assert found is not None
    assert found.reason == "x" * 1000
