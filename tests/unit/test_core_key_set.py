"""Which of the hub's keys signs, which are published, and what may not be done with them."""

from datetime import UTC, datetime, timedelta

import pytest

from lgsp.core.key_set import KEPT, NOTICE, KeyMisuse, KeySet, KeyState, Purpose, activated, added, certified, retired
from signing.keys import Algorithm

T0 = datetime(2026, 11, 18, 8, tzinfo=UTC)
HOUR, YEAR = timedelta(hours=1), timedelta(days=365)
STATEMENTS, RECEIPTS = Purpose.STATEMENTS, Purpose.RECEIPTS


def with_key(keys: KeySet, now: datetime = T0, purpose: Purpose = STATEMENTS) -> KeySet:
    algorithm = Algorithm.ED25519 if purpose is STATEMENTS else Algorithm.ECDSA_P256_SHA256
    return added(keys, purpose, algorithm, f"key {len(keys.keys)}".encode(), now)[0]


ONE = activated(with_key(KeySet()), "statements-1", None, T0)


def signs(keys: KeySet, now: datetime, purpose: Purpose = STATEMENTS) -> str | None:
    found = keys.current(purpose, now)
    return found and found.name


def states(keys: KeySet, now: datetime) -> dict[str, str]:
    return {one.name: str(keys.state(one, now)) for one in keys.keys}


def test_the_first_key_signs_at_once_and_a_later_one_when_it_can_be_known() -> None:
    """Partners keep the key set for five minutes: a new key is published for fifteen before they meet it."""
    assert signs(ONE, T0) == "statements-1"
    two = activated(with_key(ONE, T0 + HOUR), "statements-2", None, T0 + HOUR)
    assert signs(two, T0 + HOUR + NOTICE - timedelta(seconds=1)) == "statements-1"
    assert signs(two, T0 + HOUR + NOTICE) == "statements-2"
    assert signs(activated(two, "statements-2", T0 + HOUR, T0 + HOUR), T0 + HOUR) == "statements-2"


def test_a_key_goes_through_its_states_by_time_alone() -> None:
    """Published before, while and after it signs; nobody has to do anything at the moment of the change."""
    two = activated(with_key(ONE), "statements-2", T0 + YEAR, T0)
    assert states(two, T0) == {"statements-1": "current", "statements-2": "next"}
    assert states(two, T0 + YEAR) == {"statements-1": "retired", "statements-2": "current"}
    assert two.published_until(two.keys[0], T0 + YEAR) == T0 + YEAR + KEPT
    assert {one.name for one in two.published(T0)} == {one.name for one in two.published(T0 + YEAR)} == set(states(two, T0))
    assert states(two, T0 + YEAR + KEPT) == {"statements-1": "withdrawn", "statements-2": "current"}
    assert [one.name for one in two.published(T0 + YEAR + KEPT)] == ["statements-2"]


def test_a_change_can_be_taken_back() -> None:
    """The key before signs again, and stays published with no end in sight."""
    two = activated(with_key(ONE), "statements-2", T0 + HOUR, T0)
    back = activated(two, "statements-1", None, T0 + 2 * HOUR)
    assert states(back, T0 + 2 * HOUR) == {"statements-1": "current", "statements-2": "retired"}
    assert back.published_until(back.keys[0], T0 + 3 * HOUR) is None


def test_the_key_that_signs_cannot_be_retired() -> None:
    """There is always one that signs: another has to take over first."""
    with pytest.raises(KeyMisuse, match="signs now"):
        retired(ONE, "statements-1", None, T0)
    scheduled = activated(with_key(ONE), "statements-2", T0 + YEAR, T0)
    with pytest.raises(KeyMisuse, match="signs now"):
        retired(scheduled, "statements-1", None, T0)
    done = retired(scheduled, "statements-1", None, T0 + YEAR)
    assert done.keys[0].published_until == T0 + YEAR + KEPT
    with pytest.raises(KeyMisuse, match="is retired"):
        activated(done, "statements-1", None, T0 + YEAR)


def test_a_retired_key_signs_no_more_even_when_its_heir_is_put_off() -> None:
    """Its private half is gone."""
    two = activated(with_key(ONE), "statements-2", T0 + HOUR, T0)
    gone = retired(two, "statements-1", None, T0 + 2 * HOUR)
    assert [one.name for one in gone.signing(T0 + 2 * HOUR)] == ["statements-2"]
    assert signs(gone, T0 + 2 * HOUR) == "statements-2"


def test_a_compromised_key_is_published_no_more() -> None:
    """From that moment on; one that never signed goes the same way."""
    two = activated(with_key(ONE), "statements-2", T0, T0)
    assert [one.name for one in retired(two, "statements-1", T0 + HOUR, T0 + HOUR).published(T0 + HOUR)] == ["statements-2"]
    never = retired(with_key(ONE), "statements-2", T0, T0)
    assert states(never, T0) == {"statements-1": "current", "statements-2": "withdrawn"}


def test_a_key_for_xml_needs_a_certificate_and_one_for_statements_takes_none() -> None:
    """Each purpose has its kind of key."""
    keys = with_key(ONE, purpose=RECEIPTS)
    with pytest.raises(KeyMisuse, match="no certificate"):
        activated(keys, "receipts-1", None, T0)
    done = activated(certified(keys, "receipts-1", (b"der",)), "receipts-1", None, T0)
    assert (signs(done, T0, RECEIPTS), signs(done, T0)) == ("receipts-1", "statements-1")
    with pytest.raises(KeyMisuse, match="no certificate"):
        certified(done, "statements-1", (b"der",))
    for purpose, algorithm in ((STATEMENTS, Algorithm.RSA_SHA256), (RECEIPTS, Algorithm.ED25519)):
        with pytest.raises(KeyMisuse, match="a key for"):
            added(KeySet(), purpose, algorithm, b"x", T0)


def test_names_are_never_used_again_and_no_key_stands_twice() -> None:
    """A name in an old log line means one key for ever."""
    three = with_key(retired(with_key(ONE), "statements-2", T0, T0))
    assert [one.name for one in three.keys] == ["statements-1", "statements-2", "statements-3"]
    with pytest.raises(KeyMisuse, match="already"):
        added(three, STATEMENTS, Algorithm.ED25519, three.keys[0].public, T0)
    with pytest.raises(KeyMisuse, match="there is no key statements-9; there are: statements-1"):
        activated(three, "statements-9", None, T0)
    assert KeyState.NEXT == "next"
