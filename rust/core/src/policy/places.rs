//! Where the keys of a TOML text are, for files that belong to a policy.

use toml::de::{DeTable, DeValue};

use super::fault::{Fault, Lines, Place, PolicyErrors};
use crate::code::PolicyCode;

/// Every key of a TOML text with its place, in the order of the text, as a JSON pointer:
/// `/case/0/pay`. Elements of lists have one too.
///
/// # Errors
/// The faults of a text that is not TOML.
pub fn key_places(source: &str) -> Result<Vec<(String, Place)>, PolicyErrors> {
    let lines = Lines::new(source);
    let (document, errors) = DeTable::parse_recoverable(source);
    if !errors.is_empty() {
        let faults = errors.iter().map(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let code = match error.message().contains("duplicate") {
                true => PolicyCode::DuplicateKey,
                false => PolicyCode::Syntax,
            };
            let hint = "see https://toml.io for how TOML is written";
            Fault::new(lines.place(at), code, error.message().to_lowercase(), hint)
        });
        return Err(PolicyErrors::new(faults.collect()));
    }
    let mut found = Vec::new();
    table(document.get_ref(), "", &lines, &mut found);
    found.sort_by_key(|(_, place)| *place);
    Ok(found)
}

fn table(table_at: &DeTable<'_>, path: &str, lines: &Lines<'_>, found: &mut Vec<(String, Place)>) {
    for (key, held) in table_at {
        let name = key.get_ref().replace('~', "~0").replace('/', "~1");
        let path = format!("{path}/{name}");
        found.push((path.clone(), lines.place(key.span().start)));
        value(held.get_ref(), &path, lines, found);
    }
}

fn value(held: &DeValue<'_>, path: &str, lines: &Lines<'_>, found: &mut Vec<(String, Place)>) {
    match held {
        DeValue::Table(inner) => table(inner, path, lines, found),
        DeValue::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let path = format!("{path}/{index}");
                found.push((path.clone(), lines.place(item.span().start)));
                value(item.get_ref(), &path, lines, found);
            }
        }
        _ => {}
    }
}
