//! Calls of a contract that is known to be a fungible token: ERC-20, permits sent as transactions
//! (EIP-2612, DAI), and tokens that call the recipient (ERC-677, ERC-777, ERC-1363).

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall;

use crate::asset::Asset;
use crate::code::WarningCode;
use crate::display::{address_text, amount_text, field, token_text, warning, DisplayLine};
use crate::effects::abi::{self as strictly, dirty};
use crate::effects::call::Call;
use crate::effects::common::native::unregistered;
use crate::effects::common::opaque::{self, trailing_bytes};
use crate::effects::context::{
    check_own_funds, check_payee, check_spender, unlimited_warning, Context,
};
use crate::effects::parts::Parts;
use crate::effects::{Claim, Denial, EffectKind};

#[allow(missing_docs, reason = "the names are those of the ABI")]
mod abi {
    alloy_sol_types::sol! {
        function transfer(address to, uint256 amount);
        function transferFrom(address from, address to, uint256 amount);
        function approve(address spender, uint256 amount);
        function increaseAllowance(address spender, uint256 amount);
        function decreaseAllowance(address spender, uint256 amount);
        function increaseApproval(address spender, uint256 amount);
        function decreaseApproval(address spender, uint256 amount);
        function burn(uint256 amount);
    }
}

/// EIP-2612 `permit`, and what DAI had before it.
#[allow(missing_docs, reason = "the names are those of the ABI")]
mod permits {
    alloy_sol_types::sol! {
        function permit(address owner, address spender, uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s);
    }
    pub mod bytes {
        alloy_sol_types::sol! {
            function permit(address owner, address spender, uint256 value, uint256 deadline, bytes signature);
        }
    }
    pub mod dai {
        alloy_sol_types::sol! {
            function permit(address holder, address spender, uint256 nonce, uint256 expiry, bool allowed, uint8 v, bytes32 r, bytes32 s);
        }
    }
}

/// Calls of the token that call the other party in turn.
#[allow(missing_docs, reason = "the names are those of the ABI")]
mod hooks {
    alloy_sol_types::sol! {
        function transferAndCall(address to, uint256 amount, bytes data);
        function transferFromAndCall(address from, address to, uint256 amount, bytes data);
        function approveAndCall(address spender, uint256 amount, bytes data);
        function send(address to, uint256 amount, bytes data);
        function operatorSend(address from, address to, uint256 amount, bytes data, bytes operatorData);
        function authorizeOperator(address operator);
        function revokeOperator(address operator);
    }
    pub mod plain {
        alloy_sol_types::sol! {
            function transferAndCall(address to, uint256 amount);
            function transferFromAndCall(address from, address to, uint256 amount);
            function approveAndCall(address spender, uint256 amount);
            function burn(uint256 amount, bytes data);
        }
    }
}

/// A call of a token contract that is understood completely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TokenCall {
    Transfer {
        to: Address,
        amount: U256,
    },
    TransferFrom {
        from: Address,
        to: Address,
        amount: U256,
    },
    Approve {
        spender: Address,
        amount: U256,
    },
    Increase {
        spender: Address,
        amount: U256,
    },
    Decrease {
        spender: Address,
        amount: U256,
    },
    /// `approve` by a signature that is sent along.
    Permit {
        owner: Address,
        spender: Address,
        amount: U256,
    },
    /// May move everything, now and later.
    Operator {
        operator: Address,
    },
    NoOperator {
        operator: Address,
    },
    /// Nobody has it afterwards.
    Burn {
        amount: U256,
    },
}

/// What the call does; `None` for a function that is not one of these.
///
/// # Errors
/// `dirty_calldata`, `recipient_forbidden`, `not_own_funds`.
pub(in crate::effects) fn decode(
    call: &Call<'_>,
    token: &Asset,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let Some((selector, arguments)) = call.split() else {
        return Err(dirty("the call data ends within the selector"));
    };
    if let Some((parsed, trailing)) = plain(*selector, arguments)? {
        return token_call(call, token, parsed, trailing, false, context).map(Some);
    }
    match hook(*selector, arguments)? {
        Some((parsed, trailing)) => {
            token_call(call, token, parsed, trailing, true, context).map(Some)
        }
        None => Ok(None),
    }
}

