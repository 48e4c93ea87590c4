"""The demo's official documents without a network: packets as the bus's libraries write them, and what is checked in the end."""

import base64
import hashlib
import hmac
import io
import json
import random
import zipfile
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import msgspec
import pytest
from lxml import etree

from contracts.kinds.document import read_packet, read_status
from lgsp.demo.bus_client import signed_headers
from lgsp.demo.cases import VIETNAM
from lgsp.demo.check import passed
from lgsp.demo.day import Expectations, plan_day
from lgsp.demo.evidence import Account, Arrival, Difference, Evidence, Paper, Reported
from lgsp.demo.ledger import Ledger
from lgsp.demo.letter_checks import verify_letters
from lgsp.demo.letter_packets import packet_of, status_of
from lgsp.demo.letters import AGREED, DEPARTMENT, NEW, TAKEN_BACK, Letter, plan_letters, soap_commune
from lgsp.demo.postal_checks import verify_account
from lgsp.demo.province import load_province
from lgsp.demo.sandbox import make_sandbox, members_by_name, pulling, visitors_mailbox
from lgsp.demo.seals import Seals
from lgsp.trust.demo_pki import DemoPki

DAY = date(2025, 9, 15)
NOON = datetime(2025, 9, 15, 12, tzinfo=VIETNAM)


@pytest.fixture
def letters() -> tuple[Letter, ...]:
    return plan_letters(load_province(), DAY, random.Random(1))


@pytest.fixture
def expected() -> Expectations:
    return plan_day(20, seed=3, day=DAY).expectations


def evidence_of(expected: Expectations) -> Evidence:
    """Of a day on which everything went well."""
    evidence = Evidence()
    for letter in expected.letters:
        for place, code in enumerate(letter.to):
            for kind in letter.packets:
                evidence.papers.append(
                    Arrival(
                        delivery_id=len(evidence.papers),
                        recipient=code,
                        message_id="m",
                        sender=DEPARTMENT,
                        kind="document.packet/1",
                        order_key=None,
                        sealed=True,
                        road=("SOAP", "mailbox", "webhook")[place],  # type: ignore[arg-type]
                        paper=Paper(document_id=letter.document_id, business_type=kind),
                    )
                )
            evidence.reported += [Reported(code, letter.document_id, status) for status in letter.answers]
    return evidence


def broken(expected: Expectations, evidence: Evidence) -> set[str]:
    return {check.name for check in verify_letters(expected, evidence) if check.verdict == "broken"}


def test_each_document_goes_by_three_roads() -> None:
    """One commune speaks SOAP, one has a mailbox, one a server; the visitors' mailbox is none of them."""
    province, sandbox = load_province(), make_sandbox("http://hub.example", 1, Path("sandbox"))
    by_soap, by_mailbox, by_push = plan_letters(province, DAY, random.Random(1))[0].to
    assert by_soap == soap_commune(province) and sandbox.members[by_soap].speaks == "soap"
    assert {by_soap, by_mailbox} <= set(pulling(sandbox)) and visitors_mailbox(sandbox) not in (by_soap, by_mailbox)
    assert sandbox.members[by_push].push_secret
    department = sandbox.members[DEPARTMENT]
    assert department.speaks == "bus" and not department.push_secret and DEPARTMENT not in set(pulling(sandbox))


def test_a_sandbox_of_an_earlier_release_learns_how_its_members_speak() -> None:
    """Their secrets stay; whoever is not pushed to any more has no secret for it."""
    new = make_sandbox("http://hub.example", 1, Path("sandbox"))
    members = {code: msgspec.structs.replace(one, speaks="rest", push_secret="whsec_") for code, one in new.members.items()}
    again = make_sandbox("http://hub.example", 1, Path("sandbox"), msgspec.structs.replace(new, members=members))
    assert {code: one.speaks for code, one in again.members.items()} == {code: one.speaks for code, one in new.members.items()}
    assert not again.members[DEPARTMENT].push_secret
    assert again.members[DEPARTMENT].client_secret == new.members[DEPARTMENT].client_secret


@pytest.mark.parametrize("kind", [NEW, TAKEN_BACK])
def test_a_packet_says_what_was_planned(letters: tuple[Letter, ...], kind: int) -> None:
    """Whatever stands in a text is text: the subject of a document may hold anything."""
    letter = replace(letters[1], subject="Họp <gấp> & báo cáo")
    octets = packet_of(letter, kind, load_province(), NOON)
    found = read_packet(octets)
    assert (found.document_id, found.business_type, found.subject) == (letter.document_id, kind, letter.subject)
    assert (found.from_organ, found.to_organs) == (DEPARTMENT, letter.to)
    assert f"{found.number}/{found.notation}" == letter.code
    encoded = etree.fromstring(octets).findtext(".//{*}AttachmentEncoded//{*}ContentTransferEncoded")
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(encoded or ""))) as archive:
        (name,) = archive.namelist()
        assert letter.code in archive.read(name).decode()
    assert octets == packet_of(letter, kind, load_province(), NOON)


def test_a_status_says_what_was_planned(letters: tuple[Letter, ...]) -> None:
    letter = letters[0]
    found = read_status(status_of(letter, "03", load_province(), letter.to[0], NOON))
    assert (found.from_organ, found.to_organ, found.document_id) == (letter.to[0], DEPARTMENT, letter.document_id)
    assert (found.status_code, found.notation) == ("03", letter.code)


