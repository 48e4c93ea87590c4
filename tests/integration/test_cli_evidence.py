"""`lgsp evidence verify` and the same as one file, which must say the same without a network and with nothing installed."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from lgsp.commands.verifier_file import NAME, write_verifier
from lgsp.evidence import start_alone
from lgsp.evidence.report import report
from tests.bundles import bundle, content, jwks, log_verifier
from tests.signatures import authority
from tests.stamps import stamp_root

# Stands in front of everything: a verifier that opens a connection, or asks for a name, ends here.
_WATCH = """
import runpy, sys
def watch(event, args):
    if event.startswith("socket.") and event not in ("socket.__new__", "socket.gethostname"):
        raise SystemExit("network: " + event)
sys.addaudithook(watch)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an inspector: a bundle, a changed one, keys and anchors from elsewhere."""
    folder = tmp_path_factory.mktemp("desk")
    files = folder / "files"
    files.mkdir()
    given = content(files)
    octets = bundle(given, report(given))
    (folder / "x.asice").write_bytes(octets)
    (folder / "changed.asice").write_bytes(octets[:5000] + bytes((octets[5000] ^ 1,)) + octets[5001:])
    (folder / "other.asice").write_bytes(b"%PDF-1.7")
    (folder / "jwks.json").write_bytes(jwks())
    (folder / "log.vkey").write_text(log_verifier().vkey + "\n")
    for purpose, pem in (("documents", authority().pem), ("time-stamps", stamp_root().pem)):
        (folder / "trust" / purpose).mkdir(parents=True)
        (folder / "trust" / purpose / "a.pem").write_bytes(pem)
    return folder


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("alone") / NAME
    write_verifier(path)
    return path


KEYS = ("--log-key", "log.vkey", "--hub-keys", "jwks.json", "--trust", "trust")
CASES = [
    (("x.asice", *KEYS), 0, "proved"),
    (("x.asice", "--log-key", log_verifier().vkey), 3, "keys_not_confirmed"),
    (("x.asice",), 3, "keys_not_confirmed"),
    (("changed.asice", *KEYS), 1, "wrong"),
    (("other.asice", *KEYS), 2, "unreadable"),
    (("missing.asice",), 2, "unreadable"),
]


def run(command: Sequence[str], desk: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, cwd=desk, capture_output=True, check=False, timeout=120)


def by_lgsp(arguments: Sequence[str], desk: Path) -> subprocess.CompletedProcess[bytes]:
    return run([str(Path(sys.executable).with_name("lgsp")), "evidence", "verify", *arguments], desk)


def by_file(arguments: Sequence[str], desk: Path, alone: Path) -> subprocess.CompletedProcess[bytes]:
    """No installed package, no variables, no network as far as this machine lets us take it away."""
    apart = ["unshare", "-rn"] if shutil.which("unshare") and run(["unshare", "-rn", "true"], desk).returncode == 0 else []
    return run([*apart, sys.executable, "-I", "-S", "-c", _WATCH, str(alone), *arguments], desk)


@pytest.mark.parametrize(("arguments", "status", "verdict"), CASES)
def test_one_file_says_the_same_as_the_command(
    desk: Path, alone: Path, arguments: tuple[str, ...], status: int, verdict: str
) -> None:
    """To the letter, and with the same exit status."""
    here, apart = by_lgsp([*arguments, "--json"], desk), by_file([*arguments, "--json"], desk, alone)
    assert (here.returncode, apart.returncode) == (status, status), apart.stderr.decode()
    assert json.loads(here.stdout) == json.loads(apart.stdout)
    assert json.loads(here.stdout)["verdict"] == verdict


def test_a_person_reads_the_verdict_first_in_both_languages(desk: Path, alone: Path) -> None:
    printed = by_file(["x.asice", *KEYS], desk, alone).stdout.decode()
    assert printed.startswith("ĐÃ CHỨNG MINH") and "\nPROVED" in printed
    assert "giấy phép.txt" in printed and "đã giao · delivered" in printed
    assert "KHÓA CHƯA ĐƯỢC XÁC NHẬN" in by_lgsp(["x.asice"], desk).stdout.decode()


def test_it_leaves_nothing_behind(desk: Path, alone: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(alone), "x.asice"],
        cwd=desk,
        env={"TMPDIR": str(tmp_path)},
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 3 and list(tmp_path.iterdir()) == []


def test_the_same_installation_writes_the_same_file(alone: Path, tmp_path: Path) -> None:
    write_verifier(tmp_path / NAME)
    assert (tmp_path / NAME).read_bytes() == alone.read_bytes()


def test_under_another_python_it_says_what_is_wrong() -> None:
    told = start_alone.trouble({"python": "2.7", "system": "vax"})
    assert told is not None and "Python 2.7, vax" in told and "lgsp evidence verifier" in told


def test_keys_that_cannot_be_read_are_a_wrong_command_line(desk: Path) -> None:
    (desk / "broken.json").write_text("{}")
    for arguments in (("--log-key", "a+b+c"), ("--hub-keys", "broken.json"), ("--trust", "nowhere"), ("--log-key", "missing")):
        done = by_lgsp(["x.asice", *arguments], desk)
        assert done.returncode == 2 and b"Error" in done.stderr, arguments


def test_the_verifier_command_tells_its_digest(desk: Path) -> None:
    lgsp = str(Path(sys.executable).with_name("lgsp"))
    done = run([lgsp, "evidence", "verifier", "-o", "v.pyz", "--json"], desk)
    assert done.returncode == 0 and len(json.loads(done.stdout)["sha256"]) == 64
    assert os.access(desk / "v.pyz", os.X_OK)