/// The call and how many bytes follow it; `None` for a selector that is not one of ours.
fn plain(selector: [u8; 4], arguments: &[u8]) -> Result<Option<(TokenCall, usize)>, Denial> {
    let found = match selector {
        abi::transferCall::SELECTOR => {
            let (call, trailing) = strict::<abi::transferCall>(arguments, 2)?;
            let abi::transferCall { to, amount } = call;
            (TokenCall::Transfer { to, amount }, trailing)
        }
        abi::transferFromCall::SELECTOR => {
            let (call, trailing) = strict::<abi::transferFromCall>(arguments, 3)?;
            let abi::transferFromCall { from, to, amount } = call;
            (TokenCall::TransferFrom { from, to, amount }, trailing)
        }
        abi::approveCall::SELECTOR => {
            let (call, trailing) = strict::<abi::approveCall>(arguments, 2)?;
            let abi::approveCall { spender, amount } = call;
            (TokenCall::Approve { spender, amount }, trailing)
        }
        abi::increaseAllowanceCall::SELECTOR => {
            let (call, trailing) = strict::<abi::increaseAllowanceCall>(arguments, 2)?;
            let abi::increaseAllowanceCall { spender, amount } = call;
            (TokenCall::Increase { spender, amount }, trailing)
        }
        abi::increaseApprovalCall::SELECTOR => {
            let (call, trailing) = strict::<abi::increaseApprovalCall>(arguments, 2)?;
            let abi::increaseApprovalCall { spender, amount } = call;
            (TokenCall::Increase { spender, amount }, trailing)
        }
        abi::decreaseAllowanceCall::SELECTOR => {
            let (call, trailing) = strict::<abi::decreaseAllowanceCall>(arguments, 2)?;
            let abi::decreaseAllowanceCall { spender, amount } = call;
            (TokenCall::Decrease { spender, amount }, trailing)
        }
        abi::decreaseApprovalCall::SELECTOR => {
            let (call, trailing) = strict::<abi::decreaseApprovalCall>(arguments, 2)?;
            let abi::decreaseApprovalCall { spender, amount } = call;
            (TokenCall::Decrease { spender, amount }, trailing)
        }
        _ => return permit(selector, arguments),
    };
    Ok(Some(found))
}

fn permit(selector: [u8; 4], arguments: &[u8]) -> Result<Option<(TokenCall, usize)>, Denial> {
    let (owner, spender, amount, trailing) = match selector {
        permits::permitCall::SELECTOR => {
            let (call, trailing) = strictly::prefix::<permits::permitCall>(arguments)?;
            (call.owner, call.spender, call.value, trailing)
        }
        permits::bytes::permitCall::SELECTOR => {
            let (call, trailing) = strictly::prefix::<permits::bytes::permitCall>(arguments)?;
            (call.owner, call.spender, call.value, trailing)
        }
        permits::dai::permitCall::SELECTOR => {
            let (call, trailing) = strictly::prefix::<permits::dai::permitCall>(arguments)?;
            let amount = if call.allowed { U256::MAX } else { U256::ZERO };
            (call.holder, call.spender, amount, trailing)
        }
        abi::burnCall::SELECTOR => {
            let (call, trailing) = strict::<abi::burnCall>(arguments, 1)?;
            let amount = call.amount;
            return Ok(Some((TokenCall::Burn { amount }, trailing)));
        }
        _ => return Ok(None),
    };
    let call = TokenCall::Permit {
        owner,
        spender,
        amount,
    };
    Ok(Some((call, trailing)))
}

