//! Folding one-off grants.

use crate::chain::Account;
use crate::event::{GrantGiven, GrantRevoked};
use crate::guard::commands::operator::remember;
use crate::guard::fold::FoldError;
use crate::guard::state::State;
use crate::spend::SpendAsset;
use crate::window::Terms;

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
