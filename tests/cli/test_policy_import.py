"""`holdfast policy import`: other systems' policies, decided as their documents say or stricter."""

import json
from pathlib import Path

import pytest
from eth_abi.abi import encode
from tests.cli.conftest import Result, Run
from tests.docs.blocks import ROOT

from holdfast.policies.importing import agentwallex, clawd402, sardis, waiaas, waiaas_allowances
from holdfast.policies.importing.boxes import ALL, Box, beyond

DOCUMENTS = ROOT / "tests" / "data" / "imports"
WALLET = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
VENDOR = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
SECOND = "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65"
USDC = "usdc=0x5FbDB2315678afecb367f032d93F642f64180aa3:6:1"
MERCHANTS = ("aws.amazon.com=" + VENDOR, "cloud.google.com=" + SECOND)
# Document, and the addresses that it only names.
NAMED = {
    "agentwallex.json": ("vendor-one=" + VENDOR,),
    "clawd402.yaml": ("known-one=" + VENDOR,),
    "sardis.json": MERCHANTS,
}


def _import(run: Run, file: Path, *more: object, asset: str = USDC) -> Result:
    names = [word for each in NAMED.get(file.name, ()) for word in ("--address", each)]
    source = file.name.partition(".")[0].partition("-")[0]
    place = ("--wallet", WALLET, "--coin", "eth=3000", "--asset", asset)
    return run("policy", "import", "--from", source, file, *place, *names, *more)


def _documents() -> list[Path]:
    return sorted(path for path in DOCUMENTS.iterdir() if not path.name.endswith(".tests.toml"))


