//! From a parsed request to what is decided: whose wallet, which chain, which effects, and what may
//! be signed at most.
//!
//! The guard and the simulator both go through here, so what is simulated is what is decided.

use alloy_primitives::{Address, U256};

use crate::chain::{Account, ChainId};
use crate::code::{Code, WarningCode};
use crate::display::Warning;
use crate::effects::{self, decode, decode_seen, Decoded, Denial};
use crate::policy::decide::sight::{Look, Unseen};
use crate::policy::decide::verdict::Reason;
use crate::policy::decide::Subject;
use crate::policy::model::{Agent, Chain};
use crate::policy::Policy;
use crate::request::{Body, Request, Transaction};
use crate::spend::Reservation;
use crate::window::Book;

/// A request with everything the policy says about its surroundings.
#[derive(Clone, Debug)]
pub struct Resolved<'p> {
    /// Who asks.
    pub agent: &'p Agent,
    /// Whose signature is asked for.
    pub wallet: Address,
    /// On which chain.
    pub chain: &'p Chain,
    /// The request as parsed.
    pub request: Request,
    /// Its effects.
    pub decoded: Decoded,
    /// Contracts it relies on that do not count as what they are known for, each once.
    pub unseen: Vec<(Address, Unseen)>,
    /// Something else may come to the wallet meanwhile; only looked for where it matters.
    pub owed: bool,
    /// Most gas that may be signed: what the agent named, else the cap of the chain. Zero for
    /// signatures.
    pub gas_max: u64,
    /// Most wei per gas that may be signed, tip included. Zero for signatures.
    pub fee_per_gas_max: u128,
    /// Most wei of tip per gas that may be signed. Zero for signatures.
    pub priority_fee_per_gas_max: u128,
    /// The part of `fee_wei_max` that pays for data on another chain.
    pub l1_fee_wei_max: U256,
    /// `gas_max * fee_per_gas_max`, and what the data may cost on another chain: the worst case of
    /// the fee. Zero for signatures.
    pub fee_wei_max: U256,
}

impl Resolved<'_> {
    /// The wallet on the chain.
    pub const fn account(&self) -> Account {
        self.chain.id.at(self.wallet)
    }

    /// Lets no more be paid for data than this, if it was more.
    pub fn cap_l1_fee(&mut self, most: U256) {
        let spared = self.l1_fee_wei_max.saturating_sub(most);
        self.l1_fee_wei_max = self.l1_fee_wei_max.saturating_sub(spared);
        self.fee_wei_max = self.fee_wei_max.saturating_sub(spared);
    }

    /// Looks in the book for what else may come to the wallet, if what this request brings is
    /// measured by its balance. `own` is the request itself, if it is in there.
    pub fn look_for_owed(&mut self, policy: &Policy, book: &Book, own: &str, now_ms: u64) {
        let is_bridge = |contract: Account| {
            let speaks = policy.registry().protocol(contract);
            speaks.is_some_and(effects::is_bridge)
        };
        let mut exchanges = self.decoded.exchanges.iter();
        self.owed =
            exchanges.any(|one| one.measured) && book.owes(self.wallet, own, is_bridge, now_ms);
    }

    /// What `decide` is asked. `method` is the JSON-RPC spelling it arrived by, `own` what the
    /// request holds already.
    pub fn subject<'a>(&'a self, method: &'a str, own: &'a [Reservation]) -> Subject<'a> {
        Subject {
            agent: &self.agent.id,
            wallet: self.wallet,
            chain_id: self.chain.id,
            method,
            effects: &self.decoded.effects,
            times: &self.decoded.times,
            exchanges: &self.decoded.exchanges,
            merchant: self.request.merchant.as_deref(),
            unseen: &self.unseen,
            owed: self.owed,
            fee_wei_max: self.fee_wei_max,
            own,
            book: None,
            again: None,
        }
    }
}

/// Finds agent, wallet, chain, effects and caps; `look` says which contracts count as what they are
/// known for. An error is a denial: no approval changes it.
pub fn resolve<'p>(
    policy: &'p Policy,
    agent: &str,
    request: Request,
    look: Look<'_>,
) -> Result<Resolved<'p>, Reason> {
    let Some(agent) = policy.agent(agent) else {
        return Err(denial(Code::AgentUnknown, agent.to_owned(), None));
    };
    let wallet = wallet_of(agent, &request)?;
    let Some(chain) = policy.chain(agent.chain_id) else {
        return Err(denial(
            Code::ChainNotAllowed,
            agent.chain_id.to_string(),
            None,
        ));
    };
    same_chain(chain.id, &request)?;
    let caps = match &request.body {
        Body::Transaction(transaction) => caps_of(chain, transaction)?,
        Body::TypedData(_) | Body::Message(_) => Caps {
            gas: 0,
            fee: 0,
            tip: 0,
            l1_fee: 0,
        },
    };
    let registry = policy.registry();
    let account = chain.id.at(wallet);
    let read = |seen: Option<&dyn Fn(Address) -> bool>| match seen {
        None => decode(&request.body, account, registry),
        Some(seen) => decode_seen(&request.body, account, registry, seen),
    };
    let (mut decoded, unseen) = doubting(policy, chain.id, look, read)?;
    warn_of_look_alikes(policy, &mut decoded);
    let l1_fee_wei_max = U256::from(caps.l1_fee);
    let fee_wei_max = U256::from(caps.gas)
        .saturating_mul(U256::from(caps.fee))
        .saturating_add(l1_fee_wei_max);
    Ok(Resolved {
        agent,
        wallet,
        chain,
        request,
        decoded,
        unseen,
        owed: false,
        gas_max: caps.gas,
        fee_per_gas_max: caps.fee,
        priority_fee_per_gas_max: caps.tip,
        l1_fee_wei_max,
        fee_wei_max,
    })
}

