"""Antom's JSON and signatures: requests out, answers sorted into the core's events.

No other package knows a field name or a result code of Antom. What an answer *means* for a
payment is rules.md §3; how it looks on the wire is antom-api.md.
"""
