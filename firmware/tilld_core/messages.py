"""The till socket's vocabulary: one row a method, an event, an error, a reason, a block.

till_socket.md is the contract; this is its tables as data. The daemon checks calls by them,
the client takes its names from them, daemon/TILL_SOCKET.md prints them.
"""

from tilld_core import limits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    # a parameter's name, kind, and whether it must be there
    Param = tuple[str, str, bool]
    Method = tuple[str, str, tuple[Param, ...], str]
    # a row, its names with nil, the check of each with its words, those that are required
    Prepared = tuple[Method, dict[str, Any], dict[str, tuple[Any, list[Any]]], list[str]]

API = (1, 0)

TILL = "till"
ENGINEER = "engineer"
ANY = "any"

_OF_PAYMENT = (("payment", "id", False), ("key", "key", False))
_OF_REFUND = (("refund", "id", False), ("key", "key", False))
_PAGE = (("limit", "int 1 100", False), ("cursor", "text 256", False))

# fmt: off
METHODS: "tuple[Method, ...]" = (
    # method, who may call it, its parameters, what it gives
    ("hello", ANY, (("client", "text 128", True), ("version", "text 64", False), ("api", "api", True), ("errors", "one of map text", False)), "hello"),
    ("payment.start", TILL, (("key", "key", True), ("order_ref", "text 64", True), ("amount", "amount", True), ("description", "text 256 empty", False), ("by", "one of customer_code order_code", False), ("code", "text 128", False), ("scan_timeout_s", "int 1 600", False), ("split", "bool", False)), "payment"),
    ("payment.wait", TILL, _OF_PAYMENT + (("revision", "int 0 9223372036854775807", False), ("timeout_s", "int 0 60", False)), "payment"),
    ("payment.acknowledge", TILL, _OF_PAYMENT, "payment"),
    ("payment.cancel", TILL, _OF_PAYMENT, "payment"),
    ("payment.get", ANY, _OF_PAYMENT, "payment"),
    ("payment.explain", ANY, _OF_PAYMENT, "explanation"),
    ("payment.list", TILL, (("order_ref", "text 64", False), ("open", "bool", False), ("period", "int 1 9223372036854775807", False)) + _PAGE, "payments"),
    ("refund.start", TILL, (("key", "key", True), ("payment", "id", False), ("payment_key", "key", False), ("amount", "amount", False), ("reason", "text 256 empty", False)), "refund"),
    ("refund.wait", TILL, _OF_REFUND + (("revision", "int 0 9223372036854775807", False), ("timeout_s", "int 0 60", False)), "refund"),
    ("refund.get", ANY, _OF_REFUND, "refund"),
    ("refund.list", TILL, (("payment", "id", False), ("open", "bool", False)) + _PAGE, "refunds"),
    ("receipt.print", TILL, (("key", "key", True), ("payment", "id", False), ("refund", "id", False), ("copies", "int 1 5", False)), "job"),
    ("receipt.get", TILL, (("payment", "id", False), ("refund", "id", False)), "receipt"),
    ("printer.print", TILL, (("key", "key", True), ("document", "document", True)), "job"),
    ("printer.job", TILL, (("job", "id", False), ("key", "key", False), ("timeout_s", "int 0 60", False)), "job"),
    ("printer.status", TILL, (), "printer status"),
    ("scanner.read", TILL, (("timeout_s", "int 0 60", False),), "scan"),
    ("scanner.stop", TILL, (), "nil"),
    ("queue.list", ANY, _PAGE, "entries"),
    ("queue.flush", TILL, (), "entries"),
    ("queue.resolve", ENGINEER, _OF_PAYMENT + (("refund", "id", False), ("name", "text 128", True), ("reason", "text 256", True)), "payment or refund"),
    ("report.get", TILL, (("period", "int 1 9223372036854775807", False),), "report"),
    ("report.close", TILL, (("key", "key", True), ("period", "int 1 9223372036854775807", False)), "report"),
    ("report.print", TILL, (("key", "key", True), ("period", "int 1 9223372036854775807", False)), "job"),
    ("device.info", ANY, (), "device"),
    ("device.health", ANY, (), "health"),
    ("events.subscribe", ANY, (("since", "since", False), ("topics", "topics", False)), "position"),
)

