"""The pages for people: Chinese first, English underneath, readable at 375 px, nothing from another host."""

import json
from collections.abc import Sequence
from html import escape
from urllib.parse import quote, urlencode

from apps.sandbox.faults import ANSWERING, ENVELOPES, SCHEDULING, TRANSFERRING, WORDS, Fault
from apps.sandbox.orders import BEIJING, Order, State

_STYLE = """
*{box-sizing:border-box}body{margin:0;background:#f4f5f7;color:#1c2430;
font:16px/1.5 system-ui,"PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif}
main{max-width:720px;margin:0 auto;padding:16px}h1{font-size:20px;margin:8px 0 0}
h2{font-size:17px;margin:24px 0 8px}
small{display:block;color:#5b6675;font-size:13px;font-weight:400}
.card{background:#fff;border:1px solid #e1e5ea;border-radius:12px;padding:14px 16px;margin:12px 0}
.line{display:flex;justify-content:space-between;align-items:baseline;gap:12px}
.sum{font-size:22px;font-weight:600;white-space:nowrap}.big{font-size:40px;text-align:center;margin:8px 0}
.no{font-family:ui-monospace,monospace;font-size:13px;color:#5b6675;overflow-wrap:anywhere}
.state{flex:none;text-align:right}
.tag{border-radius:6px;color:#fff;font-size:13px;padding:2px 8px;white-space:nowrap}
.wechat{background:#07703e}.alipay{background:#0b5bd3}
button,.button{display:block;width:100%;min-height:48px;border:0;border-radius:10px;color:#fff;font:inherit;
font-weight:600;cursor:pointer;text-align:center;text-decoration:none;padding:8px}
button small,.button small{color:inherit;opacity:.9}.plain{background:#46536a}
button:focus-visible,.button:focus-visible,select:focus-visible,textarea:focus-visible,
input:focus-visible{outline:3px solid #f5a524}
form{margin:10px 0 0}label{display:block;margin:8px 0 4px}
textarea{width:100%;font:14px/1.4 ui-monospace,monospace;border:1px solid #aab3bf;border-radius:8px;padding:8px}
select,input{width:100%;min-height:44px;background:#fff;
border:1px solid #aab3bf;border-radius:8px;padding:6px 10px;font:inherit}
"""

_CHANNELS = {"wechat": ("微信支付", "WeChat Pay"), "alipay": ("支付宝", "Alipay")}
_STATES = {
    State.NOTPAY: ("待支付", "unpaid"),
    State.SUCCESS: ("已支付", "paid"),
    State.CLOSED: ("已关闭", "closed"),
    State.REFUND: ("已退款", "refunded"),
}
_FAULTS = {
    "delay_notify": "通知延迟",
    "lose_notify": "通知丢失",
    "repeat_notify": "通知重复",
    "wrong_amount": "金额不符",
    "bad_signature": "签名错误",
    "flip_byte": "内容被改一个字节",
    "old_timestamp": "时间戳过旧",
    "unknown_serial": "未知序列号",
    "signtest": "签名探测流量",
    "lose_answer": "下单应答丢失",
    "lose_refund_answer": "退款应答丢失",
    "lose_transfer_answer": "转账应答丢失",
    "balance_low": "商户余额不足",
    "payee_day_limit": "收款人当日限额",
    "transfer_system_error": "转账系统错误",
    "revoke_authorisation": "授权被撤回",
    "refund_balance_low": "退款余额不足",
    "serve_certificates": "提供平台证书",
    "lower_amount": "金额少一分",
    "wrong_currency": "币种不符",
    "wrong_app": "应用编号不符",
    "wrong_merchant": "商户号不符",
    "unknown_order": "订单号不存在",
    "not_paid": "通知说未支付",
    "coupon": "用了平台优惠券",
    "future_timestamp": "时间戳在未来",
    "missing_header": "缺少签名",
    "empty_body": "内容为空",
    "huge_body": "内容超大",
    "not_a_notify": "内容不是通知",
    "rewritten_body": "内容被重新排版",
    "broken_seal": "密文损坏",
    "system_error": "平台系统错误",
    "brace_answer": "应答值中有 }{",
    "gbk_answer": "应答用 GBK 编码",
    "refund_abnormal": "退款异常（银行卡失效）",
    "trade_finished": "交易已完结，不能退款",
    "pay_after_close": "订单关闭后仍付款",
}


_GROUPS = (
    ("通知的送达 · delivery of notifies", (*SCHEDULING, "repeat_notify")),
    ("通知的内容 · words of a notify", WORDS),
    ("通知的外壳 · envelope of a notify", ENVELOPES),
    ("平台的应答 · answers", ANSWERING),
    ("资金与授权 · money and authority", TRANSFERRING),
)
_EXAMPLE = escape(
    json.dumps(
        [{"kind": "lose_notify", "count": 2}, {"kind": "repeat_notify", "count": 1, "times": 15}], indent=1
    )
)


