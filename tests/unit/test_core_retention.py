"""Which rule applies to what, when it comes due, and what stands in the way; and how a file of rules is judged."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.agency import AgencyCode
from lgsp.core.directory import Level
from lgsp.core.retention import Kept, KeptFile, Rule, fate, horizon
from lgsp.core.retention_file import RetentionInvalid, read_rules

NOW = datetime(2026, 11, 22, tzinfo=UTC)
ENDED = NOW - timedelta(days=100)
LEVELS: dict[str, Level] = {"H01.15": "department", "H01.101": "commune"}


def kept(**changes: Any) -> Kept:
    one = Kept(
        sequence=1,
        sender=AgencyCode("H01.101"),
        message_id="m-1",
        kind="case.file/1",
        recipients=(AgencyCode("H01.15"),),
        accepted_at=ENDED - timedelta(hours=1),
        ended_at=ENDED,
        replayable=False,
        body_bytes=10,
        files=(KeptFile("sha256:00", 5),),
    )
    return msgspec.structs.replace(one, **changes)


def test_without_a_rule_everything_is_kept_for_ever() -> None:
    """Nothing is erased because nobody wrote a rule for it."""
    assert fate((), kept(), LEVELS).due(datetime.max.replace(tzinfo=UTC)) == (False, False)


def test_the_first_rule_that_covers_it_applies() -> None:
    """An exception stands before the rule that it is an exception to."""
    rules = (Rule(name="files", kinds=("case.file",)), Rule(name="rest", bodies_days=1))
    assert fate(rules, kept(), LEVELS).rule == rules[0]
    assert fate(rules, kept(kind="case.result/1"), LEVELS).rule == rules[1]


@pytest.mark.parametrize(
    ("rule", "applies"),
    [
        (Rule(name="r", kinds=("case.*",)), True),
        (Rule(name="r", kinds=("case.file/1",)), True),
        (Rule(name="r", kinds=("case.file/2",)), False),
        (Rule(name="r", kinds=("case",)), False),
        (Rule(name="r", senders=("H01.101",)), True),
        (Rule(name="r", senders=("H01.102",)), False),
        (Rule(name="r", recipients=("H01.15", "H01.16")), True),
        (Rule(name="r", sender_levels=("commune",)), True),
        (Rule(name="r", sender_levels=("commune",), recipient_levels=("commune",)), False),
        (Rule(name="r", recipient_levels=("department",)), True),
    ],
)
def test_a_rule_is_narrowed_by_kind_agency_and_level(rule: Rule, applies: bool) -> None:
    """Kinds as in a grant, or with their version; agencies by code or level."""
    assert rule.covers(kept(), LEVELS) is applies


def test_every_recipient_has_to_be_covered() -> None:
    """What also went to somebody else is not erased by a rule about one of the recipients."""
    rule = Rule(name="r", recipients=("H01.15",), bodies_days=1)
    assert not rule.covers(kept(recipients=(AgencyCode("H01.15"), AgencyCode("H01.16"))), LEVELS)


def test_body_and_attachments_come_due_apart() -> None:
    """Days count from the end of the last delivery."""
    one = fate((Rule(name="r", bodies_days=101, attachments_days=99),), kept(), LEVELS)
    assert (one.body_at, one.files_at) == (ENDED + timedelta(days=101), ENDED + timedelta(days=99))
    assert one.due(NOW) == (False, True)
    assert one.due(NOW + timedelta(days=1)) == (True, True)


def test_what_is_erased_is_not_due_again() -> None:
    """Nor are attachments of which there are none."""
    rules = (Rule(name="r", bodies_days=1, attachments_days=1),)
    assert fate(rules, kept(body_erased_at=NOW), LEVELS).due(NOW) == (False, True)
    assert fate(rules, kept(files_erased_at=NOW), LEVELS).due(NOW) == (True, False)
    assert fate(rules, kept(files=()), LEVELS).due(NOW) == (True, False)


def test_what_may_still_have_to_be_delivered_is_not_erased() -> None:
    """While a delivery is open its end is unknown; a dead letter that may be replayed is a barrier; so is a missing archive."""
    rules = (Rule(name="r", bodies_days=1, archive_first=True),)
    still_open = fate(rules, kept(ended_at=None), LEVELS)
    assert (still_open.barrier, still_open.due(NOW)) == ("open", (False, False))
    assert fate(rules, kept(replayable=True), LEVELS).barrier == "dead_letter"
    assert fate(rules, kept(), LEVELS).barrier == "archive"
    assert fate(rules, kept(archive=1), LEVELS).barrier is None


@given(st.lists(st.integers(1, 400) | st.none(), max_size=4), st.integers(0, 500))
def test_nothing_is_due_that_was_accepted_after_the_horizon(days: list[int | None], age_days: int) -> None:
    """So whoever looks for what is due need not look there."""
    rules = [Rule(name=str(place), kinds=("case.file",), bodies_days=one) for place, one in enumerate(days)]
    ended = NOW - timedelta(days=age_days)
    one = kept(accepted_at=ended, ended_at=ended)
    before = horizon(rules, NOW)
    if fate(rules, one, LEVELS).due(NOW)[0]:
        assert before is not None and one.accepted_at <= before


RULES = b"""
[[rule]]
name = "postal tracking"
kinds = ["postal.*"]
bodies_days = 365
attachments_days = 365

[[rule]]
name = "cases"
kinds = ["case.*"]
sender_levels = ["commune"]
bodies_days = 3650
attachments_days = 1825
archive_first = true
"""


def test_a_file_of_rules_is_read_in_its_order() -> None:
    """An empty one keeps everything."""
    first, second = read_rules(RULES)
    assert (first.name, first.bodies_days, first.archive_first) == ("postal tracking", 365, False)
    assert (second.sender_levels, second.archive_first) == (("commune",), True)
    assert read_rules(b"") == ()


def test_every_problem_of_a_file_is_named_at_once() -> None:
    """With the rule it stands in, so that the file is mended in one go."""
    text = b"""
days = 3
[[rule]]
name = "a"
kinds = ["case.fiel"]
bodies_day = 3
[[rule]]
bodies_days = 0
sender_levels = ["village"]
[[rule]]
name = "all"
archive_first = true
[[rule]]
name = "all"
kinds = ["case.file"]
bodies_days = 30
"""
    with pytest.raises(RetentionInvalid) as caught:
        read_rules(text)
    told = "\n".join(caught.value.problems)
    for words in (
        "days: there is nothing but [[rule]]",
        "rule 1 (a): there is no field bodies_day; did you mean bodies_days?",
        "rule 2 (without a name): name",
        "rule 2 (without a name): bodies_days",
        "rule 2 (without a name): sender_levels",
        "rule 3 (all): archive_first: nothing is ever erased",
        "rule 4: the name all is given twice",
        "rule 4 (all): never applies, all before it",
    ):
        assert words in told


def test_a_kind_that_does_not_exist_is_named() -> None:
    """A rule for a misspelt kind would keep for ever what it was to erase."""
    with pytest.raises(RetentionInvalid, match=r"there is no kind case\.fiel; did you mean case\.file"):
        read_rules(b'[[rule]]\nname = "a"\nkinds = ["case.fiel"]\nbodies_days = 3\n')


@pytest.mark.parametrize("text", [b"\xff", b"rule = 3", b"[rule]\nname = 'a'", b"[[rule]"])
def test_what_is_no_list_of_rules_is_refused(text: bytes) -> None:
    with pytest.raises(RetentionInvalid):
        read_rules(text)
