"""The decision at the door: who, how big, when, what, may he, where to."""

from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from contracts import wire
from contracts.adapter import Parcel
from contracts.agency import AgencyCode
from contracts.envelope import Attachment, Envelope, Identifier
from contracts.errors import ContractError
from contracts.kinds import Reading, find, read_body
from contracts.kinds.document_examples import RECALL
from contracts.kinds.examples import CASE_PROGRESS, POSTAL_SETTLEMENT
from contracts.kinds.postal import PostalSettlement
from lgsp.core import admission
from lgsp.core.admission import Admitted, Limits, admit, check_attachments
from lgsp.core.directory import Agency, Alias, Directory, Grant
from lgsp.core.explain import decide, explanation
from lgsp.core.lanes import lane_of
from lgsp.core.lifecycle import State
from lgsp.core.notices import NoticeRules, notice_of
from lgsp.core.retry import Verdict

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
LIMITS = Limits(max_body_bytes=20_000, default_life=timedelta(days=30), shards=8)
MODEL = CASE_PROGRESS[0].body
BODY = msgspec.json.encode(MODEL)


def code(text: str) -> AgencyCode:
    return AgencyCode(text)


COMMUNE = Agency(
    code=code("H01.101"),
    name_vi="Ủy ban nhân dân phường Rạch Giá",
    aliases=(Alias(code=code("000.01.41.H33"), valid_to=date(2027, 1, 1)),),
    grants=(Grant(kinds=("case.*",), recipients=("H01.15", "H01.16")),),
)
DEPARTMENT = Agency(code=code("H01.15"), name_vi="Sở Tư pháp", grants=(Grant(kinds=("*",)),))
DIRECTORY = Directory(3, [COMMUNE, DEPARTMENT, Agency(code=code("H01.18"), name_vi="Sở Y tế")])


def envelope(**changes: object) -> Envelope:
    base = Envelope(
        message_id="m-1",
        sender=COMMUNE.code,
        recipients=(DEPARTMENT.code,),
        kind="case.progress/1",
        created_at=NOW - timedelta(minutes=1),
        body=BODY,
    )
    return msgspec.structs.replace(base, **changes)


def document(body: bytes, **changes: object) -> Envelope:
    return envelope(
        kind="document.packet/1",
        media_type="application/xml",
        sender=DEPARTMENT.code,
        recipients=(COMMUNE.code,),
        body=body,
        **changes,
    )


def refused(one: Envelope, caller: Agency = COMMUNE) -> tuple[str, str]:
    with pytest.raises(ContractError) as caught:
        admit(one, caller, DIRECTORY, LIMITS, NOW)
    return caught.value.code, caught.value.field


def test_a_good_envelope_is_admitted_with_everything_that_was_decided() -> None:
    """Order key and identifiers are found in the body when the sender names none; life has a default; the version is recorded."""
    admitted = admit(envelope(), COMMUNE, DIRECTORY, LIMITS, NOW)
    reading = read_body(find("case.progress/1"), BODY, "application/json")
    assert admitted.order_key == reading.order_key
    assert set(reading.identifiers) <= set(admitted.identifiers)
    assert admitted.expires_at == NOW + timedelta(days=30)
    assert admitted.directory_version == 3
    assert [hop.recipient for hop in admitted.hops] == ["H01.15"]
    assert admitted.hops[0].lane == lane_of("H01.15", reading.order_key)
    assert admitted.digest == admitted.envelope.digest()


def test_an_envelope_is_kept_as_it_came_whatever_its_body_names() -> None:
    """An account of 120 lines names far more cases than an envelope may: it is found by all of them and delivered as received."""
    day = POSTAL_SETTLEMENT[0].body
    assert isinstance(day, PostalSettlement)
    lines = tuple(
        msgspec.structs.replace(day.lines[0], order_number=f"H01.101-251101-{n:04}", case_number=None) for n in range(120)
    )
    body = msgspec.json.encode(msgspec.structs.replace(day, lines=lines))
    sent = wire.parse(
        wire.render(envelope(kind="postal.settlement/1", sender=DEPARTMENT.code, recipients=(COMMUNE.code,), body=body))
    )
    admitted = admit(sent, DEPARTMENT, DIRECTORY, msgspec.structs.replace(LIMITS, max_body_bytes=200_000), NOW)
    assert {f"H01.101-251101-{n:04}" for n in range(120)} <= {one.value for one in admitted.identifiers}
    assert admitted.envelope == sent
    assert wire.parse(wire.render(admitted.envelope)) == sent


