"""What a till programmer imports: `Till`, its errors, and nothing of the terminal's insides."""

from tilld_client.till import CallError, Lost, Till

__all__ = ["CallError", "Lost", "Till"]
