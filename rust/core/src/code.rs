//! The closed lists of codes: what can be said to an agent, an operator or a reader of the journal
//! in one word that a program can act on.
//!
//! A code never changes its text or its meaning. Each place that carries one has an enum of its own,
//! so a warning cannot become a reason: [`Code`] is why a request or a command goes on or does not,
//! [`Detail`] is what is wrong with an input, [`WarningCode`] is what an operator should know, and
//! [`PolicyCode`] is what is wrong with a policy file. The tables of `codes.md` and `errors.md` in
//! `docs/policy`, and `python/holdfast/codes.py`, are printed from them by `scripts/codes`.

mod detail;
mod policy;
mod reason;
mod recorded;
mod warning;

pub use detail::Detail;
pub use policy::PolicyCode;
pub use reason::Code;
pub use recorded::Recorded;
pub use warning::WarningCode;

/// What a code asks of whoever reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// It goes on.
    Granted,
    /// An operator has to decide.
    Approval,
    /// It is open; ask again.
    Pending,
    /// It may pass by itself: the same can be tried again later.
    Transient,
    /// The same gets the same answer until the request, the policy or the state changes.
    Denied,
    /// The input is invalid.
    Malformed,
    /// It is over, and nothing was signed.
    Ended,
    /// A command, or a call of the service, does not fit the state.
    Refused,
    /// A record, a note or a snapshot is not what it must be.
    Evidence,
    /// The guardian itself cannot go on.
    Internal,
    /// Changes no verdict.
    Warning,
    /// A policy file is rejected.
    Error,
    /// A policy file is accepted, and probably not what was meant.
    Lint,
}

impl Class {
    /// The word of this class.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Approval => "approval",
            Self::Pending => "pending",
            Self::Transient => "transient",
            Self::Denied => "denied",
            Self::Malformed => "malformed",
            Self::Ended => "ended",
            Self::Refused => "refused",
            Self::Evidence => "evidence",
            Self::Internal => "internal",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Lint => "lint",
        }
    }
}

/// A closed list of codes. Of several the one that is declared first is reported first.
pub trait Closed: Copy + Ord + 'static {
    /// Every code, in the order of precedence.
    const ALL: &'static [Self];

    /// What is written.
    fn as_str(self) -> &'static str;

    /// The code of this text.
    fn from_text(text: &str) -> Option<Self>;

    /// What it asks for.
    fn class(self) -> Class;

    /// What it means, as documented.
    fn meaning(self) -> &'static str;

    /// What can be done about it; empty where the text beside the code says it.
    fn next_step(self) -> &'static str;
}

/// Declares a closed list: `Variant = "text": Class, "meaning" => "what to do";`, most severe first.
macro_rules! codes {
    (
        $(#[$doc:meta])*
        $name:ident {
            $($variant:ident = $text:literal: $class:ident,
                $meaning:literal $(=> $next:literal)?;)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $(#[doc = $meaning] $variant,)*
        }

        impl $name {
            /// What is written.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }

        impl $crate::code::Closed for $name {
            const ALL: &'static [Self] = &[$(Self::$variant,)*];

            fn as_str(self) -> &'static str {
                Self::as_str(self)
            }

            fn from_text(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$variant),)*
                    _ => None,
                }
            }

            fn class(self) -> $crate::code::Class {
                match self {
                    $(Self::$variant => $crate::code::Class::$class,)*
                }
            }

            fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => $meaning,)*
                }
            }

            fn next_step(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($next)?),)*
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.as_str())
            }
        }
    };
}

use codes;
