"""The table of replies: what a partner's words mean."""

import json
import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from contracts.errors import ContractError
from contracts.outcome import Delivered, Gone, Refused, Retry
from contracts.replies import MAX_REPLIES, Meaning, Reply, check_replies, outcome_of_reply

EXISTS = Reply(means="delivered", text="hồ sơ đã tồn tại")
FULL = Reply(means="retry", text="queue full", status=(200, 200), not_before_s=60)
BROKEN = Reply(means="refused", text="sai cấu trúc", status=(500, 599))
CLOSED = Reply(means="gone", text="đơn vị đã ngừng kết nối")
CONFLICT = Reply(means="delivered", status=(409, 409))
TABLE = (EXISTS, FULL, BROKEN, CLOSED, CONFLICT)


@pytest.mark.parametrize(
    ("status", "text", "outcome"),
    [
        (500, '{"error": "Hồ sơ đã tồn tại trên hệ thống"}', Delivered()),
        (None, "Hồ sơ đã tồn tại", Delivered()),
        (409, "", Delivered()),
        (200, "ERROR: queue full", Retry("delivery.server_error", "said", 60.0)),
        (503, "ERROR: queue full", None),
        (None, "ERROR: queue full", None),
        (599, "<fault>Sai cấu trúc XML</fault>", Refused("delivery.refused_by_recipient", "said")),
        (400, "Sai cấu trúc", None),
        (403, "Đơn vị đã ngừng kết nối từ 01/07", Gone(detail="said")),
        (200, "Hồ sơ chưa tồn tại", None),
        (200, "", None),
        (200, "ERROR: queue fully loaded", None),
    ],
)
def test_the_table_says_what_an_answer_means(status: int | None, text: str, outcome: object) -> None:
    """By words and, where a row names one, by status; a row about statuses says nothing where there are none."""
    assert outcome_of_reply(status, text, TABLE, "said") == outcome


SAME = ["Hồ sơ đã tồn tại", "HỒ SƠ ĐÃ TỒN TẠI", "ho so da ton tai", "Hồ  sơ\r\n\tđã tồn tại", "hồ-sơ: hồ sơ đã tồn tại!"]


@pytest.mark.parametrize("text", [*SAME, *(unicodedata.normalize("NFD", one) for one in SAME)])
def test_case_marks_spaces_and_the_form_of_unicode_do_not_matter(text: str) -> None:
    """Operators type what they see, and systems write as they please."""
    assert outcome_of_reply(500, text, [EXISTS]) == Delivered()


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"message": "Hồ sơ đã tồn tại"}),
        json.dumps(json.dumps({"message": "Hồ sơ đã tồn tại"})),
        "<message>H&#7891; s&#x1a1; &#273;&#227; t&#7891;n t&#7841;i</message>",
        json.dumps({"message": "Hồ sơ đã tồn tại"})[:-2],
    ],
    ids=["JSON", "JSON in JSON", "XML", "cut off"],
)
def test_escaped_letters_are_letters(text: str) -> None:
    """Many libraries write Vietnamese as escapes, and an answer may break off."""
    assert text.isascii()
    assert outcome_of_reply(500, text, [EXISTS]) == Delivered()


@pytest.mark.parametrize("text", ['{"Status":"101","Message":""}', '{ "status" : "101" }', json.dumps('{"status": "101"}')])
def test_a_code_inside_json_is_a_text_like_any_other(text: str) -> None:
    """Whatever the white space and however deep it is packed."""
    rows = (Reply(means="delivered", text='"status": "101"'),)
    assert outcome_of_reply(200, text, rows) == Delivered()
    assert outcome_of_reply(200, text.replace("101", "1010"), rows) is None


@given(st.none() | st.integers(), st.text(max_size=300), st.lists(st.builds(
    Reply, means=st.sampled_from(["delivered", "retry", "refused", "gone"]), text=st.text(max_size=20),
    status=st.none() | st.tuples(st.integers(), st.integers()), not_before_s=st.floats()), max_size=5))  # fmt: skip
def test_no_answer_and_no_table_make_it_fail(status: int | None, text: str, rows: list[Reply]) -> None:
    """Also a table that was never checked."""
    found = outcome_of_reply(status, text, rows)
    assert found is None or isinstance(found, Delivered | Retry | Refused | Gone)


@pytest.mark.parametrize("text", ["\ud83d", "\\ud83d\\ude00", "&#0;&#xffffffff;&#" + "9" * 6000 + ";", "\x00", "\\u", "&"])
def test_broken_escapes_are_text(text: str) -> None:
    """Halves of characters, numbers without measure."""
    assert outcome_of_reply(200, text, TABLE) is None


words = st.lists(st.sampled_from(["đã", "đang", "tồn", "tại", "hồ", "sơ", "LỖI", "xử", "lý", "42", ":"]), min_size=1, max_size=2)
rows_of_words = st.builds(
    lambda means, text, status: Reply(means=means, text=" ".join(text), status=status),
    st.sampled_from(["delivered", "retry", "refused", "gone"]),
    words,
    st.none() | st.sampled_from([(200, 299), (500, 500), (400, 599)]),
)
sentences = st.lists(words, max_size=5).map(lambda parts: [word for part in parts for word in part])
MEANT: dict[type[object], Meaning] = {Delivered: "delivered", Retry: "retry", Refused: "refused", Gone: "gone"}


