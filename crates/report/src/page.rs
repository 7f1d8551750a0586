//! The page around the plots: verdict, reason, facts, checks, tables, record.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::Value;

use crate::plot::Plot;

const STYLE: &str = include_str!("style.css");
/// A longer record would make the page slow to open; it lies beside the page anyway.
const LONGEST_RECORD: usize = 512 * 1024;

/// Everything one report tells. Fields may be set directly or through the methods that add to them.
#[derive(Debug, Clone)]
pub struct Page {
    /// The name of the step, such as `canary-gate`.
    pub step: String,
    /// What was judged, such as `Canary of fraud-42`.
    pub title: String,
    pub verdict: Verdict,
    /// One sentence that says why the verdict was reached.
    pub reason: String,
    /// Names and values: stream, models, window, duration, false-alarm rate.
    pub facts: Vec<(String, String)>,
    pub checks: Vec<Check>,
    pub plots: Vec<Plot>,
    pub tables: Vec<Table>,
    /// The decision record, shown folded at the end.
    pub record: Value,
}

/// What a step decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Pass,
    Fail,
    Inconclusive,
}

/// One thing that was looked at: its value beside the threshold it was held against.
#[derive(Debug, Clone)]
pub struct Check {
    pub name: String,
    pub value: String,
    pub threshold: String,
    pub outcome: Outcome,
    /// What a reader should know beyond the numbers; may be empty.
    pub note: String,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Pass,
    Fail,
    /// Not enough evidence either way.
    Inconclusive,
    /// Not reached, because an earlier check decided; never counts as passed.
    NotRun,
}

/// Rows under a heading, such as the offset ranges that a model answered.
#[derive(Debug, Clone, Default)]
pub struct Table {
    pub title: String,
    pub columns: Vec<String>,
    pub rows: Vec<Vec<String>>,
    /// One sentence below the table; may be empty.
    pub note: String,
}

// === impl Page ===

impl Page {
    pub fn new(
        step: impl Into<String>,
        title: impl Into<String>,
        verdict: Verdict,
        reason: impl Into<String>,
    ) -> Self {
        Self {
            step: step.into(),
            title: title.into(),
            verdict,
            reason: reason.into(),
            facts: Vec::new(),
            checks: Vec::new(),
            plots: Vec::new(),
            tables: Vec::new(),
            record: Value::Null,
        }
    }

    #[must_use]
    pub fn fact(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.facts.push((name.into(), value.into()));
        self
    }

    #[must_use]
    pub fn check(mut self, check: Check) -> Self {
        self.checks.push(check);
        self
    }

    #[must_use]
    pub fn plot(mut self, plot: impl Into<Plot>) -> Self {
        self.plots.push(plot.into());
        self
    }

    #[must_use]
    pub fn table(mut self, table: Table) -> Self {
        self.tables.push(table);
        self
    }

    #[must_use]
    pub fn record(mut self, record: Value) -> Self {
        self.record = record;
        self
    }

    /// The page as one HTML document.
    ///
    /// All text is escaped, and the page forbids itself to load anything (content security policy),
    /// so a hostile model name or record can neither run nor fetch.
    #[must_use]
    pub fn render(&self) -> String {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                    title { (self.verdict.word()) " · " (self.title) " · " (self.step) }
                    style { (PreEscaped(STYLE)) }
                }
                body { main {
                    (self.head())
                    (self.facts_list())
                    (self.checks_table())
                    @if !self.plots.is_empty() {
                        section class="plots" { @for plot in &self.plots { (plot.render()) } }
                    }
                    @for table in &self.tables { (table.render()) }
                    (self.folded_record())
                } }
            }
        }
        .into_string()
    }

    fn head(&self) -> Markup {
        html! {
            header {
                p class="step" { span class="mark" {} (self.step) }
                h1 { (self.title) }
                div class=(format!("verdict {}", self.verdict.class())) role="status" {
                    (icon(self.verdict.outcome()))
                    div { strong { (self.verdict.word()) } p { (unbroken(&self.reason)) } }
                }
            }
        }
    }

    fn facts_list(&self) -> Markup {
        html! {
            @if !self.facts.is_empty() {
                dl class="facts" {
                    @for (name, value) in &self.facts {
                        @let digest = is_digest(value).then_some("digest");
                        div { dt { (name) } dd class=[digest] { (value) } }
                    }
                }
            }
        }
    }

    fn checks_table(&self) -> Markup {
        html! {
            @if !self.checks.is_empty() {
                section {
                    h2 { "Checks" }
                    div class="scroll" { table class="checks" {
                        thead { tr { th { "Result" } th { "Check" } th { "Value" } th { "Threshold" } } }
                        tbody { @for check in &self.checks { (check.row()) } }
                    } }
                }
            }
        }
    }

    fn folded_record(&self) -> Markup {
        let text = serde_json::to_string_pretty(&self.record)
            .expect("a JSON value always has a text, for its keys are strings");
        html! {
            @if !self.record.is_null() {
                details class="record" {
                    summary { "Decision record" }
                    @if text.len() > LONGEST_RECORD {
                        p { "The record has " (crate::count(text.len() as u64)) " bytes and is not repeated here; it lies beside this page as " code { "report.json" } "." }
                    } @else {
                        pre { code { (text) } }
                    }
                }
            }
        }
    }
}

