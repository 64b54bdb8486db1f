//! What every decoder knows, and the small pieces they share.

use alloy_primitives::{Address, U256};

use super::sight::Sight;
use super::{Denial, Effect, EffectKind};
use crate::asset::{Asset, Registry};
use crate::canonical::INTEGER_MAX;
use crate::chain::{Account, ChainId};
use crate::code::{Code, WarningCode};
use crate::display::{address_text, amount_text, field, token_text, warning, DisplayLine, Warning};
use crate::effects::accounts::multicall::MULTICALL;
use crate::effects::accounts::safe::MULTISEND_CALL_ONLY;
use crate::protocol::Protocol;

/// Who signs, for which chain, and what is known there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'r> {
    /// Unknown only in a decode without a wallet; then the zero address stands for it in effects.
    pub wallet: Option<Address>,
    pub chain_id: ChainId,
    pub registry: &'r Registry,
    /// Which contracts count as what they are known for.
    pub sight: &'r Sight<'r>,
}

impl<'r> Context<'r> {
    /// The account with this address on the chain.
    pub(super) const fn at(&self, address: Address) -> Account {
        self.chain_id.at(address)
    }

    /// The fungible token at this address.
    pub(super) fn token(&self, address: Address) -> Option<&'r Asset> {
        self.registry.token(self.at(address))
    }

    /// What the contract at this address speaks, for reading what it is asked to do: `None` where its
    /// code was not seen.
    pub(super) fn protocol(&self, address: Address) -> Option<Protocol> {
        let named = self.named(address)?;
        self.sight.counts(address).then_some(named)
    }

    /// What the contract at this address is said to speak, seen or not: for names on screens, and for
    /// what is denied whatever the chain says.
    pub(super) fn named(&self, address: Address) -> Option<Protocol> {
        self.registry.protocol(self.at(address))
    }

    /// The chain's coin as a token, where its code was seen.
    pub(super) fn wrapped_coin(&self) -> Option<Address> {
        let wrapped = self.registry.wrapped_coin(self.chain_id);
        wrapped.filter(|at| self.sight.counts(*at))
    }

    /// The wallet, or what stands for it when nobody knows it.
    pub(super) fn signer(&self) -> Address {
        self.wallet.unwrap_or(Address::ZERO)
    }

    /// Whether this address is the wallet, or what stands for it when nobody knows it.
    pub(crate) fn is_own(&self, address: Address) -> bool {
        self.signer() == address
    }

    /// `this wallet 0xf39F…` for the wallet, the address alone for anybody else.
    pub(super) fn party_text(&self, address: Address) -> String {
        match self.wallet {
            _ if !self.is_own(address) => address_text(address),
            Some(wallet) => format!("this wallet {}", address_text(wallet)),
            None => "this wallet".to_owned(),
        }
    }

    /// `uniswap-v2-router 0x7a25…`: what a policy calls the contract, and the address in full.
    pub(super) fn contract_text(&self, address: Address) -> String {
        let mut text = address_text(address);
        if let Some(protocol) = self.named(address).filter(|p| *p != Protocol::UNKNOWN) {
            text.insert(0, ' ');
            text.insert_str(0, protocol.as_str());
        }
        text
    }

    /// An effect on the outer path.
    pub(super) fn effect(
        &self,
        kind: EffectKind,
        asset: Option<&Asset>,
        to: Option<Address>,
        amount: U256,
    ) -> Effect {
        Effect {
            kind,
            chain_id: self.chain_id,
            asset: asset.cloned(),
            from: self.signer(),
            to,
            amount,
            unlimited: kind == EffectKind::Allowance && amount >= super::UNLIMITED_FROM,
            expires: None,
            path: String::new(),
            function: None,
            claim: None,
            doubted: None,
        }
    }

    /// Native value leaving the wallet.
    pub(super) fn native_transfer(&self, to: Option<Address>, value: U256) -> Effect {
        self.effect(
            EffectKind::Transfer,
            self.registry.native(self.chain_id),
            to,
            value,
        )
    }

    /// `1.5 ETH`, or wei where the coin of the chain is not registered.
    pub(crate) fn native_amount(&self, value: U256) -> String {
        match self.registry.native(self.chain_id) {
            Some(asset) => amount_text(asset, value),
            None => format!("{value} wei"),
        }
    }
}

/// The lines of an effect about an allowance.
pub(super) fn allowance_display(
    action: &'static str,
    token: &Asset,
    contract: Address,
    effect: &Effect,
) -> Vec<DisplayLine> {
    let mut amount = amount_text(token, effect.amount);
    if effect.unlimited {
        amount.insert_str(0, "unlimited: ");
    }
    vec![
        field("Action", action),
        field("Amount", amount),
        field("Spender", address_text(effect.to.unwrap_or_default())),
        field("Token", token_text(token, contract)),
    ]
}

/// What to say of an allowance without a practical limit.
pub(super) fn unlimited_warning(effect: &Effect) -> Option<Warning> {
    let text = "the allowance has no practical limit: everything, now and later";
    effect
        .unlimited
        .then(|| warning(WarningCode::UnlimitedAllowance, text))
}

/// Refuses places value never comes back from: the zero address and precompiles (everything up to
/// `0xffff`).
pub(super) fn check_recipient(address: Address) -> Result<(), Denial> {
    if address.starts_with(&[0; 18]) {
        let text = "the recipient is the zero address or a precompile";
        return Err(Denial::new(Code::RecipientForbidden, text));
    }
    Ok(())
}

/// Moving what somebody else allowed this wallet to move is taking, not paying; a document about
/// the value of another account is no better.
pub(super) fn check_own_funds(owner: Address, context: &Context<'_>) -> Result<(), Denial> {
    if context.wallet.is_some_and(|wallet| wallet != owner) {
        let text = "this is about the value of another account";
        return Err(Denial::new(Code::NotOwnFunds, text));
    }
    Ok(())
}

/// Unix seconds as the milliseconds effects are written in; `None` for a time that never comes:
/// beyond what records can hold, some 285,000 years from now.
pub(super) fn until_ms(seconds: U256) -> Option<u64> {
    let ms = u64::try_from(seconds).ok()?.checked_mul(1_000)?;
    (ms <= INTEGER_MAX).then_some(ms)
}

/// Refuses spenders that anybody can make take the tokens: Multicall does for everybody what anybody
/// asks, and so does the batch contract of a Safe that makes no delegate calls.
pub(super) fn check_spender(
    spender: Address,
    token: Address,
    context: &Context<'_>,
) -> Result<(), Denial> {
    check_recipient(spender)?;
    check_not_token(spender, token)?;
    if matches!(
        context.named(spender),
        Some(MULTICALL | MULTISEND_CALL_ONLY)
    ) {
        let text = "the spender acts for anyone: anyone could take the tokens";
        return Err(Denial::new(Code::RecipientForbidden, text));
    }
    Ok(())
}

/// Refuses the recipients of [`check_recipient`], and the contracts of registered tokens: they keep
/// what is sent to them, for nobody.
pub(super) fn check_payee(address: Address, context: &Context<'_>) -> Result<(), Denial> {
    check_recipient(address)?;
    match context.registry.contract(context.at(address)) {
        Some(_) => Err(Denial::new(
            Code::RecipientForbidden,
            "the recipient is the contract of a token",
        )),
        None => Ok(()),
    }
}

/// Refuses the token's own contract as recipient or spender.
pub(super) fn check_not_token(address: Address, token: Address) -> Result<(), Denial> {
    if address == token {
        return Err(Denial::new(
            Code::RecipientForbidden,
            "the recipient is the token contract itself",
        ));
    }
    Ok(())
}
