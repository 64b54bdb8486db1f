//! What of a request is in none of its lines. Lines are bounded, for they are kept with every record;
//! whatever does not fit is counted here, and a person is warned before everything else.

use crate::code::WarningCode;
use crate::display::{warning, Warning};
use crate::text::shown;

/// Counts what is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Hidden {
    /// Characters of texts that are shown in part.
    pub characters: usize,
    /// Values that are not shown at all.
    pub values: usize,
}

impl Hidden {
    /// `display_safe`, with what it cuts counted.
    pub fn text(&mut self, text: &str, max_chars: usize) -> String {
        let (text, missing) = shown(text, max_chars);
        self.characters = self.characters.saturating_add(missing);
        text
    }

    /// So many values are left out.
    pub fn leave_out(&mut self, values: usize) {
        self.values = self.values.saturating_add(values);
    }

    /// The warning, if anything is left out.
    pub fn warning(self) -> Option<Warning> {
        let what = match (self.characters, self.values) {
            (0, 0) => return None,
            (characters, 0) => format!("{characters} characters"),
            (0, values) => format!("{values} values"),
            (characters, values) => format!("{characters} characters and {values} values"),
        };
        let text = format!("{what} are not in these lines: read all of it before you approve");
        Some(warning(WarningCode::NotShown, &text))
    }
}
