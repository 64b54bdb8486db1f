//! Policy: strict parsing, compiling, and deciding what an agent may have signed.
//!
//! `Policy::parse` refuses a file with any fault and says where each one is; `decide` is the one
//! page of law.

mod check;
pub mod compare;
mod conditions;
mod decide;
mod explain;
mod fault;
mod held;
mod index;
mod lint;
mod lists;
mod model;
mod parse;
mod party;
mod places;
mod schedule;
pub mod strictness;
mod time;
mod trial;
pub mod worst_case;

use alloy_primitives::map::HashMap;
use alloy_primitives::{Address, B256};
use sha2::{Digest, Sha256};

pub use check::Check;
pub use decide::batch::resolve_batch;
pub use decide::checks::{wanted, Wanted};
pub use decide::facts::{Facts, Reading, ToldCode, ToldPrice, CODE_AGE_MS_MAX, FUTURE_MS_MAX};
pub use decide::limits::LimitView;
pub use decide::resolve::{resolve, Resolved};
pub use decide::sight::{CodeSeen, FirstSeen, Look, Sight, Unseen, SIGHT_MS_MAX};
pub use decide::verdict::{Decision, Reason, Verdict};
pub use decide::{costs, decide, Subject};
pub use explain::{Explained, Said};
pub use fault::{Fault, Place, PolicyErrors, FAULTS_MAX};
pub use lint::{check, Summary};
pub use model::{
    method_name, method_of, Agent, AssetEntry, Chain, CodePin, ContractEntry, Forbid,
    FunctionEntry, Limit, List, ListEntry, Measure, OnExceed, Per, Privacy, Released, Review,
    Route, Rule, Wallet,
};
pub use places::key_places;
pub use schedule::{Hours, Schedule};
pub use trial::{Answer, Call, Trial};

pub use crate::spend::{clamp, Reservation, Spend, SpendAsset, Spends, StandingClaim, AMOUNT_MAX};

pub(crate) use time::epoch_ms;

use crate::asset::Registry;
use crate::chain::{Account, ChainId};
use crate::code::Code;
use crate::effects::Effect;
use crate::protocol::{pinned, pinned_on};
use decide::grants::Grant;
use decide::look_alikes::LookAlikes;
use decide::{grants, limits};
use index::Index;
use lists::ListIndex;
use party::Parties;

/// A policy file that was understood completely, compiled for deciding.
#[derive(Clone, Debug)]
pub struct Policy {
    name: String,
    loosen_delay_ms: u64,
    loosen_quorum: u64,
    digest: String,
    source: String,
    chains: Vec<Chain>,
    wallets: Vec<Wallet>,
    agents: Vec<Agent>,
    assets: Vec<AssetEntry>,
    functions: Vec<FunctionEntry>,
    list_tables: Vec<List>,
    rules: Vec<Rule>,
    forbids: Vec<Forbid>,
    reviews: Vec<Review>,
    limits: Vec<Limit>,
    schedules: Vec<Schedule>,
    checks: Vec<Check>,
    /// A table asks whether a recipient was paid before.
    asks_payees: bool,
    registry: Registry,
    agent_numbers: HashMap<String, u32>,
    function_numbers: HashMap<String, u32>,
    asset_numbers: HashMap<(ChainId, Option<Address>), u32>,
    limit_numbers: HashMap<String, u32>,
    wallet_keys: HashMap<Address, String>,
    lists: ListIndex,
    faces: LookAlikes,
    parties: Parties,
    pins: HashMap<Account, CodePin>,
    /// Contracts that are taken for what their address says where their code was seen.
    believed: HashMap<Account, Option<B256>>,
    grants: Vec<Grant>,
    grant_index: Index,
    forbid_index: Index,
    review_index: Index,
    limit_index: Index,
}

impl Policy {
    /// Reads a policy file. Strict: see `docs/policy.md`; nothing unknown, missing or doubtful is
    /// passed over.
    ///
    /// # Errors Every fault of the file with its place.
    pub fn parse(source: &str) -> Result<Self, PolicyErrors> {
        let file = parse::parse(source)?;
        let assets: Vec<AssetEntry> = file.assets.into_iter().flatten().collect();
        let mut registry = Registry::new();
        for entry in &assets {
            registry.insert(entry.asset.clone());
        }
        for contract in &file.contracts {
            registry.insert_contract(contract.account, contract.protocol);
            if let Some(asset) = &contract.asset {
                registry.insert_holding(contract.account.address, asset);
            }
        }
        for entry in &file.functions {
            registry.insert_function(entry.function.clone());
        }
        let (grants, grant_index) = grants::compile(&file.rules);
        let forbids = file.forbids.iter().map(|forbid| &forbid.matcher);
        let reviews = file.reviews.iter().map(|review| &review.matcher);
        let limits = file.limits.iter().map(|limit| &limit.matcher);
        let rules = file.rules.iter().map(|rule| &rule.matcher);
        let mut judging = rules.chain(forbids.clone()).chain(reviews.clone());
        let asks_payees =
            judging.any(|matcher| matcher.new_payee.is_some() || matcher.known_payee.is_some());
        let identity = |entry: &AssetEntry| entry.asset.identity();
        let wallet_key = |wallet: &Wallet| (wallet.address, limits::wallet_key(wallet.address));
        Ok(Self {
            name: file.name,
            loosen_delay_ms: file.loosen_delay_ms.unwrap_or_default(),
            loosen_quorum: file.loosen_quorum.unwrap_or(1),
            digest: alloy_primitives::hex::encode(Sha256::digest(source.as_bytes())),
            source: source.to_owned(),
            registry,
            agent_numbers: numbers(file.agents.iter().map(|agent| agent.id.clone())),
            function_numbers: numbers(file.functions.iter().map(|one| one.function.id.clone())),
            asset_numbers: numbers(assets.iter().map(identity)),
            limit_numbers: numbers(file.limits.iter().map(|limit| limit.id.clone())),
            wallet_keys: file.wallets.iter().map(wallet_key).collect(),
            lists: ListIndex::new(&file.lists),
            faces: LookAlikes::new(written(
                &file.wallets,
                &assets,
                &file.contracts,
                &file.functions,
                &file.lists,
            )),
            parties: Parties::new(
                &file.wallets,
                &file.contracts,
                &file.functions,
                &file.rules,
                &file.forbids,
            ),
            pins: pins(&assets, &file.contracts),
            believed: believed(&file.chains, &file.contracts),
            grants,
            grant_index,
            forbid_index: grants::index(forbids),
            review_index: grants::index(reviews),
            limit_index: grants::index(limits),
            chains: file.chains,
            wallets: file.wallets,
            agents: file.agents,
            assets,
            functions: file.functions,
            list_tables: file.lists,
            rules: file.rules,
            forbids: file.forbids,
            reviews: file.reviews,
            limits: file.limits,
            schedules: file.schedules,
            checks: file.checks,
            asks_payees,
        })
    }

    /// The operator's name for it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How long a policy that is looser than this one waits before it is in force, ms.
    pub fn loosen_delay_ms(&self) -> u64 {
        self.loosen_delay_ms
    }

    /// How many operators sign a policy that is looser than this one.
    pub fn loosen_quorum(&self) -> u64 {
        self.loosen_quorum
    }

    /// SHA-256 of the source, in hex.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The file as it was read.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Chains in the order of the file.
    pub fn chains(&self) -> &[Chain] {
        &self.chains
    }

    /// The chain with this EIP-155 id.
    pub fn chain(&self, id: ChainId) -> Option<&Chain> {
        self.chains.iter().find(|chain| chain.id == id)
    }

    /// Wallets in the order of the file.
    pub fn wallets(&self) -> &[Wallet] {
        &self.wallets
    }

    /// The wallet with this address.
    pub fn wallet(&self, address: Address) -> Option<&Wallet> {
        self.wallets.iter().find(|wallet| wallet.address == address)
    }

    /// Agents in the order of the file.
    pub fn agents(&self) -> &[Agent] {
        &self.agents
    }

    /// The agent with this id.
    pub fn agent(&self, id: &str) -> Option<&Agent> {
        self.agents.get(self.agent_index(id)? as usize)
    }

    /// Assets in the order of the file.
    pub fn assets(&self) -> &[AssetEntry] {
        &self.assets
    }

    /// Assets by identity, for the decoder.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Functions the operator vouches for, in the order of the file.
    pub fn functions(&self) -> &[FunctionEntry] {
        &self.functions
    }

    /// Lists in the order of the file.
    pub fn lists(&self) -> &[List] {
        &self.list_tables
    }

    /// Rules in the order of the file.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Forbids in the order of the file.
    pub fn forbids(&self) -> &[Forbid] {
        &self.forbids
    }

    /// Reviews in the order of the file.
    pub fn reviews(&self) -> &[Review] {
        &self.reviews
    }

    /// Schedules in the order of the file.
    pub fn schedules(&self) -> &[Schedule] {
        &self.schedules
    }

    /// Checks in the order of the file.
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// Limits in the order of the file.
    pub fn limits(&self) -> &[Limit] {
        &self.limits
    }

    /// The limit with this id.
    pub fn limit_by_id(&self, id: &str) -> Option<&Limit> {
        self.limits.get(*self.limit_numbers.get(id)? as usize)
    }

    /// The lists of merchants that a host belongs to: an exact name before any pattern.
    pub(in crate::policy) fn lists_of_host(&self, host: &str) -> Vec<u32> {
        let named = |matches: &dyn Fn(&str) -> bool| -> Vec<u32> {
            let numbered = self.list_tables.iter().zip(0u32..);
            let found = numbered.filter(|(list, _)| list.domains.iter().any(|one| matches(one)));
            found.map(|(_, number)| number).collect()
        };
        let exact = named(&|domain| domain == host);
        if !exact.is_empty() {
            return exact;
        }
        named(&|domain| {
            let below = domain
                .strip_prefix('*')
                .and_then(|suffix| host.strip_suffix(suffix));
            below.is_some_and(|label| !label.is_empty())
        })
    }

    /// The limit among these reasons over which an agent is frozen.
    pub(crate) fn freezing<'r>(&self, reasons: &'r [Reason]) -> Option<&'r Reason> {
        let mut over = reasons
            .iter()
            .filter(|reason| reason.code == Code::LimitExceeded);
        over.find(|reason| {
            let limit = reason.rule.as_deref().and_then(|id| self.limit_by_id(id));
            limit.is_some_and(|limit| limit.on_exceed == OnExceed::Freeze)
        })
    }

    /// The known address that this unknown one looks like.
    pub(crate) fn imitated(&self, address: Address) -> Option<Address> {
        self.faces.imitated(address)
    }

    /// What the code of this contract must be, if the operator pinned it.
    pub fn code_pin(&self, contract: Account) -> Option<CodePin> {
        self.pins.get(&contract).copied()
    }

    /// Every pin, by chain and address.
    pub fn code_pins(&self) -> Vec<(Account, CodePin)> {
        let pins = self.pins.iter();
        let mut pins: Vec<_> = pins.map(|(&contract, &pin)| (contract, pin)).collect();
        pins.sort_unstable_by_key(|(contract, _)| *contract);
        pins
    }

    /// The pinned contracts that an effect touches, each with what its code must be.
    pub fn pinned<'p>(
        &'p self,
        effect: &Effect,
    ) -> impl Iterator<Item = (Address, CodePin)> + use<'p> {
        let chain_id = effect.chain_id;
        let token = effect.asset.as_ref().and_then(|asset| asset.address);
        let touched = token.into_iter().chain(effect.to);
        touched.filter_map(move |at| Some((at, self.code_pin(chain_id.at(at))?)))
    }

    fn agent_index(&self, id: &str) -> Option<u32> {
        self.agent_numbers.get(id).copied()
    }

    fn function_index(&self, effect: &Effect) -> Option<u32> {
        let id = effect.function.as_ref()?;
        self.function_numbers.get(id).copied()
    }

    fn asset_index(&self, identity: (ChainId, Option<Address>)) -> Option<u32> {
        self.asset_numbers.get(&identity).copied()
    }

    /// `wallet:0x…`, written once for the wallets of the policy.
    fn wallet_key(&self, address: Address) -> String {
        self.wallet_keys
            .get(&address)
            .cloned()
            .unwrap_or_else(|| limits::wallet_key(address))
    }
}

fn numbers<K: std::hash::Hash + Eq>(keys: impl Iterator<Item = K>) -> HashMap<K, u32> {
    keys.zip(0u32..).collect()
}

/// Every address the operator wrote down.
fn written<'f>(
    wallets: &'f [Wallet],
    assets: &'f [AssetEntry],
    contracts: &'f [ContractEntry],
    functions: &'f [FunctionEntry],
    lists: &'f [List],
) -> impl Iterator<Item = Address> + 'f {
    let wallets = wallets.iter().map(|wallet| wallet.address);
    let assets = assets.iter().filter_map(|entry| entry.asset.address);
    let contracts = contracts.iter().map(|contract| contract.account.address);
    let functions = functions
        .iter()
        .map(|entry| entry.function.contract.address);
    let entries = lists.iter().flat_map(|list| &list.entries);
    let listed = entries.map(|entry| entry.address);
    let contracts = contracts.chain(functions);
    wallets.chain(assets).chain(contracts).chain(listed)
}

fn pins(assets: &[AssetEntry], contracts: &[ContractEntry]) -> HashMap<Account, CodePin> {
    let of_assets = assets.iter().filter_map(|entry| {
        let contract = entry.asset.chain_id.at(entry.asset.address?);
        Some((contract, entry.code?))
    });
    let of_contracts = contracts
        .iter()
        .filter_map(|entry| Some((entry.account, entry.code?)));
    of_assets.chain(of_contracts).collect()
}

/// What is pinned on the chains of the policy, and the contracts it names. The code that is known of
/// an address counts only while the operator says it is that contract.
fn believed(chains: &[Chain], contracts: &[ContractEntry]) -> HashMap<Account, Option<B256>> {
    let mut found = HashMap::default();
    for chain in chains {
        let here = pinned_on(chain.id).into_iter();
        found.extend(here.map(|(at, known)| (chain.id.at(at), known)));
    }
    for contract in contracts {
        let is_same = pinned(contract.account) == Some(contract.protocol);
        if !is_same || !found.contains_key(&contract.account) {
            found.insert(contract.account, None);
        }
    }
    found
}
