//! Random journals: a live run, a replay of its journal as it stands in a file, and a run that goes on after a crash end
//! in equal states.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use contract::stop::Stop;
use kafka::Record;
use routes::{ModelRef, Route, Variant};
use stats::random::Random;

use super::journal::{Began, Journal, Source};
use super::ledger::{Fetch, Ledger};
use crate::policy::command::{Action, Command};
use crate::policy::entry::{Batch, Entry, Moved, Reads};
use crate::policy::gate::{Gate, Move};
use crate::policy::metrics::spec;
use crate::policy::plan::Plan;
use crate::policy::stream_profile::StreamProfile;

const JOURNALS: u64 = 50;
const PARTITIONS: u64 = 3;

const METRICS: &str = r#"[
    {"name": "errors", "of": "label-errors", "slices": [{"header": "tier", "values": ["a", "b"]}]},
    {"name": "failures", "of": "failures"},
    {"name": "slow", "of": "latency", "slo": "1ms"},
    {"name": "loss", "of": "loss", "loss": "absolute-error", "margin": 0.1},
    {"name": "clicks", "of": "events", "topic": "clicks", "better": "higher"},
    {"name": "memory", "of": "promql", "role": "informative",
     "query": {"server": "http://p", "promql": "up", "limit": 1}}
]"#;

/// The topics, as a broker keeps them.
type Kept = Rc<RefCell<Vec<BTreeMap<i32, Vec<Record>>>>>;

/// A reader of them; what it has fetched it does not fetch again.
struct Reading {
    kept: Kept,
    what: Vec<Reads>,
    next: BTreeMap<(usize, i32), i64>,
}

impl Reading {
    fn new(kept: &Kept, sources: &[Source]) -> Self {
        let what = sources.iter().map(|source| source.what).collect();
        Self { kept: Rc::clone(kept), what, next: BTreeMap::new() }
    }
}

impl Fetch for Reading {
    fn fetch(&mut self, moved: &[Moved]) -> anyhow::Result<Batch> {
        let kept = self.kept.borrow();
        let mut batch = Batch::new();
        for (place, partition, end) in moved {
            let next = self.next.entry((*place, *partition)).or_insert(0);
            let records = kept[*place][partition].iter();
            let named = records.filter(|it| (*next..*end).contains(&it.offset));
            batch.extend(named.map(|record| (self.what[*place], record.clone())));
            *next = *end;
        }
        Ok(batch)
    }
}

/// A live run over random topics.
struct World {
    random: Random,
    kept: Kept,
    plan: Plan,
    sources: Vec<Source>,
    ledger: Ledger<Reading>,
    at: u64,
    records: u64,
    routes: Vec<Route>,
}

fn model(n: u8) -> ModelRef {
    ModelRef { digest: format!("sha256:{n}"), image: String::new() }
}

fn began(sources: &[Source], plan: &Plan) -> Began {
    let from = sources[0].from.clone();
    let profile = StreamProfile { features_from: Some(from), ..StreamProfile::nothing(plan) };
    Began { at_ms: 0, champion: model(1).digest, topics: sources.to_vec(), profile }
}

fn fresh(plan: &Plan, sources: &[Source]) -> Gate {
    Gate::new(plan.clone(), &began(sources, plan).profile, None)
}

impl World {
    fn new(seed: u64) -> Self {
        let reads = [Reads::Features, Reads::Predictions, Reads::Labels, Reads::Events(4)];
        let from: BTreeMap<i32, i64> = (0..PARTITIONS as i32).map(|it| (it, 0)).collect();
        let source =
            |(topic, what): (&str, Reads)| Source { topic: topic.into(), what, from: from.clone() };
        let topics = ["s.features", "s.predictions", "s.labels", "clicks"];
        let sources: Vec<Source> = topics.into_iter().zip(reads).map(source).collect();
        let empty = from.keys().map(|partition| (*partition, Vec::new())).collect();
        let kept: Kept = Rc::new(RefCell::new(vec![empty; topics.len()]));
        let plan = Plan { metrics: spec::parse(METRICS).unwrap(), ..Plan::for_tests() };
        let reading = Reading::new(&kept, &sources);
        let ledger = Ledger::new(fresh(&plan, &sources), began(&sources, &plan), reading);
        let random = Random::seeded(seed);
        Self { random, kept, plan, sources, ledger, at: 0, records: 0, routes: Vec::new() }
    }

