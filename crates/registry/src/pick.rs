//! Picks one file out of a layer while it streams by.
//!
//! The archive is fed in pieces of any size, nothing but the wanted file is written anywhere, and names in the
//! archive are only compared, never used as paths on this machine.

use std::io::{self, Write};

use crate::header::BLOCK;

/// Long names and PAX headers larger than this are refused.
const META_LIMIT: u64 = 1 << 20;

/// A tar reader that is written to.
pub(crate) struct Picker<W> {
    wanted: String,
    sink: W,
    state: State,
    block: Vec<u8>,
    meta: Vec<u8>,
    next: Overrides,
    verdict: Verdict,
}

/// What a layer says about the wanted file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing; a lower layer may hold it.
    Absent,
    /// It was written to the sink.
    Picked,
    /// This layer deletes it, so lower layers do not count.
    Deleted,
}

enum State {
    Header,
    Content { left: u64, padding: u64, role: Role },
    End,
}

#[derive(Clone, Copy, PartialEq)]
enum Role {
    Wanted,
    LongName,
    Pax,
    Other,
}

#[derive(Default)]
struct Overrides {
    path: Option<String>,
    size: Option<u64>,
}

impl<W: Write> Picker<W> {
    /// Picks `wanted`, a path relative to the root of the image, into `sink`.
    pub(crate) fn new(wanted: &str, sink: W) -> Self {
        Picker {
            wanted: wanted.to_owned(),
            sink,
            state: State::Header,
            block: Vec::with_capacity(BLOCK as usize),
            meta: Vec::new(),
            next: Overrides::default(),
            verdict: Verdict::Absent,
        }
    }

    /// What the whole archive said, and the sink. An archive that breaks off is an error.
    pub(crate) fn finish(self) -> io::Result<(Verdict, W)> {
        // Some writers leave the end blocks out; an end in the middle of an entry is another thing.
        match self.state {
            State::Header if self.block.is_empty() => Ok((self.verdict, self.sink)),
            State::End => Ok((self.verdict, self.sink)),
            _ => Err(broken("ends in the middle of an entry")),
        }
    }

    fn header(&mut self) -> io::Result<()> {
        if self.block.iter().all(|&byte| byte == 0) {
            self.state = State::End;
            return Ok(());
        }
        check_sum(&self.block)?;
        let kind = self.block[156];
        let overrides = if matches!(kind, b'L' | b'K' | b'x' | b'g') {
            Overrides::default()
        } else {
            std::mem::take(&mut self.next)
        };
        let size = match overrides.size {
            Some(size) => size,
            None => number(&self.block[124..136])?,
        };
        let role = match kind {
            b'L' => Role::LongName,
            b'x' => Role::Pax,
            b'K' | b'g' => Role::Other,
            _ => {
                let path = overrides.path.unwrap_or_else(|| name(&self.block));
                self.entry(path.trim_start_matches("./").trim_matches('/'), kind)?
            }
        };
        if matches!(role, Role::LongName | Role::Pax) && size > META_LIMIT {
            return Err(broken("has a header of more than 1 MiB"));
        }
        self.meta.clear();
        // Folders, links and devices have no content, whatever their size field says.
        let size = if matches!(kind, b'1'..=b'6') { 0 } else { size };
        self.state =
            State::Content { left: size, padding: size.next_multiple_of(BLOCK) - size, role };
        self.content_ended()
    }

    /// Looks at a real entry: the wanted file, its deletion, or something else.
    fn entry(&mut self, path: &str, kind: u8) -> io::Result<Role> {
        let whiteout = deletes(path, &self.wanted);
        if path == self.wanted {
            if !matches!(kind, b'0' | 0 | b'7') {
                return Err(broken("holds a link or folder where the file should be"));
            }
            if self.verdict == Verdict::Picked {
                return Err(broken("holds the file twice"));
            }
            self.verdict = Verdict::Picked;
            return Ok(Role::Wanted);
        }
        let through = self.wanted.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
        if through && kind != b'5' {
            return Err(broken("holds a link or file where a folder of the path should be"));
        }
        if whiteout && self.verdict == Verdict::Absent {
            self.verdict = Verdict::Deleted;
        }
        Ok(Role::Other)
    }

    /// Leaves an entry once its content and padding are through.
    fn content_ended(&mut self) -> io::Result<()> {
        let State::Content { left: 0, padding: 0, role } = self.state else { return Ok(()) };
        self.state = State::Header;
        match role {
            Role::LongName => {
                let end = self.meta.iter().position(|&byte| byte == 0).unwrap_or(self.meta.len());
                self.next.path = Some(text(&self.meta[..end]));
            }
            Role::Pax => self.pax()?,
            Role::Wanted | Role::Other => {}
        }
        Ok(())
    }

