//! Random policies over a small world, as TOML and as data that a naive evaluator reads.

use alloy_primitives::{address, Address, U256};
use holdfast_core::asset::{Asset, Standard};
use holdfast_core::chain::ChainId;
use holdfast_core::effects::{Effect, EffectKind};
use holdfast_core::policy::{Facts, Policy, Reservation, Subject};
use proptest::prelude::*;
use proptest::sample::subsequence;

pub const AGENTS: [&str; 3] = ["ann", "bob", "cid"];
pub const METHODS: [&str; 4] = [
    "eth_sendTransaction",
    "eth_signTransaction",
    "personal_sign",
    "eth_signTypedData_v4",
];
pub const ASSETS: [&str; 3] = ["eth", "tok", "usd"];
pub const WALLETS: [Address; 2] = [
    address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
    address!("3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"),
];
pub const PARTIES: [Address; 5] = [
    address!("70997970C51812dc3A010C7d01b50e0d17dc79C8"),
    address!("90F79bf6EB2c4f870365E785982E1f101E93b906"),
    address!("15d34AAf54267DB7D7c367839AAf71A00a2C6A65"),
    address!("9965507D1a55bcC2695C58ba16FB37d819B0A4dc"),
    address!("976EA74026E726554dB657fA54763abd0C3a0aa9"),
];
const TOKENS: [Address; 2] = [
    address!("5FbDB2315678afecb367f032d93F642f64180aa3"),
    address!("e7f1725E7734CE288F8367e1Bb143E90bb3F0512"),
];
/// The entry of party 2 on list 1 ends here, in ms.
pub const EXPIRES_MS: u64 = 1_700_000_000_000;
pub const KINDS: [EffectKind; 8] = [
    EffectKind::Transfer,
    EffectKind::Allowance,
    EffectKind::Revoke,
    EffectKind::Order,
    EffectKind::Deploy,
    EffectKind::Call,
    EffectKind::TypedData,
    EffectKind::Message,
];

/// Ids of the functions that are vouched for.
pub const FUNCTIONS: [&str; 2] = ["vote", "claim"];

/// Two agents use the first wallet, `ann` also the second one. `tok` has no pinned price.
pub const HEAD: &str = r#"version = 1
name = "laws"
[[chain]]
id = 1
name = "one"
gas_max = 500_000
fee_per_gas_max = "100 gwei"
priority_fee_per_gas_max = "5 gwei"
[[wallet]]
id = "first"
address = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
[[wallet]]
id = "second"
address = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
[[agent]]
id = "ann"
wallets = ["first", "second"]
chain = 1
[[agent]]
id = "bob"
wallets = ["first"]
chain = 1
[[agent]]
id = "cid"
wallets = ["second"]
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
price_usd = "1"
[[function]]
id = "vote"
chain = 1
contract = "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc"
signature = "castVote(uint256,uint8)"
[[function]]
id = "claim"
chain = 1
contract = "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc"
signature = "claim()"
"#;

/// Tables whose order is shuffled with the others.
pub const LISTS: [&str; 3] = [
    r#"[[schedule]]
id = "open"
zone = "UTC"
hours = ["00:00-22:13"]
"#,
    r#"[[list]]
id = "one"
[[list.entry]]
address = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
[[list.entry]]
chain = 1
address = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"
"#,
    r#"[[list]]
id = "two"
[[list.entry]]
address = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"
[[list.entry]]
address = "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65"
expires = 2023-11-14T22:13:20Z
"#,
];

/// Whether a party is on a list at a time: the same in words.
pub fn listed(list: usize, party: usize, now_ms: u64) -> bool {
    match (list, party) {
        (0, 0 | 1) | (1, 1) => true,
        (1, 2) => now_ms < EXPIRES_MS,
        _ => false,
    }
}

