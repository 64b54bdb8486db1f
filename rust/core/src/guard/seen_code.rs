//! What is known of the code of contracts: what was seen lately, and what was there when a request
//! relied on a contract for the first time.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};

use crate::chain::ChainId;
use crate::code::Code;
use crate::event::Decided;
use crate::guard::decision::answer::bytes;
use crate::guard::state::State;
use crate::guard::Guard;
use crate::json::Json;
use crate::policy::{CodePin, Facts, Verdict};

/// One contract that requests may rely on.
#[derive(Serialize)]
struct Believed {
    address: String,
    chain_id: ChainId,
    first: Option<CodePin>,
    hash: Option<B256>,
    named: bool,
}

impl Guard {
    /// Takes what was seen of the contracts of a chain in place of what was told of that chain before.
    /// It counts for every later call as if it came with it, is no part of the state, and is on the
    /// record of what relied on it.
    pub fn see_code(&mut self, chain_id: ChainId, facts: &Facts) {
        self.code.take(chain_id, facts);
    }

    /// Contracts that requests on the agents' chains may rely on and whose code no policy pins, as
    /// `[{"address","chain_id","first","hash","named"}]`: `hash` is the code that is known of it,
    /// `first` the code it had when a request relied on it for the first time; each may be `null`.
    /// `named` says whether the policy names the address.
    pub fn code_believed(&self) -> Vec<u8> {
        let policy = self.state.policy();
        let believed = policy.map(|policy| policy.believed()).unwrap_or_default();
        let views: Vec<_> = believed
            .into_iter()
            .map(|(contract, hash)| Believed {
                address: contract.address.to_checksum(None),
                chain_id: contract.chain_id,
                first: self.state.first_code.get(&contract).copied(),
                hash,
                named: policy.is_some_and(|policy| policy.names(contract)),
            })
            .collect();
        bytes(&views)
    }
}

#[derive(Deserialize)]
struct WithCode {
    #[serde(default)]
    code: BTreeMap<Address, CodePin>,
}

/// Remembers the code of what this request relies on, where nothing is remembered of it yet. What a
/// person has to look at first, and what is denied, teaches nothing.
pub(in crate::guard) fn remember(state: &mut State, data: &Decided) {
    let facts = data.facts.get();
    let doubted = [Code::UnknownContract, Code::CodeChanged, Code::CodeUnknown];
    let doubted = |code: Code| doubted.contains(&code);
    if !facts.contains("\"code\"")
        || data.verdict == Verdict::Deny
        || data
            .reasons
            .iter()
            .any(|reason| reason.code.known().is_some_and(doubted))
    {
        return;
    }
    let Ok(found) = serde_json::from_str::<WithCode>(facts) else {
        return;
    };
    for (at, code) in found.code {
        state.first_code.insert(data.chain_id.at(at), code);
    }
}

/// `{"at","hash","implementation"}`, as facts give it.
pub(in crate::guard) fn fact((code, at_ms): (CodePin, u64)) -> String {
    let hash = |hash: B256| Json::Str(hash.to_string().into());
    let implementation = code.implementation.map_or(Json::Null, hash);
    let at = Json::Int(i64::try_from(at_ms).unwrap_or(i64::MAX));
    let members = [
        ("at", at),
        ("hash", hash(code.hash)),
        ("implementation", implementation),
    ];
    Json::Object(members.map(|(key, value)| (key.into(), value)).into()).to_canonical()
}