    /// Reads PAX records: `<length> <key>=<value>\n`, the length counting all of it.
    fn pax(&mut self) -> io::Result<()> {
        let mut rest = &self.meta[..];
        while !rest.is_empty() {
            let space = rest.iter().position(|&byte| byte == b' ');
            let length = space.and_then(|at| std::str::from_utf8(&rest[..at]).ok()?.parse().ok());
            let (Some(space), Some(length)) = (space, length) else {
                return Err(broken("has a broken PAX header"));
            };
            let record = rest.get(space + 1..length).ok_or(broken("has a broken PAX header"))?;
            let record = text(record.strip_suffix(b"\n").unwrap_or(record));
            match record.split_once('=') {
                Some(("path", path)) => self.next.path = Some(path.to_owned()),
                Some(("size", size)) => {
                    let size = size.parse().map_err(|_| broken("has a broken PAX size"))?;
                    self.next.size = Some(size);
                }
                Some((key, _)) if key.starts_with("GNU.sparse") => {
                    return Err(broken("holds sparse files, which are not read"));
                }
                _ => {}
            }
            rest = &rest[length..];
        }
        Ok(())
    }
}

impl<W: Write> Write for Picker<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match &mut self.state {
                State::End => break,
                State::Header => {
                    let take = rest.len().min(BLOCK as usize - self.block.len());
                    self.block.extend_from_slice(&rest[..take]);
                    rest = &rest[take..];
                    if self.block.len() == BLOCK as usize {
                        self.header()?;
                        self.block.clear();
                    }
                }
                State::Content { left, padding, role } => {
                    let take =
                        |most: u64| rest.len().min(usize::try_from(most).unwrap_or(usize::MAX));
                    let count = take(if *left > 0 { *left } else { *padding });
                    if *left > 0 {
                        *left -= count as u64;
                        match role {
                            Role::Wanted => self.sink.write_all(&rest[..count])?,
                            Role::LongName | Role::Pax => {
                                self.meta.extend_from_slice(&rest[..count]);
                            }
                            Role::Other => {}
                        }
                    } else {
                        *padding -= count as u64;
                    }
                    rest = &rest[count..];
                    self.content_ended()?;
                }
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

/// Whether an entry is a whiteout of `wanted` or of a folder above it.
fn deletes(path: &str, wanted: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let below = if folder.is_empty() {
        Some(wanted)
    } else {
        wanted.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/'))
    };
    match (below, name.strip_prefix(".wh.")) {
        (Some(_), Some(".wh..opq")) => true,
        (Some(below), Some(deleted)) => {
            below.strip_prefix(deleted).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        }
        _ => false,
    }
}

fn check_sum(block: &[u8]) -> io::Result<()> {
    let stored = number(&block[148..156])?;
    let blank = u64::from(b' ') * 8;
    let sum = |part: &[u8]| part.iter().map(|&byte| u64::from(byte)).sum::<u64>();
    if sum(&block[..148]) + blank + sum(&block[156..]) == stored {
        return Ok(());
    }
    Err(broken("is not a tar archive"))
}

/// A number in octal digits or in GNU's base-256 form.
fn number(field: &[u8]) -> io::Result<u64> {
    if field[0] & 0x80 != 0 {
        let (head, tail) = field.split_at(field.len() - 8);
        let mut bytes = [0; 8];
        bytes.copy_from_slice(tail);
        // A field of eight bytes has no room for a head; no writer uses this form there.
        let fits = head.split_first().is_some_and(|(first, rest)| {
            *first == 0x80 && rest.iter().all(|&byte| byte == 0) && tail[0] < 0x80
        });
        return if fits {
            Ok(u64::from_be_bytes(bytes))
        } else {
            Err(broken("has a size out of range"))
        };
    }
    let digits: String = field
        .iter()
        .map(|&byte| char::from(byte))
        .skip_while(|letter| *letter == ' ')
        .take_while(|letter| !matches!(letter, ' ' | '\0'))
        .collect();
    if digits.is_empty() {
        return Ok(0);
    }
    u64::from_str_radix(&digits, 8).map_err(|_| broken("is not a tar archive"))
}

fn name(block: &[u8]) -> String {
    let field = |range: std::ops::Range<usize>| {
        let field = &block[range];
        let end = field.iter().position(|&byte| byte == 0).unwrap_or(field.len());
        text(&field[..end])
    };
    let name = field(0..100);
    let prefix = if &block[257..263] == b"ustar\0" { field(345..500) } else { String::new() };
    if prefix.is_empty() { name } else { format!("{prefix}/{name}") }
}

/// A name that is not UTF-8 cannot be the wanted one, but must not end the search either.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn broken(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the layer {why}"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use stats::random::Random;

    use super::*;
    use crate::header;