    fn below(&mut self, n: u64) -> u64 {
        self.random.bits() % n
    }

    fn put(
        &mut self,
        topic: usize,
        key: &str,
        value: &str,
        headers: &[(&str, &str)],
    ) -> (i32, i64) {
        let partition = self.below(PARTITIONS) as i32;
        let mut kept = self.kept.borrow_mut();
        let records = kept[topic].get_mut(&partition).unwrap();
        let offset = records.last().map_or(0, |last| last.offset + 1);
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), value.as_bytes().to_vec());
        records.push(Record {
            partition,
            offset,
            timestamp_ms: self.at as i64,
            key: Some(key.as_bytes().to_vec()),
            value: Some(value.as_bytes().to_vec()),
            headers: headers.iter().map(pair).collect(),
        });
        (partition, offset)
    }

    /// One record passes the stream: features, prediction, label, and perhaps a click; any of them may be missing.
    fn flow(&mut self) {
        self.records += 1;
        let (id, key) = (format!("r{}", self.records), format!("k{}", self.below(40)));
        let tier = ["a", "b", "c"][self.below(3) as usize];
        let (partition, offset) = self.put(0, &key, "{}", &[("tier", tier)]);
        let source = format!("s.features/{partition}/{offset}");
        let route = self.routes.last().cloned();
        let route = route.unwrap_or_else(|| Route::bootstrap("s", model(1)));
        let assigned = routes::variant(&route, key.as_bytes());
        let fails = assigned == Variant::Candidate && self.below(20) == 0;
        let variant = if fails { Variant::Champion } else { assigned };
        let digest = match variant {
            Variant::Champion => model(1).digest,
            Variant::Candidate => model(2).digest,
        };
        let wrong = self.below(8) == 0;
        let (generation, took) = (route.generation.to_string(), self.below(2_000).to_string());
        let mut headers = vec![
            ("id", id.as_str()),
            ("model", &digest),
            ("variant", variant.as_str()),
            ("generation", &generation),
            ("source", &source),
            ("took", &took),
        ];
        if fails {
            headers.push(("fallback", "timeout"));
        }
        let answer = match self.below(30) {
            0 => r#"{"label":"1"}"#.to_owned(),
            1 => "no answer".to_owned(),
            _ => format!(r#"{{"label":{},"score":0.{}}}"#, u8::from(wrong), self.below(90) + 10),
        };
        if self.below(15) > 0 {
            self.put(1, &key, &answer, &headers);
        }
        match self.below(12) {
            0 => drop(self.put(2, &id, r#"{"label":"no"}"#, &[])),
            1 => drop(self.put(2, "other", r#"{"label":1}"#, &[])),
            2 => {}
            _ => drop(self.put(2, &id, r#"{"label":0}"#, &[])),
        }
        if self.below(5) == 0 {
            let value = ["", r#"{"count":3}"#, r#"{"count":-1}"#][self.below(3) as usize];
            self.put(3, &key, value, &[]);
        }
    }

    /// A tick that reads a random part of what is there.
    fn tick(&mut self) -> Entry {
        let mut moved = Vec::new();
        for place in 0..self.sources.len() {
            for partition in 0..PARTITIONS as i32 {
                let end = self.kept.borrow()[place][&partition].len() as i64;
                let next = self.ledger.topics().next.get(&(place, partition)).copied();
                let next = next.unwrap_or(0);
                let upto = next + self.below((end - next) as u64 + 1) as i64;
                if upto > next {
                    moved.push((place, partition, upto));
                }
            }
        }
        Entry::Tick(self.at, moved)
    }

    fn raised(&mut self, share: f64) -> Entry {
        let generation = self.routes.len() as u64 + 1;
        let route = Route::bootstrap("s", model(1)).with_candidate(model(2), share);
        let route = Route { generation, ..route };
        self.routes.push(route.clone());
        Entry::Raised { at: self.at, route: Box::new(route) }
    }

    /// What happens next; seldom what ends a canary.
    fn entry(&mut self) -> Entry {
        let (at, now) = (self.at, std::time::Duration::from_millis(self.at));
        let names = || vec!["scorer-0".to_owned()];
        match self.below(60) {
            0 => Entry::Missing(names()),
            1 => Entry::EarlierLabels { met: self.below(9), after: self.below(9_000) },
            2 | 3 => {
                let command = [Action::Pause, Action::Resume][self.below(2) as usize];
                let text = String::new;
                let command = Command { command, by: text(), reason: text(), at: text() };
                Entry::Asked { at, command }
            }
            4 => Entry::Resumed { at, lost: self.below(2) == 0 },
            5 if self.below(9) == 0 => {
                Entry::Refused { scorer: "scorer-0".into(), error: "no memory".into() }
            }
            6 if self.below(9) == 0 => {
                let route = Route { release: "x".into(), ..Route::bootstrap("s", model(3)) };
                Entry::TakenOver { at, route: Box::new(route) }
            }
            7..=12 => {
                let value = (self.below(4) > 0).then(|| format!("{:?}", self.random.normal()));
                Entry::Sampled { metric: 5, value, why: None }
            }
            13..=24 if self.ledger.gate().steps.last().is_some_and(|it| it.confirmed.is_none()) => {
                let end = self.below(5) as i64;
                Entry::Confirmed { at, by: names(), from: BTreeMap::from([(0, end)]) }
            }
            25..=45 => match self.ledger.gate().next(now) {
                Move::Raise(share) => self.raised(share),
                Move::Stay | Move::End(_) => self.tick(),
            },
            _ => self.tick(),
        }
    }

    fn live(&mut self) {
        self.at += self.below(400);
        (0..self.below(12)).for_each(|_| self.flow());
        let entry = self.entry();
        self.ledger.record(entry).unwrap();
    }

    /// A replay of the journal, as it is read from a file.
    fn replayed(&self) -> Ledger<Reading> {
        let text = serde_json::to_string(self.ledger.journal()).unwrap();
        let journal: Journal = serde_json::from_str(&text).unwrap();
        let reading = Reading::new(&self.kept, &self.sources);
        let gate = fresh(&self.plan, &self.sources);
        Ledger::replay(gate, journal, reading, &Stop::default()).unwrap()
    }
}

/// All that a ledger holds. Hash tables stand in no order, so its parts are sorted.
fn state(ledger: &Ledger<Reading>) -> Vec<String> {
    let text = format!(
        "{:?}, {:?}, {:?}, {:?}",
        ledger.gate(),
        ledger.decision(),
        ledger.journal(),
        ledger.records()
    );
    let mut parts: Vec<String> =
        text.split([',', ' ', '{', '}', '[', ']', '(', ')']).map(str::to_owned).collect();
    parts.sort_unstable();
    parts
}

fn assert_equal(seed: u64, live: &Ledger<Reading>, replayed: &Ledger<Reading>) {
    let (live, replayed) = (state(live), state(replayed));
    let differs = live.iter().zip(&replayed).find(|(live, replayed)| live != replayed);
    assert_eq!(differs, None, "journal {seed}");
    assert_eq!(live.len(), replayed.len(), "journal {seed}");
}

/// The kind of an entry, or of how a canary ended.
fn kind(thing: &impl std::fmt::Debug) -> String {
    format!("{thing:?}").split([' ', '(', '{']).next().unwrap_or_default().to_owned()
}

#[test]
fn a_live_run_its_replay_and_one_after_a_crash_end_in_equal_states() {
    let (mut kinds, mut verdicts, mut judged) = (BTreeSet::new(), BTreeSet::new(), 0);
    for seed in 0..JOURNALS {
        let mut world = World::new(seed);
        let (length, crash) = (40 + world.below(160), world.below(200));
        for n in 0..length {
            world.live();
            if n == crash {
                let replayed = world.replayed();
                assert_equal(seed, &world.ledger, &replayed);
                // From here on the run is the one that took over.
                world.ledger = replayed;
            }
            if world.ledger.decision().is_some() && world.below(4) == 0 {
                break;
            }
        }
        assert_equal(seed, &world.ledger, &world.replayed());
        kinds.extend(world.ledger.journal().entries.iter().map(kind));
        verdicts.extend(world.ledger.decision().map(|(outcome, _)| kind(&outcome.verdict)));
        let (champion, candidate) = world.ledger.gate().totals();
        judged += champion.labelled + candidate.labelled;
    }
    // So that none of it holds because nothing happened.
    assert_eq!(kinds.len(), 10, "every kind of entry: {kinds:?}");
    assert!(verdicts.len() >= 2 && judged > 3_000, "{verdicts:?}, {judged} judged");
}
