"""What the command's exit status says: first of all, what became of the money."""

DONE = 0
NOT_DONE = 1
WRONG_CALL = 2
REFUSED = 3
NO_CONNECTION = 4
UNKNOWN = 5
INTERRUPTED = 130

TABLE = (
    (DONE, "paid, refunded, or done as asked, whatever became of the paper"),
    (
        NOT_DONE,
        "not paid, not refunded, or nothing to do; where only paper was wanted, not printed",
    ),
    (WRONG_CALL, "the command was called wrongly"),
    (REFUSED, "the terminal refused the call, or is not ready; nothing was charged"),
    (NO_CONNECTION, "no connection to the terminal; nothing was asked of it"),
    (UNKNOWN, "how it ends is not known yet: hand over nothing, and ask till unfinished"),
    (INTERRUPTED, "Ctrl-C: cancelled, and not paid"),
)
