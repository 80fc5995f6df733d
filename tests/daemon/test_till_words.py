"""What `till` makes of words: amounts, lines, completions, its manual and the README's examples."""

import ast
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image

import tilld_client
from tilld_cli import amounts, asking, command_table, completion, manual, parser, qr, screen
from tilld_cli.__main__ import COMMANDS
from tilld_client.aio import AsyncTill
from tilld_core.errors import BadValue

DAEMON = Path(__file__).parents[2] / "daemon"
README = (DAEMON / "tilld_client" / "README.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("12.50 EUR", ("EUR", 1250)),
        ("12,50 eur", ("EUR", 1250)),
        ("12 EUR", ("EUR", 1200)),
        ("0.05EUR", ("EUR", 5)),
        ("1500 JPY", ("JPY", 1500)),
        ("1.250 KWD", ("KWD", 1250)),
        ("92233720368547.58 EUR", ("EUR", 9223372036854758)),
    ],
)
def test_an_amount_is_exactly_what_was_typed(typed, meant):
    assert amounts.parse(typed) == meant


@pytest.mark.parametrize(
    "typed",
    [
        "12.5 EUR",
        "1.250 EUR",
        "1.250,00 EUR",
        "15.0 JPY",
        "-1 EUR",
        "1e3 EUR",
        "12.50",
        "EUR",
        "0 EUR",
        "1 XYZ",
        "\u0661 EUR",
        "99999999999999999 EUR",
        "",
        "1 2 EUR",
        "12. EUR",
    ],
)
def test_what_may_mean_another_amount_is_refused(typed):
    with pytest.raises(BadValue):
        amounts.parse(typed)


def test_what_was_meant_is_shown_as_it_should_be_typed():
    with pytest.raises(BadValue, match=r"12\.50 EUR"):
        amounts.parse("12.5 EUR")


@pytest.mark.parametrize("columns", range(20, 90, 7))
@pytest.mark.parametrize(
    "text",
    [
        "Ask the customer for the payment code and scan it.",
        "  payment    1795399105790089265110RRRJOFMCZ6JM5WDNPAWD",
        "订单 订单订单订单订单订单订单订单订单订单订单订单订单订单 12.50 EUR",
        "",
    ],
)
def test_a_wrapped_line_fits_and_loses_no_letter(text, columns):
    lines = screen.wrapped(text, columns, indent=4)
    assert max(screen.width(line) for line in lines) <= columns
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_no_text_from_elsewhere_moves_the_cursor():
    assert screen.printable("a\033[2Jb\rc\nd\u202ee") == "a\ufffd[2Jb\ufffdc\ufffdd\ufffde"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h 0 min"), (90000, "25 h 0 min")],
)
def test_a_duration_is_said_as_people_say_it(seconds, said):
    assert asking.duration(seconds) == said


@pytest.mark.parametrize(("columns", "width"), [(80, 29 + 2 * 4), (36, 29 + 2 * 2)])
def test_a_drawn_code_is_read_back_from_its_half_blocks(columns, width):
    text = "https://gqr.example/202611231940108281001881I5989856834973"
    drawn = qr.drawn(text, columns)
    rows = [line[len("\033[30;107m") : -len("\033[0m")] for line in drawn.splitlines()]
    assert {len(row) for row in rows} == {width}
    picture = Image.new("L", (len(rows[0]), 2 * len(rows)), 255)
    for y, row in enumerate(rows):
        for x, half in enumerate(row):
            if half in "▀█":
                picture.putpixel((x, 2 * y), 0)
            if half in "▄█":
                picture.putpixel((x, 2 * y + 1), 0)
    large = picture.resize((picture.width * 8, picture.height * 8), Image.Resampling.NEAREST)
    (found,) = zxingcpp.read_barcodes(large)
    assert found.text == text


def test_a_code_that_is_too_wide_is_not_drawn():
    assert qr.drawn("https://gqr.example/" + "2" * 60, 20) == ""


def test_every_command_of_the_table_does_something():
    assert set(COMMANDS) == {command.name for command in command_table.COMMANDS}


def test_the_manual_is_the_tables():
    assert (DAEMON / "tilld_cli" / "till.1").read_text("utf-8") == manual.page(), (
        "run: python -m tilld_cli --manual > daemon/tilld_cli/till.1"
    )


def test_the_manual_names_every_option_of_the_parser():
    said = parser.parser({}).format_help()
    options = set(re.findall(r"--[a-z-]+", said)) - {"--help"}
    for command in command_table.COMMANDS:
        options |= {one.name for one in command.arguments if one.name.startswith("-")}
    assert [option for option in options if option.replace("-", "\\-") not in manual.page()] == []


def completed(*words):
    """What bash offers for the last of the words."""
    line = " ".join(shlex.quote(word) for word in ("till", *words))
    script = (
        f"{completion.script('bash')}\n"
        f"COMP_WORDS=({line}); COMP_CWORD={len(words)}; _till; "
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-eu", "-c", script], capture_output=True, text=True, timeout=20, check=True
    )
    return done.stdout.split()


def test_bash_completes_commands_options_and_shells():
    assert completed("re") == ["refund", "receipt", "report"]
    assert completed("--js") == ["--json"]
    assert completed("--json", "pay", "1", "EUR", "--order-") == ["--order-code"]
    assert completed("pay", "--order", "") == []
    assert completed("--completion", "z") == ["zsh"]


def test_zsh_takes_its_completion():
    script = f"autoload -Uz compinit; compinit -D; {completion.script('zsh')}\nprint $_comps[till]"
    done = subprocess.run(
        ["zsh", "-f", "-c", script], capture_output=True, text=True, timeout=20, check=True
    )
    assert (done.stdout.strip(), done.stderr) == ("_till", "")


def readme_blocks(language):
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    return [block for named, block in fenced if named == language]


def test_the_readmes_commands_are_those_of_the_parser():
    typed = [line for block in readme_blocks("") for line in block.splitlines()]
    words = [shlex.split(line, comments=True)[2:] for line in typed if line.startswith("$ till ")]
    parsed = [parser.parser({}).parse_args(each) for each in words]
    assert {one.command for one in parsed} - {None} == set(COMMANDS)


def test_the_readmes_python_uses_what_there_is():
    forms = {"till": tilld_client.Till, "atill": AsyncTill}
    nodes = [node for block in readme_blocks("python") for node in ast.walk(ast.parse(block))]
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            module = __import__(str(node.module), fromlist=["*"])
            assert [one.name for one in node.names if not hasattr(module, one.name)] == []
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            form = forms.get(node.value.id)
            assert form is None or hasattr(form, node.attr), node.attr


def test_drawing_and_tls_are_loaded_only_when_they_are_needed():
    code = "import sys, tilld_cli.__main__; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": f"{DAEMON}:{DAEMON.parent}/firmware"},
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    assert set(done.stdout.split()) & {"PIL", "asyncio", "qrcode", "ssl"} == set()
