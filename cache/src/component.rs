//! What a key was made of, kept so that `why` can say which part changed.

use crate::{Digest, Fields, code};

/// One part of a key, such as `input.task`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Component {
    /// What the part is called.
    pub name: String,
    /// What it was.
    pub value: Value,
}

/// What a component was: short text that a person can read, or the digest of more.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// Text, such as `0.35`.
    Text(String),
    /// A digest, such as that of an input.
    Digest(Digest),
}

/// Components in the order of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Components(Vec<Component>);

impl Components {
    /// Sorts components by name.
    pub fn new(mut components: Vec<Component>) -> Components {
        components.sort();
        Components(components)
    }

    /// Returns the component of that name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let at = self.0.binary_search_by(|c| c.name.as_str().cmp(name)).ok()?;
        Some(&self.0[at].value)
    }

    /// Returns every component, sorted by name.
    pub fn iter(&self) -> std::slice::Iter<'_, Component> {
        self.0.iter()
    }

    /// Returns the digest that stands for the whole list.
    pub fn digest(&self) -> Digest {
        Fields::new("sswe.components.v1").bytes("all", &self.encode()).finish()
    }

    /// Joins two lists; where both have a name, `over` wins.
    pub(crate) fn merged(mut self, over: Components) -> Components {
        self.0.retain(|c| over.get(&c.name).is_none());
        self.0.extend(over.0);
        Components::new(self.0)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.0.len() * 48);
        for Component { name, value } in &self.0 {
            code::put(&mut out, name.as_bytes());
            match value {
                Value::Text(text) => {
                    out.push(0);
                    code::put(&mut out, text.as_bytes());
                }
                Value::Digest(digest) => {
                    out.push(1);
                    out.extend_from_slice(digest.as_bytes());
                }
            }
        }
        out
    }

    pub(crate) fn decode(mut bytes: &[u8]) -> Option<Components> {
        let bytes = &mut bytes;
        let mut all = Vec::new();
        while !bytes.is_empty() {
            let name = text(code::take(bytes)?)?;
            let value = match code::take_byte(bytes)? {
                0 => Value::Text(text(code::take(bytes)?)?),
                1 => Value::Digest(Digest::from_slice(code::take_exact(bytes, 32)?)?),
                _ => return None,
            };
            all.push(Component { name, value });
        }
        Some(Components(all))
    }
}

impl FromIterator<(String, Value)> for Components {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(pairs: I) -> Components {
        Components::new(pairs.into_iter().map(|(name, value)| Component { name, value }).collect())
    }
}

fn text(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_come_back_sorted_and_own_ones_win() {
        let text = |name: &str, value: &str| (name.to_owned(), Value::Text(value.to_owned()));
        let shared: Components = [text("spec", "1"), text("input", "old")].into_iter().collect();
        let digest = Value::Digest(Digest::of(b"x"));
        let own: Components = [("input".to_owned(), digest.clone())].into_iter().collect();
        assert_eq!(Components::decode(&shared.encode()), Some(shared.clone()));
        assert_eq!(Components::decode(&own.encode()), Some(own.clone()));
        assert_eq!(Components::decode(&own.encode()[..9]), None);

        let all = shared.merged(own);
        let names: Vec<_> = all.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["input", "spec"]);
        assert_eq!(all.get("input"), Some(&digest));
        assert_eq!(all.get("absent"), None);
    }
}
