//! The worst case of one agent, as it is shown.

use serde::Serialize;

use crate::effects::EffectKind;
use crate::policy::decide::verdict::Verdict;
use crate::policy::model::Agent;
use crate::policy::worst_case::cells::Cell;
use crate::policy::worst_case::cover::{cover, Cover};
use crate::policy::worst_case::loud::{warnings, Warning};
use crate::policy::worst_case::path::{asset_name, base, duration, steps, usd, Step};
use crate::policy::worst_case::scene::Scene;
use crate::policy::worst_case::units::{least, Unit};
use crate::policy::worst_case::{Span, SPANS};

/// The most that one agent can have signed without a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AgentCase {
    /// Its id.
    pub agent: String,
    /// The chain it works on.
    pub chain_id: crate::chain::ChainId,
    /// What has no limit; the gravest first.
    pub warnings: Vec<Warning>,
    /// One for each of [`SPANS`].
    pub spans: Vec<SpanCase>,
    /// What the figures do not say.
    pub notes: Vec<String>,
}

/// The same within one span.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SpanCase {
    /// `1h`.
    pub span: &'static str,
    /// All assets together, without fees.
    pub usd: UsdCase,
    /// Each asset that can leave.
    pub assets: Vec<AssetCase>,
    /// `None` if no transaction can go without a person.
    pub fees: Option<FeeCase>,
    /// Assets and fees together, in USD; `None` if nothing bounds them, or a price is missing.
    pub usd_with_fees: Option<String>,
}

/// All assets together, in USD.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UsdCase {
    /// The most; `None` if nothing bounds it.
    pub max: Option<String>,
    /// Assets of which parts are not in `max`: they are bounded in amount, and have no pinned price.
    pub besides: Vec<String>,
    /// What bounds it.
    pub path: Vec<Step>,
}

/// One asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AssetCase {
    /// Its id.
    pub asset: String,
    /// Nothing bounds it.
    pub unbounded: bool,
    /// The most in whole units; `None` if only its worth is bounded, at the price of the day.
    pub amount: Option<String>,
    /// The most in USD; `None` if it has no pinned price and no limit in USD counts it.
    pub usd: Option<String>,
    /// The amount and the worth are of different parts, and come together.
    pub both: bool,
    /// What bounds it.
    pub path: Vec<Step>,
}

/// Network fees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FeeCase {
    /// The coin they are paid in.
    pub asset: String,
    /// The most, in whole units; in wei where the coin is not registered.
    pub amount: Option<String>,
    /// The same in USD.
    pub usd: Option<String>,
    /// What bounds it.
    pub path: Vec<Step>,
}

impl AgentCase {
    /// The same of another agent with the same tables.
    pub(super) fn of(mut self, agent: &Agent) -> Self {
        self.agent.clone_from(&agent.id);
        self
    }

    /// Whether something has no bound at all.
    pub fn is_unbounded(&self) -> bool {
        self.warnings
            .iter()
            .any(|warning| warning.kind == "unbounded")
    }
}

pub(super) fn agent_case(mut scene: Scene<'_>) -> AgentCase {
    let (cells, fees) = scene.flows();
    let scene = &scene;
    let spans = SPANS
        .iter()
        .map(|span| span_case(scene, &cells, fees.as_ref(), *span));
    AgentCase {
        agent: scene.agent.id.clone(),
        chain_id: scene.agent.chain_id,
        warnings: warnings(scene, &cells, fees.as_ref()),
        spans: spans.collect(),
        notes: notes(scene, &cells, fees.as_ref()),
    }
}

fn span_case(scene: &Scene<'_>, cells: &[Cell], fees: Option<&Cell>, span: Span) -> SpanCase {
    let all: Vec<&Cell> = cells.iter().collect();
    let together = cover(scene, &all, Unit::Usd, span);
    let missing = together.open.iter().filter_map(|at| all.get(*at).copied());
    let missing: Vec<&Cell> = missing.collect();
    let bare = cover(scene, &missing, Unit::Base, span);
    let mut besides: Vec<String> = missing
        .iter()
        .map(|cell| asset_name(scene, cell.asset))
        .collect();
    besides.dedup();
    let bounded = bare.open.is_empty();
    let usd_case = UsdCase {
        max: bounded.then(|| usd(together.bounded())),
        besides: if bounded { besides } else { Vec::new() },
        path: steps(scene, &all, &together, Unit::Usd, span),
    };
    let fee = fees.map(|fee| fee_case(scene, fee, span));
    let with_fees = match fees {
        None => together.total(),
        Some(fee) => {
            let apart = cover(scene, &[fee], Unit::Usd, span).total();
            let apart = together
                .total()
                .zip(apart)
                .map(|(a, b)| a.saturating_add(b));
            let both: Vec<&Cell> = cells.iter().chain([fee]).collect();
            least(apart, cover(scene, &both, Unit::Usd, span).total())
        }
    };
    SpanCase {
        span: span.name,
        usd: usd_case,
        assets: by_asset(&all)
            .into_iter()
            .map(|own| asset_case(scene, own, span))
            .collect(),
        fees: fee,
        usd_with_fees: with_fees.map(usd),
    }
}

