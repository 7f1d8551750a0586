//! A CSV file with a header line: its columns go by name, and its errors by line and column.

use std::fmt;
use std::io::{Chain, Error, Read};
use std::str::FromStr;

use csv::{ByteRecord, ReaderBuilder, Terminator};

/// Put behind each file: the row before it ends with a line, so that its line can be counted back from its end, and
/// whoever meets it within a cell has met a quote that swallowed the rest of the file.
const END: &[u8] = b"\n\0\n";

/// The rows of a CSV file below its header.
pub struct Table<R> {
    reader: csv::Reader<Chain<R, &'static [u8]>>,
    names: ByteRecord,
    cells: ByteRecord,
}

/// One row; a column is its place in the header, counted from 0.
pub struct Row<'a> {
    /// Where it begins in the file, counted from 1.
    pub line: u64,
    names: &'a ByteRecord,
    cells: &'a ByteRecord,
}

/// Why a file is no table.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// Not even a header.
    #[error("the file is empty; its first line names the columns")]
    Empty,
    /// The header does not name a column that is needed.
    #[error("no column is called `{0}`")]
    NoColumn(String),
    /// The header names a column that is needed more than once.
    #[error("more than one column is called `{0}`")]
    Twice(String),
    /// A quote swallows the rest of the file.
    #[error("line {0}: the row holds a quote that is not closed")]
    Quote(u64),
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] Error),
}

/// A cell that is not what its column should hold.
#[derive(Debug, PartialEq, Eq)]
pub struct BadCell {
    line: u64,
    column: usize,
    name: String,
    /// None where the row is too short.
    text: Option<String>,
}

impl<R: Read> Table<R> {
    /// Reads the header. White space around a cell does not count; blank lines are skipped.
    ///
    /// # Errors
    /// [`TableError::Empty`], and those of [`Table::row`].
    pub fn read(from: R) -> Result<Self, TableError> {
        // The other half of a Windows line end is white space.
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .terminator(Terminator::Any(b'\n'))
            .from_reader(from.chain(END));
        let mut table = Self { reader, names: ByteRecord::new(), cells: ByteRecord::new() };
        if table.row()?.is_none() {
            return Err(TableError::Empty);
        }
        table.names = std::mem::take(&mut table.cells);
        Ok(table)
    }

    /// Where the column `name` stands.
    ///
    /// # Errors
    /// [`TableError::NoColumn`] and [`TableError::Twice`].
    pub fn column(&self, name: &str) -> Result<usize, TableError> {
        let mut found = (0..self.names.len()).filter(|&at| text(&self.names, at) == Some(name));
        match (found.next(), found.next()) {
            (Some(place), None) => Ok(place),
            (Some(_), Some(_)) => Err(TableError::Twice(name.to_owned())),
            (None, _) => Err(TableError::NoColumn(name.to_owned())),
        }
    }

    /// The next row, which may be shorter or longer than the header; none at the end.
    ///
    /// # Errors
    /// [`TableError::Quote`] and [`TableError::Read`].
    pub fn row(&mut self) -> Result<Option<Row<'_>>, TableError> {
        while self.reader.read_byte_record(&mut self.cells).map_err(Error::from)? {
            let only = if self.cells.len() == 1 { text(&self.cells, 0) } else { None };
            let inside = self.cells.as_slice().iter().filter(|&&byte| byte == b'\n').count();
            let line = self.reader.position().line() - inside as u64;
            match only {
                _ if self.cells.as_slice().ends_with(END) => return Err(TableError::Quote(line)),
                Some("" | "\0") => {}
                _ => {
                    let (names, cells) = (&self.names, &self.cells);
                    return Ok(Some(Row { line: line - 1, names, cells }));
                }
            }
        }
        Ok(None)
    }
}

impl Row<'_> {
    /// The finite number in a column.
    ///
    /// # Errors
    /// [`BadCell`] for anything else.
    pub fn number(&self, column: usize) -> Result<f32, BadCell> {
        let number = self.cell::<f32>(column).filter(|number| number.is_finite());
        number.ok_or_else(|| self.bad(column))
    }

    /// The whole number in a column.
    ///
    /// # Errors
    /// [`BadCell`] for anything else.
    pub fn whole(&self, column: usize) -> Result<i64, BadCell> {
        self.cell(column).ok_or_else(|| self.bad(column))
    }

    fn cell<T: FromStr>(&self, column: usize) -> Option<T> {
        text(self.cells, column)?.parse().ok()
    }

    fn bad(&self, column: usize) -> BadCell {
        let name = text(self.names, column).unwrap_or_default().to_owned();
        let text = self.cells.get(column).map(|cell| String::from_utf8_lossy(cell).into_owned());
        BadCell { line: self.line, column: column + 1, name, text }
    }
}

