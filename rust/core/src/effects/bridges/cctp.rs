//! Circle's CCTP, versions 1 and 2: a token is burnt here and minted on the other side.

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::SolCall;

use super::crossing::{address_in, and_more, Arrives, Crossing};
use crate::code::WarningCode;
use crate::display::{address_text, field, warning};
use crate::effects::call::Call;
use crate::effects::common::holding::with_trailing;
use crate::effects::common::trade::Coin;
use crate::effects::context::Context;
use crate::effects::parts::Parts;
use crate::effects::registry::{Contract, Decoder};
use crate::effects::{abi, Denial};
use crate::protocol::Protocol;

const TOKEN_MESSENGER: Protocol = Protocol::named("cctp-token-messenger");

pub(in crate::effects) const DECODER: Decoder = Decoder {
    contracts: &[Contract::new(TOKEN_MESSENGER, "Circle's CCTP, 1 and 2")
        .calls(decode)
        .arrives_later()],
    documents: &[],
};

#[allow(missing_docs, reason = "the names are those of the ABI")]
mod calls {
    alloy_sol_types::sol! {
        function depositForBurn(uint256 amount, uint32 destinationDomain, bytes32 mintRecipient, address burnToken);
        function depositForBurnWithCaller(uint256 amount, uint32 destinationDomain, bytes32 mintRecipient, address burnToken, bytes32 destinationCaller);
    }
    pub mod v2 {
        alloy_sol_types::sol! {
            function depositForBurn(uint256 amount, uint32 destinationDomain, bytes32 mintRecipient, address burnToken, bytes32 destinationCaller, uint256 maxFee, uint32 minFinalityThreshold);
            function depositForBurnWithHook(uint256 amount, uint32 destinationDomain, bytes32 mintRecipient, address burnToken, bytes32 destinationCaller, uint256 maxFee, uint32 minFinalityThreshold, bytes hookData);
        }
    }
}

/// Circle's numbers of the chains whose addresses are like ours; on others the same bytes are
/// somebody else's.
const DOMAINS: [(u32, &str); 17] = [
    (0, "Ethereum"),
    (1, "Avalanche"),
    (2, "OP"),
    (3, "Arbitrum"),
    (6, "Base"),
    (7, "Polygon PoS"),
    (10, "Unichain"),
    (11, "Linea"),
    (12, "Codex"),
    (13, "Sonic"),
    (14, "World Chain"),
    (15, "Monad"),
    (16, "Sei"),
    (18, "XDC"),
    (19, "HyperEVM"),
    (21, "Ink"),
    (22, "Plume"),
];

struct Burn {
    amount: U256,
    domain: u32,
    recipient: B256,
    token: Address,
    /// Who alone may finish it; zero is anybody.
    caller: B256,
    fee: U256,
    hook: bool,
}

/// What the call does; `None` for one that is not understood, for tokens nobody registered, and for
/// chains whose addresses are not like ours.
///
/// # Errors
/// `dirty_calldata`, `recipient_forbidden`.
fn decode(call: &Call<'_>, context: &Context<'_>) -> Result<Option<Parts>, Denial> {
    let Some((burn, trailing)) = read(call)? else {
        return Ok(None);
    };
    let mut domains = DOMAINS.iter();
    let domain = domains.find(|(one, _)| *one == burn.domain);
    let (Some((number, name)), Some(recipient)) = (domain, address_in(burn.recipient)) else {
        return Ok(None);
    };
    let coin = Coin::Token(burn.token);
    let arrives = if burn.fee.is_zero() {
        Arrives::Same
    } else {
        Arrives::at_least(coin, burn.amount.saturating_sub(burn.fee), context)
    };
    let crossing = Crossing {
        coin,
        amount: burn.amount,
        arrives,
        recipient: Some(recipient),
        destination: format!("{name} (CCTP domain {number})"),
        through: call.to,
    };
    let Some(mut parts) = crossing.parts(context)? else {
        return Ok(None);
    };
    if !burn.caller.is_zero() {
        let text = match address_in(burn.caller) {
            Some(caller) => address_text(caller),
            None => burn.caller.to_string(),
        };
        parts.display.push(field("Finished by", text));
        let text = "only one address may finish it: without it the value stays on the way";
        and_more(
            &mut parts,
            warning(WarningCode::DestinationCaller, text),
            call,
            context,
        );
    }
    if burn.hook {
        let text = "includes data for a contract on the other chain to act on";
        and_more(&mut parts, warning(WarningCode::Hook, text), call, context);
    }
    Ok(with_trailing(Some(parts), trailing))
}

fn read(call: &Call<'_>) -> Result<Option<(Burn, usize)>, Denial> {
    use calls::v2;
    let Some((selector, arguments)) = call.split() else {
        return Ok(None);
    };
    if !call.value.is_zero() {
        return Ok(None);
    }
    let read = match *selector {
        calls::depositForBurnCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::depositForBurnCall>(arguments)?;
            let burn = Burn {
                amount: one.amount,
                domain: one.destinationDomain,
                recipient: one.mintRecipient,
                token: one.burnToken,
                caller: B256::ZERO,
                fee: U256::ZERO,
                hook: false,
            };
            (burn, trailing)
        }
        calls::depositForBurnWithCallerCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::depositForBurnWithCallerCall>(arguments)?;
            let burn = Burn {
                amount: one.amount,
                domain: one.destinationDomain,
                recipient: one.mintRecipient,
                token: one.burnToken,
                caller: one.destinationCaller,
                fee: U256::ZERO,
                hook: false,
            };
            (burn, trailing)
        }
        v2::depositForBurnCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<v2::depositForBurnCall>(arguments)?;
            let burn = Burn {
                amount: one.amount,
                domain: one.destinationDomain,
                recipient: one.mintRecipient,
                token: one.burnToken,
                caller: one.destinationCaller,
                fee: one.maxFee,
                hook: false,
            };
            (burn, trailing)
        }
        v2::depositForBurnWithHookCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<v2::depositForBurnWithHookCall>(arguments)?;
            let burn = Burn {
                amount: one.amount,
                domain: one.destinationDomain,
                recipient: one.mintRecipient,
                token: one.burnToken,
                caller: one.destinationCaller,
                fee: one.maxFee,
                hook: true,
            };
            (burn, trailing)
        }
        _ => return Ok(None),
    };
    Ok(Some(read))
}
