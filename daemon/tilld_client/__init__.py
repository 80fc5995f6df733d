"""What a till programmer imports: `Till`, its errors, and nothing of the terminal's insides.

`AsyncTill` is the same for asyncio; it is imported from `tilld_client.aio`.
"""

from tilld_client.address import tls_context
from tilld_client.errors import AlreadyPaid, CallError, Lost, NotFound, NotReady, ScannerBusy
from tilld_client.keys import KeyFolder, KeyStore, new_key
from tilld_client.results import Payment, Refund
from tilld_client.till import Till

__all__ = [
    "AlreadyPaid",
    "CallError",
    "KeyFolder",
    "KeyStore",
    "Lost",
    "NotFound",
    "NotReady",
    "Payment",
    "Refund",
    "ScannerBusy",
    "Till",
    "new_key",
    "tls_context",
]
