//! The guardian that benchmarks measure: 20 or more rules, a list of 10,000 addresses, five
//! windows.
#![allow(dead_code, missing_docs, clippy::expect_used, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects)]

use alloy_primitives::{keccak256, Address, B256};
use ed25519_dalek::Signer as _;
use holdfast_core::canonical::sha256;
use holdfast_core::event::{Genesis, Operator};
use holdfast_core::guard::{Authority, Guard, State};
use holdfast_core::log::CompactRange;
use holdfast_core::policy::{Facts, Policy};
use holdfast_core::window::Happened;

pub const START_MS: u64 = 1_780_000_000_000;
pub const ADDRESSES: u32 = 10_000;
const TOKEN: &str = "0x5FbDB2315678afecb367f032d93F642f64180aa3";
const WALLET: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";

pub fn vendor(number: u32) -> Address {
    Address::from_slice(&keccak256(format!("vendor {number}"))[12..])
}

/// The first rule grants the payments, the others are of other agents, effects and recipients.
fn policy(rules: u32) -> String {
    let mut text = format!(
        "version = 1\nname = \"bench\"\n\
         [[chain]]\nid = 31337\nname = \"local\"\ngas_max = 500_000\n\
         fee_per_gas_max = \"100 gwei\"\npriority_fee_per_gas_max = \"5 gwei\"\n\
         [[wallet]]\nid = \"hot\"\naddress = \"{WALLET}\"\n\
         [[asset]]\nid = \"eth\"\nchain = 31337\nnative = true\ndecimals = 18\n\
         symbol = \"ETH\"\nprice_usd = \"3000\"\n\
         [[asset]]\nid = \"usd\"\nchain = 31337\naddress = \"{TOKEN}\"\ndecimals = 6\n\
         symbol = \"USDC\"\nprice_usd = \"1\"\n"
    );
    let others = (0..40).map(|number| format!("other-{number}"));
    for agent in others.chain(["load".to_owned()]) {
        text += &format!(
            "[[agent]]\nid = \"{agent}\"\nwallets = [\"hot\"]\nchain = 31337\n\
             requests_per_minute = 100000000\n"
        );
    }
    text += "[[list]]\nid = \"vendors\"\n";
    for number in 0..ADDRESSES {
        let address = vendor(number).to_checksum(None);
        text += &format!("[[list.entry]]\naddress = \"{address}\"\n");
    }
    text += "[[rule]]\nid = \"pay\"\nagents = [\"load\"]\neffects = [\"transfer\"]\n\
             assets = [\"usd\"]\nto = [\"@vendors\"]\namount_max = \"1000000\"\ntier = \"instant\"\n";
    for number in 1..rules {
        let effect = ["allowance", "transfer", "call"][number as usize % 3];
        let (agent, to) = (number % 40, vendor(number % ADDRESSES).to_checksum(None));
        text += &format!(
            "[[rule]]\nid = \"rule-{number}\"\nagents = [\"other-{agent}\"]\n\
             effects = [\"{effect}\"]\nto = [\"{to}\"]\ntier = \"approval\"\n"
        );
    }
    for (id, per, measure, max, window) in [
        ("agent-day", "agent", "usd", "\"1000000000000\"", "24h"),
        (
            "wallet-month",
            "wallet",
            "amount",
            "\"1000000000000\"",
            "30d",
        ),
        ("agent-minute", "agent", "count", "1000000000", "1m"),
        (
            "recipient-day",
            "recipient",
            "usd",
            "\"1000000000000\"",
            "24h",
        ),
        ("all-month", "global", "usd", "\"1000000000000\"", "30d"),
    ] {
        text += &format!(
            "[[limit]]\nid = \"{id}\"\nper = \"{per}\"\neffects = [\"transfer\"]\n\
             assets = [\"usd\"]\nmeasure = \"{measure}\"\nmax = {max}\nwindow = \"{window}\"\n\
             on_exceed = \"deny\"\n"
        );
    }
    text
}

/// A new guardian under the policy with this many rules.
pub fn guard(rules: u32) -> Guard {
    let key = ed25519_dalek::SigningKey::from_bytes(&[1; 32]);
    let genesis = Genesis {
        log_key: B256::ZERO,
        operators: vec![Operator {
            id: "op".to_owned(),
            public_key: B256::from(key.verifying_key().to_bytes()),
        }],
        origin: "holdfast/bench".to_owned(),
        version: "bench".to_owned(),
    };
    let (mut guard, _) = Guard::create(genesis, START_MS).expect("a genesis");
    let source = policy(rules);
    let digest = sha256(source.as_bytes());
    let command = format!(
        "{{\"action\":\"policy\",\"digest\":\"{digest}\",\"guardian\":\"{}\",\"key\":\"op\",\
         \"revision\":1}}",
        B256::ZERO
    );
    let message = [b"holdfast operator command v1\n", command.as_bytes()].concat();
    let authority = Authority {
        command: command.as_bytes(),
        signature: &key.sign(&message).to_bytes(),
        also: &[],
    };
    guard
        .load_policy(&source, "bench", Some(authority), START_MS)
        .expect("a policy");
    guard
}

/// The same after this many settled payments, all within the last 30 days.
pub fn guard_with_history(payments: u32) -> Guard {
    let mut guard = guard(20);
    let params = params(0);
    guard
        .submit(
            "load",
            "eth_sendTransaction",
            &params,
            &Facts::none(),
            START_MS,
        )
        .expect("a payment");
    let snapshot = guard.snapshot();
    let (format, bytes) = snapshot.split_first().expect("a snapshot");
    let (log, mut state): (CompactRange, State) = postcard::from_bytes(bytes).expect("a state");
    let policy = Policy::parse(&self::policy(20)).expect("a policy");
    let spends = state
        .book
        .spends("r2")
        .expect("what the payment holds")
        .clone();
    let reservations = policy.reservations(&spends);
    let first = START_MS - 29 * 24 * 3_600_000;
    for number in 0..u64::from(payments) {
        let at = first + number * 29 * 24 * 3_600_000 / u64::from(payments);
        let name = format!("p{number}");
        state
            .book
            .hold(&name, spends.clone(), reservations.clone(), at)
            .expect("held");
        let posted = state.book.post(Some(&policy), &name, Happened::LAST, at);
        posted.expect("posted");
    }
    let bytes = postcard::to_extend(&(log, state), vec![*format]).expect("a snapshot");
    Guard::restore(&bytes).expect("a guardian")
}

/// A payment to one of the listed vendors, each of another amount.
pub fn params(number: u32) -> Vec<u8> {
    let to = vendor(number % ADDRESSES);
    let amount = 1_000 + number;
    format!(
        "[{{\"from\":\"{WALLET}\",\"to\":\"{TOKEN}\",\"data\":\
         \"0xa9059cbb000000000000000000000000{to:x}{amount:064x}\",\"gas\":\"0x186a0\"}}]"
    )
    .replace("0000000000000000000000000x", "000000000000000000000000")
    .into_bytes()
}
