//! Snapshots: the state and the log's compact range in one untrusted, versioned blob.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::guard::state::State;
use crate::guard::Guard;
use crate::log::CompactRange;
use crate::policy::{CodeSeen, Policy};

const FORMAT: u8 = 11;

/// Why a snapshot cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Written by another version.
    #[error("the snapshot has a format this program does not know")]
    Format,
    /// Not what `snapshot` writes.
    #[error("the snapshot is damaged")]
    Damaged,
}

#[derive(Serialize)]
struct Saved<'a> {
    log: &'a CompactRange,
    state: &'a State,
}

#[derive(Deserialize)]
struct Restored {
    log: CompactRange,
    state: State,
}

impl Guard {
    /// The state as bytes.
    pub fn snapshot(&self) -> Vec<u8> {
        let saved = Saved {
            log: &self.log,
            state: &self.state,
        };
        // Writing into memory fails only for types that cannot be written at all, which tests would
        // show.
        postcard::to_extend(&saved, vec![FORMAT]).unwrap_or_default()
    }

    /// A guardian from a snapshot. Nothing in it is trusted until its size and root were compared
    /// with a signed checkpoint.
    ///
    /// # Errors
    /// [`SnapshotError`].
    pub fn restore(snapshot: &[u8]) -> Result<Self, SnapshotError> {
        let (format, bytes) = snapshot.split_first().ok_or(SnapshotError::Damaged)?;
        if *format != FORMAT {
            return Err(SnapshotError::Format);
        }
        let (restored, rest) =
            postcard::take_from_bytes::<Restored>(bytes).map_err(|_| SnapshotError::Damaged)?;
        let Restored { log, mut state } = restored;
        if !rest.is_empty() || !log.is_sound() || log.size() != state.seq {
            return Err(SnapshotError::Damaged);
        }
        if let Some(loaded) = state.policy.as_mut() {
            loaded.compiled = Policy::parse(&loaded.source).ok().map(Arc::new);
        }
        let code = CodeSeen::default();
        Ok(Self { state, log, code })
    }
}

/// The bytes a state digest is over.
pub(in crate::guard) fn state_bytes(state: &State) -> Vec<u8> {
    postcard::to_stdvec(state).unwrap_or_default()
}
