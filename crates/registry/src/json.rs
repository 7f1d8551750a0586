//! JSON with one spelling: keys sorted, no spaces.
//!
//! A manifest's digest is taken over its bytes, so the order of keys must not depend on a hash map's seed or on
//! a feature flag that some other crate turns on.

use serde_json::Value;

/// The bytes of `value` with the keys of every object sorted.
pub(crate) fn canonical(value: &Value) -> Vec<u8> {
    let mut out = String::new();
    write(value, &mut out);
    out.into_bytes()
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            out.push('{');
            for (index, (key, value)) in entries.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                write(value, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn keys_are_sorted_at_every_depth_and_text_is_escaped() {
        let value: Value = serde_json::from_str(r#"{"b":[{"z":1,"a":"q\"\n"}],"a":null}"#).unwrap();
        assert_eq!(canonical(&value), br#"{"a":null,"b":[{"a":"q\"\n","z":1}]}"#);
    }
}
