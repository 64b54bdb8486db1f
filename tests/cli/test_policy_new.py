"""`holdfast policy new --template`: no warnings, and cases that reach all of each policy."""

from pathlib import Path

import pytest
from tests.cli.conftest import Run

from holdfast.policies.templates.fill import TEMPLATES, WITHOUT_PAYEES

WALLET = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
PAYEE = "0x976EA74026E726554dB657fA54763abd0C3a0aa9"
SECOND = "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65"
USDC = "usdc=0x5FbDB2315678afecb367f032d93F642f64180aa3:6"
WETH = "weth=0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512:18"


def _place(name: str, chain: int, *, priced: bool) -> list[str]:
    prices = (":1", ":3000") if priced else ("", "")
    words = ["--wallet", WALLET, "--chain", str(chain), "--agent", "bot", "--template", name]
    words += ["--asset", USDC + prices[0]]
    if name == "arbitrage":
        words += ["--asset", WETH + prices[1]]
    if name not in WITHOUT_PAYEES:
        words += ["--payee", f"Acme=data={PAYEE}", "--payee", f"Second={SECOND}"]
    return words


@pytest.mark.parametrize(("chain", "priced"), [(31337, True), (1, False), (8453, True)])
@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_has_no_warning_and_its_cases_reach_all_of_it(
    run: Run, tmp_path: Path, name: str, chain: int, priced: bool
) -> None:
    policy = tmp_path / "policy.toml"
    made = run("policy", "new", *_place(name, chain, priced=priced), "--output", policy)
    assert made.code == 0, made.err
    checked = run("policy", "check", policy)
    assert (checked.code, checked.out) == (0, "")
    tested = run("policy", "test", policy, "--coverage-min", "100")
    assert tested.code == 0, tested.out + tested.err
    assert policy.read_text().startswith("# "), "it says what it is for"


def test_a_template_is_printed_and_nothing_is_overwritten(run: Run, tmp_path: Path) -> None:
    place = _place("payroll", 31337, priced=True)
    printed = run("policy", "new", *place)
    policy = tmp_path / "policy.toml"
    assert run("policy", "new", *place, "--output", policy).code == 0
    assert policy.read_text() == printed.out
    again = run("policy", "new", *place, "--output", policy, "--json")
    assert (again.code, again.json["error"]["code"]) == (1, "file_exists")
    both = run("policy", "new", *place, "--json").json
    assert both["policy"] == printed.out
    assert both["cases"] == (tmp_path / "policy.tests.toml").read_text()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("--template", "casino"), "use one of x402-shopper, payroll"),
        (("--template", "payroll"), "a token is missing: name one with --asset"),
        (("--template", "payroll", "--asset", USDC), "--payee NAME=ADDRESS"),
        (("--template", "payroll", "--asset", "usdc"), "write it like usdc=0x…:6"),
        (("--template", "payroll", "--asset", USDC, "--payee", "x"), "like shop.example=0x…"),
        (
            ("--template", "arbitrage", "--asset", USDC, "--payee", f"a={PAYEE}"),
            "swaps two tokens",
        ),
        (("--asset", USDC), "fill a --template"),
        (
            ("--template", "payroll", "--asset", USDC, "--payee", f"a={PAYEE.lower()}"),
            "not a valid policy",
        ),
    ],
)
def test_what_is_missing_is_named(run: Run, change: tuple[str, ...], words: str) -> None:
    result = run("policy", "new", "--wallet", WALLET, *change)
    assert result.code in (1, 2)
    assert words in result.err
    assert not result.out
