"""What people ask a commune for: nine fields, five of them decided by somebody else.

The split follows the inventory of Decision 1583/QĐ-UBND An Giang (2013): of a commune's nine fields five are linked onward (land,
merit recipients, social protection, civil status, residence). Since 2025-07-01 there is no district in between, so the link goes
to the province. Names and procedure codes have the form of the national procedure database; they are examples, not a catalogue.
"""

from dataclasses import dataclass

from contracts.kinds.codes import CaseStatus
from lgsp.demo.province import CIVIL_STATUS, LAND_OFFICE, MERIT, POLICE, SOCIAL, TAX


@dataclass(frozen=True, slots=True)
class Procedure:
    """One procedure; `papers` are what the applicant hands in, `result` what comes out, `working_days` the time allowed."""

    code: str
    name: str
    papers: tuple[str, ...]
    result: str
    working_days: int
    fee_vnd: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of procedures. `decides` is the agency it is linked onward to, None when the commune decides itself.

    `onward_percent` of its cases need a further agency, `onward`, which answers with status `onward_status`.
    """

    code: str
    name: str
    procedures: tuple[Procedure, ...]
    decides: str | None = None
    onward: str | None = None
    onward_percent: int = 0
    onward_status: CaseStatus = CaseStatus.IN_PROCESS


_FORM = "Tờ khai theo mẫu"
_ID = "Căn cước của người yêu cầu"

FIELDS = (
    Field(
        code="G10-DD01",
        name="Đất đai",
        decides=LAND_OFFICE,
        onward=TAX,  # the tax office works out what is due before the certificate is issued
        onward_percent=40,
        onward_status=CaseStatus.PAYMENT_REQUESTED,
        procedures=(
            Procedure(
                "1.012783.000.00.00.H01",
                "Đăng ký biến động quyền sử dụng đất, quyền sở hữu tài sản gắn liền với đất do chuyển nhượng",
                ("Đơn đăng ký biến động đất đai", "Hợp đồng chuyển nhượng đã chứng thực", "Bản gốc Giấy chứng nhận", _ID),
                "Giấy chứng nhận quyền sử dụng đất",
                10,
                100_000,
            ),
            Procedure(
                "1.012753.000.00.00.H01",
                "Đăng ký đất đai, tài sản gắn liền với đất lần đầu",
                ("Đơn đăng ký đất đai lần đầu", "Giấy tờ về quyền sử dụng đất", "Mảnh trích đo bản đồ địa chính", _ID),
                "Giấy chứng nhận quyền sử dụng đất",
                20,
                120_000,
            ),
        ),
    ),
    Field(
        code="G09-NCC1",
        name="Người có công",
        decides=MERIT,
        procedures=(
            Procedure(
                "1.010801.000.00.00.H01",
                "Giải quyết chế độ trợ cấp ưu đãi đối với thân nhân liệt sĩ",
                ("Bản khai tình hình thân nhân liệt sĩ", "Giấy báo tử hoặc Bằng Tổ quốc ghi công", _ID),
                "Quyết định trợ cấp ưu đãi",
                24,
            ),
            Procedure(
                "1.010824.000.00.00.H01",
                "Hưởng trợ cấp khi người có công đang hưởng trợ cấp ưu đãi từ trần",
                ("Bản khai của đại diện thân nhân", "Trích lục khai tử", "Hồ sơ người có công", _ID),
                "Quyết định trợ cấp một lần và mai táng phí",
                20,
            ),
        ),
    ),
    Field(
        code="G18-BTXH",
        name="Bảo trợ xã hội",
        decides=SOCIAL,
        procedures=(
            Procedure(
                "1.001776.000.00.00.H01",
                "Thực hiện, điều chỉnh, thôi hưởng trợ cấp xã hội hằng tháng",
                ("Tờ khai đề nghị trợ giúp xã hội", "Giấy xác nhận khuyết tật", _ID),
                "Quyết định trợ cấp xã hội hằng tháng",
                10,
            ),
            Procedure(
                "1.001731.000.00.00.H01",
                "Hỗ trợ chi phí mai táng cho đối tượng bảo trợ xã hội",
                ("Tờ khai đề nghị hỗ trợ chi phí mai táng", "Bản sao giấy chứng tử", _ID),
                "Quyết định hỗ trợ chi phí mai táng",
                7,
            ),
        ),
    ),
    Field(
        code="G15-HT01",
        name="Hộ tịch",
        decides=CIVIL_STATUS,
        onward=POLICE,  # birth and death are followed by an entry in, or a removal from, the residence register
        onward_percent=50,
        procedures=(
            Procedure(
                "2.002622.000.00.00.H01",
                "Liên thông đăng ký khai sinh, đăng ký thường trú, cấp thẻ bảo hiểm y tế cho trẻ em dưới 6 tuổi",
                (_FORM, "Giấy chứng sinh", "Giấy tờ chứng minh chỗ ở hợp pháp", _ID),
                "Giấy khai sinh",
                3,
            ),
            Procedure(
                "2.002621.000.00.00.H01",
                "Liên thông đăng ký khai tử, xóa đăng ký thường trú, giải quyết mai táng phí, tử tuất",
                (_FORM, "Giấy báo tử", _ID),
                "Trích lục khai tử",
                3,
            ),
        ),
    ),
    Field(
        code="G01-CT01",
        name="Cư trú",
        decides=POLICE,
        procedures=(
            Procedure(
                "1.004222.000.00.00.H01",
                "Đăng ký thường trú",
                ("Tờ khai thay đổi thông tin cư trú (CT01)", "Giấy tờ chứng minh chỗ ở hợp pháp", _ID),
                "Thông báo kết quả giải quyết đăng ký cư trú (CT08)",
                7,
                20_000,
            ),
            Procedure(
                "1.004194.000.00.00.H01",
                "Đăng ký tạm trú",
                ("Tờ khai thay đổi thông tin cư trú (CT01)", "Hợp đồng thuê nhà", _ID),
                "Thông báo kết quả giải quyết đăng ký cư trú (CT08)",
                3,
                15_000,
            ),
        ),
    ),
    Field(
        code="G15-CT02",
        name="Chứng thực",
        procedures=(
            Procedure(
                "2.000884.000.00.00.H01",
                "Chứng thực chữ ký trong các giấy tờ, văn bản",
                ("Giấy tờ, văn bản sẽ ký", _ID),
                "Văn bản đã được chứng thực chữ ký",
                1,
                10_000,
            ),
        ),
    ),
    Field(
        code="G17-XD01",
        name="Hoạt động xây dựng",
        procedures=(
            Procedure(
                "1.009994.000.00.00.H01",
                "Cấp giấy phép xây dựng mới đối với nhà ở riêng lẻ",
                ("Đơn đề nghị cấp giấy phép xây dựng", "Giấy chứng nhận quyền sử dụng đất", "Bản vẽ thiết kế", _ID),
                "Giấy phép xây dựng",
                15,
                75_000,
            ),
        ),
    ),
    Field(
        code="G12-HKD1",
        name="Thành lập và hoạt động của hộ kinh doanh",
        procedures=(
            Procedure(
                "1.001612.000.00.00.H01",
                "Đăng ký thành lập hộ kinh doanh",
                ("Giấy đề nghị đăng ký hộ kinh doanh", "Biên bản họp thành viên hộ gia đình", _ID),
                "Giấy chứng nhận đăng ký hộ kinh doanh",
                3,
                100_000,
            ),
        ),
    ),
    Field(
        code="G03-GD01",
        name="Giáo dục mầm non và tiểu học",
        procedures=(
            Procedure(
                "1.001622.000.00.00.H01",
                "Hỗ trợ ăn trưa đối với trẻ em mẫu giáo",
                ("Đơn đề nghị hỗ trợ ăn trưa", "Giấy xác nhận hộ nghèo, hộ cận nghèo", _ID),
                "Quyết định hỗ trợ ăn trưa",
                18,
            ),
        ),
    ),
)
