"""The pictures of daemon/RECEIPTS.md: python -m tilld_testkit.receipt_pictures draws them anew.

Each goes the way of every receipt: fields, document, the driver's commands, and then the paper of
a printer that knows only the commands (`tilld_testkit.paper`).
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from PIL import Image, ImageDraw, ImageOps
from PIL.PngImagePlugin import PngInfo

from tilld_core import receipt, report_paper
from tilld_hal.escpos_render import EscposRenderer
from tilld_hal.printer_profiles import PROFILES
from tilld_testkit.paper import Paper

if TYPE_CHECKING:
    from collections.abc import Callable

    Document = list[dict[str, Any]]

PAGE = Path(__file__).parents[2] / "daemon" / "RECEIPTS.md"
FOLDER = PAGE.parent / "pictures"
LINES = "lines"
"""Under this name each PNG carries the lines that stand on it."""

PAYMENT = "1795386450T7001250000000777MYCUQEABHQBKACMACIAAXYZ"
REFUND = "1795991250T7000450000000778QJ5UGEABHQBKACMACIAAXYZ"
ANTOM = "202611221940108001001880C0200000001"
ORDER_CODE = "https://qr.antom.example/p/w/28100602000000000125733123"

_BLACK_BELOW = 150
_FRAME_DOTS = 2
_AT_S = 1795386450  # 2026-11-22 23:27:30 in Berlin
_SHOP = ("Corner Bakery", "1 High Street")
_THANKS = ("Thank you!",)


class Picture(NamedTuple):
    """``code`` is what the barcode on it holds, "" where it has none."""

    what: str
    profile: str
    document: Callable[[int], Document]
    code: str = PAYMENT


class Drawn(NamedTuple):
    """A picture as it is now."""

    image: Image.Image
    lines: list[str]
    unknown: list[bytes]


def drawn(picture: Picture) -> Drawn:
    """The slip, in black and white."""
    profile = PROFILES[picture.profile]
    paper = Paper(profile.columns, profile.chinese)
    paper.feed(EscposRenderer(picture.profile).render(picture.document(profile.columns)))
    if not paper.cuts:
        paper.tear_off()
    slip = paper.slip(0).point(lambda grey: 255 if grey >= _BLACK_BELOW else 0)
    framed = ImageOps.expand(slip, _FRAME_DOTS, 0).convert("1")
    return Drawn(framed, paper.slip_lines(0), paper.unknown)


def fields(kind: str = receipt.PAID, **changes: Any) -> receipt.Fields:
    """A sale of 12.50 EUR."""
    told: dict[str, Any] = {
        "payment": PAYMENT,
        "order_ref": "2026-11-22/0042",
        "description": "2 cappuccino, 1 croissant",
        "currency": "EUR",
        "value": 1250,
        "at_s": _AT_S,
        "offset_min": 60,
        "antom_payment_id": ANTOM,
        "terminal": "T7",
    }
    return receipt.fields(kind, **{**told, **changes})


def _receipt(
    copy_text: str = "",
    shop: tuple[str, ...] = _SHOP,
    thanks: tuple[str, ...] = _THANKS,
    with_logo: bool = False,
    **changes: Any,
) -> Callable[[int], Document]:
    language = changes.setdefault("language", "en")
    shown = fields(**changes)
    image = logo() if with_logo else b""
    return lambda columns: receipt.document(
        shown, columns, shop, thanks, copy_text, language, image
    )


def _not_paid(state: str, **changes: Any) -> Callable[[int], Document]:
    return _receipt(kind=receipt.NOT_PAID, state=state, **changes)


def _refund() -> Callable[[int], Document]:
    return _receipt(
        kind=receipt.REFUND,
        refund=REFUND,
        antom_refund_id="202611291940108001001880D0200000007",
        value=450,
        at_s=_AT_S + 7 * 86400,
        payment_value=1250,
        paid_s=_AT_S,
        paid_offset_min=60,
    )


def _report(columns: int) -> Document:
    none = {"count": 0, "sum": 0}
    told = {
        "period": 12,
        "opened_at": "2026-11-22T07:58:12+01:00",
        "closed_at": "2026-11-22T20:03:41+01:00",
        "currencies": [
            {
                "currency": "EUR",
                "paid": {"count": 127, "sum": 184250},
                "refunded": {"count": 2, "sum": 2750},
                "returned": {"count": 1, "sum": 990},
            },
            {
                "currency": "JPY",
                "paid": {"count": 3, "sum": 18400},
                "refunded": none,
                "returned": none,
            },
        ],
        "not_paid": [{"reason": "declined", "count": 4}, {"reason": "till_cancelled", "count": 2}],
        "open_payments": [],
        "owed_cancels": [PAYMENT],
        "unheard": [],
    }
    return report_paper.document(told, columns, _SHOP, "T7")


def logo() -> bytes:
    """A loaf, as a shop might bring it."""
    image = Image.new("1", (160, 84), 1)
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((2, 22, 157, 81), 26, 1, 0, 4)
    draw.chord((2, 2, 157, 90), 180, 360, 1, 0, 4)
    draw.rectangle((6, 44, 153, 56), 1)
    for left in (34, 70, 106):
        draw.line((left, 44, left + 20, 18), 0, 5)
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()


_CHINESE: dict[str, Any] = {
    "language": "zh",
    "currency": "CNY",
    "value": 128800,
    "description": "拿铁咖啡二杯、牛角面包一个",
    "shop": ("街角面包店", "高街一号"),
    "thanks": ("谢谢惠顾",),
}
_GERMAN: dict[str, Any] = {
    "language": "de",
    "value": 123450,
    "description": "Hochzeitstorte, 3 Etagen",
    "shop": ("Bäckerei Müller", "Hauptstraße 1"),
    "thanks": ("Vielen Dank!",),
}

PICTURES = {
    "paid_32": Picture("Paid, 32 columns (58 mm)", "generic-32", _receipt()),
    "paid_42": Picture("Paid, 42 columns", "generic-42", _receipt()),
    "paid_48": Picture("Paid, 48 columns (80 mm)", "generic-48", _receipt()),
    "copy": Picture("The second print of it", "generic-42", _receipt(copy_text="COPY")),
    "logo": Picture("With a logo, in German", "epson-48", _receipt(with_logo=True, **_GERMAN)),
    "refund": Picture("A refund, a week later", "generic-42", _refund()),
    "not_paid_failed": Picture("Refused", "generic-42", _not_paid("failed")),
    "not_paid_cancelling": Picture("`cancelling`", "generic-42", _not_paid("cancelling")),
    "not_paid_cancel_queued": Picture("`cancel_queued`", "generic-42", _not_paid("cancel_queued")),
    "not_paid_needs_attention": Picture(
        "`needs_attention`", "generic-42", _not_paid("needs_attention")
    ),
    "order_code": Picture(
        "An order code, to pay by",
        "generic-42",
        _receipt(kind=receipt.ORDER_CODE, code=ORDER_CODE, expires_s=_AT_S + 120),
        ORDER_CODE,
    ),
    "report": Picture("The report of a period", "generic-42", _report, ""),
    "chinese_48": Picture("In Chinese, 48 columns", "chinese-48", _receipt(**_CHINESE)),
    "chinese_32": Picture(
        "In Chinese, 32 columns", "chinese-32", _not_paid("cancel_queued", **_CHINESE)
    ),
}


def save(name: str) -> None:
    now = drawn(PICTURES[name])
    about = PngInfo()
    about.add_itxt(LINES, "\n".join(now.lines))
    now.image.save(FOLDER / f"{name}.png", optimize=True, pnginfo=about)


if __name__ == "__main__":
    for each in PICTURES:
        save(each)