    fn entry(path: &str, kind: u8, content: &[u8]) -> Vec<u8> {
        let size = content.len() as u64;
        let mut block = header::of_file(path, 0o644, size).unwrap();
        block[156] = kind;
        block[148..156].fill(b' ');
        let sum: u64 = block.iter().map(|&byte| u64::from(byte)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        let mut out = block.to_vec();
        out.extend_from_slice(content);
        out.resize(out.len() + header::padding(size) as usize, 0);
        out
    }

    fn pick(archive: &[u8], piece: usize) -> io::Result<(Verdict, Vec<u8>)> {
        let mut out = Vec::new();
        let mut picker = Picker::new("models/model.onnx", &mut out);
        for piece in archive.chunks(piece) {
            picker.write_all(piece)?;
        }
        let (verdict, _) = picker.finish()?;
        Ok((verdict, out))
    }

    #[test]
    fn the_file_is_picked_whatever_the_pieces_and_spellings() {
        let pax = b"26 path=models/model.onnx\n";
        let wanted = entry("models/model.onnx", b'0', b"weights");
        let archives = [
            wanted.clone(),
            entry("./models/model.onnx", b'0', b"weights"),
            [entry("models/", b'5', b""), entry("models/other", b'0', &[1; 600]), wanted].concat(),
            [entry("L", b'L', b"models/model.onnx\0"), entry("short", b'0', b"weights")].concat(),
            [entry("x", b'x', pax), entry("short", b'0', b"weights")].concat(),
        ];
        for (at, archive) in archives.into_iter().enumerate() {
            for piece in [1, 511, 512, 100_000] {
                for end in [0, 1024] {
                    let archive = [archive.clone(), vec![0; end]].concat();
                    let picked = pick(&archive, piece).unwrap();
                    assert_eq!(picked, (Verdict::Picked, b"weights".to_vec()), "archive {at}");
                }
            }
        }
    }

    #[test]
    fn every_archive_gives_its_file_and_no_bytes_end_the_program() {
        let mut random = Random::seeded(6);
        let mut picked = 0;
        for _ in 0..2_000 {
            let content: Vec<u8> =
                (0..random.bits() % 1_500).map(|_| random.bits() as u8).collect();
            let path = format!("{}/f", "d".repeat(1 + random.bits() as usize % 90));
            let mut archive = entry(&path, b'0', &content);
            archive.extend(entry("models/model.onnx", b'0', &content));
            let piece = 1 + random.bits() as usize % 700;
            assert_eq!(pick(&archive, piece).unwrap(), (Verdict::Picked, content));
            // With some bytes changed it is refused, or something is picked, and nothing else happens.
            for _ in 0..=random.bits() % 4 {
                let at = random.bits() as usize % archive.len();
                archive[at] = random.bits() as u8;
            }
            archive.truncate(archive.len() - random.bits() as usize % archive.len());
            picked += usize::from(pick(&archive, piece).is_ok_and(|(it, _)| it == Verdict::Picked));
        }
        assert!(picked < 2_000, "a changed archive is never refused");
    }

    #[test]
    fn every_pax_record_gives_its_path() {
        for length in 1..1_200 {
            let path = format!("{}/models/model.onnx", "d".repeat(length));
            let record = |size: usize| format!("{size} path={path}\n");
            // The size counts its own digits.
            let size = (1..).find(|size| record(*size).len() == *size).unwrap();
            let mut archive = entry("x", b'x', record(size).as_bytes());
            archive.extend(entry("short", b'0', b"weights"));
            let mut out = Vec::new();
            let mut picker = Picker::new(&path, &mut out);
            picker.write_all(&archive).unwrap();
            assert_eq!(picker.finish().unwrap().0, Verdict::Picked, "{length}");
            assert_eq!(out, b"weights");
        }
    }

    #[test]
    fn whiteouts_end_the_search() {
        for (path, expected) in [
            ("models/.wh.model.onnx", Verdict::Deleted),
            (".wh.models", Verdict::Deleted),
            ("models/.wh..wh..opq", Verdict::Deleted),
            (".wh..wh..opq", Verdict::Deleted),
            ("models/.wh.model", Verdict::Absent),
            ("other/.wh.model.onnx", Verdict::Absent),
            ("models/model.onnx.bak", Verdict::Absent),
        ] {
            assert_eq!(pick(&entry(path, b'0', b""), 512).unwrap().0, expected, "{path}");
        }
        let replaced =
            [entry("models/.wh..wh..opq", b'0', b""), entry("models/model.onnx", b'0', b"new")];
        assert_eq!(pick(&replaced.concat(), 512).unwrap(), (Verdict::Picked, b"new".to_vec()));
    }

    #[test]
    fn links_and_broken_archives_are_refused() {
        for (archive, why) in [
            (entry("models/model.onnx", b'2', b""), "link or folder"),
            (entry("models", b'2', b""), "folder of the path"),
            (entry("models/model.onnx", b'0', b"weights")[..515].to_vec(), "middle of an entry"),
            (vec![b'x'; 512], "not a tar"),
            (entry("x", b'x', b"nonsense"), "PAX"),
            (
                [entry("models/model.onnx", b'0', b"a"), entry("models/model.onnx", b'0', b"b")]
                    .concat(),
                "twice",
            ),
        ] {
            let error = pick(&archive, 512).unwrap_err();
            assert!(error.to_string().contains(why), "{error}, expected {why}");
        }
    }

    #[test]
    fn a_checksum_in_base_256_is_refused() {
        let mut archive = entry("a", b'0', b"weights");
        archive[148] = 0x80;
        assert!(pick(&archive, 512).is_err());
    }

    #[test]
    fn sizes_of_eight_gibibytes_and_more_are_read() {
        let block = header::of_file("m", 0o644, 9 << 30).unwrap();
        assert_eq!(number(&block[124..136]).unwrap(), 9 << 30);
    }
}
