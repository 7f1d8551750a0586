//! Canonical tar headers: 512 bytes that depend on path, size and mode alone.
//!
//! The form is POSIX ustar with owner 0:0, no names and time 0; a size of 8 GiB or more does not fit the octal
//! field and is written in GNU's base-256 form, which needs no further block.

use crate::{Error, Result};

/// The unit of a tar archive in bytes.
pub(crate) const BLOCK: u64 = 512;
/// The mode of folders and programs.
pub(crate) const MODE_EXECUTABLE: u32 = 0o755;
/// The mode of every other file.
pub(crate) const MODE_PLAIN: u32 = 0o644;
/// The mode of a folder where everybody may write and only the owner may delete.
const MODE_SHARED: u32 = 0o1777;

const NAME_LENGTH: usize = 100;
const PREFIX_LENGTH: usize = 155;
const OCTAL_SIZE_LIMIT: u64 = 1 << 33;

/// The header of a regular file of `size` bytes at `path`, relative to the root.
pub(crate) fn of_file(path: &str, mode: u32, size: u64) -> Result<[u8; BLOCK as usize]> {
    header(path, b'0', mode, size)
}

/// The header of a folder at `path`, relative to the root and without a slash at the end.
pub(crate) fn of_folder(path: &str) -> Result<[u8; BLOCK as usize]> {
    header(&format!("{path}/"), b'5', MODE_EXECUTABLE, 0)
}

/// The header of a folder that every user may write to, as `/tmp` is.
pub(crate) fn of_shared_folder(path: &str) -> Result<[u8; BLOCK as usize]> {
    header(&format!("{path}/"), b'5', MODE_SHARED, 0)
}

/// The zero bytes that fill a file of `size` bytes up to a whole block.
pub(crate) fn padding(size: u64) -> u64 {
    size.next_multiple_of(BLOCK) - size
}

fn header(path: &str, kind: u8, mode: u32, size: u64) -> Result<[u8; BLOCK as usize]> {
    let (prefix, name) = split(path)?;
    let mut block = [0; BLOCK as usize];
    block[..name.len()].copy_from_slice(name.as_bytes());
    octal(&mut block[100..108], mode.into());
    octal(&mut block[108..116], 0);
    octal(&mut block[116..124], 0);
    if size < OCTAL_SIZE_LIMIT {
        octal(&mut block[124..136], size);
    } else {
        block[124] = 0x80;
        block[128..136].copy_from_slice(&size.to_be_bytes());
    }
    octal(&mut block[136..148], 0);
    block[156] = kind;
    block[257..265].copy_from_slice(b"ustar\x0000");
    octal(&mut block[329..337], 0);
    octal(&mut block[337..345], 0);
    block[345..345 + prefix.len()].copy_from_slice(prefix.as_bytes());
    // The checksum is taken with its own field read as blanks.
    block[148..156].fill(b' ');
    let sum: u64 = block.iter().map(|&byte| u64::from(byte)).sum();
    octal(&mut block[148..155], sum);
    Ok(block)
}

/// Writes `value` as zero-filled octal digits with a zero byte at the end.
fn octal(field: &mut [u8], mut value: u64) {
    let digits = field.len() - 1;
    field[digits] = 0;
    for place in field[..digits].iter_mut().rev() {
        *place = b'0' + (value & 7) as u8;
        value >>= 3;
    }
}

/// Splits a long path at a slash so that its halves fit the two fields of ustar.
fn split(path: &str) -> Result<(&str, &str)> {
    if path.len() <= NAME_LENGTH {
        return Ok(("", path));
    }
    path.char_indices()
        .filter(|&(_, letter)| letter == '/')
        .map(|(at, _)| (&path[..at], &path[at + 1..]))
        .find(|(prefix, name)| {
            prefix.len() <= PREFIX_LENGTH && name.len() <= NAME_LENGTH && !name.is_empty()
        })
        .ok_or_else(|| {
            let why = "too long for a tar header: at most 155 bytes of folders and 100 of name";
            Error::invalid(format!("path {path:?}"), why)
        })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn checksum_holds(block: &[u8; 512]) -> bool {
        let stored = std::str::from_utf8(&block[148..154]).unwrap();
        let mut blank = *block;
        blank[148..156].fill(b' ');
        let sum: u64 = blank.iter().map(|&byte| u64::from(byte)).sum();
        u64::from_str_radix(stored, 8).unwrap() == sum && block[154] == 0 && block[155] == b' '
    }

    #[test]
    fn a_small_file_is_plain_ustar() {
        let block = of_file("models/model.onnx", MODE_PLAIN, 1000).unwrap();
        assert_eq!(&block[..18], b"models/model.onnx\0");
        assert_eq!(&block[100..108], b"0000644\0");
        assert_eq!(&block[124..136], b"00000001750\0");
        assert_eq!(&block[136..148], b"00000000000\0");
        assert_eq!(&block[257..265], b"ustar\x0000");
        assert!(checksum_holds(&block));
    }

    #[test]
    fn eight_gibibytes_and_more_use_base_256() {
        let largest = of_file("m", MODE_PLAIN, (1 << 33) - 1).unwrap();
        assert_eq!(&largest[124..136], b"77777777777\0");
        let above = of_file("m", MODE_PLAIN, 1 << 33).unwrap();
        assert_eq!(&above[124..136], &[0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0]);
        assert!(checksum_holds(&above));
    }

    #[test]
    fn long_paths_split_at_a_slash_or_are_refused() {
        let path = format!("{}/{}", "d".repeat(120), "f".repeat(90));
        let block = of_file(&path, MODE_PLAIN, 0).unwrap();
        assert_eq!(&block[345..465], "d".repeat(120).as_bytes());
        assert_eq!(&block[..90], "f".repeat(90).as_bytes());
        assert!(of_file(&"x".repeat(101), MODE_PLAIN, 0).is_err());
    }

    #[test]
    fn padding_fills_the_last_block_only() {
        assert_eq!([0, 1, 511, 512, 513].map(padding), [0, 511, 1, 0, 511]);
    }
}
