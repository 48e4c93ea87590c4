"""What answers of a bus of the e-doc generation mean, and what is saved of those that can be had only once."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.answers import Answer
from adapters.edoc_soap import calls, salvage
from adapters.edoc_soap.calls import partner_of, partners_of
from adapters.edoc_soap.outcomes import outcome_of
from contracts.outcome import Delivered, Refused, Retry
from contracts.replies import Reply
from contracts.soap.message import Version
from tests.fakes.edoc_client import SCHEMA, SOAP_11, SOAP_12, status_record

XML = {"Content-Type": "text/xml; charset=UTF-8"}


def envelope(inside: str, version: str = SOAP_11) -> bytes:
    return f'<s:Envelope xmlns:s="{version}"><s:Header/><s:Body>{inside}</s:Body></s:Envelope>'.encode()


def report(flag: str, *errors: tuple[str, str], qualified: str = "") -> bytes:
    listed = "".join(
        f"<{qualified}Error><{qualified}Code>{code}</{qualified}Code><{qualified}Description>{text}</{qualified}Description>"
        f"</{qualified}Error>"
        for code, text in errors
    )
    return envelope(
        f'<e:SendDocumentResponse xmlns:e="{SCHEMA}"><e:Report><{qualified}IsSuccess>{flag}</{qualified}IsSuccess>'
        f"<{qualified}ErrorList>{listed}</{qualified}ErrorList></e:Report><e:DocumentId>1007</e:DocumentId></e:SendDocumentResponse>"
    )


def traces(*records: str) -> bytes:
    return envelope(f'<e:GetTracesResponse xmlns:e="{SCHEMA}"><e:Traces>{"".join(records)}</e:Traces></e:GetTracesResponse>')


@pytest.mark.parametrize("qualified", ["", "e:"])
def test_a_report_says_yes_and_what_the_bus_calls_the_document(qualified: str) -> None:
    assert outcome_of(Answer(200, XML, report("true", qualified=qualified)), 0) == Delivered(remote_ref="1007")


def test_what_exists_already_is_delivered() -> None:
    assert isinstance(outcome_of(Answer(200, XML, report("false", ("M.Exist", "Document is exist on ESB !!!!"))), 0), Delivered)


def test_what_is_wrong_with_the_document_is_refused_with_code_and_words() -> None:
    outcome = outcome_of(Answer(200, XML, report("false", ("N.MessageHeader.Subject", "Subject is required."))), 0)
    assert outcome == Refused("delivery.refused_by_recipient", "N.MessageHeader.Subject Subject is required.")


@pytest.mark.parametrize(
    "errors",
    [
        (),
        (("M.CheckSignature", "OrganId or Token is required"),),
        (("M.SendDocument", "Error when send document to esb"),),
        (("M.updateTrace", "Error when process update trace"),),
    ],
)
def test_its_own_trouble_and_unknown_tokens_are_tried_again(errors: tuple[tuple[str, str], ...]) -> None:
    outcome = outcome_of(Answer(200, XML, report("false", *errors)), 0)
    assert isinstance(outcome, Retry) and outcome.reason == "delivery.server_error"


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("<s:Fault><faultcode>s:Server</faultcode><faultstring>axis</faultstring></s:Fault>", Retry),
        ("<s:Fault><faultcode>s:Client</faultcode><faultstring>no such operation</faultstring></s:Fault>", Refused),
    ],
)
def test_faults_of_soap_11_are_the_servers_or_ours(fault: str, kind: type) -> None:
    assert isinstance(outcome_of(Answer(500, XML, envelope(fault)), 0), kind)


def test_a_fault_of_soap_12_is_read_too() -> None:
    inside = "<s:Fault><s:Code><s:Value>s:Sender</s:Value></s:Code><s:Reason><s:Text>no</s:Text></s:Reason></s:Fault>"
    answer = Answer(400, {"Content-Type": "application/soap+xml"}, envelope(inside, SOAP_12))
    assert outcome_of(answer, 0) == Refused("delivery.refused_by_recipient", "no")


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, XML, b"<html>Dang bao tri"),
        Answer(200, {"Content-Type": "text/html"}, b"<html>ok</html>"),
        Answer(200, XML, report("true")[:200]),
        Answer(200, XML, report("true"), whole=False),
        Answer(200, XML, report("perhaps")),
        Answer(200, XML, envelope("<other/>")),
        Answer(502, {"Content-Type": "text/html"}, b"<html>Bad gateway</html>"),
        Answer(200, {**XML, "Content-Encoding": "gzip"}, report("true")),
    ],
)
def test_what_is_no_report_says_neither_yes_nor_no(answer: Answer) -> None:
    assert isinstance(outcome_of(answer, 0), Retry)


def test_the_table_of_replies_comes_first() -> None:
    table = (Reply(means="delivered", text="da ton tai"),)
    assert isinstance(outcome_of(Answer(200, XML, report("false", ("M.X", "Văn bản đã tồn tại"))), 0, table), Delivered)


def test_options_say_as_whom_the_hub_is_known_there() -> None:
    assert partner_of({"organ_id": "W29", "soap": "1.2"}, "t").version is Version.SOAP_12
    assert [one.token for one in partners_of({"organ_id": "A, B"}, "t1 t2")] == ["t1", "t2"]
    assert [one.token for one in partners_of({"organ_id": "A,B"}, "t")] == ["t", "t"]


@pytest.mark.parametrize(
    ("options", "secret"),
    [({}, "s3cret"), ({"organ_id": "A"}, ""), ({"organ_id": "A", "soap": "2"}, "s3cret"), ({"organ_id": "A,B"}, "s3cret 2 3")],
)
def test_options_that_cannot_be_right_are_told_without_the_secret(options: dict[str, str], secret: str) -> None:
    with pytest.raises(ValueError) as wrong:
        partners_of(options, secret)
    assert "s3cret" not in str(wrong.value)


def kept_records(answer: Answer) -> list[str]:
    text = salvage.kept(answer)
    if not text:
        return []
    found = calls.statuses(calls.read_answer(*salvage.opened(text)))
    return [next(one.text or "" for one in record if one.tag == "StatusCode") for record in found]


def test_an_answer_without_a_record_needs_no_keeping() -> None:
    assert salvage.kept(Answer(200, XML, traces())) == ""


def test_an_answer_is_kept_as_it_came() -> None:
    octets = traces(status_record("01"), status_record("03"))
    assert salvage.opened(salvage.kept(Answer(200, XML, octets))) == (XML["Content-Type"], octets)


@given(st.data())
def test_of_an_answer_cut_off_anywhere_every_whole_record_is_saved(data: st.DataObject) -> None:
    octets = traces(status_record("01"), status_record("03"), status_record("06"))
    cut = data.draw(st.integers(0, len(octets)))
    whole = octets[:cut].count(b"</Status>")
    assert kept_records(Answer(200, XML, octets[:cut], whole=False)) == ["01", "03", "06"][:whole]


def test_weeks_of_traces_are_read_in_pages() -> None:
    octets = traces(*(status_record(f"{number % 100:02}") for number in range(3500)))
    pages = list(salvage.pages(XML["Content-Type"], octets))
    found = [record.findtext("StatusCode") for page in pages for record in calls.statuses(calls.read_answer(*page))]
    assert len(pages) == 4 and found == [f"{number % 100:02}" for number in range(3500)]


@given(st.text(max_size=200))
def test_marks_that_are_not_ours_are_told(text: str) -> None:
    try:
        salvage.opened(text)
    except ValueError:
        pass


def test_an_answer_that_goes_on_and_on_is_looked_through_once() -> None:
    """Beginnings without an end, in names of their own, with megabytes behind them; and megabytes before the first record."""
    endless = b"<e:Envelope><Status>1</Status>" + b"".join(b"<a%d:Status>" % number for number in range(100_000))
    started = time.process_time()
    assert list(salvage.pages("text/xml", endless)) == [("text/xml", endless)]
    with pytest.raises(ValueError, match="before the first record"):
        list(salvage.pages("text/xml", b"<e:Envelope>" + b"<a/>" * 500_000 + b"<Status/></Status><Status></Status>" * 100_000))
    assert time.process_time() - started < 5
