"""Changed CRLs, OCSP answers, time-stamps and snapshots: a taste of what tests/soak/evidence.py does for longer."""

import pytest

from tests.soak.evidence import Base, bases, judge

pytestmark = pytest.mark.filterwarnings("ignore")  # of names and numbers that no certificate should have


@pytest.mark.parametrize("base", bases(), ids=lambda base: base.name)
def test_nothing_changed_says_anything_else(base: Base) -> None:
    assert base.wrong(base.octets) is None
    assert judge(base, seed=7, count=1500) == []
