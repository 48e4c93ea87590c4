"""Vietnam Post: what its messages become, and what ours become for it."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.answers import Answer
from adapters.vnpost import tidy
from adapters.vnpost.client import account_of
from adapters.vnpost.direction import direction_of
from adapters.vnpost.mapping import document_of, leg_of, message_of, number_of, order_of, registration_of
from adapters.vnpost.messages import DocumentMessage, OrderMessage, read
from adapters.vnpost.replies import outcome_of
from contracts.errors import ContractError
from contracts.kinds import KINDS
from contracts.kinds.postal import PostalOrder, PostalRegistration
from contracts.outcome import Delivered, Refused, Retry

ORDERS = [one.body for one in KINDS["postal.order/1"].examples]
REGISTRATIONS = [one.body for one in KINDS["postal.registration/1"].examples]


def as_json(message: msgspec.Struct) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(message))
    return found


@pytest.mark.parametrize("order", ORDERS)
def test_an_order_comes_back_as_it_went(order: PostalOrder) -> None:
    """But for what the interface has no word for: case number, time, commune."""
    message = read(msgspec.json.encode(message_of(order, wrapped=True)), OrderMessage)
    back = order_of(message, order.direction)
    lost = {"case_number": None, "ordered_at": None}
    parties = {
        name: msgspec.structs.replace(getattr(order, name), commune=None, district=getattr(order, name).district or None)
        for name in ("sender", "receiver")
    }
    assert back == msgspec.structs.replace(order, **lost, **parties)


@pytest.mark.parametrize("registration", REGISTRATIONS)
def test_a_registration_comes_back_as_it_went(registration: PostalRegistration) -> None:
    message = read(msgspec.json.encode(document_of(registration)), DocumentMessage)
    assert registration_of(message) == msgspec.structs.replace(registration, case_number=None, registered_at=None)


def test_an_order_is_written_as_the_interface_has_it() -> None:
    """Names, and numbers as numbers; label and flag in the wrapper only."""
    plain, wrapped = (as_json(message_of(ORDERS[0], wrapped=way)) for way in (False, True))  # type: ignore[arg-type]
    assert plain["CODAmount"] == 126_500 and plain["SenderProvince"] == 90000 and plain["SenderDistrict"] == 0
    assert wrapped == plain | {"ItemCode": "EL123456785VN", "FlagConfig": 2}


@pytest.mark.parametrize(
    ("elements", "papers"),
    [
        ("Đơn đăng ký", ("Đơn đăng ký",)),
        (["Đơn", " ", "Hợp đồng"], ("Đơn", "Hợp đồng")),
        ([{"Title": "Đơn"}, {"TenGiayTo": "Hợp đồng"}, {"Id": 3}, 4, None], ("Đơn", "Hợp đồng")),
        (None, ()),
        ({"a": 1}, ()),
    ],
)
def test_elements_of_a_procedure_come_in_any_form(elements: Any, papers: tuple[str, ...]) -> None:
    message = {
        "CustomerCode": "C",
        "OrderNumber": "N",
        "IsSendDocument": True,
        "Procedure": {"Title": "Khai sinh", "Code": "1.001"},
    }
    message["Procedure"]["Elements"] = elements  # type: ignore[index]
    procedure = registration_of(read(msgspec.json.encode(message), DocumentMessage)).procedure
    assert procedure is not None and procedure.papers == papers


@pytest.mark.parametrize(
    ("sender", "receiver", "way"),
    [
        ("UBND xã Vĩnh Thạnh Trung", "Nguyễn Văn A", "deliver"),
        ("Nguyễn Văn A", "Ủy ban nhân dân phường Long Xuyên", "collect"),
        ("Trung tâm Phục vụ hành chính công tỉnh", "Công ty TNHH Sông Hậu", "deliver"),
        ("Phong Văn Trương", "Sở Tài chính", "collect"),
        ("bo phan tra ket qua", "BO PHAN TRA KET QUA Long Xuyên", "deliver"),  # a name of the caller, without marks
    ],
)
def test_the_office_is_known_by_its_name(sender: str, receiver: str, way: str) -> None:
    message = OrderMessage(sender_name=sender, receiver_name=receiver)
    assert direction_of(message, ["Bộ phận trả kết quả"], None) == way


@pytest.mark.parametrize(("sender", "receiver"), [("Nguyễn Văn A", "Trần Thị B"), ("UBND xã A", "UBND xã B"), ("", "")])
def test_a_direction_is_never_guessed(sender: str, receiver: str) -> None:
    """Unless the call says it."""
    message = OrderMessage(sender_name=sender, receiver_name=receiver)
    with pytest.raises(ContractError) as refused:
        direction_of(message, [], None)
    assert refused.value.code == "postal.direction_unclear"
    assert direction_of(message, [], "collect") == "collect"
    assert direction_of(msgspec.structs.replace(message, direction="deliver"), [], None) == "deliver"


@pytest.mark.parametrize(
    ("found", "made"),
    [
        (tidy.phone("ĐT: 0912.000.000/0296 3000 000"), "0912.000.000 0296 3000 000"),
        (tidy.phone("không có"), None),
        (tidy.email("dvc @gmail.com"), "dvc@gmail.com"),
        (tidy.email("không"), None),
        (tidy.item_code(" el123456785vn "), "EL123456785VN"),
        (tidy.item_code("Ấ"), None),
        (tidy.code("BC 883450!"), "BC-883450"),
        (tidy.line("a\r\n\tb\x00c", 10), "a b c"),
        (tidy.line("x" * 20, 10), "x" * 9 + "…"),
    ],
)
def test_what_people_type_is_made_to_fit(found: str | None, made: str | None) -> None:
    assert found == made


@given(st.text(max_size=40))
def test_whatever_is_typed_fits_or_is_left_out(text: str) -> None:
    """No text can make a message that our own kinds refuse."""
    party = {"name": tidy.line(text, 200) or "x", "address": tidy.line(text, 1000) or "x", "phone": tidy.phone(text) or "1"}
    order = {"customer_code": "C", "order_number": "N", "direction": "collect", "item_code": tidy.item_code(text)}
    party |= {"province": 1, "email": tidy.email(text)}
    msgspec.convert(order | {"sender": party, "receiver": party}, PostalOrder)


@given(st.from_regex(r"[A-Z0-9.\-]{1,30}", fullmatch=True), st.integers(1, 99))
def test_legs_survive_the_order_number(number: str, leg: int) -> None:
    assert leg_of(number_of(number, leg)) == (number, leg)


def test_an_order_number_with_a_hash_of_its_own_is_left_alone() -> None:
    assert [leg_of(one) for one in ("A#1", "A#100", "#2", "A#x", "A#2")] == [
        ("A#1", 1),
        ("A#100", 1),
        ("#2", 1),
        ("A#x", 1),
        ("A", 2),
    ]


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, {"Status": 100, "Message": "ok"}, Delivered),
        (200, {"Status": "101", "Message": "?"}, Delivered),
        (200, {"status": "100", "message": None}, Delivered),
        (200, {"Status": 7, "Message": "Đơn hàng đã tồn tại"}, Delivered),
        (500, {"Status": 100, "Message": "ok"}, Delivered),
        (200, {"Status": 102, "Message": "Sai mã tỉnh"}, Refused),
        (400, {"Status": 102, "Message": "Sai mã tỉnh"}, Refused),
        (200, {"Status": "500", "Message": '{"ClassName": "System.Exception"}'}, Retry),
        (500, {"Status": 102, "Message": "?"}, Retry),
        (200, {"Status": True, "Message": "?"}, Retry),
        (200, {"Status": None, "Message": "?"}, Retry),
        (200, {"Message": "?"}, Retry),
        (200, [], Retry),
    ],
)
def test_a_reply_is_read_by_number_and_by_words(status: int, body: Any, kind: type) -> None:
    outcome = outcome_of(Answer(status, {}, msgspec.json.encode(body)), 0.0, (), {"100", "101"}, cancelling=False)
    assert isinstance(outcome, kind), outcome


def test_cancelled_before_is_cancelled() -> None:
    answer = Answer(200, {}, '{"Status": 103, "Message": "Đơn đã được hủy trước đó"}'.encode())
    assert isinstance(outcome_of(answer, 0.0, (), {"100"}, cancelling=True), Delivered)
    assert isinstance(outcome_of(answer, 0.0, (), {"100"}, cancelling=False), Refused)


def test_every_operation_can_be_somewhere_else() -> None:
    account = account_of("https://post.example.vn/api/", "s", {"order": "/v2/don", "token": "https://sso.example.vn/token"})
    assert account.address("order") == "https://post.example.vn/api/v2/don"
    assert account.address("token") == "https://sso.example.vn/token"
    assert account.address("cancel") == "https://post.example.vn/api/cancelOrder"
    assert "sesame" not in repr(account_of("https://x/", "sesame", {}))


def test_a_number_of_any_length_is_no_amount() -> None:
    """JSON sets no bound to its numbers."""
    body = (
        b'{"CustomerCode": "AG-1", "OrderNumber": "N", "CODAmount": %b, "SenderName": "UBND", "SenderAddress": "1",'
        b' "SenderTel": "1", "ReceiverName": "B", "ReceiverAddress": "2", "ReceiverTel": "2"}'
    )
    with pytest.raises(ContractError, match=r"body\.invalid") as refused:
        order_of(read(body % (b"9" * 400), OrderMessage), "deliver")
    assert refused.value.field == "/CODAmount"
