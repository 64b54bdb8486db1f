//! Plans of the Universal Router against a second, simple implementation: they are carried out on
//! balances, with prices an enemy picks, and the effects must have said the worst.
#![allow(clippy::cast_possible_truncation)]

use alloy_primitives::{address, Address, Bytes, U256};
use alloy_sol_types::{sol, SolCall, SolValue};
use holdfast_core::asset::{Asset, Registry, Standard};
use holdfast_core::effects::{decode, Decoded, EffectKind};
use holdfast_core::request::{Body, Transaction};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

const WALLET: Address = address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
const EVE: Address = address!("0x6666666666666666666666666666666666666666");
const ROUTER: Address = address!("0x66a9893cC07D91D95644AEDD05D03f95e1dBA8Af");
/// The coin, wrapped coin, and two tokens.
const COINS: [(&str, Address); 4] = [
    ("ETH", Address::ZERO),
    (
        "WETH",
        address!("0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"),
    ),
    (
        "USDC",
        address!("0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"),
    ),
    (
        "DAI",
        address!("0x6B175474E89094C44Da98b954EedeAC495271d0F"),
    ),
];
const ETHER: usize = 0;
const WRAPPED: usize = 1;

sol! {
    function execute(bytes commands, bytes[] inputs);
    struct V3 { address recipient; uint256 amount; uint256 limit; bytes path; bool payerIsUser; }
    struct Pay { address token; address recipient; uint256 amount; }
    struct To { address recipient; uint256 amount; }
    struct Plan { bytes actions; bytes[] params; }
    struct PoolKey { address currency0; address currency1; uint24 fee; int24 tickSpacing; address hooks; }
    struct Single { PoolKey poolKey; bool zeroForOne; uint128 amount; uint128 limit; bytes hookData; }
    struct SingleInput { Single swap; }
    struct Settle { address currency; uint256 amount; bool payerIsUser; }
    struct Limit { address currency; uint256 limit; }
}

/// Who is meant, as the plan writes it.
#[derive(Clone, Copy, Debug)]
enum Party {
    Caller,
    Router,
    Eve,
}

impl Party {
    fn address(self) -> Address {
        match self {
            Self::Caller => Address::with_last_byte(1),
            Self::Router => Address::with_last_byte(2),
            Self::Eve => EVE,
        }
    }
}

/// An amount, or all there is.
#[derive(Clone, Copy, Debug)]
enum Amount {
    All,
    Just(u64),
}

