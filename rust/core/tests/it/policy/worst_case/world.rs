//! Random policies over a small world, and a hijacked agent that asks the real engine.
//!
//! Everything follows from one number, so that a failure is told by it.

use std::collections::VecDeque;
use std::fmt::Write as _;

use alloy_primitives::{address, Address, U256};
use holdfast_core::asset::{Asset, Standard};
use holdfast_core::chain::ChainId;
use holdfast_core::effects::{Effect, EffectKind};
use holdfast_core::policy::{decide, Facts, Policy, Subject, Verdict};
use holdfast_core::window::{Book, Happened};

pub const START_MS: u64 = 1_700_000_000_000;
pub const WALLETS: [Address; 2] = [
    address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
    address!("3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"),
];
/// The first two are on list `one`, the second and third on list `two`, for a time.
pub const PARTIES: [Address; 4] = [
    address!("70997970C51812dc3A010C7d01b50e0d17dc79C8"),
    address!("90F79bf6EB2c4f870365E785982E1f101E93b906"),
    address!("15d34AAf54267DB7D7c367839AAf71A00a2C6A65"),
    address!("9965507D1a55bcC2695C58ba16FB37d819B0A4dc"),
];
pub const ASSETS: [&str; 4] = ["eth", "tok", "usd", "usdb"];
const TOKENS: [Address; 4] = [
    address!("5FbDB2315678afecb367f032d93F642f64180aa3"),
    address!("e7f1725E7734CE288F8367e1Bb143E90bb3F0512"),
    address!("9fE46736679d2D9a65F0992F2272dE9f3c7fa6e0"),
    // Not registered.
    address!("Cf7Ed3AccA5a467e9e704C703E8D87F634fB0Fc9"),
];
const PRICES: [Option<u64>; 4] = [Some(3), None, Some(1), Some(2)];
const METHODS: [&str; 3] = [
    "eth_sendTransaction",
    "eth_signTransaction",
    "eth_signTypedData_v4",
];
const KINDS: [EffectKind; 9] = [
    EffectKind::Transfer,
    EffectKind::Allowance,
    EffectKind::Swap,
    EffectKind::Deposit,
    EffectKind::Order,
    EffectKind::Debt,
    EffectKind::Revoke,
    EffectKind::Convert,
    EffectKind::Call,
];
const WINDOWS: [&str; 9] = ["1s", "90s", "1m", "10m", "1h", "7h", "24h", "7d", "31d"];
const WINDOWS_MS: [u64; 9] = [
    1_000,
    90_000,
    60_000,
    600_000,
    3_600_000,
    25_200_000,
    86_400_000,
    604_800_000,
    2_678_400_000,
];
/// The most one fee can be, in wei; the coin has no decimals here.
pub const FEE_MAX: u64 = 21_000;

const HEAD: &str = r#"version = 1
name = "random"
[[chain]]
id = 1
name = "one"
gas_max = 21_000
fee_per_gas_max = "1 wei"
priority_fee_per_gas_max = "1 wei"
[[wallet]]
id = "first"
address = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
[[wallet]]
id = "second"
address = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
[[agent]]
id = "bob"
wallets = ["first"]
chain = 1
[[asset]]
id = "eth"
chain = 1
native = true
decimals = 0
symbol = "E"
price_usd = "3"
[[asset]]
id = "tok"
chain = 1
address = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
decimals = 0
symbol = "T"
[[asset]]
id = "usd"
chain = 1
address = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512"
decimals = 0
symbol = "U"
group = "dollars"
price_usd = "1"
[[asset]]
id = "usdb"
chain = 1
address = "0x9fE46736679d2D9a65F0992F2272dE9f3c7fa6e0"
decimals = 0
symbol = "UB"
group = "dollars"
price_usd = "2"
[[function]]
id = "vote"
chain = 1
contract = "0x976EA74026E726554dB657fA54763abd0C3a0aa9"
signature = "castVote(uint256,uint8)"
[[schedule]]
id = "days"
zone = "UTC"
days = ["mon", "tue", "wed", "thu", "fri"]
hours = ["08:00-20:00"]
[[list]]
id = "one"
{caps}[[list.entry]]
address = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
{cap}[[list.entry]]
chain = 1
address = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"
[[list]]
id = "two"
[[list.entry]]
address = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"
[[list.entry]]
address = "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65"
expires = 2023-11-15T22:13:20Z
"#;

