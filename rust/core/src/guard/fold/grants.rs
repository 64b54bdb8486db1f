//! Folding one-off grants.

use crate::chain::Account;
use crate::effects::EffectKind;
use crate::event::{GrantGiven, GrantRevoked};
use crate::guard::commands::operator::remember;
use crate::guard::fold::FoldError;
use crate::guard::state::State;
use crate::spend::{Spend, SpendAsset, Spends};
use crate::window::{Payment, Terms};

pub(in crate::guard) fn given(
    state: &mut State,
    seq: u64,
    data: GrantGiven,
) -> Result<(), FoldError> {
    if data.grant != seq {
        return Err(FoldError::Unfit("a grant is named by its own number"));
    }
    remember(state, &data.command);
    let wallet = Account {
        chain_id: data.chain_id,
        address: data.wallet,
    };
    let terms = Terms {
        agent: data.agent,
        wallet,
        asset: data.asset.map_or(SpendAsset::Native, SpendAsset::Token),
        to: data.to,
        most: data.most,
        until_ms: data.until_ms,
        once: data.once,
    };
    state.book.give(seq, terms);
    Ok(())
}

pub(in crate::guard) fn revoked(state: &mut State, data: &GrantRevoked) -> Result<(), FoldError> {
    remember(state, &data.command);
    match state.book.revoke(data.grant) {
        true => Ok(()),
        false => Err(FoldError::Unfit("there is no such grant")),
    }
}

/// What is set aside under a grant is one transfer that the grant covers, and nothing but its fee.
pub(in crate::guard) fn used(
    state: &State,
    spends: &Spends,
    request: &str,
    at: u64,
) -> Result<(), FoldError> {
    let Some(grant) = spends.grant else {
        return Ok(());
    };
    let paid: Vec<&Spend> = spends
        .items
        .iter()
        .filter(|item| item.kind != EffectKind::Fee)
        .collect();
    let [Spend {
        kind: EffectKind::Transfer,
        asset,
        to: Some(to),
        amount,
        times: 1,
        ..
    }] = paid.as_slice()
    else {
        return Err(FoldError::Unfit("a grant is for one transfer"));
    };
    let payment = Payment {
        agent: &spends.agent,
        wallet: spends.chain_id.at(spends.wallet),
        asset: *asset,
        to: *to,
        amount: *amount,
    };
    let grants = state.book.grants();
    if grants.still_covers(grant, &payment, request, at) {
        Ok(())
    } else {
        Err(FoldError::Unfit("no such grant covers the payment"))
    }
}
