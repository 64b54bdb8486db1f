//! A second implementation of the language: slow, short, and written from the documentation.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_core::effects::EffectKind;
use holdfast_core::policy::Verdict;

use super::world::{
    counts_at, listed, Ask, Does, Scope, Table, AGENTS, METHODS, PARTIES, PERS, WALLETS,
};

const APPROVAL: Verdict = Verdict::Approval {
    quorum: 1,
    timeout_ms: 1_800_000,
};
const MICRO: u128 = 1_000_000;

/// Kind, asset, party, amount.
type Part = (EffectKind, Option<usize>, Option<usize>, u64);

pub struct World {
    pub now_ms: u64,
    /// USD for one `tok`.
    pub price: Option<u64>,
    /// What counts already, by limit and key.
    pub used: BTreeMap<(String, String), u128>,
}

impl World {
    /// Micro-USD.
    fn usd(&self, part: &Part) -> Option<u128> {
        let price = match part.1? {
            0 => Some(3),
            1 => self.price,
            _ => Some(1),
        };
        if part.3 == 0 {
            return Some(0);
        }
        price.map(|price| u128::from(price) * u128::from(part.3) * MICRO)
    }
}

fn tier(number: usize) -> Verdict {
    match number {
        0 => Verdict::Instant,
        1 => Verdict::Notify,
        2 => Verdict::Delay { delay_ms: 300_000 },
        3 => Verdict::Approval {
            quorum: 1,
            timeout_ms: 1_200_000,
        },
        _ => Verdict::Approval {
            quorum: 2,
            timeout_ms: 2_400_000,
        },
    }
}

fn on(targets: &(Vec<usize>, Vec<usize>), party: Option<usize>, now_ms: u64) -> bool {
    party.is_some_and(|party| {
        targets.1.contains(&party) || targets.0.iter().any(|list| listed(*list, party, now_ms))
    })
}

/// In scope, whatever the amounts.
fn in_scope(scope: &Scope, ask: &Ask, part: &Part, now_ms: u64) -> bool {
    let (kind, asset, party, _) = part;
    scope.kinds.contains(kind)
        && scope
            .agents
            .as_ref()
            .is_none_or(|all| all.contains(&ask.agent))
        && scope
            .wallets
            .as_ref()
            .is_none_or(|all| all.contains(&ask.wallet))
        && scope
            .methods
            .as_ref()
            .is_none_or(|all| all.contains(&ask.method))
        && scope
            .assets
            .as_ref()
            .is_none_or(|all| asset.is_some_and(|one| all.contains(&one)))
        && scope.to.as_ref().is_none_or(|to| on(to, *party, now_ms))
        && !scope
            .not_to
            .as_ref()
            .is_some_and(|not_to| on(not_to, *party, now_ms))
        && scope
            .functions
            .0
            .as_ref()
            .is_none_or(|all| ask.called(*kind).is_some_and(|one| all.contains(&one)))
        && !scope
            .functions
            .1
            .as_ref()
            .is_some_and(|all| ask.called(*kind).is_some_and(|one| all.contains(&one)))
}

/// Whether a table takes a part at these figures of all the `parts` it speaks for. `Some(true)`: it
/// does; `Some(false)`: it would but for an unknown price.
fn in_ranges(scope: &Scope, parts: &[&Part], world: &World) -> Option<bool> {
    let amount: u64 = parts.iter().map(|part| part.3).sum();
    let (max, above) = scope.amount;
    if max.is_some_and(|max| amount > max) || above.is_some_and(|above| amount <= above) {
        return None;
    }
    if scope.usd == (None, None) {
        return Some(true);
    }
    let worths: Vec<Option<u128>> = parts.iter().map(|part| world.usd(part)).collect();
    let at_least: u128 = worths.iter().flatten().sum();
    let unsure = worths.contains(&None);
    let (max, above) = scope.usd;
    if max.is_some_and(|max| at_least > u128::from(max) * MICRO) {
        return None;
    }
    let enough = above.is_none_or(|above| at_least > u128::from(above) * MICRO);
    match (unsure, enough) {
        (false, true) => Some(true),
        (false, false) => None,
        (true, true) if max.is_none() => Some(true),
        (true, _) => Some(false),
    }
}

/// What a table makes of a part by itself, and of all that the request does in its scope.
fn readings(scope: &Scope, ask: &Ask, part: &Part, world: &World) -> [Option<bool>; 2] {
    if !counts_at(scope.when, ask.expires, world.now_ms)
        || !in_scope(scope, ask, part, world.now_ms)
    {
        return [None, None];
    }
    let all = ask.effects.iter();
    let all: Vec<&Part> = all
        .filter(|one| in_scope(scope, ask, one, world.now_ms))
        .collect();
    [
        in_ranges(scope, &[part], world),
        in_ranges(scope, &all, world),
    ]
}

