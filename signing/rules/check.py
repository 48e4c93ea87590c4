"""Of the checking itself."""

from signing.rules.rule import Rows

ROWS: Rows = (
    ("check.failed",
     "Việc kiểm tra không thực hiện được; chữ ký coi như chưa được xác minh",
     "The check itself failed, so the signature counts as not verified",
     "Báo đơn vị vận hành kèm tệp và chi tiết này.", "Tell the operator, with the file and this detail."),
)  # fmt: skip