/// The same for calls that call the other party.
fn hook(selector: [u8; 4], arguments: &[u8]) -> Result<Option<(TokenCall, usize)>, Denial> {
    use strictly::prefix;
    let found = match selector {
        hooks::transferAndCallCall::SELECTOR => {
            let (call, trailing) = prefix::<hooks::transferAndCallCall>(arguments)?;
            let hooks::transferAndCallCall { to, amount, .. } = call;
            (TokenCall::Transfer { to, amount }, trailing)
        }
        hooks::plain::transferAndCallCall::SELECTOR => {
            let (call, trailing) = prefix::<hooks::plain::transferAndCallCall>(arguments)?;
            let hooks::plain::transferAndCallCall { to, amount } = call;
            (TokenCall::Transfer { to, amount }, trailing)
        }
        hooks::sendCall::SELECTOR => {
            let (call, trailing) = prefix::<hooks::sendCall>(arguments)?;
            let hooks::sendCall { to, amount, .. } = call;
            (TokenCall::Transfer { to, amount }, trailing)
        }
        hooks::transferFromAndCallCall::SELECTOR => {
            let (call, trailing) = prefix::<hooks::transferFromAndCallCall>(arguments)?;
            let hooks::transferFromAndCallCall {
                from, to, amount, ..
            } = call;
            (TokenCall::TransferFrom { from, to, amount }, trailing)
        }
        hooks::plain::transferFromAndCallCall::SELECTOR => {
            let (call, trailing) = prefix::<hooks::plain::transferFromAndCallCall>(arguments)?;
            let hooks::plain::transferFromAndCallCall { from, to, amount } = call;
            (TokenCall::TransferFrom { from, to, amount }, trailing)
        }
        hooks::operatorSendCall::SELECTOR => {
            let (call, trailing) = prefix::<hooks::operatorSendCall>(arguments)?;
            let hooks::operatorSendCall {
                from, to, amount, ..
            } = call;
            (TokenCall::TransferFrom { from, to, amount }, trailing)
        }
        hooks::approveAndCallCall::SELECTOR => {
            let (call, trailing) = prefix::<hooks::approveAndCallCall>(arguments)?;
            let hooks::approveAndCallCall {
                spender, amount, ..
            } = call;
            (TokenCall::Approve { spender, amount }, trailing)
        }
        hooks::plain::approveAndCallCall::SELECTOR => {
            let (call, trailing) = prefix::<hooks::plain::approveAndCallCall>(arguments)?;
            let hooks::plain::approveAndCallCall { spender, amount } = call;
            (TokenCall::Approve { spender, amount }, trailing)
        }
        hooks::authorizeOperatorCall::SELECTOR => {
            let (call, trailing) = prefix::<hooks::authorizeOperatorCall>(arguments)?;
            let operator = call.operator;
            (TokenCall::Operator { operator }, trailing)
        }
        hooks::revokeOperatorCall::SELECTOR => {
            let (call, trailing) = prefix::<hooks::revokeOperatorCall>(arguments)?;
            let operator = call.operator;
            (TokenCall::NoOperator { operator }, trailing)
        }
        hooks::plain::burnCall::SELECTOR => {
            let (call, trailing) = prefix::<hooks::plain::burnCall>(arguments)?;
            let amount = call.amount;
            (TokenCall::Burn { amount }, trailing)
        }
        _ => return Ok(None),
    };
    Ok(Some(found))
}

/// Decodes `words` words of arguments, encodes them again and compares; gives the number of bytes
/// after them.
fn strict<C: SolCall>(arguments: &[u8], words: usize) -> Result<(C, usize), Denial> {
    let length = words.saturating_mul(32);
    let Some((head, tail)) = arguments.split_at_checked(length) else {
        return Err(dirty("the call data is too short"));
    };
    let call = strictly::strict::<C>(head)?;
    Ok((call, tail.len()))
}

fn token_call(
    call: &Call<'_>,
    token: &Asset,
    parsed: TokenCall,
    trailing: usize,
    hooked: bool,
    context: &Context<'_>,
) -> Result<Parts, Denial> {
    let mut parts = Parts::new(Vec::with_capacity(1), Vec::new(), Vec::new());
    let one = token_effect(call.to, token, parsed, context)?;
    parts.display = one.display;
    if !call.value.is_zero() {
        let along = context.native_transfer(Some(call.to), call.value);
        parts.effects.push(along);
        let amount = context.native_amount(call.value);
        parts.display.push(field("Value sent along", amount));
        let text = "native value goes to the token contract along with the call";
        parts
            .warnings
            .push(warning(WarningCode::ValueWithTokenCall, text));
        parts.warnings.extend(unregistered(call.value, context));
    }
    parts.warnings.extend(one.warnings);
    let mut unknown = trailing > 0 || hooked;
    for effect in one.effects {
        if effect.kind == EffectKind::Transfer && effect.amount == U256::MAX {
            let text = "the amount is 2^256-1, which some tokens read as the whole balance";
            parts
                .warnings
                .push(warning(WarningCode::WholeBalance, text));
            unknown = true;
        } else {
            parts.effects.push(effect);
        }
    }
    if hooked {
        let text = "the token calls the other party, which can do anything then";
        parts.warnings.push(warning(WarningCode::Hook, text));
    }
    if trailing > 0 {
        parts.warnings.push(trailing_bytes(trailing));
    }
    if unknown {
        let opaque = context.effect(EffectKind::Call, None, Some(call.to), U256::ZERO);
        parts.effects.push(opaque);
        opaque::push_data(call, &mut parts.display);
    }
    Ok(parts)
}