def fits(row: Reply, status: int, said: list[str]) -> bool:
    """By lists of words, which need no folding."""
    wanted = row.text.split()
    stands = any(said[place : place + len(wanted)] == wanted for place in range(len(said)))
    return stands and (row.status is None or row.status[0] <= status <= row.status[1])


@given(st.sampled_from([200, 404, 500]), sentences, st.lists(rows_of_words, max_size=6))
def test_the_first_row_that_matches_counts(status: int, said: list[str], rows: list[Reply]) -> None:
    """And none, when none does."""
    first = next((row.means for row in rows if fits(row, status, said)), None)
    found = outcome_of_reply(status, " ".join(said), rows)
    assert (None if found is None else MEANT[type(found)]) == first


@given(sentences, st.lists(rows_of_words, max_size=4))
def test_how_text_is_written_never_changes_the_outcome(said: list[str], rows: list[Reply]) -> None:
    """Composed, decomposed, capitals, escapes, line breaks, also escaped."""
    text = " ".join(said)
    lines = text.replace(" ", " \r\n\t")
    forms = [text, unicodedata.normalize("NFD", text), text.upper(), text.lower(), lines, json.dumps(text), json.dumps(lines)]
    assert len({outcome_of_reply(200, form, rows) for form in forms}) == 1


@given(st.lists(rows_of_words, min_size=1, max_size=5))
def test_a_checked_table_has_no_row_that_another_one_covers(rows: list[Reply]) -> None:
    """What is refused as never reached cannot be reached: the row's own text, at each of its statuses, meets an earlier row."""
    assume(all(len(row.text) > 1 for row in rows))
    try:
        check_replies(rows)
    except ContractError as refusal:
        row = rows[int(refusal.field.removeprefix("/replies/"))]
        statuses = range(row.status[0], row.status[1] + 1) if row.status else [None, 100, 200, 404, 599]
        for status in statuses:
            earlier = next(one for one in rows if one.covers(status) and outcome_of_reply(status, row.text, [one]))
            assert earlier is not row


def test_only_the_beginning_of_an_answer_is_looked_at() -> None:
    """A partner that sends a page of ten megabytes costs no more than any other."""
    assert outcome_of_reply(200, "x " * 2000 + "Hồ sơ đã tồn tại", [EXISTS]) == Delivered()
    assert outcome_of_reply(200, "x " * 2500 + "Hồ sơ đã tồn tại", [EXISTS]) is None


def test_a_table_that_makes_sense_passes() -> None:
    """Also one in which the particular stands before the general, and no table at all."""
    check_replies(TABLE)
    check_replies(())
    check_replies((EXISTS, Reply(means="retry", text="tồn tại"), Reply(means="retry", status=(500, 599))))


@pytest.mark.parametrize(
    ("rows", "field"),
    [
        ((EXISTS,) * 2, "/1"),
        ((Reply(means="retry", text="tồn tại"), FULL, EXISTS), "/2"),
        ((Reply(means="retry", status=(400, 599)), Reply(means="delivered", text="đã có", status=(500, 500))), "/1"),
        ((Reply(means="delivered"),), "/0"),
        ((EXISTS, Reply(means="delivered", status=(409, 500))), "/1/text"),
        ((Reply(means="refused", text="  \n "),), "/0/text"),
        ((Reply(means="refused", text="a"),), "/0/text"),
        ((Reply(means="refused", text="a" * 201),), "/0/text"),
        ((Reply(means="refused", text="lỗi", status=(500, 499)),), "/0/status"),
        ((Reply(means="refused", text="lỗi", status=(99, 200)),), "/0/status"),
        ((Reply(means="refused", text="lỗi", status=(500, 600)),), "/0/status"),
        ((Reply(means="refused", text="lỗi", not_before_s=5),), "/0/not_before_s"),
        ((Reply(means="retry", text="lỗi", not_before_s=-1),), "/0/not_before_s"),
        ((Reply(means="retry", text="lỗi", not_before_s=float("nan")),), "/0/not_before_s"),
        ((Reply(means="retry", text="lỗi", not_before_s=86_401),), "/0/not_before_s"),
        (tuple(Reply(means="refused", text=f"mã lỗi {n}") for n in range(100, 101 + MAX_REPLIES)), ""),
    ],
)
def test_a_table_that_cannot_be_right_is_refused_with_its_row(rows: tuple[Reply, ...], field: str) -> None:
    """Rows that never count, that match everything, or that would turn every breakdown into a success."""
    with pytest.raises(ContractError) as refusal:
        check_replies(rows, "/x")
    assert (refusal.value.code, refusal.value.field) == ("endpoint.reply_invalid", f"/x{field}")
