"""The journal: one durable record against the bare system calls, and the reading of a full one.

The reference is a C program that makes the same write of the same size at the same places of a file
of the same kind, and flushes it. Both work turn by turn on one file system.
"""

import os
import subprocess
import tempfile
import time
from pathlib import Path

import msgpack

from bench.bench import Row, median
from tilld_core import journal
from tilld_daemon.store import Store
from tilld_hal.drivers.storage_linux_file import open_device
from tilld_hal.storage import SEGMENTS

TURNS = 1000
WARMING = 50
RATIO_FIGURE = 1.25
DEVICE_BYTES_FIGURE = 4700
RECOVERY_FIGURE_MS = 80
SIZE = 16 * 1024 * 1024
RECOVERIES = 5

RECORD = {
    "kind": "INTENT",
    "key": "till-2/2026-11-22/000417",
    "payment_request_id": "1795386432-0017-1250-004711-MFRGGZDFMZTWQ2LKNNWG",
    "order": "2026-11-22/417",
    "currency": "EUR",
    "amount_minor": 1250,
    "method": "presented_code",
    "code_shown": "28… of 19",
    "wall_ms": 1795386432123,
    "terminal": "0017",
    "till": "till-2",
    "cashier": "7",
    "decides_by_ms": 95000,
    "split": False,
}

REFERENCE = r"""
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
/* argv: file, bytes of one write, bytes to the next one, bytes of the file; one turn a line. */
int main(int argc, char **argv) {
    size_t size = atoi(argv[2]), step = atoi(argv[3]), whole = atol(argv[4]);
    char line[8], *data = malloc(whole);
    int file = open(argv[1], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    memset(data, 0, whole);
    if (pwrite(file, data, whole, 0) != (ssize_t)whole || fsync(file)) return 1;
    memset(data, 'r', size);
    off_t at = 4096;
    printf("ready\n");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        struct timespec from, to;
        if (4096 - at % 4096 < (off_t)size) at += 4096 - at % 4096;
        clock_gettime(CLOCK_MONOTONIC, &from);
        if (pwrite(file, data, size, at) != (ssize_t)size || fdatasync(file)) return 1;
        clock_gettime(CLOCK_MONOTONIC, &to);
        at += step;
        printf("%ld\n", (to.tv_sec - from.tv_sec) * 1000000000L + to.tv_nsec - from.tv_nsec);
        fflush(stdout);
    }
    return 0;
}
"""


class Reference:
    """The C program, one turn at a time."""

    def __init__(self, folder: Path, write_size: int) -> None:
        source, program = folder / "reference.c", folder / "reference"
        source.write_text(REFERENCE)
        subprocess.run(["gcc", "-O2", "-o", program, source], check=True, timeout=60)
        sizes = [str(write_size), str(write_size // 2), str(SIZE // SEGMENTS)]
        self._process = subprocess.Popen(
            [program, folder / "reference.data", *sizes],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._line()

    def turn_ns(self) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return int(self._line())

    def close(self) -> None:
        self._process.communicate(timeout=10)

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


def device_bytes() -> int:
    """What this process has caused to be written to block devices so far."""
    for line in Path("/proc/self/io").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "write_bytes":
            return int(value)
    raise OSError("the kernel counts no written bytes")


def append_rows(folder: Path) -> list[Row]:
    """One durable record: its time as a ratio, its flushes and its bytes as counts."""
    store = Store(open_device(str(folder / "journal"), SIZE), unpack=msgpack.unpackb)
    store.recover()
    before = store.counts.bytes
    store.append([RECORD])
    reference = Reference(folder, store.counts.bytes - before)
    ours: list[float] = []
    bare: list[float] = []
    written: list[float] = []
    flushes = store.counts.flushes
    for turn in range(WARMING + TURNS):
        bare.append(reference.turn_ns())
        bytes_before = device_bytes()
        started = time.perf_counter_ns()
        store.append([RECORD])
        ours.append(time.perf_counter_ns() - started)
        written.append(device_bytes() - bytes_before)
        if turn == WARMING:
            for samples in (ours, bare, written):
                samples.clear()
    flushed = (store.counts.flushes - flushes) / (WARMING + TURNS)
    reference.close()
    store.close()
    ratio = median(ours) / median(bare)
    mean_bytes = sum(written) / len(written)
    shown = f"{ratio:.2f} x ({median(ours) / 1e3:.0f} us : {median(bare) / 1e3:.0f} us)"
    same = "the same write and fdatasync in C"
    return [
        Row("one durable record, p50", same, "<= 1.25 x", shown, ratio <= RATIO_FIGURE),
        Row("flushes a record", "counted", "exactly 1", f"{flushed:g}", flushed == 1),
        Row(
            "bytes to the device a record",
            "counted (/proc/self/io)",
            "<= 4.7 kB",
            f"{mean_bytes / 1000:.2f} kB",
            mean_bytes <= DEVICE_BYTES_FIGURE,
        ),
    ]


def recovery_row(folder: Path) -> Row:
    """The reading of a full segment of such records, a MiB of it."""
    device = open_device(str(folder / "full"), SIZE)
    device.write(0, 0, full_segment(device.segment_size))
    device.flush(0)
    device.close()
    times: list[float] = []
    for _ in range(RECOVERIES):
        device = open_device(str(folder / "full"), SIZE)
        store = Store(device, unpack=msgpack.unpackb)
        started = time.perf_counter_ns()
        found = store.recover()
        times.append(time.perf_counter_ns() - started)
        mebibytes = device.segment_size / (1 << 20)
        store.close()
    each_ms = median(times) / 1e6 / mebibytes
    return Row(
        f"recovery of a full journal ({len(found.records)} records)",
        "",
        "<= 80 ms per MiB",
        f"{each_ms:.0f} ms per MiB",
        each_ms <= RECOVERY_FIGURE_MS,
    )


def full_segment(size: int) -> bytes:
    """A segment as the codec writes it, filled in memory: thousands of flushes would tell nothing
    about reading."""
    head = journal.Head(1, 0x7E57, 0)
    tail = journal.first_tail(head)
    image = bytearray(size)
    page = journal.head_page(head)
    image[: len(page)] = page
    number = 0
    while True:
        number += 1
        packed = journal.body([dict(RECORD, amount_minor=number, cashier="7" * (number % 60))])
        write = journal.append(tail, packed)
        if write.offset + len(write.data) > size:
            return bytes(image)
        image[write.offset : write.offset + len(write.data)] = write.data
        tail = write.tail


def run() -> list[Row]:
    """The rows of the table; needs gcc and a few seconds."""
    where = os.environ.get("TILLD_BENCH_FOLDER")  # a folder on the file system to be measured
    with tempfile.TemporaryDirectory(dir=where) as made:
        folder = Path(made)
        return [*append_rows(folder), recovery_row(folder)]
