//! The least that limits and requests together let pass.
//!
//! Cells are split into blocks, and each block is bounded by one limit, or by the requests that can be
//! made; their sum bounds all of them. From the limit with the fewest cells to that with the most, a
//! limit takes over the blocks that lie within its cells where it allows less than they do together.
//! Of limits that lie within each other, as they do in policies people write, no choice is better.

use std::collections::BTreeMap;

use alloy_primitives::U256;

use crate::policy::model::{Measure, Per};
use crate::policy::worst_case::cells::Cell;
use crate::policy::worst_case::limits::rolls;
use crate::policy::worst_case::rate::requests;
use crate::policy::worst_case::scene::Scene;
use crate::policy::worst_case::units::Unit;
use crate::policy::worst_case::Span;

/// For the remainder of a span only so many limits are tried, and only where that is quick.
const SHORTER_MAX: usize = 8;
const PAIRS_MAX: usize = 1_000_000;
/// With more cells a limit is not tried on each of them alone.
const ALONE_MAX: usize = 256;

/// What bounds a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// The limit at this position.
    Limit(u32),
    /// The requests of the agent.
    Rate,
}

/// Cells that one thing bounds together, by their positions.
pub(super) struct Block {
    pub cells: Vec<usize>,
    pub by: By,
    pub most: U256,
}

/// How cells are bounded.
pub(super) struct Cover {
    pub blocks: Vec<Block>,
    /// Cells that nothing bounds in this unit.
    pub open: Vec<usize>,
}

impl Cover {
    /// `None` if not everything is bounded.
    pub fn total(&self) -> Option<U256> {
        self.open.is_empty().then(|| self.bounded())
    }

    /// The sum of what is bounded.
    pub fn bounded(&self) -> U256 {
        let most = self.blocks.iter().map(|block| block.most);
        most.fold(U256::ZERO, U256::saturating_add)
    }
}

/// Blocks while they are chosen; `most` is `None` for what nothing bounds yet.
struct Choice<'s, 'p> {
    scene: &'s Scene<'p>,
    cells: &'s [&'s Cell],
    unit: Unit,
    span: Span,
    /// The block of each cell.
    of: Vec<usize>,
    blocks: Vec<(Vec<usize>, By, Option<U256>)>,
}

/// Bounds all of `cells` in a span.
pub(super) fn cover(scene: &Scene<'_>, cells: &[&Cell], unit: Unit, span: Span) -> Cover {
    let many = U256::from(requests(scene.agent, span.ms));
    let alone = cells.iter().enumerate().map(|(at, cell)| {
        let most = cell.request.in_unit(unit);
        let most = most.map(|most| most.saturating_mul(many));
        (vec![at], By::Rate, most)
    });
    let mut choice = Choice {
        scene,
        cells,
        unit,
        span,
        of: (0..cells.len()).collect(),
        blocks: alone.collect(),
    };
    for (limit, members) in choice.candidates() {
        choice.take(limit, &members);
    }
    let mut found = Cover {
        blocks: Vec::new(),
        open: Vec::new(),
    };
    for (cells, by, most) in choice.blocks {
        match most {
            Some(most) if !cells.is_empty() => found.blocks.push(Block { cells, by, most }),
            Some(_) => {}
            None => found.open.extend(cells),
        }
    }
    found
}

impl Choice<'_, '_> {
    /// Every limit with the cells that it bounds, those with the fewest first.
    fn candidates(&self) -> Vec<(u32, Vec<usize>)> {
        let mut of_limit: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (at, cell) in self.cells.iter().enumerate() {
            for limit in &cell.limits {
                if self.window(*limit, &[at]).is_some() {
                    of_limit.entry(*limit).or_default().push(at);
                }
            }
        }
        let mut found = Vec::new();
        for (number, members) in of_limit {
            let Some(limit) = self.scene.counts.get(number as usize).map(|one| one.limit) else {
                continue;
            };
            let counts = limit.measure == Measure::Count;
            let fewer = counts || matches!(limit.per, Per::Wallet | Per::Recipient);
            if fewer && (2..=ALONE_MAX).contains(&members.len()) {
                found.extend(members.iter().map(|at| (number, vec![*at])));
            }
            if counts {
                found.extend(self.small(&members).into_iter().map(|some| (number, some)));
            }
            found.push((number, members));
        }
        found.sort_by_key(|(number, members)| {
            let window = self.window(*number, members);
            (members.len(), window.unwrap_or(U256::MAX), *number)
        });
        found
    }

