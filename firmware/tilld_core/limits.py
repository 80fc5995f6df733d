"""Every number of rules.md §2 and every bound of till_socket.md §1, named, with its reason.

Times are whole milliseconds of monotonic time.  ``Timing`` is what a device runs with;
``NUMBERS`` is what its settings may say.
"""

from tilld_core.record import Record

# The till socket's wire (till_socket.md §1).
MESSAGE_MAX_BYTES = 64 * 1024
MESSAGE_MAX_DEPTH = 8
OPEN_REQUESTS_MAX = 64  # a connection
CONNECTIONS_MAX = 32
UNREAD_EVENTS_MAX_BYTES = 256 * 1024  # beyond it a connection loses its event backlog
UNREAD_MAX_BYTES = 1024 * 1024  # beyond it a connection is closed
INT_MIN = -(2**63)
INT_MAX = 2**63 - 1
LIST_DEFAULT = 50
LIST_MAX = 100

# Its methods (till_socket.md §2 and §3).
KEY_MIN_CHARACTERS = 16
KEY_MAX_CHARACTERS = 64
WAIT_MAX_S = 60  # real seconds, never scaled
SCANS_KEPT_MAX = 16  # between two reads of the till that claimed the scanner
SCAN_TIMEOUT_DEFAULT_S = 60  # real seconds, never scaled
EVENTS_KEPT_MAX = 1024
IMAGE_MAX_BYTES = 16 * 1024

# What is remembered (rules.md §6, "Memory").
OPEN_PAYMENTS_MAX = 500
SETTLED_KEPT_DAYS = 30
SETTLED_KEPT_PAYMENTS = 5000

# The settings of [timing]: name, smallest, largest, what it is.  A name in _s is in seconds and
# sets the field of Timing that ends in _ms; a name without a unit is a count.
NUMBERS = (
    ("pay_answer_s", 3, 30, "how long `pay` may stay without result or notification"),
    ("inquiry_every_s", 3, 10, "from one inquiry's sending to the next"),
    ("inquiries", 10, 20, "how many inquiries, before the payment is cancelled"),
    ("answer_within_s", 1, 10, "how long an inquiry, a cancel or a refund waits for its answer"),
    ("order_code_within_s", 10, 3600, "how long an order code may be paid; its expiry at Antom"),
    (
        "acknowledge_within_s",
        10,
        300,
        "how long an approval waits for the till, then it is cancelled",
    ),
    ("retry_every_s", 5, 10, "from one cancel or refund to its repeat, in the first minute"),
    ("retry_jitter_s", 0, 5, "at most so much is added to that, by chance"),
    ("cancel_for_s", 30, 300, "how long a cancel or refund is tried before a person is called"),
    ("back_off_first_s", 1, 60, "the queue's first pause, at most (full jitter)"),
    ("back_off_max_s", 10, 3600, "the queue's longest pause (full jitter)"),
    (
        "pay_in_flight_max_s",
        60,
        3600,
        "after it, a `pay` whose socket was closed can't arrive (I8)",
    ),
    (
        "refund_absent_every_s",
        15,
        300,
        "between two questions for a refund that Antom does not know",
    ),
)

# Delays that are no settings; the factor of test mode applies to them too.
SAME_CODE_WITHIN_MS = 90000  # trigger bounce (rules.md §5): the same code again is the same scan
MESSAGE_WITHIN_MS = 5000  # a message once begun is finished (till_socket.md §1)
TILL_LEFT_AFTER_MS = 10000  # a waiting payment outlives its last connection so long (§3 there)


