"""The story that `tools/run` tells: two sales, a lost answer, a kill, a network that returns.

A development tool run from a checkout, never shipped: it borrows the serial lines, the paper and
the shop of `tests/tilld_testkit`.
"""
