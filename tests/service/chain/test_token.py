"""The test token is what its source says, and behaves as an ERC-20."""

import pytest
from tests.support.anvil import Anvil
from tests.support.token import deploy_token, token_balance, transfer_data

from holdfast.demo.compile_token import COMPILED, compiled

OWNER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
VENDOR = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


@pytest.mark.filterwarnings("default")
def test_the_compiled_token_is_that_of_its_source() -> None:
    assert COMPILED.read_text() == compiled()


def test_it_moves_only_what_there_is(anvil: Anvil) -> None:
    token = deploy_token(anvil, OWNER, supply=100)
    sent = anvil.call(
        "eth_sendTransaction", {"from": OWNER, "to": token, "data": transfer_data(VENDOR, 40)}
    )
    assert anvil.wait_mined(sent)["status"] == "0x1"
    assert (token_balance(anvil, token, OWNER), token_balance(anvil, token, VENDOR)) == (60, 40)
    with pytest.raises(RuntimeError, match="more than there is"):
        anvil.call("eth_call", {"from": OWNER, "to": token, "data": transfer_data(VENDOR, 61)})
