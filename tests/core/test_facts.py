"""Facts cross the border in types: what a node or a source makes up is refused by its code."""

import json

import pytest
from tests.core.test_life import FACTS, T0, house, send

from holdfast._core import AuthoriseFacts, Facts, Guard, HoldfastError, MalformedError, Simulated

__all__ = ["house"]

TOKEN = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
WORD = "0x" + "11" * 32
NUMBERS = {"gas": 21000, "max_fee_per_gas": 2, "max_priority_fee_per_gas": 1, "chain_nonce": 0}


@pytest.mark.parametrize("name", [*NUMBERS, "l1_fee"])
def test_a_number_of_any_size_is_no_answer_and_the_payment_waits(
    house: tuple[Guard, list[bytes]], name: str
) -> None:
    guard, _ = house
    request = guard.submit("shopper", "eth_sendTransaction", send(1), Facts(), T0).request_id
    assert request is not None
    for number, code in (
        (2**128, "chain_unavailable"),
        (2**300, "chain_unavailable"),
        (-1, "malformed"),
    ):
        with pytest.raises(HoldfastError) as refused:
            guard.authorise(request, AuthoriseFacts(**{**NUMBERS, name: number}), T0)
        assert refused.value.args[0] == code
        assert f"`{name}`" in refused.value.args[1]
    assert guard.authorise(request, FACTS, T0).status == "authorised"


def test_one_object_serves_many_calls_and_the_record_has_what_it_says(
    house: tuple[Guard, list[bytes]],
) -> None:
    guard, _ = house
    facts = Facts(prices={"eth": [("3000.50", T0)]}, code={TOKEN: (WORD, None, T0)})
    for wei in (1, 2):
        applied = guard.submit("shopper", "eth_sendTransaction", send(wei), facts, T0)
        found = json.loads(applied.records[0])["data"]["facts"]
        assert found == {"code": {}, "prices": {"eth": [{"usd": "3000.50", "at": T0}]}}
    assert facts == Facts(code={TOKEN: (WORD, None, T0)}).updated_by(
        Facts(prices={"eth": [("3000.50", T0)]})
    )
    assert facts != Facts()


def test_facts_that_no_record_could_carry_are_refused() -> None:
    for at in (2**53, 2**80, -(2**80)):
        with pytest.raises(MalformedError, match="integers beyond"):
            Facts(prices={"eth": [("1", at)]})
    with pytest.raises(MalformedError, match="40 hex digits"):
        Facts(code={"0x12": (WORD, None, T0)})


@pytest.mark.parametrize(
    ("logs", "allowances"),
    [
        ([("0x12", [], "0x")], []),
        ([(TOKEN, ["0x11"], "0x")], []),
        ([(TOKEN, [WORD], "0xz")], []),
        ([(TOKEN, [WORD], "0x")] * 2001, []),
        ([], [(TOKEN, TOKEN, -1)]),
        ([], [(TOKEN, TOKEN, 2**256)]),
        ([], [(TOKEN, "me", 1)]),
    ],
)
def test_a_simulation_that_is_none_is_malformed(
    logs: list[tuple[str, list[str], str]], allowances: list[tuple[str, str, int]]
) -> None:
    with pytest.raises(MalformedError) as refused:
        Simulated(logs, allowances)
    assert refused.value.args[0] == "malformed"
