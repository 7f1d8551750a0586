//! Protobuf's numbers, byte by byte.

use super::fault::Fault;

/// A number that is being read.
#[derive(Debug, Default)]
pub(super) struct Varint {
    value: u64,
    bytes: u32,
}

impl Varint {
    /// Whether nothing of it was read yet.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Takes bytes until the number is whole, and no byte behind it.
    ///
    /// Only the shortest way to write a number is taken: readers disagree about the others.
    pub(super) fn push(
        &mut self,
        chunk: &mut &[u8],
        message: &'static str,
    ) -> Result<Option<u64>, Fault> {
        while let [byte, rest @ ..] = *chunk {
            *chunk = rest;
            // The tenth byte has room for one bit.
            if self.bytes == 9 && *byte > 1 {
                return Err(Fault::Overlong { message });
            }
            self.value |= u64::from(byte & 0x7f) << (7 * self.bytes);
            self.bytes += 1;
            if byte & 0x80 == 0 {
                return match *byte == 0 && self.bytes > 1 {
                    true => Err(Fault::Overlong { message }),
                    false => Ok(Some(self.value)),
                };
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(bytes: &[u8]) -> Result<Option<u64>, Fault> {
        Varint::default().push(&mut &*bytes, "M")
    }

    #[test]
    fn only_the_shortest_encoding_is_a_number() {
        assert_eq!(number(&[0]), Ok(Some(0)));
        assert_eq!(number(&[0x96, 1]), Ok(Some(150)));
        assert_eq!(
            number(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
            Ok(Some(u64::MAX))
        );
        assert_eq!(number(&[0x80]), Ok(None));
        for overlong in [&[0x80, 0][..], &[0x96, 0x81, 0], &[0xff; 11], &[0x80; 10]] {
            assert_eq!(number(overlong), Err(Fault::Overlong { message: "M" }));
        }
        let too_large = [&[0xff; 9][..], &[2]].concat();
        assert_eq!(number(&too_large), Err(Fault::Overlong { message: "M" }));
    }
}
