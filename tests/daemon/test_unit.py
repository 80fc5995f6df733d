"""The systemd unit, judged by systemd itself."""

import configparser
import pathlib
import subprocess

import pytest

SYSTEMD = pathlib.Path(__file__).parents[2] / "daemon/systemd"
EXPOSURE_MAX_TENTHS = 15  # 10 is systemd's best; a network, serial lines and peers cost the rest


@pytest.fixture
def unit(tmp_path: pathlib.Path) -> pathlib.Path:
    """The unit with a command that exists here, as verify asks whether it does."""
    text = (SYSTEMD / "tilld.service").read_text()
    assert text.count("ExecStart=/usr/bin/tilld ") == 1
    path = tmp_path / "tilld.service"
    path.write_text(text.replace("ExecStart=/usr/bin/tilld ", "ExecStart=/bin/true "))
    return path


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def test_systemd_finds_no_fault_in_the_unit(unit: pathlib.Path) -> None:
    done = analyze("verify", "--man=no", str(unit))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_fault_in_the_unit_would_be_seen(unit: pathlib.Path) -> None:
    unit.write_text(unit.read_text().replace("WatchdogSec=20", "WatchdogSec=often"))
    assert "often" in analyze("verify", "--man=no", str(unit)).stderr


def test_the_unit_is_no_more_exposed_than_its_work_needs(unit: pathlib.Path) -> None:
    bound = f"--threshold={EXPOSURE_MAX_TENTHS}"
    done = analyze("security", "--offline=true", "--no-pager", bound, str(unit))
    assert done.returncode == 0, done.stdout[-200:]


def test_the_unit_notifies_is_watched_and_always_comes_back() -> None:
    parsed = configparser.ConfigParser(strict=False, interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read(SYSTEMD / "tilld.service")
    service = parsed["Service"]
    assert service["Type"] == "notify"
    assert int(service["WatchdogSec"]) > 0
    assert service["Restart"] == "always"
    assert parsed["Unit"]["StartLimitIntervalSec"] == "0"
    assert service["LimitCORE"] == "0"
    assert service["StateDirectory"] == service["RuntimeDirectory"] == "tilld"
    assert service["ExecStart"].endswith("--config /etc/tilld/tilld.toml")
    assert "PrivateUsers" not in service  # it would blind SO_PEERCRED


def test_the_units_user_can_be_made(tmp_path: pathlib.Path) -> None:
    (tmp_path / "etc").mkdir()
    done = subprocess.run(
        ["systemd-sysusers", f"--root={tmp_path}", str(SYSTEMD / "tilld.sysusers.conf")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "tilld:" in (tmp_path / "etc/passwd").read_text()
    assert "dialout:" in (tmp_path / "etc/group").read_text()
