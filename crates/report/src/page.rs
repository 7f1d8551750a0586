//! The page around the plots: verdict, key figures, models, checks, tables, facts, record.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::Value;

use crate::check::{Check, Verdict, capitalised, icon};
use crate::model::Model;
use crate::plot::Plot;
use crate::table::Table;
use crate::text::{plain, prose, value};
use crate::timeline::{self, Moment};

const STYLE: &str = include_str!("style.css");
/// A longer record would make the page slow to open; it lies beside the page anyway.
const MAX_RECORD: usize = 512 * 1024;

/// Everything one report says. Fields may be set directly or through the methods that add to them.
#[derive(Debug, Clone)]
pub struct Page {
    /// The name of the step, such as `canary-gate`.
    pub step: String,
    /// What was judged, such as `Canary of fraud-42`.
    pub title: String,
    pub verdict: Verdict,
    /// One sentence that says why the verdict was reached.
    pub reason: String,
    /// Where and when, in a line below the title: release, stream, environment, day.
    pub context: Vec<(String, String)>,
    /// What one glance has to take in.
    pub figures: Vec<Figure>,
    pub models: Vec<Model>,
    pub checks: Vec<Check>,
    /// What happened one after another, under its heading.
    pub timeline: Option<(String, Vec<Moment>)>,
    pub plots: Vec<Plot>,
    pub tables: Vec<Table>,
    /// Names and values that few readers look for: inputs, the event, durations.
    pub facts: Vec<(String, String)>,
    /// The decision record, shown folded at the end.
    pub record: Value,
}

/// A number, or a few words, that a reader must not miss.
#[derive(Debug, Clone)]
pub struct Figure {
    /// Such as `Price`.
    pub label: String,
    /// Such as `1,204 records`.
    pub value: String,
    /// One sentence on what it means.
    pub note: String,
}

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
            context: Vec::new(),
            figures: Vec::new(),
            models: Vec::new(),
            checks: Vec::new(),
            timeline: None,
            plots: Vec::new(),
            tables: Vec::new(),
            facts: Vec::new(),
            record: Value::Null,
        }
    }

    #[must_use]
    pub fn figure(
        mut self,
        label: impl Into<String>,
        value: impl Into<String>,
        note: impl Into<String>,
    ) -> Self {
        self.figures.push(Figure { label: label.into(), value: value.into(), note: note.into() });
        self
    }

    #[must_use]
    pub fn model(mut self, model: Option<Model>) -> Self {
        self.models.extend(model);
        self
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
    pub fn timeline(mut self, title: impl Into<String>, moments: Vec<Moment>) -> Self {
        self.timeline = Some((title.into(), moments));
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
                    title { (self.verdict.word()) " · " (plain(&self.title)) " · " (plain(&self.step)) }
                    style { (PreEscaped(STYLE)) }
                }
                body { main {
                    (self.head())
                    (self.figures_list())
                    (self.models_list())
                    (self.checks_table())
                    @if let Some((title, moments)) = &self.timeline { (timeline::render(title, moments)) }
                    @if !self.plots.is_empty() {
                        section class="plots" { @for plot in &self.plots { (plot.render()) } }
                    }
                    @for table in &self.tables { (table.render()) }
                    (self.facts_list())
                    (self.folded_record())
                } }
            }
        }
        .into_string()
    }

    fn head(&self) -> Markup {
        let outcome = self.verdict.outcome();
        html! {
            header {
                p class="step" { span class="mark" {} (plain(&self.step)) }
                h1 { (plain(&self.title)) }
                @if !self.context.is_empty() {
                    p class="context" {
                        @for (name, value) in &self.context { span { (name) " " b { (prose(value)) } } " " }
                    }
                }
                div class=(format!("verdict {}", outcome.class())) role="status" {
                    (icon(outcome))
                    div { strong { (self.verdict.word()) } p { (prose(&capitalised(&self.reason))) } }
                }
            }
        }
    }

    fn figures_list(&self) -> Markup {
        html! {
            @if !self.figures.is_empty() {
                dl class="figures" {
                    @for figure in &self.figures {
                        div {
                            dt { (prose(&figure.label)) }
                            dd { (prose(&figure.value)) }
                            @if !figure.note.is_empty() { dd class="note" { (prose(&figure.note)) } }
                        }
                    }
                }
            }
        }
    }

    fn models_list(&self) -> Markup {
        html! {
            @if !self.models.is_empty() {
                dl class="models" { @for model in &self.models { (model.render()) } }
            }
        }
    }

    fn checks_table(&self) -> Markup {
        html! {
            @if !self.checks.is_empty() {
                section {
                    h2 { "Checks" }
                    div class="card" { table class="checks" {
                        thead { tr { th scope="col" { "Result" } th scope="col" { "Check" } th scope="col" { "Value" } th scope="col" { "Threshold" } } }
                        tbody { @for check in &self.checks { (check.row()) } }
                    } }
                }
            }
        }
    }

    fn facts_list(&self) -> Markup {
        html! {
            @if !self.facts.is_empty() {
                section {
                    h2 { "About this run" }
                    dl class="facts" {
                        @for (name, text) in &self.facts { div { dt { (prose(name)) } dd { (value(text)) } } }
                    }
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
                    @if text.len() > MAX_RECORD {
                        p { "The record has " (crate::bytes(text.len() as u64)) " and is not repeated here; it lies beside this page as " code { "report.json" } "." }
                    } @else {
                        pre { code { (text) } }
                    }
                }
            }
        }
    }
}
