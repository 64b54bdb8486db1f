//! What is kept of a request that is too large to keep or to show whole: its beginning, and true
//! counts of the rest.

use alloy_primitives::Bytes;

use crate::event::{Decided, EffectRecord, LeftOut, LineRecord, Raw, SignedContent, WarningRecord};
use crate::policy::Reason;
use crate::text::display_safe;

/// How much is kept, in bytes of the JSON it becomes (`text` in characters).
pub(in crate::guard) struct Bounds {
    /// Up to this size nothing is cut.
    pub whole: usize,
    /// Call data, document or message.
    request: usize,
    effects: usize,
    effects_count: usize,
    display: usize,
    warnings: usize,
    reasons: usize,
    facts: usize,
    /// Of a signed call.
    payload: usize,
    /// Of each single text.
    text: usize,
}

/// The record of a denied request: whatever an agent sends, it costs the journal no more than this.
pub(in crate::guard) const DENIED: Bounds = Bounds {
    whole: 3072,
    request: 1024,
    effects: 640,
    effects_count: 8,
    display: 320,
    warnings: 240,
    reasons: 320,
    facts: 256,
    payload: 0,
    text: 96,
};

/// A view in a list: the whole one is there for whoever asks for that request alone.
pub(in crate::guard) const LISTED: Bounds = Bounds {
    whole: 16_384,
    request: 1024,
    effects: 6144,
    effects_count: 24,
    display: 3072,
    warnings: 2048,
    reasons: 2048,
    facts: 1024,
    payload: 1024,
    text: 200,
};

/// Members of fixed size: names, hashes, numbers.
const FIXED: usize = 960;

/// About how many bytes the JSON of the request has; never much less than it has.
pub(in crate::guard) fn size(data: &Decided) -> usize {
    let payload = data
        .envelope
        .as_ref()
        .map_or(0, |envelope| escaped(&envelope.payload).saturating_add(220));
    [
        content(&data.request),
        sum(&data.effects, effect),
        sum(&data.display, line),
        sum(&data.warnings, warning),
        sum(&data.reasons, reason),
        data.facts.get().len(),
        payload,
        data.note.as_deref().map_or(0, str::len),
        data.reservations.len().saturating_mul(160),
        data.spends
            .as_ref()
            .map_or(0, |spends| spends.items.len().saturating_mul(220)),
    ]
    .into_iter()
    .fold(FIXED, usize::saturating_add)
}

/// Cuts the request to the bounds and says what is missing.
pub(in crate::guard) fn shorten(data: &mut Decided, bounds: &Bounds) -> LeftOut {
    let mut left = LeftOut {
        effects: keep(
            &mut data.effects,
            bounds.effects_count,
            bounds.effects,
            effect,
        ),
        ..LeftOut::default()
    };
    for shown in &mut data.display {
        shown.value = display_safe(&shown.value, bounds.text);
    }
    left.display = keep(&mut data.display, usize::MAX, bounds.display, line);
    for told in &mut data.warnings {
        told.text = display_safe(&told.text, bounds.text);
    }
    left.warnings = keep(&mut data.warnings, usize::MAX, bounds.warnings, warning);
    for told in &mut data.reasons {
        for text in [&mut told.observed, &mut told.limit].into_iter().flatten() {
            *text = display_safe(text, bounds.text);
        }
    }
    left.reasons = keep(&mut data.reasons, usize::MAX, bounds.reasons, reason);
    left.request = cut_content(&mut data.request, bounds.request);
    if data.facts.get().len() > bounds.facts {
        left.facts = count(data.facts.get().len());
        data.facts = Raw::new("{}".to_owned());
    }
    if let Some(envelope) = &mut data.envelope {
        if envelope.payload.len() > bounds.payload {
            left.payload = count(envelope.payload.len());
            envelope.payload = String::new();
        }
    }
    data.note = data
        .note
        .as_deref()
        .map(|note| display_safe(note, bounds.text));
    left
}