@pytest.mark.parametrize("document", _documents(), ids=lambda path: path.name)
def test_documents_are_decided_as_they_say_at_below_and_above_each_threshold(
    run: Run, document: Path, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.toml"
    chain = ("--chain", "8453") if document.stem == "waiaas-rest" else ()
    made = _import(run, document, "--output", policy, *chain)
    assert made.code == 0, made.err
    checked = run("policy", "check", policy)
    assert checked.code == 0
    notes = [line for line in checked.out.splitlines() if ": note: " in line]
    # What the document leaves open, or says itself.
    left = ("[no_limit]", "[limit_below]", "[tier_gap]", "[tier_overlap]")
    assert all(line.endswith(left) for line in notes), notes
    cases = document.with_suffix("").with_suffix(".tests.toml")
    tested = run("policy", "test", policy, "--cases", cases)
    assert tested.code == 0, tested.out


def test_what_is_not_kept_is_reported_and_stands_in_the_policy(run: Run) -> None:
    made = _import(run, DOCUMENTS / "sardis.json", "--json").json
    states = {note["field"]: note["state"] for note in made["notes"]}
    assert states["merchantAllow[2]"] == "stricter"
    assert states["velocityRules.cooldownAfterRejection"] == "not kept"
    assert states["blockedCategories"] == "stricter"
    assert made["policy"].startswith("# Imported from a document of sardis.")
    assert "# - velocityRules.cooldownAfterRejection: 300 s after an operator" in made["policy"]
    assert 'cooldown = "5m"' in made["policy"]


@pytest.mark.parametrize(
    ("source", "document"),
    [
        ("agentwallex", {"maxTransactionAmount": "100", "maxLatency": "5"}),
        ("agentwallex", [{"type": "spending_limit", "max_transaction_amount": "1", "new": "x"}]),
        ("agentwallex", [{"type": "future_control", "x": "1"}, {"type": "token_control"}]),
        ("agentwallex", {"maxTransactionAmount": "100", "schedule": {"holidays": "DE"}}),
        ("sardis", {"maxPerTransaction": "100", "riskScore": "5"}),
        ("sardis", {"maxPerTransaction": "100", "timeRestrictions": {"lunch": ["1"]}}),
        ("sardis", {"maxPerTransaction": "100", "velocityRules": {"new": "1"}}),
        ("sardis", {"maxPerTransaction": "100", "allowedCategories": ["cloud"]}),
        ("waiaas", [{"type": "SPENDING_LIMIT", "rules": {"instant_max_usd": "9", "new": "1"}}]),
        (
            "waiaas",
            [
                {"type": "SPENDING_LIMIT", "rules": {"instant_max_usd": "9"}},
                {"type": "NEW_TYPE", "rules": {"a": "1"}},
            ],
        ),
        (
            "waiaas",
            [{"type": "SPENDING_LIMIT", "rules": {"instant_max_usd": "9", "instant_max": "9"}}],
        ),
        (
            "clawd402",
            [{"action": "auto_approve", "conditions": {"max_value_usd": "9", "weekday": "1"}}],
        ),
        ("clawd402", [{"action": "auto_approve", "conditions": {}}]),
        ("agentwallex", {"allowedTokens": ["USDC"]}),
        ("agentwallex", {"maxTransactionAmount": "5", "velocityLimit": {"maxCount": "1"}}),
        (
            "agentwallex",
            {
                "maxTransactionAmount": "5",
                "velocityLimit": {"maxCount": "1", "windowSeconds": "9000000"},
            },
        ),
    ],
)
def test_what_cannot_be_said_asks_a_person_and_is_named(
    run: Run, tmp_path: Path, source: str, document: object
) -> None:
    file = tmp_path / f"{source}.json"
    file.write_text(json.dumps(document))
    policy = tmp_path / "policy.toml"
    made = _import(run, file, "--output", policy)
    assert made.code == 0, made.err
    assert "stricter " in made.err
    pay = ("--pay", "0.001 eth", "--to", VENDOR, "--json")
    if source == "agentwallex":
        pay = ("--pay", "0.5 usdc", "--to", VENDOR, "--json")
    decided = run("policy", "try", policy, *pay).json
    assert decided["verdict"] in ("approval", "deny"), made.err


@pytest.mark.parametrize(
    ("source", "text", "words"),
    [
        ("sardis", "{", "neither JSON nor YAML"),
        ("sardis", '{"dailyLimit": "1", "dailyLimit": "2"}', "`dailyLimit` is there twice"),
        ("sardis", '{"dailyLimit": "-5"}', "`dailyLimit` must be a number"),
        ("sardis", '{"dailyLimit": "1e400"}', "`dailyLimit` must be a number"),
        ("sardis", '{"dailyLimit": "0.0000001"}', "more than 6 decimal places"),
        ("sardis", '{"trustLevel": "HUGE"}', "no trust level"),
        ("sardis", "[]", "must be an object"),
        ("sardis", "a: &x 1\nb: *x", "aliases are not read"),
        ("waiaas", '[{"type": "WHITELIST"}]', "needs `type` and `rules`"),
        ("clawd402", "[{action: allow}]", "no known `action`"),
        ("agentwallex", '[{"kind": "x"}]', "a rule without `type`"),
        ("agentwallex", "5", "must be a list"),
        ("other", "{}", "use one of agentwallex, clawd402, waiaas, sardis"),
    ],
)
def test_a_document_of_another_shape_is_one_sentence(
    run: Run, tmp_path: Path, source: str, text: str, words: str
) -> None:
    file = tmp_path / f"{source}.json"
    file.write_text(text)
    result = _import(run, file)
    assert result.code in (1, 2)
    assert words in result.err
    assert not result.out


def test_a_zero_allows_nothing(run: Run, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    for number, field in enumerate(("maxPerTransaction", "dailyLimit")):
        file = tmp_path / f"sardis-{number}.json"
        file.write_text(json.dumps({field: "0"}))
        policy = tmp_path / f"policy-{number}.toml"
        assert _import(run, file, "--output", policy).code == 0
        pay = ("--pay", "0.000001 usdc", "--to", VENDOR, "--json")
        assert run("policy", "try", policy, *pay).json["verdict"] == "deny"


def test_names_of_the_document_cannot_write_rules(run: Run, tmp_path: Path) -> None:
    """A name with line breaks goes into comments and labels, and stays there."""
    evil = 'x\n[[rule]]\nid = "all"\neffects = ["transfer"]\ntier = "instant"\n#'
    file = tmp_path / "agentwallex.json"
    file.write_text(json.dumps({"allowedAddresses": [evil], evil: "1", "maxTransactionAmount": 5}))
    made = _import(run, file, "--address", f"{evil}={VENDOR}", "--json")
    assert made.code == 0, made.err
    assert "[[rule]]\n" not in made.json["policy"].split("[[agent]]")[0]
    assert 'id = "all"' not in [line.strip() for line in made.json["policy"].splitlines()]


def test_slippage_becomes_a_minimum_return(run: Run, tmp_path: Path) -> None:
    policy, weth = tmp_path / "policy.toml", "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512"
    made = _import(
        run,
        DOCUMENTS / "clawd402-slippage.yaml",
        *("--asset", f"weth={weth}:18:3000", "--output", policy),
    )
    assert made.code == 0, made.err
    router = "0x976EA74026E726554dB657fA54763abd0C3a0aa9"
    text = policy.read_text()
    assert "return_min_percent = 99.5" in text
    contract = f'id = "router"\nchain = 31337\naddress = "{router}"\nprotocol = "uniswap-v2-router"'
    policy.write_text(f"{text}\n[[contract]]\n{contract}\n")
    usdc = USDC.partition("=")[2].partition(":")[0]
    cases = [f'[defaults]\nfacts = {{ code = {{ "{router}" = "0x{"11" * 32}" }} }}\n']
    for least, verdict in (
        (298_500_000_000_000_000, "instant"),
        (298_499_000_000_000_000, "approval"),
    ):
        values = (900_000_000, least, [usdc, weth], WALLET, 1_800_000_000)
        data = encode(["uint256", "uint256", "address[]", "address", "uint256"], values)
        call = f'{{ to = "{router}", data = "0x38ed1739{data.hex()}" }}'
        asked = f'method = "eth_sendTransaction"\nparams = [{call}]\n'
        cases.append(f'[[case]]\nname = "{verdict}"\n{asked}verdict = "{verdict}"\n')
    (tmp_path / "policy.tests.toml").write_text("\n".join(cases))
    tested = run("policy", "test", policy)
    assert tested.code == 0, tested.out


def test_parts_of_a_box_are_what_no_earlier_one_matches() -> None:
    known = frozenset({"a", "b"})
    box = Box(above=None, most=None)
    parts = beyond(box, [Box(frozenset({"transfer"}), known)])
    assert Box(ALL - {"transfer"}) in parts
    assert Box(frozenset({"transfer"}), None, known) in parts
    assert len(parts) == 2
    assert beyond(box, [Box()]) == []


def test_every_published_field_has_its_row() -> None:
    """The fields of the four systems, so that none is unknown by an oversight."""
    rows = {name for row in agentwallex.FIELDS for name in row.names}
    rows |= {name for fields in agentwallex.TYPES.values() for row in fields for name in row.names}
    assert rows >= {"maxTransactionAmount", "daily_limit", "allowed_tokens", "velocityLimit"}
    assert set(agentwallex.TYPES) | set(agentwallex.WHOLE) == {
        "spending_limit",
        "address_control",
        "token_control",
        "velocity_control",
        "schedule",
        "human_approval",
    }
    assert len(set(waiaas.TYPES) | set(waiaas_allowances.TYPES)) == 21
    names = {name for row in sardis.FIELDS for name in row.names}
    assert names >= {"maxPerTransaction", "allowedVendors", "blockedCategories", "velocityRules"}
    assert set(clawd402.CONDITIONS) >= {"recipient_whitelist", "contract_verified", "max_value_usd"}