EVENTS = (
    # event, the keys that it carries
    ("payment.changed", "payment"),
    ("refund.changed", "refund"),
    ("job.changed", "job"),
    ("queue.changed", "owed"),
    ("device.changed", "ready blocks degraded"),
    ("attention", "message payment refund"),
    ("gap", ""),
)

ERRORS = (
    # code, class, retry, the sentence when the call has none of its own
    ("bad_message", "caller", "never", "The message is not MessagePack-RPC as the contract describes it."),
    ("unknown_method", "caller", "never", "There is no such method."),
    ("bad_param", "caller", "after_fix", "A parameter has a value of the wrong kind."),
    ("unknown_param", "caller", "after_fix", "The method has no such parameter."),
    ("api_mismatch", "caller", "never", "The till speaks another major version of this interface."),
    ("not_allowed", "security", "after_fix", "This connection does not have the role that the method needs."),
    ("too_many", "busy", "later", "There are too many of these open at once."),
    ("stopping", "busy", "same_key", "The terminal is stopping; connect again and use the same key."),
    ("not_found", "caller", "same_key", "Nothing is known under this key or id."),
    ("key_mismatch", "caller", "new_key", "This key was used for something else."),
    ("key_used", "caller", "new_key", "This key belongs to another kind of call."),
    ("order_busy", "busy", "later", "An earlier payment of this order is not decided yet."),
    ("order_paid", "caller", "never", "This order is paid already; say split: true if it is paid in parts."),
    ("already_paid", "caller", "never", "The payment is paid; use refund.start."),
    ("not_approved", "caller", "later", "The payment is not approved, so there is nothing to acknowledge."),
    ("not_paid", "caller", "never", "Nothing was sent for this payment, so there is nothing to print."),
    ("refund_exceeds", "caller", "after_fix", "The refunds of this payment would exceed its amount."),
    ("scanner_busy", "busy", "later", "Another payment is waiting for its code, or another till reads."),
    ("bad_code", "caller", "after_fix", "This is not a payment code."),
    ("no_scanner", "hardware", "after_fix", "No scanner is configured or connected."),
    ("no_printer", "hardware", "after_fix", "No printer is configured."),
    ("not_ready", "hardware", "after_fix", "The terminal can't take payments now."),
    ("storage", "storage", "same_key", "The terminal could not record this; ask payment.get."),
    ("journal_full", "storage", "later", "The terminal's storage has no room for a new payment."),
)

REASONS = (
    # code, rule, what happened and what the cashier says, what the till does
    ("declined", "rules.md §3", "The payment was refused. Ask the customer for another way to pay.", "Offers another way to pay: a new key for the same order."),
    ("not_sent", "rules.md §3", "The payment could not be sent; nothing was charged. Check the network and try again.", "Starts again with a new key; the same code may be shown again."),
    ("scan_timeout", "till_socket.md §2", "No payment code was scanned in time; nothing was charged.", "Asks whether the sale goes on; if so, a new key."),
    ("till_cancelled", "till_socket.md §3", "The till cancelled the payment.", "Goes on with its sale; a new key for another attempt."),
    ("till_left", "till_socket.md §3", "The till left before a code was scanned; nothing was charged.", "Finds it at its next start; a new key if the sale goes on."),
    ("cancelled_before_start", "till_socket.md §3", "The till closed this key before it was used; nothing was charged.", "Takes a new key for its next attempt; this one can never pay."),
    ("no_answer", "rules.md §3", "The result did not come in time. The payment is cancelled; what was taken goes back.", "Hands over nothing; a new key may start the order again at once."),
    ("unverified_answer", "rules.md §3", "The answer could not be trusted. The payment is cancelled; what was taken goes back.", "Hands over nothing and tells support; a new key may start the order again."),
    ("not_acknowledged", "rules.md §1", "The till did not confirm in time. The payment is cancelled; what was taken goes back.", "Hands over nothing; acknowledges sooner, as soon as it has stored the approval."),
    ("restarted", "rules.md §3", "The terminal restarted in the middle of the payment.", "Hands over nothing; a new key may start the order again at once."),
    ("refunded_instead", "rules.md §3", "It was too late to cancel; the customer's money goes back by a refund.", "Hands over nothing; a new key may start the order again at once."),
    ("cancelled_by_gateway", "rules.md §3", "The payment was cancelled upstream; the customer is not charged.", "Hands over nothing; a new key may start the order again."),
)