/// Reads a request, and where it relies on contracts that do not count, reads it again without them:
/// what is judged then is both, what it does if they are what their address says and what it does if
/// they are anything else. So nothing that is said of code makes a verdict milder.
///
/// # Errors
/// What either reading is denied for.
pub(in crate::policy) fn doubting(
    policy: &Policy,
    chain_id: ChainId,
    look: Look<'_>,
    read: impl Fn(Option<&dyn Fn(Address) -> bool>) -> Result<Decoded, Denial>,
) -> Result<(Decoded, Vec<(Address, Unseen)>), Reason> {
    let refused = |denied: Denial| denial(denied.code, denied.text, None);
    let believed = read(None).map_err(refused)?;
    let why = |at: &Address| Some((*at, look(chain_id.at(*at))?));
    if believed.relies_on.iter().find_map(why).is_none() {
        return Ok((believed, Vec::new()));
    }
    let seen = |at: Address| look(chain_id.at(at)).is_none();
    let doubted = read(Some(&seen)).map_err(refused)?;
    let mut both = doubted.or(believed);
    let unseen: Vec<_> = both.relies_on.iter().filter_map(why).collect();
    for (at, why) in &unseen {
        let speaks = policy.registry().protocol(chain_id.at(*at));
        let name = speaks.map_or("contract", |protocol| protocol.as_str());
        let (at, why) = (at.to_checksum(None), why.as_str());
        let text = format!(
            "{name} {at} on chain {chain_id}: {why}; the request is shown as if the contract was \
             there, and counts as a call of an unknown contract"
        );
        let code = WarningCode::UnknownContract;
        both.warnings.insert(0, Warning { code, text });
    }
    Ok((both, unseen))
}

/// Says which known address an unknown one looks like.
pub(in crate::policy) fn warn_of_look_alikes(policy: &Policy, decoded: &mut Decoded) {
    for effect in &decoded.effects {
        let Some(to) = effect.to else { continue };
        let Some(known) = policy.imitated(to) else {
            continue;
        };
        let (to, known) = (to.to_checksum(None), known.to_checksum(None));
        let text = format!("{to} looks like {known}, which you know, and is another address");
        let warning = Warning {
            code: WarningCode::LookAlike,
            text,
        };
        if !decoded.warnings.contains(&warning) {
            decoded.warnings.push(warning);
        }
    }
}

struct Caps {
    gas: u64,
    fee: u128,
    tip: u128,
    l1_fee: u128,
}

/// The wallet named, which must be the agent's, or the agent's first.
fn wallet_of(agent: &Agent, request: &Request) -> Result<Address, Reason> {
    match (request.from, agent.wallets.first()) {
        (Some(named), _) if agent.wallets.contains(&named) => Ok(named),
        (None, Some(first)) => Ok(*first),
        (named, _) => {
            let observed = named.map_or_else(|| "no wallet".to_owned(), |named| named.to_string());
            Err(denial(Code::WalletNotAllowed, observed, None))
        }
    }
}

/// A request may name the agent's chain or none; what a typed-data document names is checked by the
/// decoder.
fn same_chain(chain_id: ChainId, request: &Request) -> Result<(), Reason> {
    match request.chain_id {
        Some(named) if named != chain_id => Err(denial(
            Code::ChainMismatch,
            named.to_string(),
            Some(chain_id.to_string()),
        )),
        _ => Ok(()),
    }
}

/// What the agent names may only be less than the caps of the chain, and then is the most that is
/// signed; never less than the floors of the chain, below which nothing would be mined.
fn caps_of(chain: &Chain, transaction: &Transaction) -> Result<Caps, Reason> {
    let gas = transaction.gas.unwrap_or(chain.gas_max);
    if gas > chain.gas_max {
        return Err(denial(
            Code::GasOverCap,
            gas.to_string(),
            Some(chain.gas_max.to_string()),
        ));
    }
    let fee = transaction.max_fee_per_gas.unwrap_or(chain.fee_per_gas_max);
    let fee = fee.max(chain.fee_per_gas_min);
    if fee > chain.fee_per_gas_max {
        let cap = format!("{} wei", chain.fee_per_gas_max);
        return Err(denial(Code::FeeOverCap, format!("{fee} wei"), Some(cap)));
    }
    let tip = transaction.max_priority_fee_per_gas;
    let tip = tip.unwrap_or_else(|| chain.priority_fee_per_gas_max.min(fee));
    let tip = tip.max(chain.priority_fee_per_gas_min);
    if tip > chain.priority_fee_per_gas_max {
        let cap = format!("{} wei", chain.priority_fee_per_gas_max);
        return Err(denial(Code::TipOverCap, format!("{tip} wei"), Some(cap)));
    }
    Ok(Caps {
        gas,
        fee,
        tip: tip.min(fee),
        l1_fee: chain.l1_fee_max.unwrap_or_default(),
    })
}

fn denial(code: Code, observed: String, limit: Option<String>) -> Reason {
    Reason {
        limit,
        ..Reason::new(code).found(observed)
    }
}