def test_the_digest_depends_on_nothing_that_a_release_reads_out_of_the_body(monkeypatch: pytest.MonkeyPatch) -> None:
    """A release that finds more names and another lane in the same octets gives a resend the digest it had."""
    before = admit(envelope(), COMMUNE, DIRECTORY, LIMITS, NOW)
    reading = Reading(MODEL, (Identifier("case", "found later"),), "another lane")
    monkeypatch.setattr(admission, "read_body", lambda kind, octets, media_type: reading)
    after = admit(envelope(), COMMUNE, DIRECTORY, LIMITS, NOW)
    assert (after.order_key, after.identifiers) == ("another lane", reading.identifiers)
    assert (after.digest, after.envelope) == (before.digest, before.envelope)


def test_what_a_document_asks_of_earlier_ones_is_told() -> None:
    """Nobody but the document system knows it from the envelope alone; a case file asks nothing."""
    assert admit(envelope(), COMMUNE, DIRECTORY, LIMITS, NOW).intent is None
    asked = admit(document(RECALL), DEPARTMENT, DIRECTORY, LIMITS, NOW).intent
    assert asked is not None
    assert (asked.action, asked.documents) == ("recall", ("000.00.10.H01,2026/11/18,2217/SNNMT-VP",))


def test_a_document_is_complete_with_its_files_beside_the_packet_too() -> None:
    """Files are in the packet or attached to the envelope; without either an earlier packet must not give way to it."""
    bare = RECALL.replace(b"DocType>1", b"DocType>2").replace(b"S8OtbmggZ+G7rWkgUXXDvSBjxqEgcXVhbi4=", b"")
    file = Attachment(digest="sha256:" + "a" * 64, size_bytes=10)
    found = [admit(document(bare, attachments=files), DEPARTMENT, DIRECTORY, LIMITS, NOW).intent for files in ((), (file,))]
    assert [intent is not None and (intent.action, intent.complete) for intent in found] == [("update", False), ("update", True)]
    recalled = admit(document(RECALL, attachments=(file,)), DEPARTMENT, DIRECTORY, LIMITS, NOW).intent
    assert recalled is not None
    assert not recalled.complete


def test_what_the_sender_names_wins_over_what_the_body_says() -> None:
    """An order key of the sender's own is kept; identifiers are merged without doubles, whatever their Unicode form."""
    mine = Identifier("receipt", "BN Ấp 12")
    twice = Identifier("receipt", "bn a\u0302\u0301p 12")
    admitted = admit(envelope(order_key="my own", identifiers=(mine, twice)), COMMUNE, DIRECTORY, LIMITS, NOW)
    assert admitted.order_key == admitted.envelope.order_key == "my own"
    assert admitted.hops[0].lane == lane_of("H01.15", "my own")
    assert len([one for one in admitted.identifiers if one.scheme == "receipt" and one.key == mine.key]) == 1


def test_an_agency_sends_only_as_itself_under_any_of_its_codes() -> None:
    """Its alias is itself, and is kept under the directory's key; anybody else's code is refused."""
    admitted = admit(envelope(sender=code("000.01.41.H33")), COMMUNE, DIRECTORY, LIMITS, NOW)
    assert admitted.envelope.sender == "H01.101"
    assert admitted.digest == admit(envelope(), COMMUNE, DIRECTORY, LIMITS, NOW).digest
    assert refused(envelope(sender=DEPARTMENT.code)) == ("auth.sender_mismatch", "/sender")
    assert refused(envelope(sender=code("nobody"))) == ("auth.sender_mismatch", "/sender")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"body": b" " * 20_001}, ("body.too_large", "/body")),
        ({"expires_at": NOW}, ("envelope.expired", "/expires_at")),
        ({"created_at": NOW + timedelta(minutes=6)}, ("envelope.created_in_future", "/created_at")),
        ({"kind": "case.nonsense/1"}, ("kind.unknown", "/kind")),
        ({"kind": "case.progress/9"}, ("kind.unknown", "/kind")),
        ({"kind": "postal.order/1"}, ("grant.kind_not_allowed", "/kind")),
        ({"body": b"{"}, ("body.malformed", "/body")),
        ({"recipients": (code("H09"),)}, ("route.unknown_recipient", "/recipients/0")),
        ({"recipients": (code("H01.15"), code("H01.18"))}, ("grant.recipient_not_allowed", "/recipients/1")),
        ({"media_type": "text/plain"}, ("request.media_type_unsupported", "/media_type")),
    ],
)
def test_each_refusal_has_its_code_and_its_field(changes: dict[str, object], expected: tuple[str, str]) -> None:
    """The sender learns what to mend, where."""
    assert refused(envelope(**changes)) == expected