REFUND_REASONS = (
    # the same of a refund that gave nothing back, or not yet
    ("declined", "rules.md §4", "The refund was refused; no money went back.", "Starts again with a new key once the cause is gone, or gives the money back in another way."),
    ("not_sent", "till_socket.md §3", "The refund could not be sent; no money went back. Check the network and try again.", "Starts again with a new key."),
    ("no_such_payment", "rules.md §4", "Antom knows no payment of this number; no money went back. Check the number.", "Starts again with the right number and a new key."),
    ("written_off", "I15", "The refund was closed by hand. Ask the person in charge whether the money went back.", "Asks for nothing more; what the person in charge says counts."),
)

PROMPTS = (
    # state, what the cashier should do or tell now
    ("waiting_for_code", "scan_code", "Ask the customer for the payment code and scan it."),
    ("showing_code", "show_code", "Show the code to the customer, who scans it with a wallet and pays."),
    ("paying", "please_wait", "Please wait: the payment is on its way."),
    ("inquiring", "ask_customer", "Please wait: the customer may have to confirm on the phone."),
    ("approved", "please_wait", "Please wait: the payment is being recorded."),
    ("paid", "paid", "Paid."),
    ("failed", "not_paid", "Not paid. Nothing was charged."),
    ("cancelling", "not_paid", "Not paid. Should the customer have been charged, the money goes back."),
    ("cancel_queued", "not_paid", "Not paid. Should the customer have been charged, the money goes back as soon as the network allows."),
    ("needs_attention", "not_paid", "Not paid. Returning the money needs a person; support has been called."),
    ("refunding", "not_paid", "Not paid. The customer's money goes back by a refund."),
    ("cancelled", "not_paid", "Not paid. The customer is not charged."),
    ("returned", "not_paid", "Not paid. The customer's money was sent back by a refund."),
    ("written_off", "not_paid", "Not paid. It was closed by hand; should the customer have been charged, ask the person in charge."),
)

ORDER_CODE_PROMPTS = (
    # the same where it is another one for an order code
    ("inquiring", "please_wait", "Please wait: the code for the customer has not come yet."),
)

BLOCKS = (
    # code, sentence
    ("no_link", "The network is not connected."),
    ("no_gateway", "The payment service can't be reached."),
    ("clock_unset", "The clock is not set."),
    ("storage", "The terminal's storage does not work."),
    ("certificate_expired", "The terminal's certificate has expired."),
    ("scanner", "The scanner is not connected."),
    ("not_provisioned", "The terminal has no merchant key yet."),
)
# fmt: on

PAYMENT_KEYS = (
    "payment",
    "key",
    "order_ref",
    "amount",
    "by",
    "state",
    "outcome",
    "decided",
    "settled",
    "reason",
    "prompt",
    "order_code",
    "antom_payment_id",
    "refunded",
    "decides_in_s",
    "created_at",
    "paid_at",
    "period",
    "revision",
)
REFUND_KEYS = (
    "refund",
    "key",
    "payment",
    "amount",
    "state",
    "outcome",
    "decided",
    "settled",
    "reason",
    "antom_refund_id",
    "refunded_at",
    "revision",
)


class CallError(Exception):
    """A call that changed nothing (``changed`` "no"), or whose record may be lost ("unknown")."""

    def __init__(
        self,
        code: str,
        message: str = "",
        fields: "list[str] | None" = None,
        payment: str = "",
        retry: str = "",
        blocks: "list[dict[str, str]] | None" = None,
    ) -> None:
        _, kind, its_retry, sentence = _ERROR_ROWS[code]
        super().__init__(message or sentence)
        self.code = code
        self.kind = kind
        self.retry = retry or its_retry
        self.message = message or sentence
        self.fields = fields
        self.payment = payment
        self.blocks = blocks

    def as_map(self) -> "dict[str, Any]":
        told: dict[str, Any] = {
            "code": self.code,
            "class": self.kind,
            "changed": "unknown" if self.code == "storage" else "no",
            "retry": self.retry,
            "message": self.message,
        }
        if self.payment:
            told["payment"] = self.payment
        if self.fields is not None:
            told["fields"] = self.fields
        if self.blocks is not None:
            told["blocks"] = self.blocks
        return told


_ERROR_ROWS = {row[0]: row for row in ERRORS}
_METHOD_ROWS = {row[0]: row for row in METHODS}
_CHECKED_ROWS: "dict[str, Prepared]" = {}


