"""Item codes of UPU S10 and tracking events of UPU EMSEVT."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.kinds.postal_codes import EMSEVT, s10_check_digit, s10_verdict

SERIALS = st.from_regex(r"[0-9]{8}", fullmatch=True)


@pytest.mark.parametrize(
    ("serial", "digit"), [("47312482", 9), ("12345678", 5), ("00000000", 5), ("00000001", 4), ("87654321", 6)]
)
def test_the_check_digit_follows_the_standard(serial: str, digit: int) -> None:
    """Test vectors: the standard's own, and some computed by hand."""
    assert s10_check_digit(serial) == digit


@pytest.mark.parametrize("serial", ["1234567", "123456789", "1234567a", "", "\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18"])
def test_a_serial_number_has_eight_ascii_digits(serial: str) -> None:
    """Anything else is a mistake of the caller."""
    with pytest.raises(ValueError, match="eight digits"):
        s10_check_digit(serial)


@pytest.mark.parametrize(
    ("item", "verdict"),
    [
        ("EL123456785VN", "valid"),
        ("EL123456789VN", "wrong_check_digit"),  # often quoted, and wrong
        ("el 1234 5678 5 vn", "valid"),
        ("EL12345678VN", "not_s10"),
        ("883450-2026-17", "not_s10"),
        ("", "not_s10"),
        ("EL123456785VN\n", "not_s10"),
    ],
)
def test_an_item_code_is_reported_on_never_refused(item: str, verdict: str) -> None:
    """Domestic labels need not be S10; typing habits (spaces, lower case) are forgiven."""
    assert s10_verdict(item) == verdict


@given(SERIALS)
def test_exactly_one_check_digit_is_right(serial: str) -> None:
    """Of the ten codes with one serial number one is valid."""
    verdicts = [s10_verdict(f"RR{serial}{digit}VN") for digit in range(10)]
    assert verdicts.count("valid") == 1
    assert verdicts.count("wrong_check_digit") == 9


@given(SERIALS, st.integers(0, 7), st.integers(1, 9))
def test_a_mistyped_digit_changes_the_remainder(serial: str, place: int, change: int) -> None:
    """One wrong digit goes unnoticed only where the rule itself folds: 10 becomes 0, 11 becomes 5, as 0 and 5 may also stand."""
    typed = serial[:place] + str((int(serial[place]) + change) % 10) + serial[place + 1 :]
    if s10_check_digit(typed) == s10_check_digit(serial):
        assert s10_check_digit(serial) in (0, 5)


def test_final_delivery_and_failed_attempts_are_told_apart() -> None:
    """The two events that matter most at the desk map to the states of their own."""
    assert EMSEVT["EMI"][2] == "delivered"
    assert EMSEVT["EMH"][2] == "attempt_failed"


def test_every_event_has_both_languages() -> None:
    """The table is shown to people; codes are three letters."""
    for code, (vi, en, _) in EMSEVT.items():
        assert len(code) == 3, code
        assert code.isupper(), code
        assert vi, code
        assert en.isascii(), code
