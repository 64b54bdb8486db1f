//! The intent of a format as one sentence with values in it: `Swap {amountIn} for {amountOut}`.

use serde_json::Value;

use super::field::{Field, Place};
use super::path::{self, Path, Root, Spot, Step};
use super::render::Scene;
use super::value::shown_as;

const SENTENCE_BYTES_MAX: usize = 512;
const VALUES_MAX: usize = 16;
const ITEMS_MAX: usize = 8;
const GROUPS_MAX: usize = 4;

/// A field and the group it stands in.
struct Found<'v> {
    field: Field<'v>,
    group: Vec<Step>,
    path: Path,
}

impl Scene<'_> {
    /// `None` when there is no such sentence, or not every value of it can be said: half of a
    /// sentence would be another one.
    pub(super) fn sentence(&self, format: &Value) -> Option<String> {
        let mut rest = super::string(format, "interpolatedIntent")?;
        let mut out = String::new();
        let mut left = VALUES_MAX;
        while let Some(at) = rest.find(['{', '}']) {
            let (plain, brace) = rest.split_at_checked(at)?;
            out.push_str(plain);
            if let Some(after) = brace.strip_prefix("{{") {
                out.push('{');
                rest = after;
            } else if let Some(after) = brace.strip_prefix("}}") {
                out.push('}');
                rest = after;
            } else {
                let (path, after) = brace.strip_prefix('{')?.split_once('}')?;
                left = left.checked_sub(1)?;
                out.push_str(&self.interpolated(format, path.trim())?);
                rest = after;
            }
            if out.len() > SENTENCE_BYTES_MAX {
                return None;
            }
        }
        out.push_str(rest);
        (out.len() <= SENTENCE_BYTES_MAX).then_some(out)
    }

    /// The value as its own field shows it.
    fn interpolated(&self, format: &Value, path: &str) -> Option<String> {
        let wanted = path::parse(path)?;
        let found = self.find(format, &wanted, &[], 0)?;
        let always = found
            .field
            .get("visible")
            .is_none_or(|rule| rule == "always");
        if !always || found.field.string("format") == Some("calldata") {
            return None;
        }
        let root = Spot::default();
        if found.path.root != Root::Data {
            let node = found.path.value(self.root, self.container)?;
            let place = Place {
                scene: self,
                field: found.field,
                group: &root,
                spot: &root,
            };
            return shown_as(&node, &place);
        }
        let spots = found.path.spots(&root, self.root);
        if spots.missing || spots.found.is_empty() || spots.found.len() > ITEMS_MAX {
            return None;
        }
        let each = spots.found.iter().map(|spot| {
            let items = found.group.iter().filter(|step| **step == Step::All);
            let group = Spot {
                steps: spot.steps.get(..found.group.len())?.to_vec(),
                indices: spot.indices.get(..items.count())?.to_vec(),
            };
            let place = Place {
                scene: self,
                field: found.field,
                group: &group,
                spot,
            };
            shown_as(path::walk(self.root, &spot.steps)?.as_ref(), &place)
        });
        each.collect::<Option<Vec<_>>>().map(|each| each.join(", "))
    }

    /// The field an interpolation names.
    fn find<'v>(
        &'v self,
        parent: &'v Value,
        wanted: &Path,
        group: &[Step],
        depth: usize,
    ) -> Option<Found<'v>> {
        let fields = parent.get("fields").and_then(Value::as_array);
        for own in fields.into_iter().flatten() {
            if depth > GROUPS_MAX || self.work.is_spent() {
                return None;
            }
            let field = Field::new(own, &self.descriptor.whole);
            let path = field.string("path").and_then(path::parse);
            let below = path.map(|path| path.below(group));
            if own.get("fields").is_some() {
                let inner = below.as_ref().map_or(group, |path| &path.steps);
                let found = self.find(own, wanted, inner, depth.saturating_add(1));
                if found.is_some() {
                    return found;
                }
            } else if let Some(path) = below {
                if path.root == wanted.root && path.steps == wanted.steps {
                    let group = group.to_vec();
                    return Some(Found { field, group, path });
                }
            }
        }
        None
    }
}