#[derive(Clone, Debug, Default)]
pub struct Scope {
    pub agents: Option<Vec<usize>>,
    pub wallets: Option<Vec<usize>>,
    pub methods: Option<Vec<usize>>,
    pub kinds: Vec<EffectKind>,
    pub assets: Option<Vec<usize>>,
    /// Lists, parties.
    pub to: Option<(Vec<usize>, Vec<usize>)>,
    pub not_to: Option<(Vec<usize>, Vec<usize>)>,
    /// (max, above): in units of the one asset, and in USD.
    pub amount: (Option<u64>, Option<u64>),
    pub usd: (Option<u64>, Option<u64>),
    /// Functions it names, and functions it spares: never both.
    pub functions: (Option<Vec<usize>>, Option<Vec<usize>>),
    /// Of a table that says how a request may go on: one of `WHEN`. Of a limit: one of `WINDOWS`.
    pub when: usize,
}

/// The schedule is open until 20 s before `EXPIRES_MS`. Nobody was ever paid.
pub const WHEN: [&str; 8] = [
    "",
    "during = [\"open\"]\n",
    "not_during = [\"open\"]\n",
    "expires = 2023-11-14T22:13:20Z\n",
    "new_payee = \"1h\"\n",
    "known_payee = \"1h\"\n",
    "deadline_within = \"1h\"\n",
    "deadline_beyond = \"1h\"\n",
];
/// What a limit counts, and what happens over it where that is not what `Does::Limit` says.
pub const WINDOWS: [(&str, &str); 8] = [
    ("window = \"1m\"\n", ""),
    ("window = \"day\"\nzone = \"Asia/Kathmandu\"\n", ""),
    ("window = \"lifetime\"\n", ""),
    ("window = \"1m\"\n", "on_exceed = \"notify\"\n"),
    (
        "window = \"1m\"\n",
        "on_exceed = \"delay\"\ndelay = \"10m\"\n",
    ),
    ("window = \"1m\"\nwarn_percent = 50\n", ""),
    ("window = \"1m\"\n", ""),
    ("window = \"1m\"\n", ""),
];

/// Whether a table counts at a time, for what ends at another: `WHEN` in words.
pub fn counts_at(when: usize, ends: Option<u64>, now_ms: u64) -> bool {
    let soon = ends.is_some_and(|ends| ends <= now_ms + 3_600_000);
    match when {
        1 => now_ms < EXPIRES_MS - 20_000,
        2 => now_ms >= EXPIRES_MS - 20_000,
        3 => now_ms < EXPIRES_MS,
        5 => false,
        6 => soon,
        7 => !soon,
        _ => true,
    }
}

#[derive(Clone, Debug)]
pub enum Does {
    Grant(usize),
    Forbid,
    /// Tier, never the first.
    Review(usize),
    /// Per, measure (0 count, 1 usd, 2 amount), max, whether over it is denied.
    Limit(usize, usize, u64, bool),
}

#[derive(Clone, Debug)]
pub struct Table {
    pub id: String,
    pub scope: Scope,
    pub does: Does,
}

pub const TIERS: [&str; 5] = [
    "tier = \"instant\"\n",
    "tier = \"notify\"\n",
    "tier = \"delay\"\ndelay = \"5m\"\n",
    "tier = \"approval\"\nquorum = 1\ntimeout = \"20m\"\n",
    "tier = \"approval\"\nquorum = 2\ntimeout = \"40m\"\n",
];
pub const PERS: [&str; 4] = ["agent", "wallet", "recipient", "global"];

fn some<T: Clone + std::fmt::Debug + 'static>(
    all: Vec<T>,
) -> impl Strategy<Value = Option<Vec<T>>> {
    let most = all.len();
    prop_oneof![2 => Just(None), 1 => subsequence(all, 1..=most).prop_map(Some)]
}

fn target() -> impl Strategy<Value = Option<(Vec<usize>, Vec<usize>)>> {
    let pair = (
        subsequence(vec![0, 1], 0..=2),
        subsequence(vec![0, 1, 2, 3, 4], 0..=2),
    );
    // Never nothing at all; mapped, for a filter gives up over long runs.
    let pair = pair.prop_map(|(lists, parties)| {
        let nothing = lists.is_empty() && parties.is_empty();
        (lists, if nothing { vec![0] } else { parties })
    });
    prop_oneof![2 => Just(None), 1 => pair.prop_map(Some)]
}

