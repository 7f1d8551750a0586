//! Rows under a heading, which become cards where the page is too narrow for columns.

use maud::{Markup, html};

use crate::text::{plain, prose, value};

/// Rows under a heading, such as the offset ranges that a model answered.
#[derive(Debug, Clone, Default)]
pub struct Table {
    pub title: String,
    pub columns: Vec<String>,
    pub rows: Vec<Vec<String>>,
    /// One sentence below the table; may be empty.
    pub note: String,
}

/// From so many columns on a table needs the width of a desktop.
const MANY: usize = 6;
/// Up to so many columns fit a phone.
const FEW: usize = 2;

impl Table {
    pub fn new<Column: Into<String>>(
        title: impl Into<String>,
        columns: impl IntoIterator<Item = Column>,
    ) -> Self {
        let columns = columns.into_iter().map(Into::into).collect();
        Self { title: title.into(), columns, ..Self::default() }
    }

    #[must_use]
    pub fn row<Cell: Into<String>>(mut self, cells: impl IntoIterator<Item = Cell>) -> Self {
        self.rows.push(cells.into_iter().map(Into::into).collect());
        self
    }

    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    pub(crate) fn render(&self) -> Markup {
        let class = match self.columns.len() {
            few if few <= FEW => "",
            many if many >= MANY => "stack many",
            _ => "stack",
        };
        let numeric: Vec<bool> = (0..self.columns.len()).map(|at| self.is_numeric(at)).collect();
        let number = |at: usize| numeric.get(at).copied().unwrap_or(false).then_some("number");
        html! {
            section {
                h2 { (plain(&self.title)) }
                div class="card" { table class=[(!class.is_empty()).then_some(class)] {
                    thead { tr { @for (at, column) in self.columns.iter().enumerate() { th class=[number(at)] scope="col" { (prose(column)) } } } }
                    tbody {
                        @for row in &self.rows { tr {
                            @for (at, cell) in row.iter().enumerate() {
                                @let label = self.columns.get(at).map(|column| plain(column)).unwrap_or_default();
                                td class=[number(at)] data-label=(label) { div { (value(if cell.is_empty() { "–" } else { cell })) } }
                            }
                        } }
                        @if self.rows.is_empty() {
                            tr { td class="none" colspan=(self.columns.len().max(1)) { "none" } }
                        }
                    }
                } }
                @if !self.note.is_empty() { p class="note" { (prose(&self.note)) } }
            }
        }
    }

    /// Whether a column holds numbers only, which are compared by their last digits.
    fn is_numeric(&self, at: usize) -> bool {
        let mut cells =
            self.rows.iter().filter_map(|row| row.get(at)).filter(|cell| !cell.is_empty());
        let of_numbers = |cell: &str| {
            cell.chars().any(|letter| letter.is_ascii_digit())
                && cell
                    .chars()
                    .all(|letter| letter.is_ascii_digit() || " ,.−-+%×∞e\u{a0}".contains(letter))
        };
        self.rows.iter().any(|row| row.get(at).is_some_and(|cell| of_numbers(cell)))
            && cells.all(|cell| of_numbers(cell) || cell == "–")
    }
}
