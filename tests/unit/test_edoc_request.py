"""Calls of the e-doc generation as clients in service frame them: which action, whose token, which refusal."""

import pytest
from multidict import CIMultiDict

from adapters.edoc_soap.codes import error_of
from adapters.edoc_soap.request import credentials_of, read_request, read_without_files
from contracts.errors import ContractError
from contracts.facade import Bearer, Secret
from contracts.receipt import Refusal
from tests.fakes.edoc_client import SOAP_12, Doc, EdocClient, Request, status_record

TOKEN = "bcnLuU6YT8eaRCc8/9KAp3ebeq0="
ORGAN = "000.00.15.H01"
CLIENT = EdocClient(TOKEN, ORGAN)


def read(request: Request, **headers: str) -> tuple[str, str, str, int]:
    found = read_request(CIMultiDict(request.headers | headers), request.body)
    return found.action, found.asked_as, found.organ_id, found.document_id


@pytest.mark.parametrize(
    ("request_", "action", "document_id"),
    [
        (CLIENT.pending(), "GetPendingDocumentIds", 0),
        (CLIENT.get("4711"), "GetDocument", 4711),
        (CLIENT.confirm("4711"), "ConfirmReceived", 4711),
        (CLIENT.traces(), "GetTraces", 0),
        (CLIENT.organizations(), "GetOrganizations", 0),
        (CLIENT.check_permission(), "CheckPermission", 0),
        (CLIENT.update_traces(status_record()), "UpdateTraces", 0),
    ],
)
def test_every_action_is_known_with_its_organ_and_document(request_: Request, action: str, document_id: int) -> None:
    assert read(request_) == (action, action, ORGAN, document_id)


def test_the_names_of_the_other_branch_are_answered_as_they_were_asked() -> None:
    sent = CLIENT.send(action="SendMessage")
    assert read(sent)[:2] == ("SendDocument", "SendMessage")


@pytest.mark.parametrize("header", ['"GetTraces"', "http://www.e-doc.vn/GetTraces", "urn:GetTraces", " GetTraces "])
def test_soap_action_may_be_quoted_or_a_uri(header: str) -> None:
    assert read(CLIENT.traces(), SOAPAction=header)[0] == "GetTraces"


def test_soap_12_names_its_action_in_the_content_type() -> None:
    modern = EdocClient(TOKEN, ORGAN, version=SOAP_12)
    assert read(modern.pending())[:2] == ("GetPendingDocumentIds",) * 2


@pytest.mark.parametrize("action", ["", "DeleteEverything", "getpendingdocumentids", "GetListDocument"])
def test_an_action_that_this_bus_does_not_have_is_refused_by_name(action: str) -> None:
    request = CLIENT.traces()
    with pytest.raises(ContractError) as refused:
        read(request, SOAPAction=action)
    assert (refused.value.code, refused.value.field) == ("soap.operation_unknown", "SOAPAction")


@pytest.mark.parametrize("token_in_header", [True, False])
def test_the_pair_a_client_is_configured_with_is_client_id_and_secret(token_in_header: bool) -> None:
    client = EdocClient(TOKEN, ORGAN, token_in_header=token_in_header)
    for request in (client.pending(), client.send(), client.update_traces(status_record()), client.check_permission()):
        assert credentials_of(read_request(CIMultiDict(request.headers), request.body)) == Secret(ORGAN, TOKEN)


@pytest.mark.parametrize(
    ("token", "credentials"),
    [
        ("vpub-01:s3cret:with:colons", Secret("vpub-01", "s3cret:with:colons")),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJIMDEifQ.c2ln", Bearer("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJIMDEifQ.c2ln")),
        ("eyJust.a secret", Secret(ORGAN, "eyJust.a secret")),
    ],
)
def test_a_token_may_bring_its_own_client_id_or_be_one_of_the_hub(token: str, credentials: Bearer | Secret) -> None:
    request = EdocClient(token, ORGAN).traces()
    assert credentials_of(read_request(CIMultiDict(request.headers), request.body)) == credentials