/// Keeps the first items that fit, at least one; gives how many are left out.
fn keep<T>(items: &mut Vec<T>, count_max: usize, bytes_max: usize, bytes: fn(&T) -> usize) -> u64 {
    let mut used: usize = 0;
    let fit = items
        .iter()
        .take(count_max)
        .take_while(|item| {
            used = used.saturating_add(bytes(item));
            used <= bytes_max
        })
        .count()
        .max(1);
    let left = items.len().saturating_sub(fit);
    items.truncate(fit);
    count(left)
}

fn cut_content(request: &mut SignedContent, bytes_max: usize) -> u64 {
    match request {
        SignedContent::Transaction(tx) => cut_bytes(&mut tx.data, bytes_max / 2),
        SignedContent::Message(message) => cut_bytes(&mut message.message, bytes_max / 2),
        SignedContent::TypedData(typed) => {
            let mut used: usize = 0;
            let fits = |(_, character): &(usize, char)| {
                used = used.saturating_add(escaped_char(*character));
                used > bytes_max
            };
            let Some((at, _)) = typed.json.char_indices().find(fits) else {
                return 0;
            };
            let left = typed.json.len().saturating_sub(at);
            typed.json.truncate(at);
            count(left)
        }
    }
}

fn cut_bytes(bytes: &mut Bytes, most: usize) -> u64 {
    let left = bytes.len().saturating_sub(most);
    if let Some(first) = bytes.get(..most) {
        // A copy: a slice would keep all of it in memory.
        *bytes = Bytes::copy_from_slice(first);
    }
    count(left)
}

fn content(request: &SignedContent) -> usize {
    match request {
        SignedContent::Transaction(tx) => tx.data.len().saturating_mul(2),
        SignedContent::TypedData(typed) => escaped(&typed.json),
        SignedContent::Message(message) => message.message.len().saturating_mul(2),
    }
}

fn escaped(text: &str) -> usize {
    text.chars()
        .map(escaped_char)
        .fold(0, usize::saturating_add)
}

/// Bytes of a character inside a JSON string (RFC 8785).
const fn escaped_char(character: char) -> usize {
    match character {
        '"' | '\\' | '\n' | '\r' | '\t' => 2,
        '\0'..='\x1f' => 6,
        other => other.len_utf8(),
    }
}

fn sum<T>(items: &[T], bytes: fn(&T) -> usize) -> usize {
    items.iter().map(bytes).fold(0, usize::saturating_add)
}

fn effect(effect: &EffectRecord) -> usize {
    let asset = effect.asset.as_ref().map_or(0, |asset| {
        asset
            .symbol
            .len()
            .saturating_add(asset.id.as_deref().map_or(0, str::len))
            .saturating_add(150)
    });
    let function = effect.function.as_deref().map_or(0, str::len);
    [asset, function, effect.path.len()]
        .into_iter()
        .fold(260, usize::saturating_add)
}

fn line(line: &LineRecord) -> usize {
    line.label
        .len()
        .saturating_add(escaped(&line.value))
        .saturating_add(24)
}

fn warning(warning: &WarningRecord) -> usize {
    warning
        .code
        .as_str()
        .len()
        .saturating_add(escaped(&warning.text))
        .saturating_add(22)
}

fn reason(reason: &Reason) -> usize {
    let texts = [&reason.rule, &reason.observed, &reason.limit];
    texts
        .into_iter()
        .flatten()
        .map(|text| escaped(text).saturating_add(14))
        .fold(60, usize::saturating_add)
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::keep;

    #[test]
    fn what_does_not_fit_is_counted_and_the_first_always_stays() {
        let mut items: Vec<usize> = vec![10; 1000];
        assert_eq!(keep(&mut items, 8, 35, |item| *item), 997);
        assert_eq!(keep(&mut items, 2, 100, |item| *item), 1);
        assert_eq!(keep(&mut items, 2, 5, |item| *item), 1);
        assert_eq!(items, [10]);
        assert_eq!(keep(&mut Vec::new(), 8, 8, |item: &usize| *item), 0);
    }
}