/// The rule that is named for each effect: the strictest that matches, of equal ones that with the
/// smallest id.
pub fn granted(tables: &[Table], ask: &Ask, world: &World) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for part in &ask.effects {
        let mut best: Option<(Verdict, &str)> = None;
        for table in tables {
            let Does::Grant(number) = table.does else {
                continue;
            };
            let tier = tier(number);
            let better =
                best.is_none_or(|(old, id)| tier > old || (tier == old && table.id.as_str() < id));
            if better && readings(&table.scope, ask, part, world) != [None, None] {
                best = Some((tier, &table.id));
            }
        }
        named.extend(best.map(|(_, id)| id.to_owned()));
    }
    named
}

/// The verdict and what is set aside by limit and key.
pub fn decide(
    tables: &[Table],
    ask: &Ask,
    world: &World,
) -> (Verdict, BTreeMap<(String, String), u128>) {
    let mut verdict = Verdict::Instant;
    let mut stricter = |other: Verdict| verdict = verdict.strictest(other);
    for part in &ask.effects {
        let mut vouched = ask.called(part.0).is_some();
        // By itself, and together with the rest: both must be granted, each tier counts.
        for reading in 0..2 {
            let mut granted = false;
            for table in tables {
                let fit = readings(&table.scope, ask, part, world)[reading];
                match (&table.does, fit) {
                    (Does::Grant(number), Some(known)) => {
                        granted = true;
                        vouched &= table.scope.functions.0.is_some();
                        stricter(tier(*number));
                        if !known {
                            stricter(APPROVAL);
                        }
                    }
                    (Does::Forbid, Some(_)) => stricter(Verdict::Deny),
                    (Does::Review(number), Some(_)) => stricter(tier(*number)),
                    _ => {}
                }
            }
            if !granted {
                stricter(Verdict::Deny);
            }
        }
        if part.0.is_opaque() && !vouched {
            stricter(APPROVAL);
        }
        let signed = METHODS[ask.method] == "eth_signTypedData_v4";
        let lasts = |ms: u64| ask.expires.is_none_or(|at| at > world.now_ms + ms);
        if signed && part.0 == EffectKind::Transfer && lasts(3_600_000) {
            stricter(APPROVAL);
        }
        if part.0 == EffectKind::Order && lasts(31 * 24 * 3_600_000) {
            stricter(APPROVAL);
        }
        let over = ask.expires.is_some_and(|at| at > 0 && at <= world.now_ms);
        let ends = [
            EffectKind::Transfer,
            EffectKind::Allowance,
            EffectKind::Order,
            EffectKind::Message,
        ];
        let document = signed || METHODS[ask.method] == "personal_sign";
        if document && ends.contains(&part.0) && over {
            stricter(APPROVAL);
        }
    }
    let mut parts = ask.effects.clone();
    if ask.fee > 0 {
        parts.push((EffectKind::Fee, Some(0), None, ask.fee));
    }
    let mut added = BTreeMap::new();
    for table in tables {
        let Does::Limit(per, measure, max, denies) = &table.does else {
            continue;
        };
        let mut sums: BTreeMap<String, u128> = BTreeMap::new();
        for part in parts
            .iter()
            .filter(|part| in_scope(&table.scope, ask, part, world.now_ms))
        {
            let key = match PERS[*per] {
                "agent" => format!("agent:{}", AGENTS[ask.agent]),
                "wallet" => format!("wallet:{}", WALLETS[ask.wallet]),
                "global" => "global".to_owned(),
                _ => match part.2 {
                    Some(party) => format!("recipient:1:{}", PARTIES[party]),
                    None => continue,
                },
            };
            let sum = sums.entry(key).or_default();
            match measure {
                0 if part.0 != EffectKind::Fee => *sum += 1,
                0 => {}
                1 => match world.usd(part) {
                    Some(usd) => *sum += usd,
                    None if table.scope.when == 3 => {}
                    None => stricter(APPROVAL),
                },
                _ => *sum += u128::from(part.3),
            }
        }
        let max = u128::from(*max) * if *measure == 1 { MICRO } else { 1 };
        for (key, sum) in sums.into_iter().filter(|(_, sum)| *sum > 0) {
            let name = (table.id.clone(), key);
            let used = world.used.get(&name).copied().unwrap_or(0);
            if used + sum > max {
                stricter(match (table.scope.when, denies) {
                    (3, _) => Verdict::Notify,
                    (4, _) => Verdict::Delay { delay_ms: 600_000 },
                    (_, true) => Verdict::Deny,
                    (_, false) => APPROVAL,
                });
            } else if table.scope.when == 5 && used <= max / 2 && used + sum > max / 2 {
                stricter(Verdict::Notify);
            }
            added.insert(name, sum);
        }
    }
    if verdict == Verdict::Deny {
        added.clear();
    }
    (verdict, added)
}