def method(name: object) -> "Method":
    """The row of a method; CallError unknown_method."""
    if not isinstance(name, str):
        raise CallError("bad_message", "The method's name must be text.")
    row = _METHOD_ROWS.get(name)
    if row is None:
        raise CallError("unknown_method", f"There is no method {name[:64]!r}.")
    return row


def check_params(row: "Method", params: object) -> "dict[str, Any]":
    """The call's parameters, every one of the row's names present (nil when absent).

    ``params`` is ``[map]``, ``[]`` or ``[nil]``. Raises CallError bad_param, unknown_param.
    """
    if not isinstance(params, list) or len(params) > 1:
        raise CallError("bad_message", "The parameters must be an array holding one map.")
    given = params[0] if params and params[0] is not None else {}
    if not isinstance(given, dict):
        raise CallError("bad_param", "The parameters must be one map that names each of them once.")
    known = _CHECKED_ROWS.get(row[0])
    if known is None or known[0] is not row:
        known = _CHECKED_ROWS[row[0]] = _prepared(row)
    _, nothing, checks, needed = known
    checked = nothing.copy()
    for name, value in given.items():
        check = checks.get(name)
        if check is None or (value is not None and check[0](check[1], value)):
            raise _refusal(row, given)
        checked[name] = value
    for name in needed:
        if checked[name] is None:
            raise _refusal(row, given)
    return checked


def _prepared(row: "Method") -> "Prepared":
    """What every call of a method needs: all its names with nil, the check of each, the required."""
    checks = {}
    for name, kind, _ in row[2]:
        words = _words(kind)
        checks[name] = (_CHECKS[words[0]], words[1:])
    nothing: "dict[str, Any]" = {name: None for name, _, _ in row[2]}
    return row, nothing, checks, [name for name, _, required in row[2] if required]


def _refusal(row: "Method", given: "dict[Any, Any]") -> CallError:
    """Why these parameters are refused: unknown names first, then the row's own in its order."""
    kinds = {name: kind for name, kind, _ in row[2]}
    unknown = sorted(str(name)[:64] for name in given if name not in kinds)
    if unknown:
        return CallError("unknown_param", f"{row[0]} has no parameter {unknown[0]!r}.", unknown)
    for name, kind, required in row[2]:
        value = given.get(name)
        if value is None and required:
            return CallError("bad_param", f"{row[0]} needs {name!r}.", [name])
        wrong = "" if value is None else _wrong(kind, value)
        if wrong:
            return CallError("bad_param", f"{name!r} {wrong}.", [name])
    raise AssertionError("these parameters are right")


def _wrong(kind: str, value: object) -> str:
    """What is wrong with a value of this kind, in words that follow its name; "" when right."""
    words = _words(kind)
    return _CHECKS[words[0]](words[1:], value)


def _words(kind: str) -> "list[Any]":
    """A kind's name and what it says of it, numbers as such: "int -1 60" is "int", -1, 60."""
    return [int(word) if word.lstrip("-").isdigit() else word for word in kind.split(" ")]


_CONTROLS = frozenset([chr(code) for code in range(32)] + [chr(127)])
_PRINTABLE = frozenset([chr(code) for code in range(33, 127)])


def _is_printable(text: str) -> bool:
    """Printable ASCII without spaces."""
    return _PRINTABLE.issuperset(text)


if hasattr(str, "isprintable"):  # CPython, where it is three times as fast; asked on every call

    def _is_printable(text: str) -> bool:
        """Printable ASCII without spaces."""
        return text.isascii() and text.isprintable() and " " not in text


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _wrong_text(words: "list[Any]", value: object) -> str:
    if not isinstance(value, str):
        return "must be text"
    least = 0 if len(words) > 1 else 1
    if not least <= len(value) <= words[0]:
        return f"must have {least} to {words[0]} characters"
    if not _CONTROLS.isdisjoint(value):
        return "must not hold control characters"
    return ""


def _wrong_ascii(words: "list[Any]", value: object) -> str:
    if isinstance(value, str) and any(ord(letter) > 126 for letter in value):
        return "must be ASCII"
    return _wrong_text(words, value)


def _wrong_key(words: "list[Any]", value: object) -> str:
    if not isinstance(value, str):
        return "must be text"
    least, most = limits.KEY_MIN_CHARACTERS, limits.KEY_MAX_CHARACTERS
    if not least <= len(value) <= most or not _is_printable(value):
        return f"must be {least} to {most} printable ASCII characters without spaces"
    return ""


