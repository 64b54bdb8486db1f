//! Faults of a policy file: where, what, and what to write instead.

use std::fmt;

use crate::code::PolicyCode;
use serde::Serialize;

/// A place in the source, both from 1; columns count characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Place {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

/// One thing that is wrong, or doubtful (lint).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Fault {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What kind of mistake.
    pub code: PolicyCode,
    /// What is wrong.
    pub text: String,
    /// What to write instead.
    pub hint: String,
}

impl Fault {
    /// A fault at this place.
    pub fn new(
        place: Place,
        code: PolicyCode,
        text: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        let (line, column) = (place.line, place.column);
        Self {
            line,
            column,
            code,
            text: text.into(),
            hint: hint.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            to,
            "{}:{}: {}: {}",
            self.line, self.column, self.code, self.text
        )?;
        if self.hint.is_empty() {
            return Ok(());
        }
        write!(to, " ({})", self.hint)
    }
}

/// A policy file that is refused as a whole: every fault that was found, in the order of the file.
/// Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyErrors {
    faults: Vec<Fault>,
}

/// No more faults than this are collected.
pub const FAULTS_MAX: usize = 100;

impl PolicyErrors {
    /// Sorted by place, at most `FAULTS_MAX`.
    pub(in crate::policy) fn new(mut faults: Vec<Fault>) -> Self {
        faults.sort();
        faults.dedup();
        faults.truncate(FAULTS_MAX);
        Self { faults }
    }

    /// Every fault, in the order of the file.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }
}

impl fmt::Display for PolicyErrors {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            if index > 0 {
                writeln!(to)?;
            }
            fault.fmt(to)?;
        }
        Ok(())
    }
}

impl std::error::Error for PolicyErrors {}

/// Turns byte offsets into places.
#[derive(Clone, Debug)]
pub(in crate::policy) struct Lines<'a> {
    source: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(in crate::policy) fn new(source: &'a str) -> Self {
        let after = |(index, _): (usize, &str)| index.saturating_add(1);
        let starts = std::iter::once(0)
            .chain(source.match_indices('\n').map(after))
            .collect();
        Self { source, starts }
    }

    pub(in crate::policy) fn place(&self, offset: usize) -> Place {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = line
            .checked_sub(1)
            .and_then(|index| self.starts.get(index))
            .copied();
        let before = self
            .source
            .get(start.unwrap_or(0)..offset)
            .unwrap_or_default();
        Place {
            line,
            column: before.chars().count().saturating_add(1),
        }
    }
}
