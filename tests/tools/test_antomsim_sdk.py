"""Antom's official Python SDK, unmodified: its own TLS checks, its own verification.

It insists on port 443 and takes a gateway URL, so the simulator listens on 127.0.0.1:443;
where that port can't be bound, this fails: it is the proof that the simulator is no mirror of us.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tilld_testkit.antomsim_process import Simulator, running

if TYPE_CHECKING:
    from tilld_testkit.antomsim_process import Json

SALE = Path(__file__).parents[1] / "tilld_testkit" / "sdk_sale.py"
PATIENCE_S = 60.0


def keys_as_the_sdk_takes_them(home: Path) -> Json:
    """PKCS#1 for the private key: the SDK wraps it so (antom-api.md §2.1)."""
    key = serialization.load_pem_private_key((home / "merchant_key.pem").read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    private = key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    public = serialization.load_pem_public_key((home / "antom_public.pem").read_bytes())
    spki = public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return {
        "merchant_key": base64.b64encode(private).decode(),
        "antom_key": base64.b64encode(spki).decode(),
        "client_id": (home / "client_id").read_text(),
    }


def sale(simulator: Simulator) -> Json:
    given = keys_as_the_sdk_takes_them(simulator.home) | {
        "gateway": "https://localhost",
        "codes": [simulator.fresh_code(), simulator.fresh_code()],
    }
    done = subprocess.run(
        [os.environ.get("ANTOM_SDK_PYTHON", sys.executable), str(SALE)],
        env={"PATH": os.environ["PATH"], "SSL_CERT_FILE": str(simulator.home / "ca.pem")},
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    answers: Json = json.loads(done.stdout)
    return answers


def test_the_official_sdk_pays_inquires_refunds_and_cancels(tmp_path: Path) -> None:
    with running(tmp_path, listen="127.0.0.1:443") as simulator:
        assert simulator.port == 443
        answers = sale(simulator)
        assert {one["result"]["resultCode"] for one in answers.values()} == {"SUCCESS"}
        assert answers["inquiry"]["paymentStatus"] == "SUCCESS"
        first, second = simulator.control("GET", "/_sim/payments")
        assert (first["status"], first["debited"], first["returned"]) == ("SUCCESS", 500, 200)
        assert (second["status"], second["debited"], second["returned"]) == ("CANCELLED", 500, 500)
        log = simulator.control("GET", "/_sim/log")
    calls = [one for one in log["requests"] if one["api"]]
    assert log["bodies"] == {"pay": 2, "inquiryPayment": 1, "refund": 1, "cancel": 1}
    assert {one["verdict"] for one in calls} == {"SUCCESS"}
    targets = {one["target"] for one in calls}
    assert all(target.startswith("https://localhost/ams/sandbox/api/") for target in targets)
