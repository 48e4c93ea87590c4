"""The catalogue of refusals: every code the hub may answer with, as data.

A code is stable for ever: programs of other offices branch on it. A text may be improved, a code may only be added. `status` is
the HTTP status (RFC 9110), `retryable` says whether the same bytes may succeed later without anybody changing anything.
Answers carry it as problem details (RFC 9457); `type` is `urn:lgsp:problem:<code>`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Problem:
    """One way of refusing, explained in both languages: what is wrong and how to mend it."""

    code: str
    status: int
    retryable: bool
    title_vi: str
    title_en: str
    remedy_vi: str
    remedy_en: str

    @property
    def type(self) -> str:
        return f"urn:lgsp:problem:{self.code}"


_MEND, _LATER = False, True

_TABLE: tuple[tuple[str, int, bool, str, str, str, str], ...] = (
    # --- who is calling -----------------------------------------------------------------------------------------------
    ("auth.missing", 401, _MEND,
     "Thiếu thông tin xác thực", "No credentials were given",
     "Gửi tiêu đề Authorization: Bearer <mã truy cập> hoặc kết nối bằng chứng thư số đã đăng ký.",
     "Send Authorization: Bearer <token> (from POST /oauth/token), or connect with the registered client certificate."),
    ("auth.invalid", 401, _MEND,
     "Thông tin xác thực không đúng hoặc đã hết hạn", "The credentials are wrong or have expired",
     "Xin cấp lại mã truy cập tại POST /oauth/token bằng mã định danh và khóa bí mật của cơ quan.",
     "Ask for a new token at POST /oauth/token with the client id and secret of your agency."),
    ("auth.sender_mismatch", 403, _MEND,
     "Cơ quan gọi không phải là cơ quan gửi ghi trong thông điệp", "The caller is not the sender named in the envelope",
     "Ghi đúng mã cơ quan của chính mình vào trường sender.",
     "Put the code of your own agency into `sender`; an agency sends only as itself."),
    ("grant.kind_not_allowed", 403, _MEND,
     "Cơ quan chưa được phép gửi loại thông điệp này", "The sender has not been granted this kind",
     "Đề nghị đơn vị vận hành trục cấp quyền gửi loại thông điệp này.",
     "Ask the operator of the hub to grant this kind to your agency."),
    ("grant.recipient_not_allowed", 403, _MEND,
     "Cơ quan chưa được phép gửi loại thông điệp này cho nơi nhận đó",
     "The sender has not been granted to send this kind to that recipient",
     "Đề nghị đơn vị vận hành trục cấp quyền gửi đến nơi nhận này.",
     "Ask the operator of the hub to grant this recipient to your agency."),
    ("access.not_a_party", 404, _MEND,
     "Không tìm thấy, hoặc cơ quan gọi không phải là bên gửi hay bên nhận",
     "Not found, or the caller is neither its sender nor its recipient",
     "Kiểm tra lại mã; chỉ bên gửi và bên nhận xem được thông điệp.",
     "Check the identifier; only the sender and the recipients of an envelope may see it."),
    # --- the request ----------------------------------------------------------------------------------------------------
    ("request.malformed", 400, _MEND,
     "Yêu cầu không đọc được", "The request cannot be read",
     "Gửi nội dung đúng cú pháp JSON hoặc XML (UTF-8) như trong /openapi.json.",
     "Send well-formed JSON or XML (UTF-8) as described in /openapi.json."),
    ("request.field_invalid", 422, _MEND,
     "Một trường của yêu cầu không hợp lệ", "A field of the request is not valid",
     "Sửa trường được nêu theo mô tả trong /openapi.json.",
     "Correct the field named here; /openapi.json describes it."),
    ("request.too_large", 413, _MEND,
     "Yêu cầu vượt quá dung lượng cho phép", "The request is larger than allowed",
     "Chuyển tệp lớn thành tệp đính kèm (tải lên từng phần qua /v1/attachments) hoặc chia nhỏ lô gửi.",
     "Upload large files as attachments (resumable, /v1/attachments) or split the batch."),
    ("request.media_type_unsupported", 415, _MEND,
     "Kiểu nội dung không được hỗ trợ", "The media type is not supported",
     "Dùng một trong các kiểu nội dung nêu trong /openapi.json.",
     "Use one of the media types listed in /openapi.json."),
    ("request.not_found", 404, _MEND,
     "Không có địa chỉ này", "There is nothing at this address",
     "Xem các địa chỉ có thật tại /openapi.json.", "See /openapi.json for the addresses that exist."),
    ("request.method_not_allowed", 405, _MEND,
     "Phương thức HTTP không dùng được tại địa chỉ này", "The HTTP method is not allowed at this address",
     "Dùng phương thức nêu trong tiêu đề Allow.", "Use a method named in the Allow header."),
    # --- the envelope ---------------------------------------------------------------------------------------------------
    ("envelope.malformed", 400, _MEND,
     "Phong bì thông điệp không đọc được", "The envelope cannot be read",
     "Gửi phong bì đúng cú pháp; xem lược đồ tại /v1/contracts.",
     "Send a well-formed envelope; see the schema at /v1/contracts."),
    ("envelope.field_invalid", 422, _MEND,
     "Một trường của phong bì không hợp lệ", "A field of the envelope is not valid",
     "Sửa trường được nêu; xem lược đồ tại /v1/contracts.", "Correct the field named here; see the schema at /v1/contracts."),
    ("envelope.id_reused", 409, _MEND,
     "Mã thông điệp đã dùng cho nội dung khác", "This message id was used before with other bytes",
     "Mỗi thông điệp mới phải có mã mới; khi gửi lại phải giữ nguyên từng byte.",
     "Give every new message a new id; when resending, send exactly the same bytes."),
    ("envelope.expired", 422, _MEND,
     "Thông điệp đã hết hạn trước khi được tiếp nhận", "The envelope had expired before it was accepted",
     "Gửi thông điệp mới với expires_at trong tương lai và kiểm tra đồng hồ máy chủ.",
     "Send a new envelope with expires_at in the future, and check your clock."),
    ("envelope.created_in_future", 422, _MEND,
     "Thời điểm tạo ở tương lai", "created_at lies in the future",
     "Đồng bộ đồng hồ máy chủ (NTP) rồi gửi lại với mã mới.", "Synchronise your clock (NTP) and send again under a new id."),
    ("agency.code_malformed", 422, _MEND,
     "Mã cơ quan sai dạng", "The agency code is malformed",
     "Dùng mã theo Quyết định 20/2020/QĐ-TTg (H01.15.20), QCVN 102 (000.00.15.H01), mã số thuế hoặc mã đã đăng ký.",
     "Use a code of Decision 20/2020 (H01.15.20), QCVN 102 (000.00.15.H01), a tax code or a registered one."),
    ("kind.unknown", 422, _MEND,
     "Không có loại thông điệp này", "There is no such kind",
     "Chọn loại và phiên bản có tại /v1/contracts, ví dụ case.file/1.",
     "Choose a kind and version from /v1/contracts, such as case.file/1."),
    ("body.malformed", 400, _MEND,
     "Nội dung không đọc được", "The body cannot be read",
     "Gửi nội dung đúng cú pháp theo media_type, mã hóa UTF-8, không khai báo DTD.",
     "Send a body that is well-formed for its media_type, in UTF-8, without a DTD."),
    ("body.invalid", 422, _MEND,
     "Nội dung không đúng lược đồ của loại thông điệp", "The body does not match the schema of its kind",
     "Sửa trường được nêu theo lược đồ tại /v1/contracts/<loại>.",
     "Correct the field named here; the schema is at /v1/contracts/<kind>."),
    ("body.too_large", 413, _MEND,
     "Nội dung vượt quá dung lượng cho phép", "The body is larger than allowed",
     "Chuyển phần lớn thành tệp đính kèm qua /v1/attachments.", "Move large parts into attachments (/v1/attachments)."),
    # --- where it goes ----------------------------------------------------------------------------------------------------
    ("route.unknown_recipient", 422, _MEND,
     "Không có cơ quan nhận này", "No such recipient",
     "Tra mã cơ quan tại /v1/agencies.", "Look the code up at /v1/agencies."),
    ("route.recipient_closed", 422, _MEND,
     "Cơ quan nhận đã đóng và không có cơ quan kế thừa", "The recipient is closed and has no successor",
     "Tra cơ quan tiếp nhận nhiệm vụ tại /v1/agencies.", "Look up who took over at /v1/agencies."),
    ("route.ambiguous_successor", 422, _MEND,
     "Cơ quan nhận đã chia cho nhiều cơ quan kế thừa", "The recipient was split between several successors",
     "Ghi rõ mã của cơ quan kế thừa; trục không đoán thay.", "Name the successor yourself; the hub never guesses."),
    # --- attachments --------------------------------------------------------------------------------------------------------
    ("attachment.unknown", 422, _MEND,
     "Tệp đính kèm chưa được tải lên", "The attachment has not been uploaded",
     "Tải tệp lên qua /v1/attachments trước khi gửi phong bì.",
     "Upload the file at /v1/attachments before sending the envelope."),
    ("attachment.size_mismatch", 422, _MEND,
     "Dung lượng tệp đính kèm không khớp", "The size of the attachment does not match",
     "Ghi đúng size_bytes của tệp đã tải lên.", "Give the size_bytes of the file that was uploaded."),
    ("attachment.digest_mismatch", 422, _MEND,
     "Giá trị băm của tệp không khớp với nội dung nhận được", "The digest does not match the bytes that arrived",
     "Tính lại SHA-256 của tệp và tải lên lại.", "Compute the SHA-256 of the file again and upload it again."),
    ("attachment.too_large", 413, _MEND,
     "Tệp đính kèm vượt quá dung lượng cho phép", "The attachment is larger than allowed",
     "Chia nhỏ tệp; dung lượng tối đa ghi trong tiêu đề Tus-Max-Size.", "Split the file; Tus-Max-Size names the limit."),
    ("upload.unknown", 404, _MEND,
     "Không có phiên tải lên này", "There is no such upload",
     "Tạo phiên tải lên mới bằng POST /v1/attachments.", "Create a new upload with POST /v1/attachments."),
    ("upload.offset_mismatch", 409, _MEND,
     "Vị trí tiếp tục không khớp", "Upload-Offset does not match",
     "Hỏi vị trí hiện tại bằng HEAD rồi gửi tiếp từ đó.", "Ask for the current offset with HEAD and continue from there."),
    ("upload.locked", 423, _LATER,
     "Phiên tải lên đang được ghi bởi một yêu cầu khác", "Another request is writing to this upload",
     "Chờ yêu cầu kia kết thúc rồi thử lại.", "Wait for the other request to end, then try again."),
    ("upload.checksum_mismatch", 460, _MEND,
     "Tổng kiểm tra của phần gửi không khớp", "The checksum of the chunk does not match",
     "Gửi lại phần vừa rồi từ vị trí cũ.", "Send the chunk again from the same offset."),
    ("upload.version_unsupported", 412, _MEND,
     "Phiên bản tus không được hỗ trợ", "The tus version is not supported",
     "Gửi tiêu đề Tus-Resumable: 1.0.0.", "Send Tus-Resumable: 1.0.0."),
    # --- the hub itself -----------------------------------------------------------------------------------------------------
    ("hub.overloaded", 503, _LATER,
     "Trục đang quá tải", "The hub is full at the moment",
     "Gửi lại đúng các byte này sau số giây nêu trong Retry-After.", "Send the same bytes again after Retry-After seconds."),
    ("hub.stopping", 503, _LATER,
     "Trục đang dừng để bảo trì", "The hub is stopping",
     "Gửi lại đúng các byte này sau số giây nêu trong Retry-After.", "Send the same bytes again after Retry-After seconds."),
    ("hub.storage_unavailable", 503, _LATER,
     "Kho lưu trữ tạm thời không dùng được", "The journal cannot be written at the moment",
     "Gửi lại đúng các byte này sau; chưa có gì được tiếp nhận.", "Send the same bytes again later; nothing was accepted."),
    ("hub.internal", 500, _LATER,
     "Lỗi bên trong trục", "An error inside the hub",
     "Gửi lại đúng các byte này; nếu lặp lại, báo đơn vị vận hành kèm trace id.",
     "Send the same bytes again; if it persists, tell the operator the trace id."),
    # --- what became of a delivery -------------------------------------------------------------------------------------------
    ("delivery.unreachable", 502, _LATER,
     "Không kết nối được tới hệ thống nhận", "The recipient's system could not be reached",
     "Kiểm tra địa chỉ, tường lửa và chứng thư của hệ thống nhận.",
     "Check address, firewall and certificate of the recipient's system."),
    ("delivery.timeout", 504, _LATER,
     "Hệ thống nhận trả lời quá chậm", "The recipient's system answered too late",
     "Hệ thống nhận nên ghi lại rồi trả lời ngay, xử lý sau.",
     "The recipient should store first, answer at once and process later."),
    ("delivery.server_error", 502, _LATER,
     "Hệ thống nhận báo lỗi", "The recipient's system reported an error",
     "Xem nhật ký của hệ thống nhận theo mã lần giao.", "Look into the recipient's log under the delivery id."),
    ("delivery.garbled_answer", 502, _LATER,
     "Câu trả lời của hệ thống nhận không đọc được", "The recipient's answer could not be read",
     "Hệ thống nhận phải trả lời đúng giao thức HTTP.", "The recipient must answer in proper HTTP."),
    ("delivery.refused_by_recipient", 422, _MEND,
     "Hệ thống nhận từ chối", "The recipient's system refused it",
     "Xem lý do kèm theo, sửa và gửi thông điệp mới.", "See the reason given, correct it and send a new message."),
    ("delivery.endpoint_gone", 410, _MEND,
     "Địa chỉ nhận không còn tồn tại", "The endpoint does not exist any more",
     "Cơ quan nhận cần đăng ký địa chỉ mới với đơn vị vận hành.",
     "The recipient has to register a new address with the operator."),
    ("delivery.endpoint_disabled", 503, _LATER,
     "Địa chỉ nhận đang tạm ngừng", "The endpoint is switched off",
     "Đơn vị vận hành bật lại bằng lgsp agency endpoint.", "The operator switches it on again with lgsp agency endpoint."),
    ("delivery.retries_exhausted", 504, _MEND,
     "Đã thử hết số lần cho phép", "All attempts allowed were made",
     "Đơn vị vận hành xem lý do cuối cùng và gửi lại khi hệ thống nhận hoạt động.",
     "The operator looks at the last reason and replays when the recipient works again."),
    ("delivery.expired", 504, _MEND,
     "Hết hạn trước khi giao được", "It expired before it could be delivered",
     "Gửi thông điệp mới với thời hạn dài hơn.", "Send a new message with a longer life."),
    ("delivery.internal", 500, _LATER,
     "Lỗi bên trong trục khi giao", "An error inside the hub while delivering",
     "Báo đơn vị vận hành kèm mã lần giao.", "Tell the operator the delivery id."),
)  # fmt: skip

CATALOGUE: Mapping[str, Problem] = MappingProxyType({row[0]: Problem(*row) for row in _TABLE})