def test_no_token_is_no_credentials() -> None:
    request = EdocClient("", ORGAN).traces()
    with pytest.raises(ContractError, match=r"auth\.missing at Token"):
        credentials_of(read_request(CIMultiDict(request.headers), request.body))


def test_two_tokens_that_differ_are_believed_neither() -> None:
    request = CLIENT.traces()
    forged = Request(request.headers, request.body.replace(f"<Token>{TOKEN}".encode(), b"<Token>another"))
    with pytest.raises(ContractError, match=r"auth\.invalid at Token"):
        read(forged)


def test_who_calls_is_known_without_a_look_at_the_files() -> None:
    """Files that are cut off or endless cost nothing before the caller is known."""
    request = CLIENT.send(Doc(files=(("a.pdf", "application/pdf", b"%PDF" + b"x" * 300_000),)))
    cut = request.body[: len(request.body) // 2]
    assert credentials_of(read_without_files(CIMultiDict(request.headers), cut)) == Secret(ORGAN, TOKEN)
    with pytest.raises(ContractError, match=r"soap\.malformed"):
        read_request(CIMultiDict(request.headers), cut)


def test_a_message_that_does_not_stand_first_is_no_call() -> None:
    """Or strangers could have files unpacked by putting them first."""
    request = CLIENT.send()
    moved = request.headers | {"Content-Type": request.headers["Content-Type"].replace('"Start"', '"file-0"')}
    with pytest.raises(ContractError, match=r"soap\.malformed"):
        read_without_files(CIMultiDict(moved), request.body)


def test_a_token_is_in_no_representation() -> None:
    request = CLIENT.traces()
    found = read_request(CIMultiDict(request.headers), request.body)
    assert TOKEN not in repr(found) + repr(credentials_of(found))


def test_a_block_that_must_be_understood_and_is_not_is_refused() -> None:
    block = '<w:Security xmlns:w="urn:w" SOAP-ENV:mustUnderstand="1"/>'
    request = CLIENT.request("GetTraces", header=block, body=f"<GetTraces><Token>{TOKEN}</Token></GetTraces>")
    with pytest.raises(ContractError, match=r"soap\.must_understand at /Envelope/Header/Security"):
        read(request)


@pytest.mark.parametrize("number", ["-1", "12a", "9" * 19, "١٢"])
def test_a_document_id_that_is_no_number_is_refused_by_place(number: str) -> None:
    with pytest.raises(ContractError) as refused:
        read(CLIENT.get(number))
    assert (refused.value.code, refused.value.field) == ("body.invalid", "/DocumentId")


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (
            Refusal.of("body.invalid", "/edXML/edXMLEnvelope/edXMLHeader/MessageHeader/Subject", "missing"),
            "N.MessageHeader.Subject",
        ),
        (Refusal.of("body.invalid", "/MessageHeader/Subject", "longer than 500 characters"), "R.MessageHeader.Subject"),
        (Refusal.of("body.invalid", "/MessageHeader/To[2]/OrganId", "stands twice"), "M.MessageHeader.To.OrganId"),
        (
            Refusal.of("body.invalid", "/MessageHeader/OtherInfo/PageAmount", "not a number"),
            "T.MessageHeader.OtherInfo.PageAmount",
        ),
        (Refusal.of("envelope.id_reused", "/message_id"), "M.Exist"),
        (Refusal.of("access.not_a_party", "delivery_id"), "M.DOCUMENT"),
        (Refusal.of("auth.invalid", "Token"), "M.CheckSignature"),
        (Refusal.of("route.unknown_recipient", "/recipients/0", "H99"), "M.MessageHeader.To.OrganId"),
        (Refusal.of("signature.missing"), "M.Signature"),
        (Refusal.of("hub.internal"), "M.SendDocument"),
        (Refusal.of("request.too_large"), "R.Attachment"),
    ],
)
def test_refusals_speak_the_grammar_of_this_bus(refusal: Refusal, code: str) -> None:
    error = error_of(refusal, "SendDocument")
    assert error.code == code
    assert refusal.title_vi in error.description
    assert refusal.remedy_en in error.description
    assert f"[{refusal.code}]" in error.description
