"""What hardware says when it cannot do what was asked.

Every error carries ``reason``, a few words for people.  Drivers raise these and nothing else on
purpose: any other exception that leaves a driver is a fault of the driver.
"""


class HalError(Exception):
    """A device could not do what was asked; ``reason`` says why in words for people."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Gone(HalError):
    """The device is not there: never found, unplugged or closed.  Opening it again may work."""


class Busy(HalError):
    """The device is there and somebody else holds it."""


class Refused(HalError):
    """The device is there and says no, or what it was given cannot be used."""


class StorageFault(HalError):
    """The journal's storage failed; ``errno_name`` is the system's word ("ENOSPC", "EIO").

    After one of these from ``flush`` nothing written since the last good flush may be relied on
    (I20, I21).
    """

    def __init__(self, reason: str, errno_name: str = "") -> None:
        super().__init__(reason)
        self.errno_name = errno_name
