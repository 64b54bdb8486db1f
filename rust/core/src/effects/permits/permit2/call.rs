//! Calls of Permit2, the contract that many tokens are allowed to once and for all.

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall;

use super::signed as permit2_signed;
use crate::display::{address_text, amount_text, field, moment, token_text, DisplayLine};
use crate::effects::call::Call;
use crate::effects::common::holding::with_trailing;
use crate::effects::context::{
    allowance_display, check_not_token, check_own_funds, check_payee, check_spender,
    unlimited_warning, until_ms, Context,
};
use crate::effects::parts::Parts;
use crate::effects::{abi, Claim, Denial, EffectKind};

#[allow(missing_docs, reason = "the names are those of the ABI")]
mod calls {
    alloy_sol_types::sol! {
        struct Pair { address token; address spender; }
        function approve(address token, address spender, uint160 amount, uint48 expiration);
        function transferFrom(address from, address to, uint160 amount, address token);
        function lockdown(Pair[] approvals);
        function invalidateNonces(address token, address spender, uint48 newNonce);
        function invalidateUnorderedNonces(uint256 wordPos, uint256 mask);
    }
}

/// What the call does; `None` for one that is not understood, or about tokens nobody registered.
///
/// # Errors
/// `dirty_calldata`, and what no policy may allow.
pub(super) fn decode(call: &Call<'_>, context: &Context<'_>) -> Result<Option<Parts>, Denial> {
    let Some((selector, arguments)) = call.data.split_first_chunk::<4>() else {
        return Ok(None);
    };
    if !call.value.is_zero() {
        return Ok(None);
    }
    let (parts, trailing) = match *selector {
        calls::approveCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::approveCall>(arguments)?;
            (approve(call.to, &one, context)?, trailing)
        }
        calls::transferFromCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::transferFromCall>(arguments)?;
            (transfer(&one, context)?, trailing)
        }
        calls::lockdownCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::lockdownCall>(arguments)?;
            (lockdown(call.to, &one, context), trailing)
        }
        calls::invalidateNoncesCall::SELECTOR => {
            let (nonces, trailing) = abi::prefix::<calls::invalidateNoncesCall>(arguments)?;
            let shown = vec![
                field("Action", "take back unused Permit2 signatures"),
                field("Spender", address_text(nonces.spender)),
            ];
            let pairs = [(nonces.token, nonces.spender)];
            (revokes(None, &pairs, shown, context), trailing)
        }
        calls::invalidateUnorderedNoncesCall::SELECTOR => {
            let (_, trailing) = abi::prefix::<calls::invalidateUnorderedNoncesCall>(arguments)?;
            let effect = context.effect(EffectKind::Revoke, None, Some(call.to), U256::ZERO);
            let shown = vec![field("Action", "take back unused Permit2 signatures")];
            let parts = Parts::new(vec![effect], shown, Vec::new());
            (Some(parts), trailing)
        }
        _ => return permit2_signed::decode(call.to, *selector, arguments, context),
    };
    Ok(with_trailing(parts, trailing))
}

fn approve(
    permit2: Address,
    call: &calls::approveCall,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let right = Right {
        permit2,
        token: call.token,
        spender: call.spender,
        amount: U256::from(call.amount),
        expiration: U256::from(call.expiration),
    };
    right.parts(context)
}

fn transfer(
    call: &calls::transferFromCall,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    check_own_funds(call.from, context)?;
    Move {
        token: call.token,
        to: call.to,
        amount: U256::from(call.amount),
    }
    .parts(context)
}

/// What a spender may take of one token.
pub(super) struct Right {
    /// The contract that keeps it.
    pub permit2: Address,
    pub token: Address,
    pub spender: Address,
    pub amount: U256,
    /// Unix seconds; 0 is the block the call is in.
    pub expiration: U256,
}

impl Right {
    /// `None` for a token nobody registered.
    ///
    /// # Errors
    /// `recipient_forbidden`.
    pub(super) fn parts(&self, context: &Context<'_>) -> Result<Option<Parts>, Denial> {
        let Some(token) = context.token(self.token) else {
            return Ok(None);
        };
        let (kind, action) = if self.amount.is_zero() {
            (EffectKind::Revoke, "revoke the allowance at Permit2")
        } else {
            check_spender(self.spender, self.token, context)?;
            (EffectKind::Allowance, "allow to take through Permit2")
        };
        let mut effect = context.effect(kind, Some(token), Some(self.spender), self.amount);
        effect.claim = Claim::sets(self.permit2);
        let mut display = allowance_display(action, token, self.token, &effect);
        if kind == EffectKind::Allowance && !self.expiration.is_zero() {
            effect.expires = until_ms(self.expiration);
            display.push(field("Allowed until", moment(self.expiration)));
        }
        let warnings = unlimited_warning(&effect).into_iter().collect();
        Ok(Some(Parts::new(vec![effect], display, warnings)))
    }
}

/// What goes to somebody now.
pub(super) struct Move {
    pub token: Address,
    pub to: Address,
    pub amount: U256,
}

impl Move {
    /// `None` for a token nobody registered, and for an amount some tokens read as everything.
    ///
    /// # Errors
    /// `recipient_forbidden`.
    pub(super) fn parts(&self, context: &Context<'_>) -> Result<Option<Parts>, Denial> {
        check_payee(self.to, context)?;
        check_not_token(self.to, self.token)?;
        let Some(token) = context.token(self.token) else {
            return Ok(None);
        };
        if self.amount == U256::MAX {
            return Ok(None);
        }
        let (kind, to) = (EffectKind::Transfer, Some(self.to));
        let effect = context.effect(kind, Some(token), to, self.amount);
        let display = vec![
            field("Action", "send through Permit2"),
            field("Amount", amount_text(token, self.amount)),
            field("To", address_text(self.to)),
            field("Token", token_text(token, self.token)),
        ];
        Ok(Some(Parts::new(vec![effect], display, Vec::new())))
    }
}

fn lockdown(permit2: Address, call: &calls::lockdownCall, context: &Context<'_>) -> Option<Parts> {
    let pairs: Vec<(Address, Address)> = call
        .approvals
        .iter()
        .map(|pair| (pair.token, pair.spender))
        .collect();
    let mut shown = vec![field("Action", "revoke allowances at Permit2")];
    for (token, spender) in &pairs {
        shown.push(field("Spender", address_text(*spender)));
        shown.push(field("Token", address_text(*token)));
    }
    revokes(Claim::sets(permit2), &pairs, shown, context)
}

/// Taking back is harmless whatever the token is; one without a name in the registry has no asset.
fn revokes(
    claim: Option<Claim>,
    pairs: &[(Address, Address)],
    shown: Vec<DisplayLine>,
    context: &Context<'_>,
) -> Option<Parts> {
    let many = pairs.len() > 1;
    let each = pairs.iter().enumerate().map(|(number, (token, spender))| {
        let token = context.token(*token);
        let mut effect = context.effect(EffectKind::Revoke, token, Some(*spender), U256::ZERO);
        effect.claim = claim;
        if many {
            effect.path = number.to_string();
        }
        effect
    });
    let effects: Vec<_> = each.collect();
    (!effects.is_empty()).then(|| Parts::new(effects, shown, Vec::new()))
}