impl BadCell {
    /// What is wrong, whatever the row and the value, so that rows can be counted by it.
    pub fn reason(&self) -> String {
        let why = if self.text.is_some() { "not a finite number" } else { "missing" };
        format!("the field `{}` is {why}", self.name)
    }
}

impl std::error::Error for BadCell {}

impl fmt::Display for BadCell {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, name, text } = self;
        write!(out, "line {line}, column {column}: `{name}` is ")?;
        match text {
            Some(text) => write!(out, "`{text}`, which is no number"),
            None => write!(out, "missing"),
        }
    }
}

/// A cell without the white space around it, if there is one and it is UTF-8.
fn text(cells: &ByteRecord, at: usize) -> Option<&str> {
    std::str::from_utf8(cells.get(at)?).ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use stats::random::Random;

    use super::*;

    /// The numbers of column `a`, or the first error.
    fn read(text: &[u8]) -> Result<Vec<(u64, f32)>, String> {
        let mut table = Table::read(text).map_err(|error| error.to_string())?;
        let column = table.column("a").map_err(|error| error.to_string())?;
        let mut rows = Vec::new();
        while let Some(row) = table.row().map_err(|error| error.to_string())? {
            rows.push((row.line, row.number(column).map_err(|error| error.to_string())?));
        }
        Ok(rows)
    }

    #[test]
    fn a_table_is_read_however_it_is_written() {
        for (text, rows) in [
            ("a\n1\n2", vec![(2, 1.0), (3, 2.0)]),
            ("b, a ,c\r\nx, 1 ,\r\n", vec![(2, 1.0)]),
            ("\u{feff}a,b\n1,2\n", vec![(2, 1.0)]),
            ("\"b, or not\",\"a\"\n\"x, \"\"y\"\"\",\"-1e3\"\n", vec![(2, -1e3)]),
            ("b,a\n\"two\nlines\",1\nx,2\n", vec![(2, 1.0), (4, 2.0)]),
            ("\n \na,b\n\n1,2\n \n\n3,4\n", vec![(5, 1.0), (8, 3.0)]),
            ("a,b\n1\n2,3,4\n", vec![(2, 1.0), (3, 2.0)]),
            ("b,a\r\n\r\n\"\nx\r\n\",1\r\n\r\ny,2", vec![(3, 1.0), (7, 2.0)]),
            ("a", vec![]),
        ] {
            assert_eq!(read(text.as_bytes()), Ok(rows), "{text:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_named_by_line_and_column() {
        for (text, error) in [
            (&b""[..], "the file is empty; its first line names the columns"),
            (b" \n", "the file is empty; its first line names the columns"),
            (b"b\n1", "no column is called `a`"),
            (b"a,a\n1,2", "more than one column is called `a`"),
            (b"b,a\n1,2\n\n1,", "line 4, column 2: `a` is ``, which is no number"),
            (b"b,a\n1,2\n\n\"x,2\n3,4\n", "line 4: the row holds a quote that is not closed"),
            (b"\"", "line 1: the row holds a quote that is not closed"),
            (b"b,a\n1,NaN", "line 2, column 2: `a` is `NaN`, which is no number"),
            (b"b,a\n\n1", "line 3, column 2: `a` is missing"),
            (b"b,a\n\xff,2\n1,\xff", "line 3, column 2: `a` is `\u{fffd}`, which is no number"),
        ] {
            assert_eq!(read(text), Err(error.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn any_bytes_are_a_table_or_an_error() {
        let mut random = Random::seeded(1);
        for _ in 0..3_000 {
            let bytes: Vec<u8> =
                (0..40).map(|_| b"a,b\n\r\" 1.-e\xff\0"[random.bits() as usize % 13]).collect();
            let text = [b"a,b\n", &*bytes].concat();
            let _ = read(&bytes);
            let _ = read(&text);
        }
    }
}
