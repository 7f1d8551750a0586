//! The headers of a record, as the Kafka crate reads and writes them.

/// Names and values in the order of the record.
pub type Headers = [(String, Vec<u8>)];

/// A header on its way into a record.
pub type Header<'a> = (&'static str, &'a [u8]);

/// Why a record is not what its topic holds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Defect {
    /// A header is not there, or is not UTF-8.
    #[error("there is no header `{0}`")]
    Missing(&'static str),
    /// A header is there and cannot be read.
    #[error("the header `{name}` cannot be read: {why}")]
    Malformed {
        /// The header.
        name: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The value is not what it should be.
    #[error("the value cannot be read: {0}")]
    Value(&'static str),
}

/// The first header `name`, if it is there and is UTF-8.
pub fn text<'a>(headers: &'a Headers, name: &str) -> Option<&'a str> {
    let (_, value) = headers.iter().find(|(key, _)| key == name)?;
    std::str::from_utf8(value).ok()
}

/// For a record that is written record by record, without memory that is used again.
pub fn owned<'a>(headers: impl IntoIterator<Item = Header<'a>>) -> Vec<(String, Vec<u8>)> {
    headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_vec())).collect()
}

/// The header `name`, which has to be there, as `parse` reads it.
pub(crate) fn read<'a, T, E: ToString>(
    headers: &'a Headers,
    name: &'static str,
    parse: impl FnOnce(&'a str) -> Result<T, E>,
) -> Result<T, Defect> {
    let text = text(headers, name).ok_or(Defect::Missing(name))?;
    parse(text).map_err(|error| Defect::Malformed { name, why: error.to_string() })
}

/// A text as a header has it: one line of at most [`MAX_CHARACTERS`], with a mark where it was cut.
pub(crate) fn line(out: &mut Vec<u8>, text: &str) {
    out.clear();
    let mut room = [0; 4];
    for (count, character) in text.chars().enumerate() {
        if count == MAX_CHARACTERS {
            out.extend_from_slice("…".as_bytes());
            return;
        }
        let shown = if matches!(character, '\n' | '\r') { ' ' } else { character };
        out.extend_from_slice(shown.encode_utf8(&mut room).as_bytes());
    }
}

/// Of a text that becomes a header; each takes 4 bytes at most.
const MAX_CHARACTERS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_line_that_fits() {
        let mut out = b"left over".to_vec();
        line(&mut out, "a\nb\rc");
        assert_eq!(out, b"a b c");
        for long in ["ü".repeat(5_000), "😀".repeat(5_000)] {
            line(&mut out, &long);
            assert!(out.len() < 1028 && out.ends_with("…".as_bytes()), "{}", out.len());
        }
    }
}
