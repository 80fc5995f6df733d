"""Where things are in a checkout. Everything that is made on the way stands under `.venv`."""

import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
CACHE = VENV / "cache"
PYTHON = VENV / "bin" / "python"
SDK_PYTHON = VENV / "sdk" / "bin" / "python"
MICROPYTHON = VENV / "micropython" / "micropython"

SOURCE_ROOTS = ("firmware", "hal", "daemon", "tools")
RUNTIME_LOCK = ROOT / "requirements.lock"
DEV_LOCK = ROOT / "requirements-dev.lock"
SDK_LOCK = ROOT / "requirements-sdk.lock"
SBOM = ROOT / "sbom.cdx.json"