fn range() -> impl Strategy<Value = (Option<u64>, Option<u64>)> {
    prop_oneof![
        3 => Just((None, None)),
        1 => (1u64..40).prop_map(|max| (Some(max), None)),
        1 => (0u64..40).prop_map(|above| (None, Some(above))),
        1 => (0u64..20, 1u64..20).prop_map(|(above, more)| (Some(above + more), Some(above))),
    ]
}

fn scope() -> impl Strategy<Value = Scope> {
    let kinds = subsequence(KINDS.to_vec(), 1..=8);
    let few = || subsequence(vec![0, 1], 1..=2);
    let functions = prop_oneof![
        4 => Just((None, None)),
        1 => few().prop_map(|few| (Some(few), None)),
        1 => few().prop_map(|few| (None, Some(few))),
    ];
    let when = prop_oneof![3 => Just(0), 1 => 0usize..8];
    let names = (
        some(vec![0, 1, 2]),
        some(vec![0, 1]),
        some(vec![0, 1, 2, 3]),
        some(vec![0, 1, 2]),
    );
    (
        names,
        kinds,
        target(),
        target(),
        range(),
        range(),
        functions,
        when,
    )
        .prop_map(
            |(
                (agents, wallets, methods, assets),
                kinds,
                to,
                not_to,
                amount,
                usd,
                functions,
                when,
            )| {
                Scope {
                    agents,
                    wallets,
                    methods,
                    kinds,
                    assets,
                    to,
                    not_to,
                    amount,
                    usd,
                    functions,
                    when,
                }
                .tidy()
            },
        )
}

impl Scope {
    /// Takes away what the language would refuse.
    fn tidy(mut self) -> Self {
        if self.assets.as_ref().is_none_or(|assets| assets.len() != 1) {
            self.amount = (None, None);
        }
        let ranged = self.amount != (None, None) || self.usd != (None, None);
        if ranged {
            self.kinds.retain(|kind| KINDS[..4].contains(kind));
        }
        if self.kinds.is_empty() {
            self.kinds.push(EffectKind::Transfer);
        }
        let calls = self.kinds.contains(&EffectKind::Call);
        if !calls {
            self.functions = (None, None);
        } else if self.functions.0.is_some() {
            self.kinds = vec![EffectKind::Call];
        }
        self
    }
}

