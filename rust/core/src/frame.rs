//! Splits one connection's byte stream into JSON values.
//!
//! Clients write values with or without a line end, in one piece or many, several at once. Every
//! byte is looked at once, whatever the pieces are; a value over the limit is refused before memory
//! is taken for it. Only where a value ends is decided here, not whether it is good JSON: brackets
//! of both kinds count alike, and [`crate::rpc`] judges the rest.

use crate::code::Detail;
use crate::json::Malformed;

/// Frames up to this many bytes unless told otherwise.
pub const FRAME_BYTES_MAX: usize = 1 << 20;

/// The splitter of one connection.
#[derive(Clone, Debug)]
pub struct Framer {
    max_bytes: usize,
    held: Vec<u8>,
    scan: Scan,
    fault: Option<Malformed>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Scan {
    depth: u32,
    in_string: bool,
    escaped: bool,
}

impl Scan {
    /// Steps over one byte inside a value; true when it was the last one of the value.
    fn step(&mut self, byte: u8) -> bool {
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return false;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth = self.depth.saturating_add(1),
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }
}

impl Default for Framer {
    fn default() -> Self {
        Self::new(FRAME_BYTES_MAX)
    }
}

impl Framer {
    /// A splitter that refuses values of more than `max_bytes` bytes.
    pub fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            held: Vec::new(),
            scan: Scan::default(),
            fault: None,
        }
    }

    /// Takes the next bytes; gives the values they complete, in order.
    ///
    /// A fault is final. Values that were complete before it are given first: then the fault comes
    /// with the next call (which may be one without bytes), so no good request is lost to what
    /// follows it.
    ///
    /// # Errors
    /// `frame_too_large` and `frame_garbage` (something other than an object or array between
    /// values).
    pub fn feed(&mut self, data: &[u8]) -> Result<Vec<Vec<u8>>, Malformed> {
        let mut values = Vec::new();
        if self.fault.is_none() {
            if let Err(fault) = self.split(data, &mut values) {
                self.held = Vec::new();
                self.fault = Some(fault);
            }
        }
        match &self.fault {
            Some(fault) if values.is_empty() => Err(fault.clone()),
            _ => Ok(values),
        }
    }

    /// Bytes held of a value that is not complete.
    pub fn pending(&self) -> usize {
        self.held.len()
    }

    /// Whether the stream is beyond repair: answer, then close.
    pub const fn is_faulty(&self) -> bool {
        self.fault.is_some()
    }

    fn split(&mut self, data: &[u8], values: &mut Vec<Vec<u8>>) -> Result<(), Malformed> {
        let mut rest = data;
        while !rest.is_empty() {
            if self.scan.depth == 0 {
                rest = rest.trim_ascii_start();
                match rest.first() {
                    None => return Ok(()),
                    Some(b'{' | b'[') => {}
                    Some(_) => {
                        let text = "a JSON object or array must start here";
                        return Err(Malformed::new(Detail::FrameGarbage, "", text));
                    }
                }
            }
            let room = self.max_bytes.saturating_sub(self.held.len());
            let window = rest.get(..room).unwrap_or(rest);
            let end = window.iter().position(|byte| self.scan.step(*byte));
            let Some(last) = end else {
                if rest.len() > room {
                    return Err(Malformed::new(
                        Detail::FrameTooLarge,
                        "",
                        "the frame is too large",
                    ));
                }
                self.held.extend_from_slice(rest);
                return Ok(());
            };
            let (value, tail) = rest.split_at(last.saturating_add(1));
            let mut whole = std::mem::take(&mut self.held);
            whole.extend_from_slice(value);
            values.push(whole);
            rest = tail;
        }
        Ok(())
    }
}
