"""A case in words: which one is worth following through the day, and what each of its messages says, in Vietnamese."""

from contracts.kinds.codes import CaseStatus
from contracts.kinds.postal_codes import EMSEVT
from lgsp.demo.bodies import Body
from lgsp.demo.cases import HOURS_S, OPENS, PlannedCase
from lgsp.demo.day import DayPlan, PlannedMessage
from lgsp.demo.province import Province

_STATUS = {int(status): status.label_vi for status in CaseStatus}
_ENGLISH = {
    "case.file": "case handed over",
    "case.transfer": "passed on to another agency",
    "case.result": "result returned",
    "postal.cancel": "delivery cancelled",
    "postal.settlement": "settlement of the day",
}
_SHORT = {
    "Ủy ban nhân dân ": "UBND ",
    "Văn phòng Đăng ký đất đai": "VP Đăng ký đất đai",
    "Trung tâm Phục vụ hành chính công": "TT Phục vụ hành chính công",
    " tỉnh An Giang": "",
}


def case_to_follow(plan: DayPlan) -> PlannedCase | None:
    """The one with the longest way: through several agencies, both ways by post; the earliest of these. None on an empty day."""
    return max(plan.cases, key=_adventure, default=None)


def _adventure(case: PlannedCase) -> int:
    traits = (case.is_onward, case.item_in, case.item_out and not case.is_cancelled, case.field.decides, case.is_supplemented)
    return 2 * sum(bool(trait) for trait in traits) + case.failed_attempts


def clock(at_s: float, duration_s: float) -> str:
    """Seconds into the compressed day as the time on the wall: 0 is "08:00", `duration_s` is "17:00"."""
    minutes = int(min(max(at_s / duration_s, 0), 1) * HOURS_S) // 60 + OPENS.hour * 60
    return f"{minutes // 60:02}:{minutes % 60:02}"


def short_name(province: Province, code: str) -> str:
    """How people say it. A code that is nobody's stands for itself."""
    agency = province.by_code.get(code)
    name = agency.names[-1] if agency else code
    for long_form, short_form in _SHORT.items():
        name = name.replace(long_form, short_form)
    return name


def says(message: PlannedMessage) -> str:
    """What the message tells its recipient."""
    body = message.body
    match message.kind.partition("/")[0]:
        case "case.file":
            return f"chuyển hồ sơ: {body['procedure']['name']}"
        case "case.progress":
            return f"báo tiến độ: {_STATUS[body['line']['status']].lower()}"
        case "case.transfer":
            return "chuyển hồ sơ cho cơ quan phối hợp"
        case "case.supplement":
            return "yêu cầu bổ sung giấy tờ" if body["direction"] == "request" else "gửi giấy tờ bổ sung"
        case "case.result":
            return f"trả kết quả: {body['results'][0]['name']}"
        case "postal.order":
            return _order(body)
        case "postal.event":
            return f"báo bưu gửi {body['item_code']}: {EMSEVT[body['event_code']][0].lower()}"
        case "postal.cancel":
            return f"hủy phát bưu gửi {body['item_code']}"
        case "postal.settlement":
            return f"đối soát trong ngày: {len(body.get('lines', ()))} bưu gửi"
        case name:
            return name


def says_in_english(message: PlannedMessage) -> str:
    """The same, shorter: it stands beside the Vietnamese where there is room."""
    body = message.body
    match message.kind.partition("/")[0]:
        case "case.progress":
            return f"progress: {CaseStatus(body['line']['status']).label_en.lower()}"
        case "case.supplement":
            return "papers asked for" if body["direction"] == "request" else "papers supplied"
        case "postal.order":
            return "collection ordered" if body["direction"] == "collect" else "delivery ordered"
        case "postal.event":
            return f"parcel: {EMSEVT[body['event_code']][1].lower()}"
        case kind:
            return _ENGLISH.get(kind, kind)


def _order(body: Body) -> str:
    what = "thu gom hồ sơ tại nhà" if body["direction"] == "collect" else "phát kết quả tận nhà"
    return f"đề nghị {what}, bưu gửi {body['item_code']}"