REFORMED = Directory(
    4,
    [
        COMMUNE,
        Agency(code=code("H01.15"), name_vi="Sở cũ", closed_on=date(2026, 3, 1), successors=(code("H01.20"),)),
        Agency(code=code("H01.20"), name_vi="Sở tạm", closed_on=date(2026, 7, 1), successors=(code("H01.30"),)),
        Agency(code=code("H01.16"), name_vi="Sở tách", closed_on=date(2026, 7, 1), successors=(code("H01.30"), code("H01.31"))),
        Agency(code=code("H01.30"), name_vi="Sở mới", aliases=(Alias(code=code("000.00.15.H01")),)),
        Agency(code=code("H01.31"), name_vi="Sở khác", successors=(code("H01.30"),)),
        Agency(code=code("H01.32"), name_vi="Sở sắp đóng", closed_on=date(2027, 1, 1), successors=(code("H01.31"),)),
    ],
)


@pytest.mark.parametrize("to", ["H01.15", "H01.20", "H01.30", "000.00.15.H01"])
def test_a_grant_outlives_a_reform(to: str) -> None:
    """It names the agency of then: who succeeded it, over two reforms, is reached under old code, new code and alias."""
    caller = msgspec.structs.replace(COMMUNE, grants=(Grant(kinds=("case.*",), recipients=("H01.15",)),))
    (hop,) = admit(envelope(recipients=(code(to),)), caller, REFORMED, LIMITS, NOW).hops
    assert hop.recipient == "H01.30"


def test_a_grant_covers_a_recipient_by_the_code_that_the_sender_wrote() -> None:
    """Granted and addressed by an alias: one code says it both times."""
    caller = msgspec.structs.replace(COMMUNE, grants=(Grant(kinds=("case.*",), recipients=("000.00.15.H01",)),))
    assert admit(envelope(recipients=(code("000.00.15.H01"),)), caller, REFORMED, LIMITS, NOW).hops[0].recipient == "H01.30"


@pytest.mark.parametrize(
    ("granted", "to"),
    [("H01.16", "H01.30"), ("H01.16", "H01.31"), ("H01.31", "H01.30"), ("H01.32", "H01.31")],
)
def test_a_grant_leads_no_further_than_a_reform_does(granted: str, to: str) -> None:
    """A split names no one heir, and an agency that lives, or closes later, still speaks for itself."""
    caller = msgspec.structs.replace(COMMUNE, grants=(Grant(kinds=("case.*",), recipients=(granted,)),))
    with pytest.raises(ContractError) as caught:
        admit(envelope(recipients=(code(to),)), caller, REFORMED, LIMITS, NOW)
    assert (caught.value.code, caught.value.field) == ("grant.recipient_not_allowed", "/recipients/0")


def test_nobody_speaks_for_the_hub() -> None:
    """Not even an agency that was granted every kind sends receipts, refusals or delivery statuses."""
    one = envelope(sender=DEPARTMENT.code, recipients=(COMMUNE.code,), kind="delivery.status/1")
    assert refused(one, DEPARTMENT) == ("grant.kind_not_allowed", "/kind")


def test_who_may_not_send_learns_nothing_about_the_directory() -> None:
    """An agency without the grant is told so before its recipients are looked up."""
    assert refused(envelope(kind="postal.order/1", recipients=(code("no-such"),)))[0] == "grant.kind_not_allowed"


def test_a_clock_a_little_ahead_is_forgiven() -> None:
    """Five minutes of skew are normal in offices without time servers."""
    admit(envelope(created_at=NOW + timedelta(minutes=4)), COMMUNE, DIRECTORY, LIMITS, NOW)


def test_attachments_must_be_there_and_of_the_stated_size() -> None:
    """Naming a file that was not uploaded, or another size, is refused with its place in the list."""
    digest = "sha256:" + "0" * 64
    one = envelope(attachments=(Attachment(digest=digest, size_bytes=5),))
    check_attachments(one, {digest: 5})
    for held, expected in (
        ({}, ("attachment.unknown", "/attachments/0/digest")),
        ({digest: 6}, ("attachment.size_mismatch", "/attachments/0/size_bytes")),
    ):
        with pytest.raises(ContractError) as caught:
            check_attachments(one, held)
        assert (caught.value.code, caught.value.field) == expected


