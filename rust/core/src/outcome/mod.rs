//! What a node's simulation of a transaction says, held against what was decided. It can only
//! refuse: where it shows that more would leave the wallet than the effects allow, a decoder is
//! wrong or a contract is not what it was taken for.

mod compare;
mod events;
mod flows;

use alloy_primitives::{Address, Bytes, B256, U256};

use crate::asset::Registry;
use crate::chain::ChainId;
use crate::code::Detail;
use crate::effects::Effect;
use crate::json::Malformed;

/// What the events of a simulation may come to together.
const BYTES_MAX: usize = 1 << 19;
const LOGS_MAX: usize = 2_000;
/// Of one event: it can carry long lists.
const DATA_BYTES_MAX: usize = (1 << 16) - 1;

/// What the chain's node says the transaction would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Simulated {
    logs: Vec<Log>,
    allowances: Vec<Standing>,
}

impl Simulated {
    /// `logs` is every event that names the wallet, in order. The coin's moves are among them as
    /// transfers of a contract that does not exist (`eth_simulateV1` with `traceTransfers`, EIP-7708).
    /// `allowances` is what ERC-20 allowances of the wallet were before; of one that is not here:
    /// nothing.
    ///
    /// # Errors
    /// [`Malformed`] for more than can be compared in a moment.
    pub fn new(logs: Vec<Log>, allowances: Vec<Standing>) -> Result<Self, Malformed> {
        let topics = logs.iter().map(|log| log.topics.len());
        let data = logs.iter().map(|log| log.data.len());
        let bytes = topics
            .map(|count| count.saturating_mul(32))
            .chain(data.clone());
        let bytes = bytes.fold(0, usize::saturating_add);
        let entries = logs.len().max(allowances.len());
        if entries > LOGS_MAX || bytes > BYTES_MAX || data.max() > Some(DATA_BYTES_MAX) {
            return Err(Malformed::new(
                Detail::JsonTooLarge,
                "",
                "the simulation is too large",
            ));
        }
        Ok(Self { logs, allowances })
    }
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The contract that tells it.
    pub address: Address,
    /// What it is, and what of it is indexed.
    pub topics: Vec<B256>,
    /// The rest.
    pub data: Bytes,
}

/// An allowance before the transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The token.
    pub token: Address,
    /// Who may take it.
    pub spender: Address,
    /// Base units.
    pub amount: U256,
}

/// What was decided.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'e> {
    /// Whose value it is.
    pub wallet: Address,
    /// The chain.
    pub chain_id: ChainId,
    /// The contract the transaction calls.
    pub called: Address,
    /// The worst case, without the fee.
    pub effects: &'e [Effect],
    /// Names, decimals and protocols.
    pub registry: &'e Registry,
}

/// How the simulation goes beyond what was decided, in words for a person; nothing where it fits.
/// Of a request with an opaque effect nothing can be said: whoever approved it approved anything.
pub fn differences(simulated: &Simulated, expected: &Expected<'_>) -> Vec<String> {
    if expected
        .effects
        .iter()
        .any(|effect| effect.kind.is_opaque())
    {
        return Vec::new();
    }
    let seen = flows::read(simulated, expected);
    compare::compare(&seen, simulated, expected)
}
