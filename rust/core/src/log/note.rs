//! C2SP checkpoints (`tlog-checkpoint`) and signed notes (`signed-note`) with one ed25519
//! signature.
//!
//! A checkpoint is three lines: origin, number of records in decimal, root in base64. A signed note
//! is that text, an empty line, and `— <name> <base64(key id || signature)>`; the key id is the
//! first four bytes of `SHA-256(name || 0x0A || 0x01 || public key)`.

use base64ct::{Base64, Encoding};
use sha2::{Digest, Sha256};

use super::Hash;
use crate::code::Code;
use crate::verify;

/// Longest note that is read at all, in bytes.
const NOTE_BYTES_MAX: usize = 16_384;
const ED25519: u8 = 0x01;

/// What a checkpoint says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// Number of records.
    pub size: u64,
    /// Root over them.
    pub root: Hash,
}

/// Why a note or checkpoint is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Not the text of a signed note.
    #[error("this is not a signed note")]
    Malformed,
    /// The key name cannot stand in a note.
    #[error("a key name has no spaces and no `+` and is not empty")]
    Name,
    /// No signature line of this key.
    #[error("the note carries no signature of this key")]
    UnknownKey,
    /// The signature does not fit the text.
    #[error("the signature does not fit the text")]
    Signature,
    /// The signed text is not a checkpoint.
    #[error("the signed text is not a checkpoint")]
    Checkpoint,
}

impl NoteError {
    /// The code of this error.
    pub const fn code(self) -> Code {
        match self {
            Self::Malformed => Code::NoteMalformed,
            Self::Name => Code::NoteName,
            Self::UnknownKey => Code::NoteUnknownKey,
            Self::Signature => Code::NoteSignature,
            Self::Checkpoint => Code::NoteCheckpoint,
        }
    }
}

/// The text that is signed.
pub fn checkpoint_body(origin: &str, size: u64, root: &Hash) -> String {
    format!("{origin}\n{size}\n{}\n", Base64::encode_string(root))
}

/// Reads a checkpoint text; extension lines after the third are allowed, as C2SP says.
pub fn parse_checkpoint(body: &str) -> Option<Checkpoint> {
    let mut lines = body.strip_suffix('\n')?.split('\n');
    let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
    let decimal =
        size == "0" || (!size.starts_with('0') && size.bytes().all(|b| b.is_ascii_digit()));
    if origin.is_empty() || !decimal || lines.any(str::is_empty) {
        return None;
    }
    let root = <Hash>::try_from(Base64::decode_vec(root).ok()?).ok()?;
    Some(Checkpoint {
        origin: origin.to_owned(),
        size: size.parse().ok()?,
        root,
    })
}

fn key_id(name: &str, public_key: &[u8; 32]) -> [u8; 4] {
    let digest: Hash = Sha256::new()
        .chain_update(name)
        .chain_update([b'\n', ED25519])
        .chain_update(public_key)
        .finalize()
        .into();
    let [a, b, c, d, ..] = digest;
    [a, b, c, d]
}

fn name_is_sound(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
}

/// Puts one signature under a text.
///
/// # Errors
/// [`NoteError`] when the text does not end in a newline, the name is unfit, or the signature is
/// not of this text.
pub fn signed_note(
    body: &str,
    name: &str,
    public_key: &[u8; 32],
    signature: &[u8; 64],
) -> Result<String, NoteError> {
    if !body.ends_with('\n') || body.contains("\n\n") || body.len() > NOTE_BYTES_MAX {
        return Err(NoteError::Malformed);
    }
    if !name_is_sound(name) {
        return Err(NoteError::Name);
    }
    if !verify::ed25519(public_key, body.as_bytes(), signature) {
        return Err(NoteError::Signature);
    }
    let mut blob = key_id(name, public_key).to_vec();
    blob.extend_from_slice(signature);
    Ok(format!(
        "{body}\n\u{2014} {name} {}\n",
        Base64::encode_string(&blob)
    ))
}

/// Verifies a note and reads its checkpoint. Signatures of other keys are left alone, as the format
/// asks.
///
/// # Errors
/// [`NoteError`]: nothing of a note that does not verify is given back.
pub fn open_note(note: &[u8], name: &str, public_key: &[u8; 32]) -> Result<Checkpoint, NoteError> {
    if note.len() > NOTE_BYTES_MAX {
        return Err(NoteError::Malformed);
    }
    let text = std::str::from_utf8(note).map_err(|_| NoteError::Malformed)?;
    if text.contains(|c: char| c.is_control() && c != '\n') {
        return Err(NoteError::Malformed);
    }
    let (head, lines) = text.rsplit_once("\n\n").ok_or(NoteError::Malformed)?;
    let lines = lines.strip_suffix('\n').ok_or(NoteError::Malformed)?;
    let body = format!("{head}\n");
    let mut verified = false;
    for line in lines.split('\n') {
        let rest = line.strip_prefix("\u{2014} ").ok_or(NoteError::Malformed)?;
        let (signer, blob) = rest.split_once(' ').ok_or(NoteError::Malformed)?;
        let blob = Base64::decode_vec(blob).map_err(|_| NoteError::Malformed)?;
        let (id, signature) = blob.split_at_checked(4).ok_or(NoteError::Malformed)?;
        if signer != name || id != key_id(name, public_key) {
            continue;
        }
        let signature = signature.try_into().map_err(|_| NoteError::Signature)?;
        if !verify::ed25519(public_key, body.as_bytes(), signature) {
            return Err(NoteError::Signature);
        }
        verified = true;
    }
    if !verified {
        return Err(NoteError::UnknownKey);
    }
    parse_checkpoint(&body).ok_or(NoteError::Checkpoint)
}