/// Numbers that follow from a seed.
pub struct Dice(u64);

impl Dice {
    pub const fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub fn one_in(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// One to `most` of them, each once.
    fn some<'a>(&mut self, from: &[&'a str], most: usize) -> Vec<&'a str> {
        let mut left = from.to_vec();
        let count = 1 + self.below(most.min(left.len()));
        (0..count)
            .map(|_| left.swap_remove(self.below(left.len())))
            .collect()
    }
}

fn words(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    format!("[{}]", quoted.join(", "))
}

fn targets(dice: &mut Dice) -> String {
    let parties: Vec<String> = PARTIES
        .iter()
        .map(|party| party.to_checksum(None))
        .collect();
    let mut all = vec!["@one", "@two"];
    all.extend(parties.iter().map(String::as_str));
    words(&dice.some(&all, 3))
}

/// Matchers that rules, forbids and limits have in common.
fn scope(dice: &mut Dice, kinds: &[&str], out: &mut String) {
    let agents = [words(&["ann"]), words(&["bob"]), words(&["ann", "bob"])];
    if dice.one_in(4) {
        let named = if dice.one_in(5) {
            &agents[1]
        } else {
            dice.pick(&agents[..])
        };
        let _ = writeln!(out, "agents = {named}");
    }
    if dice.one_in(5) {
        let _ = writeln!(
            out,
            "wallets = {}",
            words(&dice.some(&["first", "second"], 2))
        );
    }
    if dice.one_in(5) {
        let _ = writeln!(out, "methods = {}", words(&dice.some(&METHODS, 3)));
    }
    if dice.one_in(3) {
        let _ = writeln!(out, "to = {}", targets(dice));
    }
    if dice.one_in(6) {
        let _ = writeln!(out, "not_to = {}", targets(dice));
    }
    let _ = writeln!(out, "effects = {}", words(kinds));
}

fn ranges(dice: &mut Dice, amounts: bool, out: &mut String) {
    let mut one = |name: &str, out: &mut String| match dice.below(6) {
        0 | 1 => {
            let _ = writeln!(out, "{name}_max = \"{}\"", 1 + dice.below(40));
        }
        2 => {
            let _ = writeln!(out, "{name}_above = \"{}\"", dice.below(30));
        }
        3 => {
            let above = dice.below(20);
            let max = above + 1 + dice.below(20);
            let _ = writeln!(out, "{name}_above = \"{above}\"\n{name}_max = \"{max}\"");
        }
        _ => {}
    };
    if amounts {
        one("amount", out);
    }
    one("usd", out);
}

const LEAVING: [&str; 6] = ["transfer", "allowance", "swap", "deposit", "order", "debt"];

/// Whether what is on a list, or one entry of it, has caps of its own.
fn cap(dice: &mut Dice) -> String {
    let key = dice.pick(&[
        "payment_usd_max",
        "day_usd_max",
        "month_usd_max",
        "total_usd_max",
    ]);
    match dice.one_in(4) {
        true => format!("{key} = \"{}\"\n", 1 + dice.below(40)),
        false => String::new(),
    }
}