// === impl Verdict ===

impl Verdict {
    fn word(self) -> &'static str {
        self.outcome().word()
    }

    fn class(self) -> &'static str {
        self.outcome().class()
    }

    fn outcome(self) -> Outcome {
        match self {
            Self::Pass => Outcome::Pass,
            Self::Fail => Outcome::Fail,
            Self::Inconclusive => Outcome::Inconclusive,
        }
    }
}

// === impl Check ===

impl Check {
    pub fn new(
        name: impl Into<String>,
        value: impl Into<String>,
        threshold: impl Into<String>,
        outcome: Outcome,
    ) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
            threshold: threshold.into(),
            outcome,
            note: String::new(),
        }
    }

    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    fn row(&self) -> Markup {
        html! {
            tr class=(self.outcome.class()) {
                td class="result" { span class="badge" { (icon(self.outcome)) (self.outcome.word()) } }
                td { (self.name) @if !self.note.is_empty() { p class="note" { (self.note) } } }
                td class="value" { (or_dash(&self.value)) }
                td class="value" { (or_dash(&self.threshold)) }
            }
        }
    }
}

// === impl Outcome ===

impl Outcome {
    /// Passed or failed, for checks that know no third way.
    #[must_use]
    pub fn of(passed: bool) -> Self {
        if passed { Self::Pass } else { Self::Fail }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Pass => "Pass",
            Self::Fail => "Fail",
            Self::Inconclusive => "Inconclusive",
            Self::NotRun => "Not run",
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
            Self::NotRun => "not-run",
        }
    }
}

// === impl Table ===

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

    fn render(&self) -> Markup {
        html! {
            section {
                h2 { (self.title) }
                div class="scroll" { table {
                    thead { tr { @for column in &self.columns { th { (column) } } } }
                    tbody {
                        @for row in &self.rows { tr { @for cell in row { td { (cell) } } } }
                        @if self.rows.is_empty() {
                            tr { td class="none" colspan=(self.columns.len().max(1)) { "none" } }
                        }
                    }
                } }
                @if !self.note.is_empty() { p class="note" { (self.note) } }
            }
        }
    }
}

/// Digests and ids read best in letters of one width.
fn is_digest(text: &str) -> bool {
    let is_id = text.len() >= 24 && text.chars().all(|letter| letter.is_ascii_hexdigit());
    is_id || text.contains("sha256:")
}

/// Keeps a percent sign on the line of its number.
fn unbroken(text: &str) -> String {
    text.replace(" %", "\u{a0}%")
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "–" } else { text }
}

/// A shape that tells the outcome without colour.
fn icon(outcome: Outcome) -> Markup {
    let shape = match outcome {
        Outcome::Pass => "M7 12.5l3.4 3.5L17 8.7",
        Outcome::Fail => "M8 8l8 8M16 8l-8 8",
        Outcome::Inconclusive => "M9.2 9.4a2.8 2.8 0 1 1 4.4 2.3c-1 .7-1.6 1.2-1.6 2.3M12 17.1v.1",
        Outcome::NotRun => "M8 12h8",
    };
    html! {
        svg class="icon" viewBox="0 0 24 24" aria-hidden="true" {
            circle cx="12" cy="12" r="11" {}
            path d=(shape) {}
        }
    }
}
