"""A process that has few file descriptors left, or none."""

import contextlib
import os
import resource
from collections.abc import Iterator


@contextlib.contextmanager
def exhausted(left: int = 0) -> Iterator[None]:
    """Within it ``left`` files or sockets can be opened; one more fails with EMFILE."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = [os.open(os.devnull, os.O_RDONLY) for _ in range(left + 1)]  # the lowest ones
    for descriptor in free:
        os.close(descriptor)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free[-1], hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