fn rule(dice: &mut Dice, number: usize, what: &str, out: &mut String) {
    let _ = writeln!(out, "[[{what}]]\nid = \"r{number}\"");
    if what != "forbid" {
        let tier = match dice.below(8) {
            0 => "tier = \"approval\"",
            _ if what == "review" => "tier = \"approval\"",
            1 => "tier = \"notify\"",
            2 => "tier = \"delay\"\ndelay = \"10m\"",
            _ => "tier = \"instant\"",
        };
        let _ = writeln!(out, "{tier}");
    }
    if dice.one_in(8) {
        let conditions = [
            "new_payee = \"30d\"",
            "known_payee = \"30d\"",
            "deadline_within = \"10m\"",
            "deadline_beyond = \"10m\"",
            "expires = 2023-11-16T00:00:00Z",
            "during = [\"days\"]",
            "not_during = [\"days\"]",
        ];
        let _ = writeln!(out, "{}", dice.pick(&conditions));
    }
    if what != "review" && dice.one_in(12) {
        let _ = writeln!(out, "functions = [\"vote\"]");
        scope(dice, &["call"], out);
        return;
    }
    let mut all = LEAVING.to_vec();
    all.extend(["revoke", "convert"]);
    let mut kinds = dice.some(&all, 3);
    if dice.one_in(2) && !kinds.contains(&"transfer") {
        kinds.push("transfer");
    }
    scope(dice, &kinds, out);
    match dice.below(5) {
        0 => {
            let _ = writeln!(out, "assets = [\"#dollars\"]");
            ranges(dice, true, out);
        }
        1 | 2 => {
            let _ = writeln!(out, "assets = {}", words(&dice.some(&ASSETS, 1)));
            ranges(dice, true, out);
        }
        3 => {
            let _ = writeln!(out, "assets = {}", words(&dice.some(&ASSETS, 3)));
            ranges(dice, false, out);
        }
        _ => ranges(dice, false, out),
    }
}

fn limit(dice: &mut Dice, number: usize, out: &mut String) {
    let per = dice.pick(&["agent", "agent", "wallet", "recipient", "global"]);
    let standing = dice.one_in(8);
    let _ = writeln!(out, "[[limit]]\nid = \"l{number}\"\nper = \"{per}\"");
    let mut kinds: Vec<&str> = if standing {
        dice.some(&["transfer", "allowance", "order"], 3)
    } else if dice.one_in(3) {
        let mut all = LEAVING.to_vec();
        all.push("fee");
        dice.some(&all, 7)
    } else {
        let mut all = LEAVING.to_vec();
        all.push("fee");
        all
    };
    let max = 1 + dice.below(60);
    match dice.below(4) {
        0 => {
            kinds.retain(|kind| *kind != "fee");
            if kinds.is_empty() {
                kinds.push("transfer");
            }
            let different = !standing && *per != "recipient" && dice.one_in(3);
            let measure = if different { "recipients" } else { "count" };
            let _ = writeln!(out, "measure = \"{measure}\"\nmax = {}", 1 + dice.below(8));
        }
        1 | 2 => {
            let _ = writeln!(out, "measure = \"usd\"\nmax = \"{max}\"");
            if dice.one_in(5) {
                let _ = writeln!(out, "assets = {}", words(&dice.some(&ASSETS, 3)));
            }
        }
        _ => {
            let _ = writeln!(out, "measure = \"amount\"\nmax = \"{max}\"");
            let asset = dice.pick(&["eth", "tok", "usd", "#dollars"]);
            let _ = writeln!(out, "assets = [\"{asset}\"]");
        }
    }
    let calendar = ["day", "week", "month"];
    let window = if !standing && dice.one_in(4) {
        let zone = dice.pick(&["UTC", "Europe/Berlin"]);
        let _ = writeln!(out, "zone = \"{zone}\"");
        dice.pick(&calendar)
    } else if !standing && dice.one_in(10) {
        "lifetime"
    } else if standing {
        "standing"
    } else {
        dice.pick(&WINDOWS)
    };
    let over = dice.pick(&[
        "deny",
        "approval",
        "freeze",
        "deny",
        "notify",
        "delay\"\ndelay = \"10m",
    ]);
    let _ = writeln!(out, "window = \"{window}\"\non_exceed = \"{over}\"");
    scope(dice, &kinds, out);
}

