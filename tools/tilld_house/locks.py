"""Reads the lock files, and writes the bill of materials that follows from them."""

import json
import re
from typing import NamedTuple


class Pin(NamedTuple):
    """One locked distribution; `name` in its normal form (PEP 503)."""

    name: str
    version: str
    sha256: tuple[str, ...]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def blocks(text: str) -> dict[str, str]:
    """Name to the lines that lock it, in the order of the file."""
    found = re.finditer(r"^([\w.-]+)==\S+(?: *\\\n +--hash=\S+)*\n", text, re.MULTILINE)
    return {normal(match.group(1)): match.group() for match in found}


def pins(text: str) -> list[Pin]:
    """Every distribution of a lock file with its hashes."""
    return [
        Pin(
            name,
            block.split("==")[1].split()[0],
            tuple(re.findall(r"--hash=sha256:([0-9a-f]{64})", block)),
        )
        for name, block in blocks(text).items()
    ]


def bill_of_materials(lock: str, version: str) -> str:
    """CycloneDX 1.6 for what a device is given: `lock` is the text of the run-time lock."""
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "name": "tilld",
                "version": version,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            }
        },
        "components": [
            {
                "type": "library",
                "name": pin.name,
                "version": pin.version,
                "purl": f"pkg:pypi/{pin.name}@{pin.version}",
            }
            for pin in pins(lock)
        ],
    }
    return json.dumps(document, indent=2) + "\n"