def overview(rows: Sequence[tuple[Order, str]], faults: Sequence[Fault]) -> str:
    """All orders with their merchants' names, and the faults waiting to be played."""
    cards = "".join(_card(order, owner) for order, owner in rows)
    if not cards:
        cards = '<p class="card">还没有订单<small>No orders yet</small></p>'
    options = "".join(_options(name, kinds) for name, kinds in _GROUPS)
    waiting = "".join(f"<li>{_FAULTS[fault.kind]} · {fault.kind} × {fault.count}</li>" for fault in faults)
    clear = (
        f'<ul>{waiting}</ul><form method="post" action="/faults"><input type="hidden" name="clear" value="1">'
        '<button class="plain">全部清除<small>Clear all</small></button></form>'
        if waiting
        else ""
    )
    return _page(
        "模拟支付平台",
        f"""<h1>模拟支付平台<small>Sandbox payment platforms · test keys only, no real money</small></h1>
<h2>订单<small>Orders, newest first · <a href="/">刷新 refresh</a></small></h2>{cards}
<h2>故障演练<small>Faults to play next</small></h2>
<div class="card">{clear}<form method="post" action="/faults">
<label for="kind">种类<small>Kind</small></label><select id="kind" name="kind">{options}</select>
<label for="count">次数<small>How often</small></label>
<input id="count" name="count" type="number" min="1" max="100" value="1" required>
<p></p><button class="plain">加入<small>Add</small></button></form></div>
<h2>剧本<small>A script: many faults at once, in JSON</small></h2>
<form class="card" method="post" action="/script">
<label for="script">步骤<small>Steps, played in this order</small></label>
<textarea id="script" name="script" rows="6" spellcheck="false" required>{_EXAMPLE}</textarea>
<p></p><button class="plain">执行剧本<small>Play the script</small></button></form>""",
    )


def _options(name: str, kinds: Sequence[str]) -> str:
    options = "".join(f'<option value="{kind}">{_FAULTS[kind]} · {kind}</option>' for kind in kinds)
    return f'<optgroup label="{name}">{options}</optgroup>'


def payer(order: Order, owner: str, back: str) -> str:
    """One payer's page with one button; `back` is the merchant's page, or empty."""
    chinese, english = _CHANNELS[order.channel]
    state_chinese, state_english = _STATES[order.state]
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{escape(value)}">'
        for name, value in (("from", "cashier"), ("merchant", order.merchant), ("back", back))
    )
    if order.state is State.NOTPAY:
        action = (
            f'<form method="post" action="/orders/{_path(order.out_trade_no)}/pay">{hidden}'
            f'<button class="{order.channel}">确认支付<small>Confirm payment</small></button></form>'
        )
    else:
        action = f"<p><strong>{state_chinese}</strong><small>{state_english}</small></p>"
        if back:
            label = "返回商户<small>Back to the merchant</small>"
            action += f'<a class="button plain" href="{escape(back)}">{label}</a>'
    return _page(
        f"{chinese} 收银台",
        f"""<div class="card"><div class="line"><h1>{chinese}（模拟）<small>{english}, sandbox</small></h1>
<span class="tag {order.channel}">{escape(owner)}</span></div>
<p class="big">¥{order.amount_yuan}</p><p>{escape(order.description)}</p>
<p class="no">{escape(order.out_trade_no)}</p>{action}</div>""",
    )


def missing(*, several: bool) -> str:
    """No such order, or more than one."""
    text = (
        ("订单号不唯一", "More than one order has this number")
        if several
        else ("没有此订单", "No such order")
    )
    return _page(text[0], f'<p class="card">{text[0]}<small>{text[1]}</small></p>')


def cashier_path(number: str, merchant: str, back: str) -> str:
    """The payer's page of an order."""
    query = urlencode({name: value for name, value in (("merchant", merchant), ("back", back)) if value})
    return f"/cashier/{_path(number)}" + (f"?{query}" if query else "")


def _card(order: Order, owner: str) -> str:
    chinese, english = _CHANNELS[order.channel]
    state_chinese, state_english = _STATES[order.state]
    made_at = order.created_at.astimezone(BEIJING)
    button = ""
    if order.state is State.NOTPAY:
        button = (
            f'<form method="post" action="/orders/{_path(order.out_trade_no)}/pay">'
            f'<input type="hidden" name="merchant" value="{escape(order.merchant)}">'
            f'<button class="{order.channel}">支付<small>Pay</small></button></form>'
        )
    where = escape(cashier_path(order.out_trade_no, order.merchant, ""))
    return f"""<div class="card"><div class="line">
<span class="tag {order.channel}">{chinese} {english}</span>
<span class="sum">¥{order.amount_yuan}</span></div>
<p>{escape(order.description)}<small>{escape(owner)} · {made_at:%m-%d %H:%M:%S}</small></p>
<div class="line"><a class="no" href="{where}">{escape(order.out_trade_no)}</a>
<span class="state">{state_chinese}<small>{state_english}</small></span></div>{button}</div>"""


def _path(number: str) -> str:
    return quote(number, safe="")


def _page(title: str, content: str) -> str:
    return f"""<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>
<body><main>{content}</main></body></html>"""
