//! Whatever a hijacked agent asks for, it never moves more than the bound: random policies, and an
//! attacker that is greedy, or random, or tries several ways and keeps the best.

use std::collections::BTreeMap;

use holdfast_core::amount::parse_decimal_units;
use holdfast_core::effects::EffectKind;
use holdfast_core::policy::worst_case::{worst_case, AgentCase, SPANS};
use holdfast_core::policy::Policy;
use proptest::prelude::*;

use super::world::{
    asset_of, kinds, policy, price_of, Attacker, Dice, Wanted, ASSETS, FEE_MAX, START_MS,
};

/// Requests that pass, in one life.
const PASSES_MAX: usize = 250;

fn cases(cases: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    let more = std::env::var_os("PROPTEST_CASES").is_some();
    ProptestConfig {
        cases: if more { default.cases } else { cases },
        ..default
    }
}

/// Amounts at which a policy of this world may change its mind.
fn amount(dice: &mut Dice) -> u64 {
    match dice.below(4) {
        0 => dice.below(4) as u64,
        1 => 1_000_000_000,
        _ => 1 + dice.below(61) as u64,
    }
}

fn wanted(dice: &mut Dice) -> Wanted {
    let kind = *dice.pick(kinds());
    let asset = match kind {
        EffectKind::Call => 4,
        // The decoder knows no transfer of what is not registered.
        EffectKind::Transfer => dice.below(4),
        _ => dice.below(5),
    };
    Wanted {
        kind,
        asset,
        party: (!dice.one_in(12)).then(|| dice.below(4)),
        amount: if kind == EffectKind::Call {
            0
        } else {
            amount(dice)
        },
    }
}

fn price(dice: &mut Dice) -> Option<u64> {
    (!dice.one_in(4)).then(|| 1 + dice.below(4) as u64)
}

fn fee(dice: &mut Dice) -> u64 {
    match dice.below(3) {
        0 => 0,
        1 => 1 + dice.below(20) as u64,
        _ => FEE_MAX,
    }
}

/// Anything, at any time.
fn random(attacker: &mut Attacker<'_>, dice: &mut Dice) {
    for _ in 0..600 {
        if attacker.moved.len() >= PASSES_MAX {
            break;
        }
        let parts: Vec<Wanted> = (0..1 + dice.below(3)).map(|_| wanted(dice)).collect();
        let (who, fee, price) = ((dice.below(2), dice.below(3)), fee(dice), price(dice));
        attacker.ask(who, &parts, fee, price, dice);
        if dice.one_in(6) {
            let wait = attacker.some_wait(dice);
            attacker.wait(wait, dice);
        }
    }
}

/// Of each way out the most that passes, until nothing does; and again when a window is over.
fn greedy(attacker: &mut Attacker<'_>, dice: &mut Dice) {
    let mut ways: Vec<(usize, usize, EffectKind, usize, Option<usize>)> = Vec::new();
    for _ in 0..24 {
        let one = wanted(dice);
        ways.push((dice.below(2), dice.below(3), one.kind, one.asset, one.party));
    }
    let cost = if dice.one_in(2) { 0 } else { fee(dice) };
    for _ in 0..8 {
        for (wallet, method, kind, asset, party) in &ways {
            let mut most = 64;
            while most > 0 && attacker.moved.len() < PASSES_MAX {
                let one = Wanted {
                    kind: *kind,
                    asset: *asset,
                    party: *party,
                    amount: most,
                };
                let price = Some(1 + dice.below(2) as u64);
                let twice = [
                    one,
                    Wanted {
                        party: Some(dice.below(4)),
                        ..one
                    },
                ];
                let parts = if dice.one_in(4) {
                    &twice[..]
                } else {
                    &twice[..1]
                };
                if !attacker.ask((*wallet, *method), parts, cost, price, dice) {
                    most = if dice.one_in(3) {
                        most - 1
                    } else {
                        most * 3 / 4
                    };
                } else if dice.one_in(4) {
                    break;
                }
            }
        }
        let wait = attacker.some_wait(dice);
        attacker.wait(wait, dice);
    }
}

