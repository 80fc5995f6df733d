"""What the core says about data it cannot use."""


class BadValue(Exception):
    """A value from outside cannot be used: ``field`` names it, ``reason`` says why, for people.

    The shell maps it to its own error (``bad_param`` on the till socket, a refused start for a
    setting).  ``reason`` never repeats a value that may be a secret.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason
