//! A simulation held against what was decided: the table says what each transaction was decided to
//! do, what the node says it would do, and what of that is too much. Events are encoded here from
//! their signatures, by another path than the core takes.

use std::collections::BTreeMap;

use alloy_primitives::{keccak256, Address, B256, U256};
use holdfast_core::asset::{Asset, Registry, Standard};
use holdfast_core::chain::ChainId;
use holdfast_core::effects::{protocol, Effect, EffectKind};
use holdfast_core::outcome::{differences, Expected, Log, Simulated, Standing};
use proptest::prelude::*;
use serde::Deserialize;

const CHAIN: ChainId = ChainId::ETHEREUM;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    names: BTreeMap<String, Address>,
    assets: BTreeMap<String, (Standard, u8)>,
    contracts: BTreeMap<String, String>,
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    called: String,
    /// `kind asset amount to [unlimited]`
    effects: Vec<String>,
    /// `contract event …`
    logs: Vec<String>,
    /// `token spender amount`
    #[serde(default)]
    before: Vec<String>,
    #[serde(default)]
    differs: Vec<String>,
}

impl Table {
    fn read() -> Self {
        toml::from_str(include_str!("../data/outcome.toml")).unwrap()
    }

    fn registry(&self) -> Registry {
        let mut registry = Registry::new();
        for (id, (standard, decimals)) in &self.assets {
            registry.insert(self.asset(id, *standard, *decimals));
        }
        for (name, word) in &self.contracts {
            let protocol = protocol(word).expect("a protocol");
            registry.insert_contract(CHAIN.at(self.names[name]), protocol);
        }
        registry
    }

    fn asset(&self, id: &str, standard: Standard, decimals: u8) -> Asset {
        Asset {
            id: id.to_owned(),
            chain_id: CHAIN,
            address: (standard != Standard::Native).then(|| self.names[id]),
            standard,
            symbol: id.to_uppercase(),
            decimals,
        }
    }

    fn effect(&self, text: &str) -> Effect {
        let words: Vec<&str> = text.split(' ').collect();
        let kind = EffectKind::ALL
            .iter()
            .find(|kind| kind.as_str() == words[0]);
        let asset = self.assets.get(words[1]);
        Effect {
            kind: *kind.expect("a kind"),
            chain_id: CHAIN,
            asset: asset.map(|(standard, decimals)| self.asset(words[1], *standard, *decimals)),
            from: self.names["me"],
            to: Some(self.names[words[3]]),
            amount: number(words[2]),
            unlimited: words.get(4) == Some(&"unlimited"),
            expires: None,
            path: String::new(),
            claim: None,
            doubted: None,
            function: None,
        }
    }

    fn log(&self, text: &str) -> Log {
        let words: Vec<&str> = text.split(' ').collect();
        let named = |at: usize| self.names[words[at]].into_word();
        let value = |at: usize| B256::from(number(words[at]));
        let yes = B256::with_last_byte(1);
        let (signature, indexed, data) = match words[1] {
            "transfer" => (
                "Transfer(address,address,uint256)",
                vec![named(2), named(3)],
                vec![value(4)],
            ),
            "transfer-indexed" => (
                "Transfer(address,address,uint256)",
                vec![named(2), named(3), value(4)],
                vec![],
            ),
            "transfer-plain" => (
                "Transfer(address,address,uint256)",
                vec![],
                vec![named(2), named(3), value(4)],
            ),
            "single" => (
                "TransferSingle(address,address,address,uint256,uint256)",
                vec![named(2), named(2), named(3)],
                vec![value(4), value(5)],
            ),
            "batch" => (
                "TransferBatch(address,address,address,uint256[],uint256[])",
                vec![named(2), named(2), named(3)],
                [64, 160, 2]
                    .map(|word| B256::from(U256::from(word)))
                    .into_iter()
                    .chain([value(4), value(6), B256::with_last_byte(2)])
                    .chain([value(5), value(7)])
                    .collect(),
            ),
            "approve" => (
                "Approval(address,address,uint256)",
                vec![named(2), named(3)],
                vec![value(4)],
            ),
            "approve-indexed" => (
                "Approval(address,address,uint256)",
                vec![named(2), named(3), value(4)],
                vec![],
            ),
            "approve-all" => (
                "ApprovalForAll(address,address,bool)",
                vec![named(2), named(3)],
                vec![yes],
            ),
            "approve-none" => (
                "ApprovalForAll(address,address,bool)",
                vec![named(2), named(3)],
                vec![B256::ZERO],
            ),
            "permit2-approve" => (
                "Approval(address,address,address,uint160,uint48)",
                vec![named(2), named(3), named(4)],
                vec![value(5), yes],
            ),
            "permit2-permit" => (
                "Permit(address,address,address,uint160,uint48,uint48)",
                vec![named(2), named(3), named(4)],
                vec![value(5), yes, yes],
            ),
            "wrap" => ("Deposit(address,uint256)", vec![named(2)], vec![value(3)]),
            "unwrap" => (
                "Withdrawal(address,uint256)",
                vec![named(2)],
                vec![value(3)],
            ),
            other => panic!("{other}"),
        };
        let first = keccak256(signature);
        Log {
            address: self.names[words[0]],
            topics: [vec![first], indexed].concat(),
            data: data.concat().into(),
        }
    }

    /// The simulation of a case, with these events behind its own.
    fn simulated(&self, case: &Case, more: &[Log]) -> Simulated {
        let before = |text: &String| {
            let words: Vec<&str> = text.split(' ').collect();
            Standing {
                token: self.names[words[0]],
                spender: self.names[words[1]],
                amount: number(words[2]),
            }
        };
        let logs = case.logs.iter().map(|log| self.log(log));
        let logs = logs.chain(more.iter().cloned());
        let allowances = case.before.iter().map(before);
        Simulated::new(logs.collect(), allowances.collect()).unwrap()
    }

    fn compare(&self, case: &Case, simulated: &Simulated) -> Vec<String> {
        let effects: Vec<Effect> = case.effects.iter().map(|text| self.effect(text)).collect();
        let expected = Expected {
            wallet: self.names["me"],
            chain_id: CHAIN,
            called: self.names[&case.called],
            effects: &effects,
            registry: &self.registry(),
        };
        differences(simulated, &expected)
    }
}

fn number(text: &str) -> U256 {
    match text {
        "everything" => U256::MAX,
        digits => U256::from_str_radix(digits, 10).unwrap(),
    }
}

#[test]
fn more_than_was_decided_is_found_and_nothing_else() {
    let table = Table::read();
    assert!(table.case.len() >= 45, "only {}", table.case.len());
    let mut wrong = Vec::new();
    for case in &table.case {
        let found = table.compare(case, &table.simulated(case, &[]));
        if found != case.differs {
            wrong.push(format!("{}:\n  differs = {found:?}", case.name));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn some_log() -> impl Strategy<Value = Log> {
    let table = Table::read();
    let tellers: Vec<Address> = table.names.values().copied().collect();
    let logs: Vec<Log> = table
        .case
        .iter()
        .flat_map(|case| case.logs.iter().map(|log| table.log(log)))
        .collect();
    let topic = prop_oneof![
        prop::sample::select(tellers).prop_map(|one| one.into_word()),
        any::<[u8; 32]>().prop_map(B256::from),
    ];
    (
        prop::sample::select(logs),
        prop::collection::vec(topic, 0..4),
        prop::collection::vec(any::<u8>(), 0..100),
        0..4u8,
    )
        .prop_map(|(mut log, topics, data, what)| {
            if what & 1 != 0 {
                log.topics.truncate(1);
                log.topics.extend(topics);
            }
            if what & 2 != 0 {
                log.data = data.into();
            }
            log
        })
}

proptest! {
    /// Whatever a node says: nothing panics, and an event more that takes from the wallet never
    /// makes a simulation fit that did not.
    #[test]
    fn another_loss_never_makes_it_fit(
        at in 0..1000usize,
        logs in prop::collection::vec(some_log(), 0..12),
        amount in 1..u64::MAX,
    ) {
        let table = Table::read();
        let case = &table.case[at % table.case.len()];
        let before = table.compare(case, &table.simulated(case, &logs));
        let loss = table.log(&format!("usdc transfer me eve {amount}"));
        let more = [logs, vec![loss]].concat();
        let after = table.compare(case, &table.simulated(case, &more));
        prop_assert!(before.is_empty() || !after.is_empty(), "{before:?}");
    }
}