/// The effect of a call that is understood, and its lines.
fn token_effect(
    contract: Address,
    token: &Asset,
    call: TokenCall,
    context: &Context<'_>,
) -> Result<Parts, Denial> {
    use EffectKind::{Allowance, Revoke, Transfer};
    let (kind, action, party, to, amount) = match call {
        TokenCall::Transfer { to, amount } => (Transfer, "send", "To", to, amount),
        TokenCall::TransferFrom { from, to, amount } => {
            check_own_funds(from, context)?;
            (Transfer, "send by own allowance", "To", to, amount)
        }
        TokenCall::Approve { spender, amount } if amount.is_zero() => {
            (Revoke, "revoke the allowance", "Spender", spender, amount)
        }
        TokenCall::Approve { spender, amount } => {
            (Allowance, "allow to take", "Spender", spender, amount)
        }
        TokenCall::Increase { spender, amount } => (
            Allowance,
            "allow to take in addition",
            "Spender",
            spender,
            amount,
        ),
        TokenCall::Decrease { spender, amount } => {
            (Revoke, "lower the allowance", "Spender", spender, amount)
        }
        TokenCall::Permit {
            owner,
            spender,
            amount,
        } => {
            check_own_funds(owner, context)?;
            let kind = if amount.is_zero() { Revoke } else { Allowance };
            let action = "use a signature that allows to take";
            (kind, action, "Spender", spender, amount)
        }
        TokenCall::Operator { operator } => (
            Allowance,
            "let an operator move everything",
            "Operator",
            operator,
            U256::MAX,
        ),
        TokenCall::NoOperator { operator } => (
            Revoke,
            "take back an operator's right",
            "Operator",
            operator,
            U256::ZERO,
        ),
        TokenCall::Burn { amount } => {
            return Ok(burn(contract, token, amount, context));
        }
    };
    match kind {
        Revoke => {}
        Allowance => check_spender(to, contract, context)?,
        _ => check_payee(to, context)?,
    }
    let mut effect = context.effect(kind, Some(token), Some(to), amount);
    effect.claim = match call {
        TokenCall::Approve { .. } | TokenCall::Permit { .. } => Claim::sets(contract),
        TokenCall::Increase { .. } => Claim::adds(contract),
        _ => None,
    };
    let mut shown = amount_text(token, amount);
    if effect.unlimited {
        shown.insert_str(0, "unlimited: ");
    }
    let display = vec![
        field("Action", action),
        field("Amount", shown),
        field(party, address_text(to)),
        field("Token", token_text(token, contract)),
    ];
    let warnings = unlimited_warning(&effect).into_iter().collect();
    Ok(Parts::new(vec![effect], display, warnings))
}

/// Value that is gone: it went to nobody, which for the wallet is a transfer to the token.
fn burn(contract: Address, token: &Asset, amount: U256, context: &Context<'_>) -> Parts {
    let effect = context.effect(EffectKind::Transfer, Some(token), Some(contract), amount);
    let display: Vec<DisplayLine> = vec![
        field("Action", "destroy tokens"),
        field("Amount", amount_text(token, amount)),
        field("Token", token_text(token, contract)),
    ];
    let text = "the tokens are destroyed";
    Parts::new(
        vec![effect],
        display,
        vec![warning(WarningCode::Burn, text)],
    )
}
