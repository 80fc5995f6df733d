"""Each refusal of tilld.toml with its exact line, and what an accepted file means."""

import os
import pathlib
import subprocess
import sys
import tomllib

import pytest

from tilld_core.limits import Timing
from tilld_daemon import settings_table as table
from tilld_daemon.settings import SettingsError, load
from tilld_daemon.settings_checks import gids, uids
from tilld_daemon.settings_shown import effective, notes
from tilld_testkit.store_of_certificates import Store

ROOT = pathlib.Path(__file__).parents[2]
EXAMPLE = ROOT / "daemon/tilld.example.toml"

# What is set for an upstream on this machine: nobody else is there to be announced to.
ON_LOOPBACK = {"loopback": True, "discover": False, "announce": False}

# Line numbers below are those of this text.
GOOD = """\
[terminal]
number = "T-0042"
mode = "test"

[merchant]
id = "m1"
name = "Shop"
mcc = "5411"
store_id = "s1"
store_name = "Shop, High Street"

[scanner]
driver = "linux-serial"
port = "/dev/ttyS9"

[upstream]
url = "https://127.0.0.1:8443"
client_id = "SANDBOX_1"
merchant_key_file = "key.pem"
antom_key_file = "antom.pem"

[timing]
inquiries = 12
scale = 0.1
"""


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "key.pem").write_text("SECRET KEY")
    (tmp_path / "key.pem").chmod(0o600)
    (tmp_path / "antom.pem").write_text("PUBLIC KEY")
    (tmp_path / "empty.pem").write_text("")
    (tmp_path / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\n rest")
    (tmp_path / "large.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(16 * 1024))
    size = (8).to_bytes(4, "big") + (961).to_bytes(4, "big")
    (tmp_path / "tall.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + size)
    return tmp_path


def written(folder: pathlib.Path, text: str) -> str:
    path = folder / "tilld.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    return str(path)


def refusal(folder: pathlib.Path, text: str) -> str:
    """The whole line that stops the start, without the folder."""
    with pytest.raises(SettingsError) as caught:
        load(written(folder, text))
    return str(caught.value).replace(f"{folder}/", "")


# A line of GOOD, what stands in its place, the line that stops the start.
CHANGED = (
    ('number = "T-0042"', "number = 42", "2: [terminal] number: must be a text"),
    ('number = "T-0042"', 'number = "---"', "2: [terminal] number: must have 1 to 64 letters, "
     "digits, dots, dashes or underscores"),
    ('number = "T-0042"', "", "1: [terminal] number: must be set: the terminal's number: part of "
     "every payment request id, sent to Antom, on the receipt"),
    ('mode = "test"', 'mode = "Live"', "3: [terminal] mode: must be one of live, sandbox, test"),
    ('mode = "test"', 'mode = "live"', '24: [timing] scale: only in mode "test"'),
    ('mode = "test"', 'moed = "test"', "3: [terminal] moed: not a setting; there are: number, "
     "mode, timezone"),
    ('mode = "test"', 'timezone = "Europe/Nowhere"\nmode = "test"',
     "3: [terminal] timezone: no such time zone on this system: Europe/Nowhere"),
    ('mode = "test"', 'timezone = "../../etc/passwd"\nmode = "test"',
     "3: [terminal] timezone: must be a name like Europe/Berlin"),
    ('name = "Shop"', 'name = "Sh\\u001bop"', "7: [merchant] name: must not hold control "
     "characters"),
    ('name = "Shop"', 'name = ""', "7: [merchant] name: must have 1 to 256 characters"),
    ('mcc = "5411"', "mcc = 5411", "8: [merchant] mcc: must be a text"),
    ('mcc = "5411"', 'mcc = "541"', "8: [merchant] mcc: must have 4 digits"),
    ("[merchant]", "[merchants]", "5: [merchants] not a section; there are: terminal, merchant, "
     "till, engineer, storage, scanner, printer, network, clock, upstream, timing, code, receipt"),
    ('driver = "linux-serial"', 'driver = "linux-knife"',
     "13: [scanner] driver: no scanner driver 'linux-knife'; there are: dummy, linux-hid, "
     "linux-serial, simulated"),
    ('driver = "linux-serial"', "driver = 1", "13: [scanner] driver: must be a text"),
    ('driver = "linux-serial"', "", "14: [scanner] port: needs a driver, and none is named"),
    ('port = "/dev/ttyS9"', "", "12: [scanner] port: must be set for driver 'linux-serial'"),
    ('port = "/dev/ttyS9"', "port = 9", "14: [scanner] port: must be a text"),
    ('port = "/dev/ttyS9"', 'port = "/dev/ttyS9"\nbaudrate = true',
     "15: [scanner] baudrate: must be a whole number"),
    ('port = "/dev/ttyS9"', 'port = "/dev/ttyS9"\nspeed = 9600',
     "15: [scanner] speed: not a setting of 'linux-serial'; there are: baudrate, gap_ms, port"),
    ('url = "https://127.0.0.1:8443"', 'url = "http://127.0.0.1:8443"',
     "17: [upstream] url: must be https://HOST or https://HOST:PORT, without path or password"),
    ('url = "https://127.0.0.1:8443"', 'url = "https://me:word@127.0.0.1"',
     "17: [upstream] url: must be https://HOST or https://HOST:PORT, without path or password"),
    ('url = "https://127.0.0.1:8443"', 'url = "https://open-de-global.alipay.com"',
     '17: [upstream] url: mode "test" pays only on loopback, not at open-de-global.alipay.com'),
    ('url = "https://127.0.0.1:8443"', 'url = "https://127.0.0.1.example.com:443"',
     '17: [upstream] url: mode "test" pays only on loopback, not at 127.0.0.1.example.com'),
    ('client_id = "SANDBOX_1"', 'client_id = ""',
     "18: [upstream] client_id: must have 1 to 128 characters"),
    ('merchant_key_file = "key.pem"', 'merchant_key_file = "none.pem"',
     "19: [upstream] merchant_key_file: cannot be read: none.pem: No such file or directory"),
    ('merchant_key_file = "key.pem"', 'merchant_key_file = "empty.pem"',
     "19: [upstream] merchant_key_file: must name a file that holds a key"),
    ('antom_key_file = "antom.pem"', 'antom_key_file = ""',
     "20: [upstream] antom_key_file: must name a file that holds a key"),
    ('antom_key_file = "antom.pem"', 'antom_key_file = "antom.pem"\nca_file = "."',
     "21: [upstream] ca_file: cannot be read: .: Is a directory"),
    ("inquiries = 12", "inquiries = 9", "23: [timing] inquiries: must be from 10 to 20"),
    ("inquiries = 12", "inquiries = 12.0", "23: [timing] inquiries: must be a whole number"),
    ("inquiries = 12", "inquiries = true", "23: [timing] inquiries: must be a whole number"),
    ("inquiries = 12", "retry_every_s = 8", "23: [timing] retry_every_s: retry_every_s + "
     "retry_jitter_s (13 s) must be at most the seed's bound (10 s)"),
    ("inquiries = 12", "answer_within_s = 4", "23: [timing] answer_within_s: answer_within_s "
     "(4 s) must be at most inquiry_every_s (3 s)"),
    ("inquiries = 12", "back_off_first_s = 20\nback_off_max_s = 15", "23: [timing] "
     "back_off_first_s: back_off_first_s (20 s) must be at most back_off_max_s (15 s)"),
    ("scale = 0.1", "scale = 0", "24: [timing] scale: must be above 0 and at most 1"),
    ("scale = 0.1", "scale = nan", "24: [timing] scale: must be above 0 and at most 1"),
    ("scale = 0.1", 'scale = "0.1"', "24: [timing] scale: must be a number"),
    ("scale = 0.1", "scale = 0.1\nscale = 0.2",
     "25: not TOML: this key stands twice in its section"),
    ("[timing]", "[timing", "22: not TOML: Expected ']' at the end of a table declaration"),
)  # fmt: skip

# What stands at the end of GOOD, beginning at line 25; the line that stops the start.
ADDED = (
    ('[printer]\ndriver = "linux-serial"\nport = "/dev/ttyS9"',
     "27: [printer] port: is the scanner's: /dev/ttyS9"),
    ('[printer]\ndriver = "linux-usb"\nfont = "key.pem"',
     "27: [printer] font: must be a TrueType or OpenType font: key.pem"),
    ('[printer]\ndriver = "linux-usb"\nusb = "04b8"', "27: [printer] usb: must be vendor and "
     'product as lsusb shows them, "04b8:0e15", or "04b8:0e15:SERIAL"'),
    ('[printer]\ndriver = "linux-usb"\n[receipt]\ncolumns = 48',
     "28: [receipt] columns: the printer has 42 in a line"),
    ('[printer]\ndriver = "linux-network"\nhost = ""',
     "27: [printer] host: must be set for driver 'linux-network'"),
    ('[till]\ntcp_listen = "9000"', "26: [till] tcp_listen: must be HOST:PORT"),
    ('[till]\ntcp_listen = "127.0.0.1:0"', "26: [till] tcp_listen: must be HOST:PORT"),
    ('[till]\ntcp_listen = "::1:9000"', "26: [till] tcp_listen: must have an IPv6 address in "
     "brackets, [ADDRESS]:PORT"),
    ('[till]\ntcp_listen = "till:9000"', "26: [till] tcp_listen: must name an address, not till"),
    ('[till]\ntcp_listen = "0.0.0.0:9000"', "26: [till] tcp_listen: must be an address of "
     "loopback or of the USB network"),
    ('[till]\ntcp_listen = "[::]:9000"', "26: [till] tcp_listen: must be an address of "
     "loopback or of the USB network"),
    ('[till]\ntcp_listen = "8.8.8.8:9000"', "26: [till] tcp_listen: must be an address of "
     "loopback or of the USB network"),
    ('[till]\ntcp_listen = "[fe80::1]:9000"', "26: [till] tcp_listen: must name its interface, "
     "as [fe80::1%usb0]:PORT"),
    ('[till]\ntcp_listen = "127.0.0.1:9000"', "25: [till] tcp_cert: must be set where tills or "
     "engineers come over TCP"),
    ('[engineer]\nlisten = "0.0.0.0:9000"', "26: [till] tcp_cert: must be set where tills or "
     "engineers come over TCP"),
    ('[engineer]\nlisten = ":9000"', "26: [engineer] listen: must name an address, not nothing"),
    ('[till]\ntcp_listen = "127.0.0.1:9000"\ntcp_cert = "antom.pem"', "25: [till] tcp_ca: must "
     "be set where tills or engineers come over TCP"),
    ('[till]\ntcp_cert = "antom.pem"\ntcp_ca = "antom.pem"\ntcp_listen = "[::1]:9000"', "26: "
     "[till] tcp_cert: antom.pem: holds no usable PEM, or its key and certificate do not belong "
     "together"),
    ('[till]\ntcp_cert = "c.pem"', "26: [till] tcp_cert: cannot be read: c.pem: No such file or "
     "directory"),
    ('[till]\ntcp_cert = "antom.pem"\ntcp_ca = "antom.pem"\ntcp_listen = "127.0.0.1:9000"\n'
     '[engineer]\nlisten = "127.0.0.1:9000"', "30: [engineer] listen: must be another port than "
     "the tills'"),
    ("[network]\ndiscover = 1", "26: [network] discover: must be true or false"),
    ('[till]\nacknowledge = "never"', "26: [till] acknowledge: must be one of explicit, auto"),
    ('[till]\nusers = "root"', "26: [till] users: must be a list of texts"),
    ("[till]\nusers = [0]", "26: [till] users: must be a list of texts"),
    ('[till]\nusers = ["no-such-user"]', "26: [till] users: not on this system: "
     "no-such-user"),
    ('[till]\ngroups = ["root", "no-such-group"]', "26: [till] groups: not on this system: "
     "no-such-group"),
    ('[till]\ngroups = [""]', "26: [till] groups: must not hold an empty text"),
    ('[till]\nsocket = "' + "s" * 108 + '"', "26: [till] socket: must have at most 107 bytes"),
    ("[code]\nprefixes = []", "26: [code] prefixes: must hold at least one prefix, each of 1 to "
     "8 digits"),
    ('[code]\nprefixes = ["2x"]', "26: [code] prefixes: must hold at least one prefix, each of 1 "
     "to 8 digits"),
    ("[code]\nlengths = [32, 16]", "26: [code] lengths: must be the smallest and the largest "
     "length, from 8 to 128"),
    ("[code]\nlengths = [16]", "26: [code] lengths: must be the smallest and the largest length, "
     "from 8 to 128"),
    ("[code]\nlengths = [16, 32.5]", "26: [code] lengths: must be a list of whole numbers"),
    ('[code]\nnot_payment = [\n  "2899",\n  "2",\n]', "26: [code] not_payment: 2 would hide every "
     "payment code that begins with 25"),
    ("[receipt]\ncolumns = 15", "26: [receipt] columns: must be from 16 to 80"),
    ('[receipt]\nlanguage = "tlh"', "26: [receipt] language: must be one of de, en, es, fr, it, "
     "ja, nl, pl, zh"),
    ('[receipt]\nlanguage = "zh"\n[printer]\ndriver = "linux-serial"\nport = "/dev/ttyUSB0"',
     '26: [receipt] language: "zh" needs a [printer] profile with Chinese letters, or a font'),
    ('[receipt]\nlogo = "antom.pem"', "26: [receipt] logo: must be a PNG: antom.pem"),
    ('[receipt]\nlogo = "large.png"', "26: [receipt] logo: must have at most 16384 bytes"),
    ('[receipt]\nlogo = "tall.png"', "26: [receipt] logo: must be at most 960 dots high: tall.png"),
    ('[receipt]\nheader = ["a\\tb"]', "26: [receipt] header: must not hold control characters"),
    ('[storage]\nsizes = 1', "26: [storage] sizes: not a setting of 'linux-file'; there are: "
     "path, size"),
)  # fmt: skip

# What stands under [upstream], at line 17.
UPSTREAM = (
    ('model = "forward"', "17: [upstream] model: forward is not in this version"),
    ('model = "rest"', "17: [upstream] model: rest is not in this version"),
    ('model = "switch"', "17: [upstream] model: switch is not in this version"),
    ('model = "straight"', "17: [upstream] model: must be one of direct"),
    ('gateway_id = "g"', "17: [upstream] gateway_id: not in this version"),
    ('identity = "g"', "17: [upstream] identity: not in this version"),
    ("key_version = 0", "17: [upstream] key_version: must be from 1 to 999"),
    ('path_prefix = "/ams/"', "17: [upstream] path_prefix: must begin, and not end, with a slash"),
    ('notify_url = "http://x"', "17: [upstream] notify_url: must be an https URL"),
    ('settlement_currency = "EURO"', "17: [upstream] settlement_currency: must be a currency code "
     "of ISO 4217"),
    ('agent_token_file = "none"', "17: [upstream] agent_token_file: cannot be read: none: No such "
     "file or directory"),
)  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line"), CHANGED)
def test_a_wrong_line_stops_the_start_with_its_place_key_and_reason(
    folder: pathlib.Path, old: str, new: str, line: str
) -> None:
    assert old + "\n" in GOOD
    assert refusal(folder, GOOD.replace(old + "\n", new + "\n", 1)) == "tilld.toml:" + line


@pytest.mark.parametrize(("added", "line"), ADDED)
def test_a_wrong_section_stops_the_start_with_its_place_key_and_reason(
    folder: pathlib.Path, added: str, line: str
) -> None:
    assert refusal(folder, GOOD + added + "\n") == "tilld.toml:" + line


@pytest.mark.parametrize(("added", "line"), UPSTREAM)
def test_a_wrong_upstream_stops_the_start_with_its_place_key_and_reason(
    folder: pathlib.Path, added: str, line: str
) -> None:
    text = GOOD.replace("[upstream]\n", f"[upstream]\n{added}\n")
    assert refusal(folder, text) == "tilld.toml:" + line


def test_a_file_that_is_missing_too_large_or_no_text_stops_the_start(folder: pathlib.Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(str(folder / "none.toml"))
    assert str(caught.value) == f"{folder}/none.toml: cannot be read: No such file or directory"
    assert refusal(folder, GOOD + "#" * 300000) == "tilld.toml: larger than 262144 bytes"
    assert refusal(folder, GOOD + "# \udcff") == "tilld.toml:25: not UTF-8 text"


def test_a_missing_section_is_named_with_its_first_key(folder: pathlib.Path) -> None:
    text = GOOD[: GOOD.index("[upstream]")]
    assert refusal(folder, text).startswith("tilld.toml:14: [upstream] url: must be set: ")
    assert refusal(folder, "").startswith("tilld.toml:1: [terminal] number: must be set: ")
    assert refusal(folder, "terminal = 1") == (
        "tilld.toml:1: [terminal] must be a section, like [terminal]"
    )


def test_lines_are_found_under_dotted_keys_and_spaced_headers(folder: pathlib.Path) -> None:
    dotted = 'terminal.number = "T1"\n\nterminal.mode = "x"\n' + GOOD[GOOD.index("[merchant]") :]
    assert refusal(folder, dotted).startswith("tilld.toml:3: [terminal] mode: must be one of")
    spaced = GOOD.replace("[timing]", "[ timing ] # numbers").replace("scale = 0.1", "scale= 7")
    assert refusal(folder, spaced).startswith("tilld.toml:24: [timing] scale: must be above")


def test_an_accepted_file_means_what_it_says_and_defaults_for_the_rest(
    folder: pathlib.Path,
) -> None:
    settings = load(written(folder, GOOD))
    assert settings.terminal == ("T-0042", "test", "UTC")
    assert settings.merchant.store_name == "Shop, High Street"
    assert settings.till == ("/run/tilld/till.sock", (), (), "explicit", "", "", "")
    assert settings.engineer == ("",)
    assert settings.scanner == ("linux-serial", {"port": "/dev/ttyS9"})
    assert settings.printer == ("", {})
    assert settings.network == ("linux", ON_LOOPBACK)
    assert settings.clock == ("linux", {})
    assert settings.storage == ("linux-file", {"path": "/var/lib/tilld"})
    assert settings.folder == "/var/lib/tilld"
    assert settings.upstream.merchant_key_file == f"{folder}/key.pem"
    assert settings.upstream.path_prefix == "/ams/sandbox/api"
    assert settings.timing_set == Timing(inquiries=12)
    assert settings.timing == Timing(inquiries=12).scaled(0.1)
    assert settings.code == (("25", "26", "27", "28", "29", "30"), (16, 32), ())
    assert settings.receipt == ((), (), 0, "", "en", "COPY")


def test_relative_paths_belong_to_the_files_folder(folder: pathlib.Path) -> None:
    text = GOOD + '[till]\nsocket = "till.sock"\n[storage]\npath = "state"\n'
    text += '[receipt]\nlogo = "logo.png"\n'
    settings = load(written(folder, text))
    assert settings.till.socket == f"{folder}/till.sock"
    assert settings.folder == f"{folder}/state"
    assert settings.receipt.logo == f"{folder}/logo.png"


def test_the_path_prefix_follows_the_client_id_unless_it_is_set(folder: pathlib.Path) -> None:
    live = GOOD.replace("SANDBOX_1", "5000000001")
    assert load(written(folder, live)).upstream.path_prefix == "/ams/api"
    fixed = live.replace("[upstream]\n", '[upstream]\npath_prefix = "/x/api"\n')
    assert load(written(folder, fixed)).upstream.path_prefix == "/x/api"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3:9", "[::1]:8443"])
def test_mode_test_pays_on_loopback(folder: pathlib.Path, host: str) -> None:
    text = GOOD.replace("127.0.0.1:8443", host)
    assert load(written(folder, text)).upstream.url == f"https://{host}"


def test_only_an_upstream_on_loopback_needs_no_route(folder: pathlib.Path) -> None:
    text = GOOD.replace('mode = "test"', 'mode = "sandbox"').replace("scale = 0.1", "")
    away = text.replace("127.0.0.1:8443", "open-de-global.alipay.com")
    assert load(written(folder, away)).network == ("linux", {})
    assert load(written(folder, text)).network == ("linux", ON_LOOPBACK)
    kept = text + "[network]\nloopback = false\nannounce = true\n"
    asked = {**ON_LOOPBACK, "loopback": False, "announce": True}
    assert load(written(folder, kept)).network == ("linux", asked)


def test_the_offset_is_the_shops_at_that_time(folder: pathlib.Path) -> None:
    zoned = GOOD.replace('mode = "test"', 'mode = "test"\ntimezone = "Europe/Berlin"')
    settings = load(written(folder, zoned))
    assert settings.offset_min(1795386450) == 60  # November
    assert settings.offset_min(1783000000) == 120  # July
    assert load(written(folder, GOOD)).offset_min(1783000000) == 0


def test_users_and_groups_are_names_or_numbers(folder: pathlib.Path) -> None:
    text = GOOD + '[till]\nusers = ["root", "1234"]\ngroups = ["root", "77"]\n'
    till = load(written(folder, text)).till
    assert uids(till.users) == (0, 1234)
    assert gids(till.groups) == (0, 77)


def test_the_effective_settings_load_to_the_same_again(folder: pathlib.Path) -> None:
    text = GOOD + '[receipt]\nheader = ["Tea \\"&\\" \\\\ Café", ""]\n'
    settings = load(written(folder, text))
    again = load(written(folder, effective(settings)))
    assert again.receipt.header == ('Tea "&" \\ Café', "")
    assert again.timing == settings.timing
    assert again.upstream == settings.upstream
    assert effective(again) == effective(settings)


def test_no_key_and_no_token_is_printed(folder: pathlib.Path) -> None:
    (folder / "token").write_text("TOKEN-1234")
    text = GOOD.replace("[upstream]\n", '[upstream]\nagent_token_file = "token"\n')
    shown = effective(load(written(folder, text)))
    assert f'agent_token_file = "{folder}/token"' in shown
    for secret in ("TOKEN-1234", "SECRET KEY", "PUBLIC KEY"):
        assert secret not in shown


def test_risks_that_are_allowed_are_said(folder: pathlib.Path) -> None:
    (folder / "key.pem").chmod(0o644)
    text = GOOD.replace('mode = "test"', 'mode = "live"').replace("scale = 0.1", "")
    store = Store(folder)
    store.cert_file.chmod(0o644)
    text += f'[till]\nacknowledge = "auto"\n{store.settings["till"]}\n'
    text += f'[engineer]\n{store.settings["engineer"]}\n[network]\ndriver = "dummy"\n'
    said = "\n".join(notes(load(written(folder, text))))
    for words in (
        "direct has no witness of a dead device",
        "acknowledge auto",
        "client id of the sandbox",
        "the merchant's private key can be read by others",
        "the terminal's private key in tcp_cert can be read by others",
        "no printer is set",
        "a certificate of tcp_ca that names no role",
        "mode live with a dummy network",
    ):
        assert words in said
    assert "no scanner" not in said


def test_the_example_sets_every_key_with_its_sentence_at_its_default() -> None:
    text = EXAMPLE.read_text()
    tables = tomllib.loads(text)
    assert tuple(tables) == table.SECTIONS
    for key in table.TABLE:
        assert f"\n# {key.sentence}\n{key.name} = " in text, key.name
        if key.default is not table.REQUIRED and key.section != "terminal":
            value = tables[key.section][key.name]
            assert (tuple(value) if isinstance(value, list) else value) == key.default, key.name
    for section in set(table.SECTIONS) - set(table.DRIVERS):
        assert list(tables[section]) == [key.name for key in table.keys_of(section)]


def test_the_example_loads_once_its_keys_are_there(folder: pathlib.Path) -> None:
    text = EXAMPLE.read_text().replace("/etc/tilld/", f"{folder}/")
    (folder / "merchant_key.pem").write_text("KEY")
    (folder / "antom_public.pem").write_text("KEY")
    settings = load(written(folder, text))
    assert settings.timing == Timing()
    assert settings.printer.settings["profile"] == "generic-42"


def test_reading_settings_imports_nothing_heavy(folder: pathlib.Path) -> None:
    code = (
        "import sys; from tilld_daemon.settings import load; load(sys.argv[1]); "
        "print([m for m in ('cryptography', 'escpos', 'serial', 'zeroconf', 'asyncio', "
        "'dataclasses', 'adafruit_requests') if m in sys.modules])"
    )
    path = os.pathsep.join(str(ROOT / name) for name in ("firmware", "hal", "daemon"))
    shown = subprocess.run(
        [sys.executable, "-c", code, written(folder, GOOD)],
        env={"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert shown.stdout == "[]\n"


def test_what_a_later_version_brings_may_be_named_when_it_is_switched_off(
    folder: pathlib.Path,
) -> None:
    off = GOOD.replace("[upstream]\n", '[upstream]\ngateway_id = ""\nidentity = ""\n')
    assert load(written(folder, off)) == load(written(folder, GOOD))


def test_a_header_may_be_one_text_of_several_lines(folder: pathlib.Path) -> None:
    text = GOOD + '[receipt]\nheader = "Shop\\nHigh Street"\nfooter = ["Thank you"]\n'
    receipt = load(written(folder, text)).receipt
    assert (receipt.header, receipt.footer) == (("Shop", "High Street"), ("Thank you",))