class Timing(Record):
    """The numbers of rules.md §2.  The defaults are the seed's, or rules.md's own.

    Derived: ``t_answer_ms`` (when a payment without an answer is given up), ``t_decide_ms`` (when
    every payment is decided), ``t_cancel_ms`` (when its cancel's first minute is over).
    """

    FIELDS = (
        "pay_answer_ms",
        "inquiry_every_ms",
        "inquiries",
        "answer_within_ms",
        "order_code_within_ms",
        "acknowledge_within_ms",
        "retry_every_ms",
        "retry_jitter_ms",
        "cancel_for_ms",
        "back_off_first_ms",
        "back_off_max_ms",
        "pay_in_flight_max_ms",
        "refund_absent_every_ms",
        "same_code_within_ms",
        "message_within_ms",
        "till_left_after_ms",
    )

    def __init__(
        self,
        pay_answer_ms: int = 5000,
        inquiry_every_ms: int = 3000,
        inquiries: int = 10,
        answer_within_ms: int = 3000,
        order_code_within_ms: int = 120000,
        acknowledge_within_ms: int = 60000,
        retry_every_ms: int = 5000,
        retry_jitter_ms: int = 5000,
        cancel_for_ms: int = 60000,
        back_off_first_ms: int = 10000,
        back_off_max_ms: int = 300000,
        pay_in_flight_max_ms: int = 120000,
        refund_absent_every_ms: int = 15000,
        same_code_within_ms: int = SAME_CODE_WITHIN_MS,
        message_within_ms: int = MESSAGE_WITHIN_MS,
        till_left_after_ms: int = TILL_LEFT_AFTER_MS,
    ) -> None:
        self.pay_answer_ms = pay_answer_ms
        self.inquiry_every_ms = inquiry_every_ms
        self.inquiries = inquiries
        self.answer_within_ms = answer_within_ms
        self.order_code_within_ms = order_code_within_ms
        self.acknowledge_within_ms = acknowledge_within_ms
        self.retry_every_ms = retry_every_ms
        self.retry_jitter_ms = retry_jitter_ms
        self.cancel_for_ms = cancel_for_ms
        self.back_off_first_ms = back_off_first_ms
        self.back_off_max_ms = back_off_max_ms
        self.pay_in_flight_max_ms = pay_in_flight_max_ms
        self.refund_absent_every_ms = refund_absent_every_ms
        self.same_code_within_ms = same_code_within_ms
        self.message_within_ms = message_within_ms
        self.till_left_after_ms = till_left_after_ms
        self.t_answer_ms = pay_answer_ms + inquiries * inquiry_every_ms
        self.t_decide_ms = self.t_answer_ms + acknowledge_within_ms
        self.t_cancel_ms = self.t_answer_ms + cancel_for_ms

    def scaled(self, factor: float) -> "Timing":
        """The same, every time multiplied by ``factor`` (0.01 is a hundred times faster).

        A time that is not 0 stays at least 1 ms; counts stay.  Only `test` mode may ask for it.
        """
        numbers = []
        for name in self.FIELDS:
            number = getattr(self, name)
            if name.endswith("_ms") and number:
                number = max(1, int(number * factor))
            numbers.append(number)
        return Timing(*numbers)


def refusal_of_device(timing: Timing) -> str:
    """Why a device may not run with these numbers, printing both, or "" (rules.md §2, I27)."""
    pause_ms = timing.retry_every_ms + timing.retry_jitter_ms
    return (
        _unless_at_most("retry_every_s + retry_jitter_s", pause_ms, "the seed's bound", 10000)
        or _unless_at_most(
            "answer_within_s", timing.answer_within_ms, "inquiry_every_s", timing.inquiry_every_ms
        )
        or _unless_at_most(
            "back_off_first_s", timing.back_off_first_ms, "back_off_max_s", timing.back_off_max_ms
        )
    )


def refusal_of_forward(timing: Timing, timeout_ms: int, order_code_timeout_ms: int) -> str:
    """Why a device may not pay through a forward gateway with these timeouts, or "" (I27)."""
    shown_ms = timing.order_code_within_ms + 60000
    gateway = "the gateway's timeout"
    return (
        _unless_less("t_decide", timing.t_decide_ms, gateway, timeout_ms)
        or _unless_less("t_cancel", timing.t_cancel_ms, gateway, timeout_ms)
        or _unless_less(
            "order_code_within_s + 60 s",
            shown_ms,
            "the gateway's timeout for an order code",
            order_code_timeout_ms,
        )
    )


def refusal_of_rest(
    t_answer_ms: int, rest_timeout_ms: int, wait_ms: int, deliver_ms: int, acknowledge_ms: int
) -> str:
    """Why a REST gateway (t_answer, rest_timeout, deliver_within) and a device (wait,
    acknowledge_within) may not work together, or "" (I27)."""
    gateway = "the gateway's rest_timeout_s"
    return (
        _unless_less("the gateway's t_answer", t_answer_ms, gateway, rest_timeout_ms)
        or _unless_less(gateway, rest_timeout_ms, "the device's wait", wait_ms)
        or _unless_less(
            "acknowledge_within_s", acknowledge_ms, "the gateway's deliver_within_s", deliver_ms
        )
    )


def _unless_less(small: str, small_ms: int, large: str, large_ms: int) -> str:
    if small_ms < large_ms:
        return ""
    return f"{small} ({_s(small_ms)}) must be less than {large} ({_s(large_ms)})"


def _unless_at_most(small: str, small_ms: int, large: str, large_ms: int) -> str:
    if small_ms <= large_ms:
        return ""
    return f"{small} ({_s(small_ms)}) must be at most {large} ({_s(large_ms)})"


def _s(number_ms: int) -> str:
    if number_ms % 1000 == 0:
        return f"{number_ms // 1000} s"
    return f"{number_ms} ms"