impl Amount {
    fn word(self) -> U256 {
        match self {
            Self::All => U256::ONE << 255,
            Self::Just(amount) => U256::from(amount),
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// `price` is what the enemy makes of it: what comes out, or what goes in of the most.
    Swap {
        from: usize,
        to: usize,
        amount: Amount,
        limit: u64,
        party: Party,
        by_caller: bool,
        exact_out: bool,
        price: u64,
    },
    Sweep {
        coin: usize,
        party: Party,
        least: u64,
    },
    Pay {
        coin: usize,
        party: Party,
        amount: Amount,
    },
    Share {
        coin: usize,
        party: Party,
        bips: u64,
    },
    Wrap {
        party: Party,
        amount: Amount,
    },
    Unwrap {
        party: Party,
        least: u64,
    },
    Pull {
        coin: usize,
        party: Party,
        amount: u64,
    },
    V4(Vec<Action>),
}

#[derive(Clone, Debug)]
enum Action {
    Swap {
        from: usize,
        to: usize,
        amount: u64,
        limit: u64,
        exact_out: bool,
        price: u64,
        /// What a hook keeps of a named output, beyond what the pool gives.
        hook: u64,
    },
    Settle {
        coin: usize,
        amount: Amount,
        by_caller: bool,
    },
    SettleAll {
        coin: usize,
        most: u64,
    },
    Take {
        coin: usize,
        party: Party,
        amount: u64,
    },
    TakeAll {
        coin: usize,
        least: u64,
    },
    TakeShare {
        coin: usize,
        party: Party,
        bips: u64,
    },
}

fn party() -> impl Strategy<Value = Party> {
    prop_oneof![4 => Just(Party::Caller), 4 => Just(Party::Router), 1 => Just(Party::Eve)]
}

fn amount() -> impl Strategy<Value = Amount> {
    prop_oneof![Just(Amount::All), (0_u64..12).prop_map(Amount::Just)]
}

fn action() -> impl Strategy<Value = Action> {
    let coin = 0..COINS.len();
    prop_oneof![
        3 => (coin.clone(), coin.clone(), 0_u64..12, 0_u64..4, any::<bool>(), 0_u64..12,
            prop_oneof![3 => Just(0), 1 => 1_u64..12]).prop_map(
            |(from, to, amount, limit, exact_out, price, hook)| Action::Swap { from, to, amount, limit, exact_out, price, hook }
        ),
        2 => (coin.clone(), prop_oneof![3 => Just(Amount::Just(0)), 1 => amount()], any::<bool>())
            .prop_map(|(coin, amount, by_caller)| Action::Settle { coin, amount, by_caller }),
        2 => (coin.clone(), 0_u64..20).prop_map(|(coin, most)| Action::SettleAll { coin, most }),
        3 => (coin.clone(), party(), prop_oneof![2 => Just(0), 1 => 0_u64..12])
            .prop_map(|(coin, party, amount)| Action::Take { coin, party, amount }),
        2 => (coin.clone(), 0_u64..3).prop_map(|(coin, least)| Action::TakeAll { coin, least }),
        1 => (coin, party(), 0_u64..=10_000).prop_map(|(coin, party, bips)| Action::TakeShare { coin, party, bips }),
    ]
}

/// Each coin is settled or taken, one way or the other.
fn closing() -> impl Strategy<Value = Vec<Action>> {
    prop::collection::vec(any::<bool>(), COINS.len()).prop_map(|settled| {
        let each = settled.into_iter().enumerate();
        each.map(|(coin, settled)| {
            if settled {
                Action::SettleAll { coin, most: 20 }
            } else {
                Action::TakeAll { coin, least: 0 }
            }
        })
        .collect()
    })
}

fn step() -> impl Strategy<Value = Step> {
    let coin = 0..COINS.len();
    let token = WRAPPED..COINS.len();
    prop_oneof![
        4 => (token.clone(), token.clone(), amount(), 0_u64..5, party(), any::<bool>(), any::<bool>(), 0_u64..12).prop_map(
            |(from, to, amount, limit, party, by_caller, exact_out, price)| {
                let amount = if by_caller || exact_out { Amount::Just(price % 7 + 1) } else { amount };
                Step::Swap { from, to, amount, limit: if exact_out { limit + 6 } else { limit }, party, by_caller, exact_out, price }
            }
        ),
        4 => (coin.clone(), party(), 0_u64..4).prop_map(|(coin, party, least)| Step::Sweep { coin, party, least }),
        1 => (coin.clone(), party(), amount()).prop_map(|(coin, party, amount)| Step::Pay { coin, party, amount }),
        1 => (coin, party(), 0_u64..=10_000).prop_map(|(coin, party, bips)| Step::Share { coin, party, bips }),
        3 => (party(), amount()).prop_map(|(party, amount)| Step::Wrap { party, amount }),
        3 => (party(), 0_u64..4).prop_map(|(party, least)| Step::Unwrap { party, least }),
        1 => (token, party(), 0_u64..12).prop_map(|(coin, party, amount)| Step::Pull { coin, party, amount }),
        3 => prop::collection::vec(action(), 1..7).prop_map(Step::V4),
        3 => (prop::collection::vec(action(), 1..3), closing())
            .prop_map(|(actions, closing)| Step::V4([actions, closing].concat())),
    ]
}

fn v3(from: usize, to: usize) -> Bytes {
    let mut path = COINS[from].1.to_vec();
    path.extend([0, 11, 184]);
    path.extend(COINS[to].1);
    path.into()
}

impl Action {
    fn encode(&self) -> (u8, Vec<u8>) {
        match *self {
            Self::Swap {
                from,
                to,
                amount,
                limit,
                exact_out,
                ..
            } => {
                let (low, high) = (from.min(to), from.max(to));
                let swap = Single {
                    poolKey: PoolKey {
                        currency0: COINS[low].1,
                        currency1: COINS[high].1,
                        fee: alloy_primitives::aliases::U24::ZERO,
                        tickSpacing: alloy_primitives::aliases::I24::ZERO,
                        hooks: EVE,
                    },
                    zeroForOne: from == low,
                    amount: u128::from(amount),
                    limit: u128::from(limit),
                    hookData: Bytes::new(),
                };
                (
                    if exact_out { 8 } else { 6 },
                    SingleInput { swap }.abi_encode_params(),
                )
            }
            Self::Settle {
                coin,
                amount,
                by_caller,
            } => (
                0x0b,
                Settle {
                    currency: COINS[coin].1,
                    amount: amount.word(),
                    payerIsUser: by_caller,
                }
                .abi_encode_params(),
            ),
            Self::SettleAll { coin, most } => (0x0c, limit(coin, most)),
            Self::Take {
                coin,
                party,
                amount,
            } => (0x0e, pay(coin, party, U256::from(amount))),
            Self::TakeAll { coin, least } => (0x0f, limit(coin, least)),
            Self::TakeShare { coin, party, bips } => (0x10, pay(coin, party, U256::from(bips))),
        }
    }
}

fn limit(coin: usize, limit: u64) -> Vec<u8> {
    Limit {
        currency: COINS[coin].1,
        limit: U256::from(limit),
    }
    .abi_encode_params()
}

fn pay(coin: usize, party: Party, amount: U256) -> Vec<u8> {
    Pay {
        token: COINS[coin].1,
        recipient: party.address(),
        amount,
    }
    .abi_encode_params()
}

impl Step {
    fn encode(&self) -> (u8, Vec<u8>) {
        match self {
            Self::Swap {
                from,
                to,
                amount,
                limit,
                party,
                by_caller,
                exact_out,
                ..
            } => {
                let path = if *exact_out {
                    v3(*to, *from)
                } else {
                    v3(*from, *to)
                };
                let leg = V3 {
                    recipient: party.address(),
                    amount: amount.word(),
                    limit: U256::from(*limit),
                    path,
                    payerIsUser: *by_caller,
                };
                (u8::from(*exact_out), leg.abi_encode_params())
            }
            Self::Sweep { coin, party, least } => (0x04, pay(*coin, *party, U256::from(*least))),
            Self::Pay {
                coin,
                party,
                amount,
            } => (0x05, pay(*coin, *party, amount.word())),
            Self::Share { coin, party, bips } => (0x06, pay(*coin, *party, U256::from(*bips))),
            Self::Wrap { party, amount } => (
                0x0b,
                To {
                    recipient: party.address(),
                    amount: amount.word(),
                }
                .abi_encode_params(),
            ),
            Self::Unwrap { party, least } => (
                0x0c,
                To {
                    recipient: party.address(),
                    amount: U256::from(*least),
                }
                .abi_encode_params(),
            ),
            Self::Pull {
                coin,
                party,
                amount,
            } => (0x02, pay(*coin, *party, U256::from(*amount))),
            Self::V4(actions) => {
                let each: Vec<(u8, Vec<u8>)> = actions.iter().map(Action::encode).collect();
                let plan = Plan {
                    actions: each
                        .iter()
                        .map(|(code, _)| *code)
                        .collect::<Vec<u8>>()
                        .into(),
                    params: each.into_iter().map(|(_, input)| input.into()).collect(),
                };
                (0x10, plan.abi_encode_params())
            }
        }
    }
}

/// Balances while the plan runs; `None` of a step means that all of it fails.
#[derive(Default)]
struct World {
    /// What the wallet gave and got of each coin.
    gave: [u64; 4],
    got: [u64; 4],
    router: [u64; 4],
    eve: [u64; 4],
}

impl World {
    fn pay(&mut self, party: Party, coin: usize, amount: u64) {
        match party {
            Party::Caller => self.got[coin] += amount,
            Party::Router => self.router[coin] += amount,
            Party::Eve => self.eve[coin] += amount,
        }
    }

    fn spend(&mut self, coin: usize, amount: u64) -> Option<u64> {
        self.router[coin] = self.router[coin].checked_sub(amount)?;
        Some(amount)
    }

    fn fund(&mut self, by_caller: bool, coin: usize, amount: u64) -> Option<()> {
        if by_caller {
            self.gave[coin] += amount;
        } else {
            self.spend(coin, amount)?;
        }
        Some(())
    }

    fn step(&mut self, step: &Step) -> Option<()> {
        match step {
            Step::Swap {
                from,
                to,
                amount,
                limit,
                party,
                by_caller,
                exact_out,
                price,
            } => {
                if from == to {
                    return None;
                }
                let (paid, bought) = match (amount, exact_out) {
                    (Amount::Just(amount), true) => ((*price).min(*limit), *amount),
                    (Amount::Just(amount), false) => (*amount, *price),
                    (Amount::All, _) => (self.router[*from], *price),
                };
                // No pool gives anything for nothing.
                if paid == 0 || !exact_out && bought < *limit {
                    return None;
                }
                self.fund(*by_caller, *from, paid)?;
                self.pay(*party, *to, bought);
            }
            Step::Sweep { coin, party, least } => {
                let all = self.router[*coin];
                if all < *least {
                    return None;
                }
                self.spend(*coin, all)?;
                self.pay(*party, *coin, all);
            }
            Step::Pay {
                coin,
                party,
                amount,
            } => {
                let amount = self.amount(*coin, *amount);
                self.spend(*coin, amount)?;
                self.pay(*party, *coin, amount);
            }
            Step::Share { coin, party, bips } => {
                let amount = self.router[*coin] * bips / 10_000;
                self.spend(*coin, amount)?;
                self.pay(*party, *coin, amount);
            }
            Step::Wrap { party, amount } => {
                let amount = self.amount(ETHER, *amount);
                self.spend(ETHER, amount)?;
                self.pay(*party, WRAPPED, amount);
            }
            Step::Unwrap { party, least } => {
                let all = self.router[WRAPPED];
                if all < *least {
                    return None;
                }
                self.spend(WRAPPED, all)?;
                self.pay(*party, ETHER, all);
            }
            Step::Pull {
                coin,
                party,
                amount,
            } => {
                self.gave[*coin] += amount;
                self.pay(*party, *coin, *amount);
            }
            Step::V4(actions) => self.v4(actions)?,
        }
        Some(())
    }

    fn amount(&self, coin: usize, amount: Amount) -> u64 {
        match amount {
            Amount::All => self.router[coin],
            Amount::Just(amount) => amount,
        }
    }

    fn v4(&mut self, actions: &[Action]) -> Option<()> {
        let mut delta = [0_i64; 4];
        for action in actions {
            match *action {
                Action::Swap {
                    from,
                    to,
                    amount,
                    limit,
                    exact_out,
                    price,
                    hook,
                } => {
                    if from == to {
                        return None;
                    }
                    let kept = if exact_out { hook } else { 0 };
                    let (paid, bought) = if exact_out {
                        let all = if amount == 0 {
                            u64::try_from(-delta[to]).ok()?
                        } else {
                            amount
                        };
                        // A pool may run dry: older versions do not look at what came.
                        (price.min(limit), all.min(price))
                    } else {
                        let all = if amount == 0 {
                            u64::try_from(delta[from]).ok()?
                        } else {
                            amount
                        };
                        if price < limit {
                            return None;
                        }
                        (all, price)
                    };
                    if paid == 0 && kept == 0 {
                        return None;
                    }
                    delta[from] -= paid as i64;
                    delta[to] += bought as i64 - kept as i64;
                }
                Action::Settle {
                    coin,
                    amount,
                    by_caller,
                } => {
                    let amount = match amount {
                        Amount::All => self.router[coin],
                        Amount::Just(0) => u64::try_from(-delta[coin]).ok()?,
                        Amount::Just(amount) => amount,
                    };
                    self.fund(by_caller && coin != ETHER, coin, amount)?;
                    delta[coin] += amount as i64;
                }
                Action::SettleAll { coin, most } => {
                    let amount = u64::try_from(-delta[coin]).ok()?;
                    if amount > most {
                        return None;
                    }
                    self.fund(coin != ETHER, coin, amount)?;
                    delta[coin] += amount as i64;
                }
                Action::Take {
                    coin,
                    party,
                    amount,
                } => {
                    let amount = if amount == 0 {
                        u64::try_from(delta[coin]).ok()?
                    } else {
                        amount
                    };
                    self.pay(party, coin, amount);
                    delta[coin] -= amount as i64;
                }
                Action::TakeAll { coin, least } => {
                    let amount = u64::try_from(delta[coin]).ok()?;
                    if amount < least {
                        return None;
                    }
                    self.pay(Party::Caller, coin, amount);
                    delta[coin] -= amount as i64;
                }
                Action::TakeShare { coin, party, bips } => {
                    let amount = u64::try_from(delta[coin]).ok()? * bips / 10_000;
                    self.pay(party, coin, amount);
                    delta[coin] -= amount as i64;
                }
            }
        }
        (delta == [0; 4]).then_some(())
    }
}

fn registry() -> Registry {
    let mut registry = Registry::new();
    for (symbol, address) in COINS {
        let native = address.is_zero();
        registry.insert(Asset {
            id: symbol.to_lowercase(),
            chain_id: 1,
            address: (!native).then_some(address),
            standard: if native {
                Standard::Native
            } else {
                Standard::Erc20
            },
            symbol: symbol.to_owned(),
            decimals: 0,
        });
    }
    registry
}

fn understood(value: u64, steps: &[(Step, bool)], registry: &Registry) -> Decoded {
    let each: Vec<(u8, Vec<u8>)> = steps
        .iter()
        .map(|(step, flagged)| {
            let (code, input) = step.encode();
            (if *flagged { code | 0x80 } else { code }, input)
        })
        .collect();
    let call = executeCall {
        commands: each
            .iter()
            .map(|(code, _)| *code)
            .collect::<Vec<u8>>()
            .into(),
        inputs: each.into_iter().map(|(_, input)| input.into()).collect(),
    };
    let body = Body::Transaction(Transaction {
        to: Some(ROUTER),
        value: U256::from(value),
        data: call.abi_encode().into(),
        gas: None,
        max_fee_per_gas: None,
        max_priority_fee_per_gas: None,
        nonce: None,
    });
    decode(&body, WALLET, 1, registry).unwrap()
}

proptest! {
    // The same plans in every run: one in a million lets a pool of the model give something away for
    // nothing, which no effect has to say.
    #![proptest_config(ProptestConfig { cases: 20_000, rng_seed: RngSeed::Fixed(3), failure_persistence: None, max_global_rejects: 1_000_000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_leaves_that_the_effects_did_not_say(
        value in prop_oneof![Just(0_u64), 1_u64..12],
        steps in prop::collection::vec((step(), prop::bool::weighted(0.1)), 0..7),
        skips in prop::collection::vec(any::<bool>(), 7),
    ) {
        let registry = registry();
        let found = understood(value, &steps, &registry);
        let mut world = World::default();
        world.gave[ETHER] = value;
        world.router[ETHER] = value;
        for ((step, flagged), skip) in steps.iter().zip(skips) {
            if *flagged && skip {
                continue;
            }
            // A plan that fails moves nothing.
            prop_assume!(world.step(step).is_some());
        }
        let said = |symbols: &[&str]| -> u64 {
            let of = found.effects.iter().filter(|effect| {
                matches!(effect.kind, EffectKind::Transfer | EffectKind::Swap)
                    && effect.asset.as_ref().is_some_and(|asset| symbols.contains(&asset.symbol.as_str()))
            });
            of.map(|effect| effect.amount.to::<u64>()).sum()
        };
        prop_assume!(!found.opaque);
        for (symbols, coins) in [(&["ETH", "WETH"][..], &[0, 1][..]), (&["USDC"], &[2]), (&["DAI"], &[3])] {
            let gave: u64 = coins.iter().map(|coin| world.gave[*coin]).sum();
            let got: u64 = coins.iter().map(|coin| world.got[*coin]).sum();
            prop_assert!(said(symbols) >= gave.saturating_sub(got), "{symbols:?}: {found:#?}");
        }
        let transfers = |to: Address| {
            found.effects.iter().any(|effect| effect.kind == EffectKind::Transfer && effect.to == Some(to))
        };
        let sum = |of: &[u64; 4]| [of[0] + of[1], of[2], of[3]];
        let (gave, got) = (sum(&world.gave), sum(&world.got));
        let all_is_back = gave.iter().zip(got).all(|(gave, got)| *gave <= got);
        let lost = |symbols: &[&str]| -> u64 {
            let of = found.effects.iter().filter(|effect| {
                effect.kind == EffectKind::Transfer
                    && effect.asset.as_ref().is_some_and(|asset| symbols.contains(&asset.symbol.as_str()))
            });
            of.map(|effect| effect.amount.to::<u64>()).sum()
        };
        // What pools give away is not the wallet's: nothing is lost when all of it is back, and no more than
        // all of it when that is said.
        let classes = [["ETH", "WETH"], ["USDC", ""], ["DAI", ""]];
        let all_is_lost = classes.iter().zip(gave).all(|(symbols, gave)| lost(symbols) >= gave);
        let accounted = all_is_lost || all_is_back;
        prop_assert!(world.eve == [0; 4] || transfers(EVE) || accounted, "eve: {found:#?}");
        prop_assert!(
            world.router == [0; 4] || transfers(ROUTER) || transfers(EVE) || all_is_back,
            "left: {found:#?}"
        );
        for line in found.display.iter().filter(|line| line.label == "Get at least") {
            let (amount, symbol) = line.value.split_once(' ').unwrap();
            let coin = COINS.iter().position(|(one, _)| *one == symbol).unwrap();
            prop_assert!(world.got[coin] >= amount.parse().unwrap(), "{}: {found:#?}", line.value);
        }
        // What is swapped comes back as something else, beyond what only changed its form.
        let classes = [(&["ETH", "WETH"][..], &[0, 1][..]), (&["USDC"], &[2]), (&["DAI"], &[3])];
        let of = |kind: EffectKind, symbols: &[&str]| -> u64 {
            let of = found.effects.iter().filter(|effect| {
                effect.kind == kind
                    && effect.asset.as_ref().is_some_and(|asset| symbols.contains(&asset.symbol.as_str()))
            });
            of.map(|effect| effect.amount.to::<u64>()).sum()
        };
        for (symbols, _) in classes {
            if of(EffectKind::Swap, symbols) == 0 {
                continue;
            }
            let others = classes.iter().filter(|(others, _)| *others != symbols);
            let came = others.map(|(symbols, coins)| {
                let got: u64 = coins.iter().map(|coin| world.got[*coin]).sum();
                got.saturating_sub(of(EffectKind::Convert, symbols))
            });
            prop_assert!(came.sum::<u64>() > 0, "{symbols:?} for nothing: {found:#?}");
        }
    }
}