/// A policy of a few tables; `None` for what the language refuses.
pub fn policy(dice: &mut Dice) -> Option<(String, Policy)> {
    let (caps, one) = (cap(dice), cap(dice));
    let mut out = HEAD.replace("{caps}", &caps).replace("{cap}", &one);
    let rate = dice.pick(&[1, 3, 6000]);
    let _ = writeln!(
        out,
        "[[agent]]\nid = \"ann\"\nwallets = [\"first\", \"second\"]\nchain = 1\n\
         requests_per_minute = {rate}"
    );
    for number in 0..1 + dice.below(4) {
        rule(dice, number, "rule", &mut out);
    }
    for number in 10..10 + dice.below(3) {
        let what = *dice.pick(&["forbid", "review"]);
        rule(dice, number, what, &mut out);
    }
    for number in 0..dice.below(6) {
        limit(dice, number, &mut out);
    }
    let policy = Policy::parse(&out).ok()?;
    Some((out, policy))
}

/// What was moved by one request.
#[derive(Clone, Debug, Default)]
pub struct Moved {
    pub at_ms: u64,
    /// By asset; the last one is what is not registered.
    pub base: [u64; 5],
    /// Micro-USD: by the pinned price, else as it was counted.
    pub usd: [u64; 5],
    pub fee: u64,
}

/// One effect that is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    pub kind: EffectKind,
    /// Index into `ASSETS`; 4 for a token that is not registered.
    pub asset: usize,
    pub party: Option<usize>,
    pub amount: u64,
}

/// The agent `ann`, hijacked, before a guardian without a history.
pub struct Attacker<'p> {
    policy: &'p Policy,
    book: Book,
    pub now_ms: u64,
    pub moved: Vec<Moved>,
    held: VecDeque<String>,
    /// Seconds of the calls of the last minute.
    calls: VecDeque<u64>,
    rate: usize,
    number: u64,
}

impl<'p> Attacker<'p> {
    pub fn new(policy: &'p Policy) -> Self {
        let mut book = Book::new();
        book.load(policy, START_MS).unwrap();
        Self {
            policy,
            book,
            now_ms: START_MS,
            moved: Vec::new(),
            held: VecDeque::new(),
            calls: VecDeque::new(),
            rate: policy.agent("ann").unwrap().requests_per_minute as usize,
            number: 0,
        }
    }

    /// Asks; whether it passed without a person. A request that fails on the chain moves nothing and
    /// costs its fee.
    pub fn ask(
        &mut self,
        (wallet, method): (usize, usize),
        wanted: &[Wanted],
        fee: u64,
        price: Option<u64>,
        dice: &mut Dice,
    ) -> bool {
        if self.calls_left() == 0 {
            return false;
        }
        let effects: Vec<Effect> = wanted
            .iter()
            .map(|one| effect(*one, WALLETS[wallet], self.now_ms))
            .collect();
        let fee = if method == 2 { 0 } else { fee };
        let facts = price.map_or_else(Facts::none, |usd| {
            let text = format!(
                r#"{{"prices":{{"tok":{{"usd":"{usd}","at":{}}}}}}}"#,
                self.now_ms
            );
            Facts::parse(text.as_bytes()).unwrap()
        });
        let subject = Subject {
            agent: "ann",
            wallet: WALLETS[wallet],
            chain_id: ChainId::ETHEREUM,
            method: METHODS[method],
            effects: &effects,
            times: &[],
            exchanges: &[],
            merchant: None,
            unseen: &[],
            owed: false,
            fee_wei_max: U256::from(fee),
            own: &[],
            book: Some(&self.book),
            again: None,
        };
        let decision = decide(
            self.policy,
            &subject,
            self.book.windows(),
            &facts,
            self.now_ms,
        );
        if matches!(decision.verdict, Verdict::Approval { .. } | Verdict::Deny) {
            return false;
        }
        self.calls.push_back(self.now_ms / 1000);
        let mut moved = Moved {
            at_ms: self.now_ms,
            fee,
            ..Moved::default()
        };
        let spends = decision.spends.unwrap();
        for (one, item) in wanted.iter().zip(&spends.items) {
            if KINDS[..6].contains(&one.kind) {
                moved.base[one.asset] += one.amount;
                moved.usd[one.asset] += item.usd.map_or(0, |usd| usd as u64);
            }
        }
        let id = format!("r{}", self.number);
        self.number += 1;
        self.book
            .hold(&id, spends, decision.reservations, self.now_ms)
            .unwrap();
        if dice.one_in(12) && method != 2 {
            moved.base = [0; 5];
            moved.usd = [0; 5];
            let fee_only = self.book.spends(&id).unwrap().fee_only(None);
            let reverted = (&fee_only, Happened::LAST);
            self.book
                .post_partial(self.policy, &id, reverted, self.now_ms)
                .unwrap();
        } else if dice.one_in(4) {
            self.held.push_back(id);
        } else {
            self.post(&id);
        }
        self.moved.push(moved);
        true
    }

