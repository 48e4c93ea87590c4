"""The post's account at the end of the day: the hub has to find every mistake that was planted in it, and no other."""

from collections.abc import Iterator

from lgsp.demo.check import Check, counted
from lgsp.demo.day import Expectations
from lgsp.demo.evidence import Account

_VI, _EN = "Đối soát bưu chính: sai lệch cố ý được tìm ra", "The post's account: planted differences found"


def verify_account(expected: Expectations, account: Account | None) -> Iterator[Check]:
    """Where others used the post on this day, too, or the demo runs again, its account is worth knowing and no more."""
    if account is None:
        return
    planted = {(one.code, one.order_number) for one in expected.planted}
    found = {(one.code, one.order_number) for one in account.differences}
    if not _is_of_this_run(expected, account):
        number = f"{len(found & planted)} / {len(found)}"
        yield Check(name="post_account", verdict="told", vi=_VI, en=f"{_EN} (not of this run alone)", expected="", found=number)
        return
    wrong = [f"{order}: {code}" for code, order in planted ^ found]
    yield counted("post_account", _VI, _EN, len(planted), len(planted & found), wrong=wrong)


def _is_of_this_run(expected: Expectations, account: Account) -> bool:
    """Case numbers are the same on every run of a day, labels of parcels are not. A hub may show an account that is a minute
    old."""
    strange = any(one.item_code and one.item_code not in expected.parcels for one in account.differences)
    return account.handed_over == expected.posted_in + expected.posted_out and not strange