/// The cells of each asset; they come in its order.
fn by_asset<'c, 'r>(cells: &'r [&'c Cell]) -> Vec<&'r [&'c Cell]> {
    cells
        .chunk_by(|one, next| one.asset == next.asset)
        .collect()
}

fn asset_case(scene: &Scene<'_>, cells: &[&Cell], span: Span) -> AssetCase {
    let asset = cells.first().and_then(|cell| cell.asset);
    let in_base = cover(scene, cells, Unit::Base, span);
    let in_usd = cover(scene, cells, Unit::Usd, span);
    let mut case = AssetCase {
        asset: asset_name(scene, asset),
        unbounded: in_base.open.iter().any(|at| in_usd.open.contains(at)),
        amount: in_base.total().map(|most| base(scene, asset, most)),
        usd: in_usd.total().map(usd),
        both: false,
        path: Vec::new(),
    };
    if case.amount.is_some() || case.usd.is_some() || case.unbounded {
        let (shown, unit) = match case.amount {
            Some(_) => (&in_base, Unit::Base),
            None => (&in_usd, Unit::Usd),
        };
        case.path = steps(scene, cells, shown, unit, span);
        return case;
    }
    // A part is bounded in amount alone, another in USD alone.
    let rest: Vec<&Cell> = in_base
        .open
        .iter()
        .filter_map(|at| cells.get(*at).copied())
        .collect();
    let rest_usd = cover(scene, &rest, Unit::Usd, span);
    let first = Cover {
        open: Vec::new(),
        ..in_base
    };
    case.amount = Some(base(scene, asset, first.bounded()));
    case.usd = rest_usd.total().map(usd);
    case.both = true;
    case.path = steps(scene, cells, &first, Unit::Base, span);
    case.path
        .extend(steps(scene, &rest, &rest_usd, Unit::Usd, span));
    case
}

fn fee_case(scene: &Scene<'_>, fee: &Cell, span: Span) -> FeeCase {
    let in_base = cover(scene, &[fee], Unit::Base, span);
    let in_usd = cover(scene, &[fee], Unit::Usd, span);
    FeeCase {
        asset: match fee.asset {
            Some(_) => asset_name(scene, fee.asset),
            None => "wei".to_owned(),
        },
        amount: in_base.total().map(|most| base(scene, fee.asset, most)),
        usd: in_usd.total().map(usd),
        path: steps(scene, &[fee], &in_base, Unit::Base, span),
    }
}

/// What a reader could take the figures for and should not.
fn notes(scene: &Scene<'_>, cells: &[Cell], fees: Option<&Cell>) -> Vec<String> {
    let mut notes = Vec::new();
    let all: Vec<&Cell> = cells.iter().collect();
    for own in by_asset(&all) {
        let entry = own.first().and_then(|cell| scene.entry(cell));
        let Some(entry) = entry.filter(|entry| entry.price.is_none()) else {
            continue;
        };
        notes.push(format!(
            "`{}` has no pinned price: its amount and its worth are bounded apart, and what is bounded \
             in USD buys more of it when it is cheap",
            entry.asset.id
        ));
    }
    let groups = scene.groups.iter().flat_map(|group| &group.rules);
    let mut rules: Vec<u32> = groups.copied().collect();
    rules.sort_unstable();
    let rules = rules.iter().filter_map(|place| scene.rule(*place));
    for rule in rules.clone() {
        if let Verdict::Delay { delay_ms } = rule.tier {
            let wait = duration(delay_ms);
            notes.push(format!(
                "rule `{}` waits {wait} before anything is signed: time for a freeze, which the figures \
                 do not count on",
                rule.id
            ));
        }
    }
    let vouched = rules.filter(|rule| rule.matcher.functions.is_some());
    for rule in vouched.filter(|rule| rule.matcher.kinds.has(EffectKind::Call as u8)) {
        notes.push(format!(
            "what the functions of rule `{}` do is not in the figures: you vouch that they move nothing",
            rule.id
        ));
    }
    for counted in scene.counts.iter().filter(|one| one.limit.is_standing()) {
        let limit = counted.limit;
        notes.push(format!(
            "limit `{}` bounds what stands at one time ({}), and not what is taken in a span",
            limit.id,
            limit.measure.words(limit.max)
        ));
    }
    let chain = scene.chain().filter(|_| fees.is_some());
    if let Some(chain) = chain {
        if chain.l1_fee_max.is_some() {
            notes.push(
                "fees: where the chain does not say what the data of a transaction costs, it may charge \
                 more than `l1_fee_max`"
                    .to_owned(),
            );
        } else if crate::policy::lint::spending::pays_for_data(chain) {
            notes.push(format!(
                "fees: chain {} also charges for the data of a transaction, which is not in the \
                 figures: write `l1_fee_max`",
                chain.id
            ));
        }
    }
    notes.truncate(NOTES_MAX);
    notes
}

/// More notes than these nobody reads.
const NOTES_MAX: usize = 100;