    fn post(&mut self, id: &str) {
        self.book
            .post(Some(self.policy), id, Happened::LAST, self.now_ms)
            .unwrap();
    }

    fn calls_left(&mut self) -> usize {
        let second = self.now_ms / 1000;
        while self.calls.front().is_some_and(|at| at + 60 <= second) {
            self.calls.pop_front();
        }
        self.rate.saturating_sub(self.calls.len())
    }

    /// Time goes on; what was on its way settles sooner or later.
    pub fn wait(&mut self, ms: u64, dice: &mut Dice) {
        self.now_ms += ms;
        while !self.held.is_empty() && dice.one_in(2) {
            let id = self.held.pop_front().unwrap();
            self.post(&id);
        }
    }

    /// A wait that ends at the edge of a window or of a day, around it, or anywhere.
    pub fn some_wait(&self, dice: &mut Dice) -> u64 {
        const DAY: u64 = 86_400_000;
        if dice.one_in(4) {
            // Just before midnight in UTC, at midnight, or at midnight in Berlin.
            let midnight = DAY - self.now_ms % DAY;
            return *dice.pick(&[midnight - 1, midnight, midnight + DAY - 3_600_000]);
        }
        let window = *dice.pick(&WINDOWS_MS[..8]);
        match dice.below(5) {
            0 => window,
            1 => window - 1,
            2 => window + 1,
            3 => dice.next() % window,
            _ => 60_000 - 1 + dice.next() % 2_000,
        }
    }

    /// The most that was moved in any span of this length.
    pub fn most(&self, span_ms: u64, of: impl Fn(&Moved) -> u64) -> u64 {
        let (mut most, mut sum, mut first) = (0, 0, 0);
        for last in 0..self.moved.len() {
            sum += of(&self.moved[last]);
            while self.moved[last].at_ms >= self.moved[first].at_ms + span_ms {
                sum -= of(&self.moved[first]);
                first += 1;
            }
            most = most.max(sum);
        }
        most
    }
}

pub fn kinds() -> &'static [EffectKind] {
    &KINDS
}

pub fn asset_of(number: usize) -> Option<Asset> {
    let address = number.checked_sub(1).map(|token| TOKENS[token]);
    (number < 4).then(|| Asset {
        id: ASSETS[number].to_owned(),
        chain_id: ChainId::ETHEREUM,
        address,
        standard: if number == 0 {
            Standard::Native
        } else {
            Standard::Erc20
        },
        symbol: String::new(),
        decimals: 0,
    })
}

/// The pinned price of an asset.
pub const fn price_of(number: usize) -> Option<u64> {
    if number < 4 {
        PRICES[number]
    } else {
        None
    }
}

fn effect(one: Wanted, from: Address, now_ms: u64) -> Effect {
    let called = one.kind == EffectKind::Call;
    Effect {
        kind: one.kind,
        chain_id: ChainId::ETHEREUM,
        // A transfer of nothing registered would be the coin.
        asset: asset_of(one.asset).filter(|_| !called),
        from,
        to: one.party.map(|party| PARTIES[party]),
        amount: U256::from(one.amount),
        unlimited: false,
        expires: Some(now_ms + 1_800_000),
        path: String::new(),
        function: called.then(|| "vote".to_owned()),
        claim: None,
        doubted: None,
    }
}
