//! Plans as an enemy writes them: steps, how they are drawn, and how they are encoded.

use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::{sol, SolValue};
use proptest::prelude::*;

use super::{COINS, EVE, WRAPPED};

sol! {
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
pub enum Party {
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
pub enum Amount {
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
pub enum Step {
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
pub enum Action {
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

pub fn step() -> impl Strategy<Value = Step> {
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
    /// The code of the command, and its input.
    pub fn encode(&self) -> (u8, Vec<u8>) {
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
