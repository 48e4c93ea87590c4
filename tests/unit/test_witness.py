"""A witness decides as C2SP tlog-witness says: who signed, what was known, whether it continues that."""

import base64

import pytest

from lgsp.core.log.checkpoint import Checkpoint, sign_checkpoint
from lgsp.core.log.witness import Cosign, Malformed, Refuse, Submission, decide, parse_submission
from tests.audit.logs import Log, submission

LOG = Log("example.com/log", 300)
LOGS = {LOG.origin: [LOG.verifier]}


def known(size: int) -> dict[str, Checkpoint]:
    return {LOG.origin: LOG.checkpoint(size)}


def refused(octets: bytes, latest: dict[str, Checkpoint]) -> Refuse:
    decided = decide(parse_submission(octets), LOGS, latest)
    assert isinstance(decided, Refuse)
    return decided


def test_the_example_of_the_specification_is_read() -> None:
    """tlog-witness, "add-checkpoint"."""
    note = (
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
        "— example.com/behind-the-sofa "
        "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    )
    proof = ["PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=", "jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk="]
    octets = "\n".join(["old 20852014", *proof, "", note]).encode()
    assert parse_submission(octets) == Submission(20852014, tuple(map(base64.b64decode, proof)), note.encode())


@pytest.mark.parametrize(("old", "new"), [(0, 1), (0, 300), (1, 2), (7, 8), (255, 256), (256, 300), (300, 300), (0, 0)])
def test_what_continues_the_tree_is_cosigned(old: int, new: int) -> None:
    latest = known(old) if old else {}
    decided = decide(parse_submission(submission(LOG, old, new)), LOGS, latest)
    assert decided == Cosign(LOG.checkpoint(new), LOG.note(new))


def test_a_log_nobody_told_of_is_unknown() -> None:
    other = Log("example.com/other", 10)
    assert refused(submission(other, 0, 10), {}).status == 404


def test_only_the_log_itself_is_believed() -> None:
    """Somebody else's signature under the log's name, or none that is known: 403."""
    stranger = Log(LOG.origin, 300)
    assert refused(submission(stranger, 0, 10), {}).status == 403


def test_another_size_than_the_known_one_is_told_which_it_is() -> None:
    """409 with the size, so that the log can send the right proof; also for who goes back."""
    for old, new in ((0, 10), (3, 10), (10, 20), (4, 4), (0, 0), (5, 290)):
        answer = refused(submission(LOG, old, new), known(7))
        assert (answer.status, answer.known_size, answer.fork) == (409, 7, False), (old, new)


def test_another_tree_of_the_known_size_is_a_fork() -> None:
    """Whatever it says to have known before."""
    other = Log(LOG.origin, 300, key=LOG.key, salt=b"other")
    for old in (0, 3, 7):
        answer = refused(submission(other, old, 7), known(7))
        assert (answer.status, answer.known_size, answer.fork) == (409, 7, True)


def test_another_tree_that_grew_has_no_proof() -> None:
    other = Log(LOG.origin, 300, key=LOG.key, salt=b"other")
    assert refused(submission(other, 7, 20), known(7)).status == 422


@pytest.mark.parametrize(
    "damage",
    [
        lambda proof: proof[1:],
        lambda proof: proof[:-1],
        lambda proof: [*proof, proof[-1]],
        lambda proof: proof[::-1],
        lambda proof: [],
        lambda proof: [bytes(32), *proof[1:]],
    ],
)
def test_a_proof_that_does_not_hold_is_refused(damage) -> None:  # type: ignore[no-untyped-def]
    proof = damage(list(LOG.proof(7, 20)))
    assert refused(submission(LOG, 7, 20, proof=proof), known(7)).status == 422


@pytest.mark.parametrize(("old", "new"), [(0, 20), (20, 20)])
def test_where_there_is_nothing_to_prove_a_proof_is_refused(old: int, new: int) -> None:
    latest = known(old) if old else {}
    assert refused(submission(LOG, old, new, proof=[bytes(32)]), latest).status == 422


NOTE = LOG.note(5)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"old 0\n" + NOTE,
        b"old 00\n\n" + NOTE,
        b"old -1\n\n" + NOTE,
        b"old +1\n\n" + NOTE,
        b"old 1 \n\n" + NOTE,
        b"old  1\n\n" + NOTE,
        b"Old 1\n\n" + NOTE,
        b"old 99999999999999999999\n\n" + NOTE,
        b"old 1\r\n\n" + NOTE,
        b"old 1\nAAAA\n\n" + NOTE,
        b"old 1\n" + base64.b64encode(bytes(31)) + b"\n\n" + NOTE,
        b"old 1\n" + base64.b64encode(bytes(32))[:-1] + b"\n\n" + NOTE,
        b"old 1\n" + base64.b64encode(bytes(32)).replace(b"AA=", b"AB=") + b"\n\n" + NOTE,
        b"old 1\n!\n\n" + NOTE,
        b"old 1\n" + (base64.b64encode(bytes(32)) + b"\n") * 64 + b"\n" + NOTE,
    ],
)
def test_what_is_no_request_is_not_read(octets: bytes) -> None:
    with pytest.raises(Malformed):
        parse_submission(octets)


@pytest.mark.parametrize(
    "note",
    [
        b"",
        NOTE[:-1],
        NOTE.partition(b"\n\n")[0],
        NOTE.replace(b"5\n", b"05\n"),
        NOTE.replace(b"\n5\n", b"\n"),
        NOTE.replace("—".encode(), b"-"),
        b"\xff" + NOTE,
        NOTE.replace(b"example.com", b"example.com\x01"),
    ],
)
def test_what_is_no_checkpoint_is_not_read(note: bytes) -> None:
    """Or it is of a log that nobody knows, or signed by nobody: never cosigned."""
    try:
        decided = decide(parse_submission(b"old 0\n\n" + note), LOGS, {})
    except Malformed:
        return
    assert isinstance(decided, Refuse)
    assert decided.status in (403, 404)


def test_more_was_known_than_there_is() -> None:
    """An old size beyond the checkpoint's is no request at all."""
    with pytest.raises(Malformed, match="larger"):
        decide(parse_submission(submission(LOG, 9, 5, proof=[])), LOGS, known(9))


def test_signatures_of_others_are_passed_over() -> None:
    """The hub's own cosignatures so far, for instance."""
    note = LOG.note(5) + "— witness.example/1 AAAAAAAA\n".encode()
    assert isinstance(decide(Submission(0, (), note), LOGS, {}), Cosign)


def test_of_a_log_that_changes_its_key_both_are_believed() -> None:
    later = Log(LOG.origin, 300, salt=LOG.salt)
    both = {LOG.origin: [LOG.verifier, later.verifier]}
    assert isinstance(decide(parse_submission(submission(later, 7, 20)), both, known(7)), Cosign)


def test_extension_lines_are_cosigned_with_the_rest() -> None:
    extended = Checkpoint(LOG.origin, 5, LOG.checkpoint(5).root, ("something else",))
    note = sign_checkpoint(extended, LOG.verifier, LOG.key.sign).encode()
    decided = decide(Submission(0, (), note), LOGS, {})
    assert isinstance(decided, Cosign)
    assert decided.checkpoint == extended