def test_an_explanation_tells_the_same_decision_step_by_step() -> None:
    """Accepted: every step passed and the hops are named. Refused: the last step is the one that failed, in both languages."""
    good = explanation(decide(envelope(), COMMUNE, DIRECTORY, LIMITS, NOW), DIRECTORY, envelope())
    assert good.accepted
    assert all(step.ok for step in good.steps)
    assert [(hop.recipient, hop.name, hop.ordered) for hop in good.hops] == [("H01.15", "Sở Tư pháp", True)]
    asked = envelope(recipients=(code("H09"),))
    bad = explanation(decide(asked, COMMUNE, DIRECTORY, LIMITS, NOW), DIRECTORY, asked)
    assert not bad.accepted
    assert bad.refusal is not None
    assert bad.refusal.code == "route.unknown_recipient"
    assert [step.ok for step in bad.steps] == [True] * (len(bad.steps) - 1) + [False]
    assert bad.steps[-1].name == "route"


@pytest.mark.parametrize(
    ("wants", "told"),
    [("none", set()), ("failures", {State.DEAD, State.REFUSED}), ("all", {State.DEAD, State.REFUSED, State.DELIVERED})],
)
def test_the_sender_is_told_what_it_wants_to_know(wants: str, told: set[State]) -> None:
    """A notice is a delivery.status envelope of the hub, valid by its own schema, in the lane of the case and found by all its
    names, however many."""
    directory = Directory(4, [msgspec.structs.replace(COMMUNE, wants_status=wants), DEPARTMENT])
    rules = NoticeRules(hub=code("HUB"), limits=LIMITS)
    admitted = admit(envelope(), COMMUNE, directory, LIMITS, NOW)
    parcel = Parcel(
        delivery_id=9,
        attempt=2,
        recipient=DEPARTMENT.code,
        addressed_as=DEPARTMENT.code,
        sequence=5,
        envelope=admitted.envelope,
        order_key=admitted.order_key,
        identifiers=tuple(Identifier("case", f"case {n}") for n in range(300)),
    )
    for state in (State.DELIVERED, State.REFUSED, State.DEAD, State.READY):
        reason = "" if state in (State.DELIVERED, State.READY) else "delivery.retries_exhausted"
        notice = notice_of(parcel, 1, 0, Verdict(state, reason=reason), directory, rules, NOW)
        assert (notice is not None) == (state in told)
        if notice is not None:
            assert isinstance(notice, Admitted)
            assert notice.envelope.recipients == (COMMUNE.code,)
            assert notice.envelope.correlation_id == "m-1"
            assert notice.hops[0].lane == lane_of(COMMUNE.code, admitted.order_key)
            assert (notice.order_key, notice.identifiers) == (parcel.order_key, parcel.identifiers)
            assert wire.parse(wire.render(notice.envelope)) == notice.envelope
            read_body(find(notice.envelope.kind), notice.envelope.body, notice.envelope.media_type)


def test_who_was_told_of_a_dead_letter_is_told_that_it_arrived_after_all() -> None:
    """A sender that wants to hear of failures alone would otherwise believe for ever that it failed."""
    directory = Directory(4, [COMMUNE, DEPARTMENT])
    rules = NoticeRules(hub=code("HUB"), limits=LIMITS)
    admitted = admit(envelope(), COMMUNE, directory, LIMITS, NOW)
    parcel = Parcel(
        delivery_id=9,
        attempt=1,
        recipient=DEPARTMENT.code,
        addressed_as=DEPARTMENT.code,
        sequence=5,
        envelope=admitted.envelope,
    )
    told = [notice_of(parcel, 7, replays, Verdict(State.DELIVERED), directory, rules, NOW) for replays in (0, 1)]
    assert told[0] is None and told[1] is not None


def test_there_are_no_notices_about_notices() -> None:
    """A status that cannot be delivered must not set off another one."""
    directory = Directory(4, [msgspec.structs.replace(COMMUNE, wants_status="all"), DEPARTMENT])
    parcel = Parcel(
        delivery_id=1,
        attempt=1,
        recipient=COMMUNE.code,
        addressed_as=COMMUNE.code,
        sequence=1,
        envelope=envelope(kind="delivery.status/1"),
    )
    rules = NoticeRules(hub=code("HUB"), limits=LIMITS)
    assert notice_of(parcel, 1, 0, Verdict(State.DEAD, reason="delivery.timeout"), directory, rules, NOW) is None