    /// The cells whose effects are the smallest: a number of small ones is less than as many of any.
    fn small(&self, members: &[usize]) -> Vec<Vec<usize>> {
        let each = |at: &usize| {
            self.cells
                .get(*at)
                .and_then(|cell| cell.each.in_unit(self.unit))
        };
        let mut sizes: Vec<U256> = members.iter().filter_map(each).collect();
        sizes.sort_unstable();
        sizes.dedup();
        sizes.pop();
        sizes.truncate(SHORTER_MAX);
        let within = |size: &U256| -> Vec<usize> {
            let small = members
                .iter()
                .filter(|at| each(at).is_some_and(|one| one <= *size));
            small.copied().collect()
        };
        sizes.iter().map(within).collect()
    }

    fn window(&self, limit: u32, members: &[usize]) -> Option<U256> {
        let counted = self.scene.counts.get(limit as usize)?;
        self.scene
            .window(counted, &self.at(members), self.unit, self.span.ms)
    }

    fn at(&self, members: &[usize]) -> Vec<&Cell> {
        let cells = members.iter().filter_map(|at| self.cells.get(*at).copied());
        cells.collect()
    }

    /// Gives the limit the blocks within `members`, if it allows less than they do.
    fn take(&mut self, limit: u32, members: &[usize]) {
        let mut seen: BTreeMap<usize, usize> = BTreeMap::new();
        for at in members {
            if let Some(block) = self.of.get(*at) {
                let count = seen.entry(*block).or_default();
                *count = count.saturating_add(1);
            }
        }
        let whole = |block: &usize, count: usize| {
            let found = self.blocks.get(*block);
            found.is_some_and(|(cells, ..)| cells.len() == count)
        };
        seen.retain(|block, count| whole(block, *count));
        let inside = |block: usize| seen.contains_key(&block);
        let mine = members.iter().copied();
        let mine: Vec<usize> = mine
            .filter(|at| self.of.get(*at).is_some_and(|block| inside(*block)))
            .collect();
        if mine.is_empty() {
            return;
        }
        let cells = self.at(&mine);
        let common = self.common(limit, &cells);
        let scene = self.scene;
        let Some(most) = scene.allowed(limit, &common, &cells, self.unit, self.span.ms) else {
            return;
        };
        let now = seen.keys().try_fold(U256::ZERO, |sum, block| {
            let (_, _, most) = self.blocks.get(*block)?;
            Some(sum.saturating_add((*most)?))
        });
        let only_rate = seen.keys().all(|block| {
            let found = self.blocks.get(*block);
            found.is_some_and(|(_, by, _)| *by == By::Rate)
        });
        if now.is_some_and(|now| most > now || (most == now && !only_rate)) {
            return;
        }
        // What is taken over has no cells any more, and so counts nothing.
        for block in seen.keys() {
            if let Some((cells, _, most)) = self.blocks.get_mut(*block) {
                cells.clear();
                *most = Some(U256::ZERO);
            }
        }
        let next = self.blocks.len();
        for at in &mine {
            if let Some(block) = self.of.get_mut(*at) {
                *block = next;
            }
        }
        self.blocks.push((mine, By::Limit(limit), Some(most)));
    }

    /// The limits with shorter windows that count all of these cells too.
    fn common(&self, limit: u32, cells: &[&Cell]) -> Vec<u32> {
        let counts = &self.scene.counts;
        if cells.len().saturating_mul(counts.len()) > PAIRS_MAX {
            return Vec::new();
        }
        let window = |number: &u32| {
            let counted = counts.get(*number as usize);
            counted.map_or(u64::MAX, |one| rolls(one.limit))
        };
        let own = window(&limit);
        let Some((first, others)) = cells.split_first() else {
            return Vec::new();
        };
        let shared = first.limits.iter().copied().filter(|one| {
            window(one) < own
                && others
                    .iter()
                    .all(|cell| cell.limits.binary_search(one).is_ok())
        });
        let mut shared: Vec<u32> = shared.collect();
        shared.sort_by_key(window);
        shared.truncate(SHORTER_MAX);
        shared
    }
}
