"""--log-key of the commands: a key, or a file of some."""

from pathlib import Path

import click
import pytest

from lgsp.commands.log_key import LogKeys, together
from tests.fakes.log_signer import verifier

KEYS = (verifier("lgsp/HUB"), verifier("lgsp/HUB/2"))


def test_a_key_or_a_file_of_them_is_given(tmp_path: Path) -> None:
    file = tmp_path / "log.vkey"
    file.write_text("".join(f"{one.vkey}\n" for one in KEYS))
    given = [LogKeys().convert(KEYS[0].vkey, None, None), LogKeys().convert(str(file), None, None)]
    assert together(given) == (KEYS[0], *KEYS)


@pytest.mark.parametrize("wrong", ["log.vkey", "", "lgsp/HUB+00000000+AAAA", f"{KEYS[0].vkey[:-2]}AA"])
def test_anything_else_is_refused(wrong: str) -> None:
    with pytest.raises(click.BadParameter):
        LogKeys().convert(wrong, None, None)


@pytest.mark.parametrize("octets", [b"", b"\n", b"\xff\xfe", b"no key"])
def test_a_file_without_keys_is_refused(tmp_path: Path, octets: bytes) -> None:
    file = tmp_path / "log.vkey"
    file.write_bytes(octets)
    with pytest.raises(click.BadParameter):
        LogKeys().convert(str(file), None, None)