def test_recipients_verify_the_seal_in_the_packet(letters: tuple[Letter, ...], tmp_path: Path) -> None:
    """By the authority they trust, and for the body that the packet names; not when an octet was changed."""
    DemoPki.make({code: members_by_name()[code] for code in (DEPARTMENT, "H01.101")}, datetime.now(VIETNAM)).save(
        tmp_path, datetime.now(VIETNAM)
    )
    seals = Seals(tmp_path)
    packet = seals.sealed_packet(packet_of(letters[0], NEW, load_province(), NOON), DEPARTMENT)
    assert seals.proves_packet(packet, DEPARTMENT)
    assert not seals.proves_packet(packet, "H01.101")
    assert not seals.proves_packet(packet.replace(b"<edXML:PageAmount>1<", b"<edXML:PageAmount>2<"), DEPARTMENT)


def test_parameters_are_signed_as_the_bus_wants_it() -> None:
    """Each under its prefix, named in the list, and their JSON text under HMAC-SHA256 of the secret."""
    headers = signed_headers({"systemid": "demo", "docId": "42"}, "hush", NOON.replace(microsecond=7000))
    text = headers["XroadVnpt-sign-header"]
    assert headers["XroadVnpt-sign-header-key"] == "systemid;docId;timestamp"
    assert json.loads(text) == {f"XroadVnpt-{name}": headers[f"XroadVnpt-{name}"] for name in ("systemid", "docId", "timestamp")}
    assert headers["XroadVnpt-timestamp"] == "15092025T120000+0007"
    assert headers["XroadVnpt-hash-header"] == hmac.new(b"hush", text.encode(), hashlib.sha256).hexdigest()


def test_a_day_on_which_all_went_well_passes(expected: Expectations) -> None:
    checks = tuple(verify_letters(expected, evidence_of(expected)))
    assert passed(checks) and len(checks) == 4
    assert {check.name: check.found for check in checks}["letters_recalled"] == "3"


def test_every_check_finds_what_it_is_for(expected: Expectations) -> None:
    """A document lost, one seal broken, two statuses exchanged, a recall that nobody answered."""
    lost, unsealed, exchanged, unanswered = (evidence_of(expected) for _ in range(4))
    lost.papers.pop()
    unsealed.papers[0] = replace(unsealed.papers[0], sealed=False)
    exchanged.reported[0], exchanged.reported[1] = exchanged.reported[1], exchanged.reported[0]
    unanswered.reported = [one for one in unanswered.reported if one.status != AGREED]
    assert broken(expected, lost) == {"letters"}
    assert broken(expected, unsealed) == {"letters_sealed"}
    assert broken(expected, exchanged) == {"letter_statuses"}
    assert broken(expected, unanswered) == {"letter_statuses", "letters_recalled"}


def test_a_second_copy_of_a_document_is_harmless(expected: Expectations) -> None:
    """Dropped by its delivery id, like every second copy."""
    evidence = evidence_of(expected)
    evidence.papers.append(evidence.papers[0])
    assert broken(expected, evidence) == set()
    evidence.papers.append(replace(evidence.papers[0], delivery_id=999))
    assert broken(expected, evidence) == {"letters"}


def test_the_tale_of_a_document_is_told(expected: Expectations) -> None:
    """Sent, received by its road, reported, taken back."""
    ledger = Ledger(plan_day(9, seed=3, day=DAY), load_province(), 60.0)
    worked_on: list[Arrival] = []
    ledger.clerks = worked_on.append
    evidence, letter = evidence_of(ledger.plan.expectations), ledger.plan.expectations.letters[1]
    ledger.sends_letter(letter, NEW)
    for paper in evidence.papers:
        ledger.arrived(paper)
    ledger.reported(letter, Reported(letter.to[0], letter.document_id, AGREED))
    ledger.sends_letter(letter, TAKEN_BACK)
    told = " ".join(line.text for line in ledger.letter_tale)
    assert worked_on == evidence.papers == ledger.evidence.papers
    assert all(word in told for word in ("gửi Giấy mời", "qua SOAP", "qua hộp thư", "đồng ý thu hồi", "thu hồi Giấy mời"))
    assert not ledger.evidence.strangers and not ledger.evidence.arrivals


ACCOUNT = Account(handed_over=0, accepted=0, delivered=0, cod_due_vnd=0, cod_paid_vnd=0)


def account_of(expected: Expectations, *more: str) -> Account:
    """As the hub makes it of a day whose planted mistakes it finds; `more`: differences that nobody planted."""
    found = [(one.code, one.order_number) for one in expected.planted] + [(code, "H01.101-1") for code in more]
    return msgspec.structs.replace(
        ACCOUNT,
        handed_over=expected.posted_in + expected.posted_out,
        differences=tuple(
            Difference(code=code, severity="difference", text_vi="", text_en="", order_number=order) for code, order in found
        ),
    )


def test_the_account_of_the_day_must_show_what_was_planted_and_no_more(expected: Expectations) -> None:
    """On a day with other traffic it is told and judged no more; a hub without one is not asked for it."""
    (kept,) = verify_account(expected, account_of(expected))
    assert (kept.verdict, kept.found) == ("kept", str(len(expected.planted)))
    (more,) = verify_account(expected, account_of(expected, "postal.cod_differs"))
    (less,) = verify_account(expected, msgspec.structs.replace(account_of(expected), differences=()))
    assert (more.verdict, less.verdict) == ("broken", "broken")
    strange = Difference(code="postal.cod_differs", severity="difference", text_vi="", text_en="", item_code="BA000000001VN")
    for other in ({"handed_over": 10**6}, {"differences": (strange,)}):
        (told,) = verify_account(expected, msgspec.structs.replace(account_of(expected), **other))
        assert told.verdict == "told"
    assert list(verify_account(expected, None)) == []
