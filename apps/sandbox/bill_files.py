"""Bills as files: WeChat's CSV with backticks, Alipay's zip of GBK CSVs with tabs. Pure."""

import gzip
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from apps.sandbox.orders import BEIJING, FEN, Order, Refund, beijing

# What both platforms ask of most merchants.
FEE_RATE = Decimal("0.006")
_NOTHING = Decimal("0.00")

_WECHAT_COLUMNS = (
    "交易时间", "公众账号ID", "商户号", "特约商户号", "设备号", "微信订单号", "商户订单号", "用户标识", "交易类型",
    "交易状态", "付款银行", "货币种类", "应结订单金额", "代金券金额", "微信退款单号", "商户退款单号", "退款金额",
    "充值券退款金额", "退款类型", "退款状态", "商品名称", "商户数据包", "手续费", "费率", "订单金额", "申请退款金额",
    "费率备注",
)  # fmt: skip
_WECHAT_TOTALS = (
    "总交易单数", "应结订单总金额", "退款总金额", "充值券退款总金额", "手续费总金额", "订单总金额", "申请退款总金额",
)  # fmt: skip
_ALIPAY_COLUMNS = (
    "支付宝交易号", "商户订单号", "业务类型", "商品名称", "创建时间", "完成时间", "门店编号", "门店名称", "操作员",
    "终端号", "对方账户", "订单金额（元）", "商家实收（元）", "支付宝红包（元）", "集分宝（元）", "支付宝优惠（元）",
    "商家优惠（元）", "券核销金额（元）", "券名称", "商家红包消费金额（元）", "卡消费金额（元）", "退款批次号/请求号",
    "服务费（元）", "分润（元）", "备注",
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One payment, or with `out_request_no` one refund; amounts in yuan, positive."""

    account: str
    out_trade_no: str
    transaction_id: str
    out_request_no: str
    refund_id: str
    amount_yuan: Decimal
    order_yuan: Decimal
    at: datetime
    app_id: str
    payer_id: str
    trade_type: str
    description: str

    @classmethod
    def of_payment(cls, order: Order, account: str) -> "Line":
        assert order.paid_at is not None
        return cls(
            account=account,
            out_trade_no=order.out_trade_no,
            transaction_id=order.transaction_id,
            out_request_no="",
            refund_id="",
            amount_yuan=order.amount_yuan,
            order_yuan=order.amount_yuan,
            at=order.paid_at,
            app_id=order.app_id,
            payer_id=order.payer_id,
            trade_type=order.trade_type,
            description=order.description,
        )

    @classmethod
    def of_refund(cls, refund: Refund, order: Order, account: str) -> "Line":
        return cls(
            account=account,
            out_trade_no=order.out_trade_no,
            transaction_id=order.transaction_id,
            out_request_no=refund.out_request_no,
            refund_id=refund.refund_id,
            amount_yuan=refund.amount_yuan,
            order_yuan=order.amount_yuan,
            at=refund.made_at,
            app_id=order.app_id,
            payer_id=order.payer_id,
            trade_type=order.trade_type,
            description=order.description,
        )

    @property
    def is_refund(self) -> bool:
        return bool(self.out_request_no)

    @property
    def fee_yuan(self) -> Decimal:
        fee_yuan = (self.amount_yuan * FEE_RATE).quantize(FEN, ROUND_HALF_UP)
        return -fee_yuan if self.is_refund else fee_yuan


def wechat_file(lines: Sequence[Line], *, wrong_totals: bool, packed: bool) -> tuple[bytes, bytes]:
    """The text that is hashed, and the file as it is fetched."""
    rows = [_wechat_row(line) for line in lines]
    paid_yuan = sum((line.amount_yuan for line in lines if not line.is_refund), _NOTHING)
    back_yuan = sum((line.amount_yuan for line in lines if line.is_refund), _NOTHING)
    fees_yuan = sum((line.fee_yuan for line in lines), _NOTHING)
    count = len(lines) + (1 if wrong_totals else 0)
    totals = (count, paid_yuan, back_yuan, _NOTHING, f"{fees_yuan:.5f}", paid_yuan, back_yuan)
    text = [
        ",".join(_WECHAT_COLUMNS),
        *(_ticked(row) for row in rows),
        ",".join(_WECHAT_TOTALS),
        _ticked(totals),
    ]
    content = ("\ufeff" + "\r\n".join(text) + "\r\n").encode()
    return content, gzip.compress(content, mtime=0) if packed else content


def _ticked(row: Sequence[object]) -> str:
    return ",".join(f"`{str(value).replace(',', ' ')}" for value in row)


def _wechat_row(line: Line) -> tuple[object, ...]:
    paid = _NOTHING if line.is_refund else line.amount_yuan
    back = line.amount_yuan if line.is_refund else _NOTHING
    refund = (line.refund_id, line.out_request_no) if line.is_refund else ("0", "0")
    return (
        beijing(line.at), line.app_id, line.account, "0", "", line.transaction_id, line.out_trade_no, line.payer_id,
        line.trade_type, "REFUND" if line.is_refund else "SUCCESS", "OTHERS", "CNY", paid, _NOTHING, *refund, back,
        _NOTHING, "ORIGINAL" if line.is_refund else "", "SUCCESS" if line.is_refund else "", line.description, "",
        f"{line.fee_yuan:.5f}", "0.60%", paid, back, "",
    )  # fmt: skip


def alipay_archive(
    lines: Sequence[Line], *, seller_id: str, day: date, made_at: datetime, wrong_totals: bool
) -> bytes:
    """A zip of the list of trades and of its summary, both GBK; the summary stands first, as it may."""
    account = next((line.account for line in lines if line.account != seller_id), seller_id)
    payments = sum(not line.is_refund for line in lines) + (1 if wrong_totals else 0)
    refunds = sum(line.is_refund for line in lines)
    after = day + timedelta(days=1)
    head = [
        "#支付宝业务明细查询",
        f"#账号：[{account}0156]",
        f"#起始日期：[{day:%Y年%m月%d日} 00:00:00]   终止日期：[{after:%Y年%m月%d日} 00:00:00]",
    ]
    exported = f"#导出时间：[{made_at.astimezone(BEIJING):%Y年%m月%d日 %H:%M:%S}]"
    trades = [
        *head,
        "#-----------------------------------------业务明细列表----------------------------------------",
        ",".join(_ALIPAY_COLUMNS),
        *(_tabbed(_alipay_row(line)) for line in lines),
        "#-----------------------------------------业务明细列表结束------------------------------------",
        f"#交易合计：{payments}笔，退款合计：{refunds}笔",
        exported,
    ]
    summary = [
        *head,
        "#业务汇总",
        "门店编号,门店名称,交易订单总笔数,退款订单总笔数",
        f"合计\t,\t,{payments}\t,{refunds}\t",
    ]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (
            (f"{seller_id}0156_{day:%Y%m%d}_summary", summary),
            (f"{seller_id}0156_{day:%Y%m%d}", trades),
        ):
            archive.writestr(f"{name}.csv", ("\r\n".join(text) + "\r\n").encode("gb18030"))
    return out.getvalue()


def _tabbed(row: Sequence[object]) -> str:
    return ",".join(f"{str(value).replace(',', ' ')}\t" for value in row)


def _alipay_row(line: Line) -> tuple[object, ...]:
    sign = -1 if line.is_refund else 1
    amount = sign * line.amount_yuan
    return (
        line.transaction_id, line.out_trade_no, "退款" if line.is_refund else "交易", line.description,
        beijing(line.at), beijing(line.at), "", "", "", "", "pay***@sandbox.test", amount, amount, _NOTHING, _NOTHING,
        _NOTHING, _NOTHING, _NOTHING, "", _NOTHING, _NOTHING, line.out_request_no, -line.fee_yuan, _NOTHING, "",
    )  # fmt: skip