/// What the attacker moved against what was said.
fn holds(case: &AgentCase, attacker: &Attacker<'_>) -> Result<(), String> {
    let base =
        |text: &String| u64::try_from(parse_decimal_units(text, 0).unwrap()).unwrap_or(u64::MAX);
    let micro =
        |text: &String| u64::try_from(parse_decimal_units(text, 6).unwrap()).unwrap_or(u64::MAX);
    for (said, span) in case.spans.iter().zip(SPANS) {
        let fail = |what: &str, moved: u64, most: u64| match moved <= most {
            true => Ok(()),
            false => Err(format!(
                "{}: {what}: moved {moved}, bound {most}",
                span.name
            )),
        };
        let names: BTreeMap<&str, _> = said
            .assets
            .iter()
            .map(|one| (one.asset.as_str(), one))
            .collect();
        for number in 0..5 {
            let name = ASSETS.get(number).unwrap_or(&"(not registered)");
            let moved = attacker.most(span.ms, |one| one.base[number]);
            let worth = attacker.most(span.ms, |one| {
                worth(one.base[number], one.usd[number], number)
            });
            match names.get(name) {
                None => fail(name, moved, 0)?,
                Some(one) if one.both => {
                    let parts = base(one.amount.as_ref().unwrap())
                        .saturating_add(micro(one.usd.as_ref().unwrap()) / 1_000_000);
                    fail(name, moved, parts)?;
                }
                Some(one) => {
                    if let Some(most) = &one.amount {
                        fail(name, moved, base(most))?;
                    }
                    if let Some(most) = &one.usd {
                        fail(name, worth, micro(most))?;
                    }
                    assert_eq!(one.unbounded, one.amount.is_none() && one.usd.is_none());
                }
            }
        }
        let counted = |number: &usize| {
            !said
                .usd
                .besides
                .iter()
                .any(|name| ASSETS.get(*number) == Some(&name.as_str()))
        };
        let all: Vec<usize> = (0..4).filter(counted).collect();
        let sum = |one: &super::world::Moved| -> u64 {
            all.iter()
                .map(|n| worth(one.base[*n], one.usd[*n], *n))
                .sum()
        };
        if let Some(most) = &said.usd.max {
            fail("usd", attacker.most(span.ms, sum), micro(most))?;
        }
        if let Some(most) = &said.usd_with_fees {
            let with_fee = |one: &super::world::Moved| sum(one) + one.fee * 3_000_000;
            fail(
                "usd with fees",
                attacker.most(span.ms, with_fee),
                micro(most),
            )?;
        }
        let fee = attacker.most(span.ms, |one| one.fee);
        let (wei, usd) = match &said.fees {
            None => (Some("0".to_owned()), Some("0".to_owned())),
            Some(fees) => (fees.amount.clone(), fees.usd.clone()),
        };
        fail(
            "fees",
            fee,
            base(&wei.ok_or("fees are bounded by the rate at least")?),
        )?;
        fail("fees in usd", fee * 3_000_000, micro(&usd.unwrap()))?;
    }
    Ok(())
}

/// Micro-USD: by the pinned price where there is one.
fn worth(base: u64, usd: u64, number: usize) -> u64 {
    price_of(number).map_or(usd, |price| base * price * 1_000_000)
}

fn attacked(policy: &Policy, text: &str, dice: &mut Dice) -> Result<(), TestCaseError> {
    let case = worst_case(policy, Some("ann"), Some(START_MS)).remove(0);
    for way in 0..4 {
        let mut attacker = Attacker::new(policy);
        if way == 0 {
            random(&mut attacker, dice);
        } else {
            greedy(&mut attacker, dice);
        }
        let held = holds(&case, &attacker);
        prop_assert!(held.is_ok(), "{}\n{text}\n{case:#?}", held.unwrap_err());
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn no_attacker_moves_more_than_the_bound(seed in any::<u64>()) {
        let mut dice = Dice::new(seed);
        if let Some((text, policy)) = policy(&mut dice) {
            attacked(&policy, &text, &mut dice)?;
        }
    }
}

#[test]
fn most_random_policies_are_of_the_language_and_let_something_pass() {
    let (mut valid, mut passed, mut bounded) = (0, 0, 0);
    for seed in 0..100 {
        let mut dice = Dice::new(seed * 7919 + 1);
        let Some((_, policy)) = policy(&mut dice) else {
            continue;
        };
        valid += 1;
        let case = worst_case(&policy, Some("ann"), Some(START_MS)).remove(0);
        bounded += usize::from(!case.is_unbounded());
        let mut attacker = Attacker::new(&policy);
        greedy(&mut attacker, &mut dice);
        passed += usize::from(attacker.most(u64::MAX / 2, |one| one.base.iter().sum()) > 0);
    }
    assert!(
        valid > 50 && passed > 30 && bounded > 30,
        "{valid} {passed} {bounded}"
    );
    assert!(asset_of(4).is_none());
}
