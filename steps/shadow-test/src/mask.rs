//! The fields whose values leave the step nowhere.

use std::collections::BTreeSet;

use stream::StreamSchema;

/// The fields whose values leave the step nowhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mask {
    all: bool,
    fields: BTreeSet<String>,
}

impl Mask {
    /// The mask that the flag names, `*` for every field.
    ///
    /// # Errors
    /// A name that is no field of the schema: a typing error would show what was to be hidden.
    pub(crate) fn of(names: &[String], schema: &StreamSchema) -> Result<Self, String> {
        let all = names.iter().any(|name| name == "*");
        let known = |name: &&String| schema.fields.iter().any(|field| field.name == **name);
        match names.iter().find(|name| *name != "*" && !known(name)) {
            Some(unknown) => Err(unknown.clone()),
            None => Ok(Self { all, fields: names.iter().cloned().collect() }),
        }
    }

    pub(crate) fn hides(&self, field: &str) -> bool {
        self.all || self.fields.contains(field)
    }

    /// Whether anything is hidden: then texts that could repeat a value are left out as well.
    pub(crate) fn hides_something(&self) -> bool {
        self.all || !self.fields.is_empty()
    }
}