/// Long policies, nearly all rules, whose tables name only some dimensions (agents, wallets,
/// assets, targets), so that many of them name the same ones.
pub fn focused(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Table>> {
    (tables(count), any::<[bool; 4]>()).prop_map(|(mut tables, [agents, wallets, assets, to])| {
        for (number, table) in tables.iter_mut().enumerate() {
            if !matches!(table.does, Does::Grant(_)) && number > 3 {
                table.does = Does::Grant(number % 5);
                table.scope.kinds.retain(|kind| *kind != EffectKind::Fee);
            }
            let scope = &mut table.scope;
            scope.agents = scope.agents.take().filter(|_| agents);
            scope.wallets = scope.wallets.take().filter(|_| wallets);
            scope.to = scope.to.take().filter(|_| to);
            scope.methods = None;
            if !matches!(table.does, Does::Limit(_, 2, ..)) && !assets {
                scope.assets = None;
                scope.amount = (None, None);
            }
            if scope.kinds.is_empty() {
                scope.kinds.push(EffectKind::Revoke);
            }
        }
        tables
    })
}

fn limit() -> impl Strategy<Value = (Scope, Does)> {
    let kinds = subsequence(
        vec![
            EffectKind::Transfer,
            EffectKind::Allowance,
            EffectKind::Fee,
            EffectKind::Call,
        ],
        1..=4,
    );
    (
        scope(),
        kinds,
        0usize..4,
        0usize..3,
        1u64..60,
        any::<bool>(),
    )
        .prop_map(|(mut scope, kinds, per, measure, max, denies)| {
            scope.kinds = kinds;
            scope.functions = (None, None);
            scope.amount = (None, None);
            scope.usd = (None, None);
            if measure != 0 {
                scope.kinds.retain(|kind| *kind != EffectKind::Call);
            }
            if scope.kinds.is_empty() {
                scope.kinds.push(EffectKind::Transfer);
            }
            if measure == 2 {
                let asset = scope.assets.as_ref().map_or(0, |assets| assets[0]);
                scope.assets = Some(vec![asset]);
            }
            (scope, Does::Limit(per, measure, max, denies))
        })
}

pub fn tables(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Table>> {
    let one = prop_oneof![
        6 => (scope(), 0usize..5).prop_map(|(scope, tier)| (scope, Does::Grant(tier))),
        1 => scope().prop_map(|scope| (scope, Does::Forbid)),
        1 => (scope(), 1usize..5).prop_map(|(scope, tier)| (scope, Does::Review(tier))),
        2 => limit(),
    ];
    prop::collection::vec(one, count).prop_map(|tables| {
        let named = tables.into_iter().enumerate();
        named
            .map(|(n, (scope, does))| Table {
                id: format!("t{n}"),
                scope,
                does,
            })
            .collect()
    })
}

fn words(names: impl Iterator<Item = String>) -> String {
    let quoted: Vec<String> = names.map(|name| format!("\"{name}\"")).collect();
    format!("[{}]", quoted.join(", "))
}

fn target_words((lists, parties): &(Vec<usize>, Vec<usize>)) -> String {
    let lists = lists.iter().map(|list| ["@one", "@two"][*list].to_owned());
    words(
        lists.chain(
            parties
                .iter()
                .map(|party| PARTIES[*party].to_checksum(None)),
        ),
    )
}

impl Table {
    pub fn toml(&self) -> String {
        let scope = &self.scope;
        let mut out = match &self.does {
            Does::Grant(tier) => format!("[[rule]]\nid = \"{}\"\n{}", self.id, TIERS[*tier]),
            Does::Forbid => format!("[[forbid]]\nid = \"{}\"\n", self.id),
            Does::Review(tier) => format!("[[review]]\nid = \"{}\"\n{}", self.id, TIERS[*tier]),
            Does::Limit(per, measure, max, denies) => {
                let max = if *measure == 0 {
                    max.to_string()
                } else {
                    format!("\"{max}\"")
                };
                let (window, instead) = WINDOWS[scope.when];
                let on_exceed = if *denies { "deny" } else { "approval" };
                let on_exceed = match instead {
                    "" => format!("on_exceed = \"{on_exceed}\"\n"),
                    instead => instead.to_owned(),
                };
                format!(
                    "[[limit]]\nid = \"{}\"\nper = \"{}\"\nmeasure = \"{}\"\nmax = {max}\n{window}{on_exceed}",
                    self.id,
                    PERS[*per],
                    ["count", "usd", "amount"][*measure],
                )
            }
        };
        if !matches!(self.does, Does::Limit(..)) {
            out.push_str(WHEN[scope.when]);
        }
        let mut line = |key: &str, value: String| out.push_str(&format!("{key} = {value}\n"));
        let named =
            |list: &Vec<usize>, names: &[&str]| words(list.iter().map(|n| names[*n].to_owned()));
        scope
            .agents
            .iter()
            .for_each(|list| line("agents", named(list, &AGENTS)));
        scope
            .wallets
            .iter()
            .for_each(|list| line("wallets", named(list, &["first", "second"])));
        scope
            .methods
            .iter()
            .for_each(|list| line("methods", named(list, &METHODS)));
        scope
            .assets
            .iter()
            .for_each(|list| line("assets", named(list, &ASSETS)));
        line(
            "effects",
            words(scope.kinds.iter().map(|kind| kind.as_str().to_owned())),
        );
        scope.to.iter().for_each(|to| line("to", target_words(to)));
        scope
            .not_to
            .iter()
            .for_each(|to| line("not_to", target_words(to)));
        for (key, list) in [
            ("functions", &scope.functions.0),
            ("not_functions", &scope.functions.1),
        ] {
            list.iter()
                .for_each(|list| line(key, named(list, &FUNCTIONS)));
        }
        let bounds = [
            ("amount_max", scope.amount.0),
            ("amount_above", scope.amount.1),
            ("usd_max", scope.usd.0),
            ("usd_above", scope.usd.1),
        ];
        for (key, bound) in bounds {
            bound
                .iter()
                .for_each(|bound| line(key, format!("\"{bound}\"")));
        }
        out
    }
}

/// A request: agent, wallet, method, effects (kind, asset, party, amount), fee.
#[derive(Clone, Debug)]
pub struct Ask {
    pub agent: usize,
    pub wallet: usize,
    pub method: usize,
    pub effects: Vec<(EffectKind, Option<usize>, Option<usize>, u64)>,
    pub fee: u64,
    /// The function its calls are of.
    pub function: Option<usize>,
    /// When its effects end, in ms.
    pub expires: Option<u64>,
}

pub fn asks() -> impl Strategy<Value = Ask> {
    let moved = (0usize..4, 0usize..3, 0usize..5, 0u64..50);
    let moved = moved
        .prop_map(|(kind, asset, party, amount)| (KINDS[kind], Some(asset), Some(party), amount));
    let opaque = (4usize..8, prop::option::of(0usize..5));
    let opaque = opaque.prop_map(|(kind, party)| (KINDS[kind], None, party, 0));
    let effects = prop::collection::vec(prop_oneof![5 => moved, 1 => opaque], 1..4);
    // Agent and wallet that belong together.
    let who = prop_oneof![Just((0, 0)), Just((0, 1)), Just((1, 0)), Just((2, 1))];
    let hour = 3_600_000;
    let expires = prop::option::of(EXPIRES_MS - 2..EXPIRES_MS + 2);
    let hours = prop_oneof![Just(0), Just(1), Just(31 * 24)];
    let expires = (expires, hours).prop_map(move |(at, hours)| at.map(|at| at + hours * hour));
    let function = prop::option::of(0usize..2);
    (who, 0usize..4, effects, 0u64..4, function, expires).prop_map(
        |((agent, wallet), method, effects, fee, function, expires)| Ask {
            agent,
            wallet,
            method,
            effects,
            fee,
            function,
            expires,
        },
    )
}

impl Ask {
    /// The function an effect of this kind is of.
    pub fn called(&self, kind: EffectKind) -> Option<usize> {
        self.function.filter(|_| kind == EffectKind::Call)
    }

    pub fn effects(&self) -> Vec<Effect> {
        let effect =
            |(kind, asset, party, amount): &(EffectKind, Option<usize>, Option<usize>, u64)| {
                Effect {
                    kind: *kind,
                    chain_id: ChainId::ETHEREUM,
                    asset: asset.map(asset_of),
                    from: WALLETS[self.wallet],
                    to: party.map(|party| PARTIES[party]),
                    amount: U256::from(*amount),
                    unlimited: false,
                    expires: self.expires,
                    path: String::new(),
                    function: self
                        .called(*kind)
                        .map(|number| FUNCTIONS[number].to_owned()),
                    claim: None,
                    doubted: None,
                }
            };
        self.effects.iter().map(effect).collect()
    }

    /// What is decided, when the request holds `own` already.
    pub fn subject<'a>(&self, effects: &'a [Effect], own: &'a [Reservation]) -> Subject<'a> {
        Subject {
            agent: AGENTS[self.agent],
            wallet: WALLETS[self.wallet],
            chain_id: ChainId::ETHEREUM,
            method: METHODS[self.method],
            effects,
            times: &[],
            exchanges: &[],
            merchant: None,
            unseen: &[],
            owed: false,
            fee_wei_max: U256::from(self.fee),
            own,
            book: None,
            again: None,
        }
    }
}

pub fn parse(source: &str) -> Policy {
    Policy::parse(source).unwrap_or_else(|errors| panic!("{errors}\n{source}"))
}

/// The price of the one token that has none of its own, if it is known.
pub fn facts(price: Option<u64>, now_ms: u64) -> Facts {
    match price {
        None => Facts::none(),
        Some(price) => {
            let json = format!(r#"{{"prices":{{"tok":{{"usd":"{price}","at":{now_ms}}}}}}}"#);
            Facts::parse(json.as_bytes()).unwrap()
        }
    }
}

fn asset_of(number: usize) -> Asset {
    let address = number.checked_sub(1).map(|token| TOKENS[token]);
    Asset {
        id: ASSETS[number].to_owned(),
        chain_id: ChainId::ETHEREUM,
        address,
        standard: if address.is_some() {
            Standard::Erc20
        } else {
            Standard::Native
        },
        symbol: String::new(),
        decimals: 0,
    }
}
