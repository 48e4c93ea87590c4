"""Whatever is sent to a reader of signatures or of evidence: a taste of what tests/soak/parsers.py does for longer."""

import pytest
from hypothesis import strategies as st

from tests.soak.parsers import Reader, fuzz, readers

pytestmark = pytest.mark.filterwarnings("ignore")  # of names and numbers that no certificate should have
READERS = readers()


@pytest.mark.parametrize("name", READERS)
def test_what_arrives_is_refused_by_a_rule_or_says_what_was_signed(name: str) -> None:
    """No exception comes out, and none is caught on the way."""
    fuzz(READERS[name], seed=7, examples=150)


def test_what_a_reader_takes_wrongly_is_found() -> None:
    """So these tests can fail."""
    with pytest.raises(AssertionError):
        fuzz(Reader(st.binary(), lambda octets: "taken" if len(octets) > 9 else None), seed=7, examples=500)
