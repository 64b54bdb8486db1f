//! How much an event matters to an operator: alerts and pushes say this word and no other.

/// How much an event matters, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Good to know.
    Info,
    /// Something was stopped, or went another way than it was asked for.
    Warning,
    /// An operator has to decide.
    Action,
    /// The guardian's own rules or state changed, or something is wrong.
    Critical,
}

impl Severity {
    /// Every severity, the least first.
    pub const ALL: [Self; 4] = [Self::Info, Self::Warning, Self::Action, Self::Critical];

    /// The word in pushes and in `min_severity` of an alert route.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Action => "action",
            Self::Critical => "critical",
        }
    }
}