def _wrong_int(words: "list[Any]", value: object) -> str:
    low, high = words
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        return f"must be a whole number from {low} to {high}"
    return ""


def _wrong_bool(words: "list[Any]", value: object) -> str:
    return "" if isinstance(value, bool) else "must be true or false"


def _wrong_choice(words: "list[Any]", value: object) -> str:
    return "" if value in words[1:] and isinstance(value, str) else f"must be one of {words[1:]}"


def _wrong_amount(words: "list[Any]", value: object) -> str:
    if not isinstance(value, dict) or set(value) != {"currency", "value"}:
        return "must be a map of currency and value"
    if not isinstance(value["currency"], str) or not _is_int(value["value"]):
        return "must have a text currency and a whole number of minor units"
    return ""


def _wrong_api(words: "list[Any]", value: object) -> str:
    if (
        not isinstance(value, list)
        or len(value) != 2
        or not (_is_int(value[0]) and _is_int(value[1]))
    ):
        return "must be an array of two whole numbers"
    return ""


def _wrong_since(words: "list[Any]", value: object) -> str:
    if not isinstance(value, dict) or set(value) != {"epoch", "seq"}:
        return "must be a map of epoch and seq"
    return "" if all(_is_int(part) for part in value.values()) else "must hold whole numbers"


def _wrong_topics(words: "list[Any]", value: object) -> str:
    known = [row[0] for row in EVENTS]
    if not isinstance(value, list) or any(topic not in known for topic in value):
        return f"must be a list of {known}"
    return ""


def _wrong_document(words: "list[Any]", value: object) -> str:
    if not isinstance(value, list) or not value or len(value) > 200:
        return "must be a list of 1 to 200 blocks"
    for block in value:
        wrong = _wrong_block(block)
        if wrong:
            return wrong
    return ""


BLOCK_TEXT_MAX_CHARACTERS = 4096

# block type -> its keys with their kinds; "type" itself and the first key are required
DOCUMENT_BLOCKS = {
    "text": (
        ("text", "block_text"),
        ("align", "one of left center right"),
        ("bold", "bool"),
        ("size", "int 1 2"),
    ),
    "barcode": (("data", "ascii 64"), ("symbology", "one of code128")),
    "qr": (("data", "text 512"),),
    "image": (("png", "png"),),
    "feed": (("lines", "int 1 20"),),
    "cut": (),
}


def _wrong_block(block: object) -> str:
    kind_of_block = block.get("type") if isinstance(block, dict) else None
    if not isinstance(kind_of_block, str) or kind_of_block not in DOCUMENT_BLOCKS:
        return f"must be a list of blocks with a type of {sorted(DOCUMENT_BLOCKS)}"
    assert isinstance(block, dict)
    kinds = DOCUMENT_BLOCKS[kind_of_block]
    for index, (name, kind) in enumerate(kinds):
        if block.get(name) is None:
            if index == 0:
                return f"has a {block['type']} block without {name!r}"
            continue
        wrong = _wrong(kind, block[name])
        if wrong:
            return f"has a {block['type']} block whose {name!r} {wrong}"
    known = [name for name, _ in kinds]
    strange = sorted(str(name)[:64] for name in block if name != "type" and name not in known)
    return f"has a {block['type']} block with an unknown {strange[0]!r}" if strange else ""


def _wrong_block_text(words: "list[Any]", value: object) -> str:
    if not isinstance(value, str):
        return "must be text"
    most = BLOCK_TEXT_MAX_CHARACTERS
    return "" if len(value) <= most else f"must have at most {most} characters"


def _wrong_png(words: "list[Any]", value: object) -> str:
    if not isinstance(value, bytes) or value[:8] != b"\x89PNG\r\n\x1a\n":
        return "must be the bytes of a PNG"
    most = limits.IMAGE_MAX_BYTES
    return "" if len(value) <= most else f"must have at most {most // 1024} KiB"


_CHECKS = {
    "text": _wrong_text,
    "id": lambda words, value: _wrong_text([64], value),
    "key": _wrong_key,
    "int": _wrong_int,
    "bool": _wrong_bool,
    "one": _wrong_choice,
    "amount": _wrong_amount,
    "api": _wrong_api,
    "since": _wrong_since,
    "topics": _wrong_topics,
    "document": _wrong_document,
    "block_text": _wrong_block_text,
    "ascii": _wrong_ascii,
    "png": _wrong_png,
}
