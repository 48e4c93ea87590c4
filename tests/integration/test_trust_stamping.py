"""The hub's own time-stamps: verified, and from the next authority when the first one fails."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from lgsp.cli import cli
from lgsp.trust.demo_pki import DemoPki
from lgsp.trust.fetching import Fetcher
from lgsp.trust.stamping import NoStamp, Stamper
from lgsp.trust.store import TrustStore
from lgsp.trust.wanted import Chain
from signing.paths import Anchors
from signing.timestamps import verify_stamp
from signing.trust import TrustBase
from tests.fakes.authority import FakeAuthority, Mood, misbehaving
from tests.integration.cli_hub import Hub, answers
from tests.servers.ports import free_port
from tests.servers.process import wait_until

AGENCIES = {"H01.101": "Ủy ban nhân dân xã Mỹ Hòa Hưng"}
OCTETS = b"tree head 42"


def now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def stamper(fakes: list[FakeAuthority], wanted: list[Chain], timeout_s: float = 5) -> AsyncIterator[Stamper]:
    trust = TrustBase(time_stamps=Anchors(tuple(one.pki.time_stamp_anchor for one in fakes)))
    async with Fetcher.open(None, timeout_s=timeout_s) as fetcher:
        yield Stamper(fetcher, [f"{one.pki.base_url}/tsa" for one in fakes], lambda: trust, now, wanted.append)


async def test_a_time_stamp_is_verified_before_it_is_given() -> None:
    """And its authority's revocation is asked for."""
    wanted: list[Chain] = []
    async with misbehaving(AGENCIES, now) as fake, stamper([fake], wanted) as client:
        given = await client.stamp(OCTETS)
        trust = TrustBase(time_stamps=Anchors((fake.pki.time_stamp_anchor,)))
        assert verify_stamp(given.token, OCTETS, trust, now()) == given
        assert wanted == [given.path.chain]


@pytest.mark.parametrize(
    "mood", ["hangs", "drips", "hangs up", "fails", "redirects", "garbage", "empty", "huge", "refuses", "signed by another"]
)
async def test_when_one_authority_fails_the_next_is_asked(mood: Mood) -> None:
    """It costs its time-out once: for a minute the other one is asked first."""
    async with misbehaving(AGENCIES, now) as bad, misbehaving(AGENCIES, now) as good:
        bad.moods["/tsa"] = mood
        async with stamper([bad, good], [], timeout_s=2) as client:
            for _ in range(3):
                assert (await client.stamp(OCTETS)).path.chain[-1] == good.pki.time_stamp_anchor
        assert (bad.count("/tsa"), good.count("/tsa")) == (1, 3)


async def test_without_any_it_says_why_of_each() -> None:
    """Nothing is given that was not verified; a stamp from the future is none."""
    async with misbehaving(AGENCIES, now) as first, misbehaving(AGENCIES, now) as second:
        first.moods["/tsa"], second.moods["/tsa"] = "from the future", "fails"
        async with stamper([first, second], []) as client:
            with pytest.raises(NoStamp, match=rf"{first.netloc}: timestamp\.time .*; {second.netloc}: fetch\.status 500"):
                await client.stamp(OCTETS)
    async with stamper([], []) as client:
        with pytest.raises(NoStamp, match="names no authority"):
            await client.stamp(OCTETS)


def test_the_command_stamps_a_file(tmp_path: Path) -> None:
    """With the authority for trying things out; without it, it says what to look at."""
    port = free_port()
    url, folder, letter = f"http://127.0.0.1:{port}", tmp_path / "pki", tmp_path / "letter.txt"
    letter.write_bytes(OCTETS)
    runner = CliRunner(env={"LGSP_DATA_DIR": str(tmp_path / "var"), "LGSP_TIME_STAMP_URLS": f"{url}/tsa"})
    with Hub(tmp_path).start("demo-pki", str(folder), "--base-url", url, "--serve", "--json") as process:
        assert wait_until(lambda: answers(port, "/crl/root.crl") or process.poll() is not None, 30)
        untrusted = runner.invoke(cli, ["trust", "stamp", str(letter)])
        assert untrusted.exit_code == 1 and "path.no_anchors" in untrusted.stderr
        anchor = DemoPki.load(folder).time_stamp_anchor
        TrustStore(tmp_path / "var/trust").add(anchor, "time-stamps", at=now(), by="lan", note="")
        stamped = runner.invoke(cli, ["trust", "stamp", str(letter)])
        assert stamped.exit_code == 0
    token = (tmp_path / "letter.txt.tst").read_bytes()
    verified = verify_stamp(token, OCTETS, TrustBase(time_stamps=Anchors((anchor,))), now())
    assert verified.token == token  # type: ignore[union-attr]
