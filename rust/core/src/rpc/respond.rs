//! Results and errors to response lines.

use crate::json::write_string;

/// `{"jsonrpc":"2.0","id":…,"result":…}` and a line feed. `result` is JSON; empty counts as `null`.
pub fn response_result(id_json: &[u8], result: &[u8]) -> Vec<u8> {
    let mut line = start(id_json, result.len());
    line.extend_from_slice(b",\"result\":");
    push_or_null(result, &mut line);
    line.extend_from_slice(b"}\n");
    line
}

/// `{"jsonrpc":"2.0","id":…,"error":{"code":…,"message":…,"data":…}}` and a line feed. `data` is
/// JSON.
pub fn response_error(id_json: &[u8], code: i64, message: &str, data: Option<&[u8]>) -> Vec<u8> {
    let mut line = start(
        id_json,
        message.len().saturating_add(data.map_or(0, <[u8]>::len)),
    );
    line.extend_from_slice(b",\"error\":{\"code\":");
    line.extend_from_slice(code.to_string().as_bytes());
    line.extend_from_slice(b",\"message\":");
    let mut quoted = String::with_capacity(message.len().saturating_add(2));
    write_string(message, &mut quoted);
    push_compact(quoted.as_bytes(), &mut line);
    if let Some(data) = data {
        line.extend_from_slice(b",\"data\":");
        push_or_null(data, &mut line);
    }
    line.extend_from_slice(b"}}\n");
    line
}

/// One line with an array of responses made by the other functions. Nothing for no responses: a
/// batch of notifications gets no answer.
pub fn response_batch<R: AsRef<[u8]>>(responses: &[R]) -> Vec<u8> {
    if responses.is_empty() {
        return Vec::new();
    }
    let mut line = vec![b'['];
    for (index, response) in responses.iter().enumerate() {
        if index > 0 {
            line.push(b',');
        }
        line.extend_from_slice(response.as_ref().trim_ascii_end());
    }
    line.extend_from_slice(b"]\n");
    line
}

fn start(id_json: &[u8], payload_bytes: usize) -> Vec<u8> {
    let mut line = Vec::with_capacity(payload_bytes.saturating_add(64));
    line.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
    push_or_null(id_json, &mut line);
    line
}

fn push_or_null(json: &[u8], line: &mut Vec<u8>) {
    if json.trim_ascii().is_empty() {
        line.extend_from_slice(b"null");
    } else {
        push_compact(json, line);
    }
}

/// Appends JSON text without white space between tokens and without braces or raw control
/// characters inside strings.
fn push_compact(json: &[u8], line: &mut Vec<u8>) {
    let mut in_string = false;
    let mut escaped = false;
    for &byte in json {
        if !in_string {
            in_string = byte == b'"';
            if !byte.is_ascii_whitespace() {
                line.push(byte);
            }
            continue;
        }
        let was_escaped = std::mem::take(&mut escaped);
        match byte {
            b'{' => line.extend_from_slice(b"\\u007b"),
            b'}' => line.extend_from_slice(b"\\u007d"),
            0..=0x1f => line.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => {
                escaped = byte == b'\\' && !was_escaped;
                in_string = byte != b'"' || was_escaped;
                line.push(byte);
            }
        }
    }
}
