//! The second implementation: plans are carried out on balances.

use super::plan::{Action, Amount, Party, Step};
use super::{ETHER, WRAPPED};

/// Balances while the plan runs; `None` of a step means that all of it fails.
#[derive(Default)]
pub struct World {
    /// What the wallet gave and got of each coin.
    pub gave: [u64; 4],
    pub got: [u64; 4],
    pub router: [u64; 4],
    pub eve: [u64; 4],
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

    pub fn step(&mut self, step: &Step) -> Option<()> {
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
