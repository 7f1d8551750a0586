//! What the topics say: every feature record answered exactly once, and by whom.
//!
//! The audit follows the topics while the demo runs, for the in-memory broker forgets. It trusts no step and no
//! scorer: it looks only at records.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use contract::stop::Stop;
use kafka::{Kafka, Reader, Record, Start};
use routes::{Changes as _, Entry, Follower, Route, Variant};
use stream::{PredictionHeaders, SourceOffset, Topics};

/// How long the route of a generation is waited for that a prediction names.
const ROUTE_LAG: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Source partition → how often each offset was answered (dead letters count).
    answered: BTreeMap<i32, Vec<u8>>,
    pub predictions: u64,
    pub dead_letters: u64,
    /// Answers by (generation, model).
    pub answers: BTreeMap<(u64, String), u64>,
    /// Answers that the route of their generation does not explain, in words; the first few.
    pub unexplained: Vec<String>,
    pub unexplained_count: u64,
    /// Every route seen, by generation.
    pub routes: BTreeMap<u64, Route>,
}

/// A running audit.
pub struct Audit {
    findings: Arc<Mutex<Findings>>,
    stop: Stop,
    thread: JoinHandle<anyhow::Result<()>>,
}

struct Readers {
    predictions: Reader,
    dead_letters: Reader,
    routes: Follower,
}

impl Audit {
    /// Starts to follow the topics of `stream` from their beginning.
    ///
    /// # Errors
    /// The topics are missing.
    pub fn start(kafka: &Kafka, stream: &str) -> anyhow::Result<Self> {
        let topics = Topics::of(stream);
        let reader = |topic: &str| kafka.reader(topic, &Start::Beginning);
        let mut readers = Readers {
            predictions: reader(&topics.predictions)?,
            dead_letters: reader(&topics.dead_letters)?,
            routes: Follower::open(kafka, stream, &Start::Beginning)?,
        };
        let findings = Arc::new(Mutex::new(Findings::default()));
        let (shared, stop) = (findings.clone(), Stop::default());
        let asked = stop.clone();
        let thread = std::thread::Builder::new().name("audit".into()).spawn(move || {
            // One more round after the stop: what was there before it must be counted.
            loop {
                let last = asked.is_set();
                let read = readers.round(&shared)?;
                if last && read == 0 {
                    return Ok(());
                }
            }
        })?;
        Ok(Self { findings, stop, thread })
    }

    /// What was found so far.
    pub fn so_far(&self) -> Findings {
        self.findings.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Records answered so far.
    pub fn count(&self) -> u64 {
        let findings = self.findings.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        findings.predictions + findings.dead_letters
    }

    /// What [`Audit::count`] gives, for another thread.
    pub fn counter(&self) -> impl Fn() -> u64 + Send + 'static {
        let findings = self.findings.clone();
        move || {
            let findings = findings.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            findings.predictions + findings.dead_letters
        }
    }

    /// The share that the candidate of `release` has now.
    pub fn share(&self, release: &str) -> Option<f64> {
        let findings = self.findings.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (_, now) = findings.routes.last_key_value()?;
        (now.release == release && now.candidate.is_some()).then(|| now.share())
    }

    /// Reads what is left and ends.
    ///
    /// # Errors
    /// A topic could not be read.
    pub fn finish(self) -> anyhow::Result<Findings> {
        self.stop.set();
        self.thread.join().map_err(|_| anyhow::anyhow!("the audit panicked"))??;
        Ok(self.findings.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone())
    }
}

impl Readers {
    /// Takes in what is there; how many records that were.
    fn round(&mut self, shared: &Mutex<Findings>) -> anyhow::Result<u64> {
        let mut batch = Vec::new();
        while batch.len() < 5_000 {
            let wait = if batch.is_empty() { Duration::from_millis(200) } else { Duration::ZERO };
            match self.predictions.next(wait)? {
                Some(record) => batch.push(record),
                None => break,
            }
        }
        let mut dead = Vec::new();
        while let Some(record) = self.dead_letters.next(Duration::ZERO)? {
            dead.push(record);
        }
        // After the predictions: a route is written before anyone answers by it.
        let mut changes = Vec::new();
        while let Some(entry) = self.routes.next(Duration::ZERO)? {
            changes.push(entry);
        }
        let mut findings = shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        changes.into_iter().for_each(|entry| findings.take_route(entry));
        // A reader of a broker that has just come back may lag behind another by seconds.
        for _ in 0..ROUTE_LAG.as_millis() / POLL_INTERVAL.as_millis() {
            let known = |generation| findings.routes.contains_key(&generation);
            if batch.iter().filter_map(generation).all(known) {
                break;
            }
            drop(findings);
            let late = self.routes.next(POLL_INTERVAL)?;
            findings = shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            late.into_iter().for_each(|entry| findings.take_route(entry));
        }
        batch.iter().for_each(|record| findings.take_prediction(record));
        dead.iter().for_each(|record| findings.take_dead_letter(record));
        Ok((batch.len() + dead.len()) as u64)
    }
}

impl Findings {
    /// Feature records without an answer, of `written` (partition → end offset).
    pub fn lost(&self, written: &kafka::Window) -> u64 {
        let none = Vec::new();
        let missing = |(partition, (from, to)): (&i32, &(i64, i64))| {
            let counts = self.answered.get(partition).unwrap_or(&none);
            (*from..*to)
                .filter(|offset| counts.get(*offset as usize).is_none_or(|n| *n == 0))
                .count() as u64
        };
        written.0.iter().map(missing).sum()
    }

    /// Answers beyond the first of a record.
    pub fn duplicated(&self) -> u64 {
        self.answered.values().flatten().map(|count| u64::from(count.saturating_sub(1))).sum()
    }

    /// Answers by `model`, and the highest generation among them.
    pub fn by_model(&self, model: &str) -> (u64, Option<u64>) {
        self.counted(model, |_| true)
    }

    /// The same without what another release than this one asked for.
    ///
    /// A person may try the same model beside it under another name, which is no answer of this release.
    pub fn by_model_of(&self, model: &str, release: &str) -> (u64, Option<u64>) {
        self.counted(model, |route| {
            let candidate = route.candidate.as_ref().map(|it| &*it.model.digest);
            candidate != Some(model) || route.release == release
        })
    }

    fn counted(&self, model: &str, counts: impl Fn(&Route) -> bool) -> (u64, Option<u64>) {
        let kept = |generation: &u64| self.routes.get(generation).is_none_or(&counts);
        let mut found = (0, None);
        let of_model =
            self.answers.iter().filter(|((generation, by), _)| by == model && kept(generation));
        for ((generation, _), count) in of_model {
            found = (found.0 + count, found.1.max(Some(*generation)));
        }
        found
    }

    fn take_route(&mut self, entry: Entry) {
        self.routes.extend(entry.route().map(|route| (route.generation, route)));
    }

    fn take_prediction(&mut self, record: &Record) {
        self.predictions += 1;
        self.mark(record);
        let headers = PredictionHeaders::of(&record.headers);
        let model = headers.stated_model().unwrap_or_default().to_owned();
        let number = generation(record).unwrap_or_default();
        if let Err(why) = explained(self.routes.get(&number), record, &model) {
            self.unexplained_count += 1;
            if self.unexplained.len() < 5 {
                let source = headers.source().map(|source| source.to_string());
                let source = source.unwrap_or_else(|_| "an unknown record".into());
                self.unexplained.push(format!("{source}: {why}"));
            }
        }
        *self.answers.entry((number, model)).or_default() += 1;
    }

    fn take_dead_letter(&mut self, record: &Record) {
        self.dead_letters += 1;
        self.mark(record);
    }

    fn mark(&mut self, record: &Record) {
        let source = PredictionHeaders::of(&record.headers).source();
        let Ok(SourceOffset { partition, offset, .. }) = source else {
            self.unexplained_count += 1;
            return;
        };
        let offset = offset as usize;
        let counts = self.answered.entry(partition).or_default();
        if counts.len() <= offset {
            counts.resize(offset + 1, 0);
        }
        counts[offset] = counts[offset].saturating_add(1);
    }
}

/// Whether the route of the answer's generation lets this model answer this key.
fn explained(route: Option<&Route>, record: &Record, model: &str) -> Result<(), String> {
    let route = route.ok_or("its generation was never written")?;
    let headers = PredictionHeaders::of(&record.headers);
    let key = headers.split_key(record.key.as_deref());
    let wanted = match routes::variant(route, key) {
        Variant::Candidate if headers.fallback().is_none() => {
            route.candidate.as_ref().map(|c| &c.model)
        }
        _ => Some(&route.champion),
    };
    match wanted {
        Some(wanted) if wanted.digest == model => Ok(()),
        _ => Err(format!(
            "answered by {model}, which had no share of its key in generation {}",
            route.generation
        )),
    }
}

fn generation(record: &Record) -> Option<u64> {
    PredictionHeaders::of(&record.headers).generation().ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn answer(offset: usize, generation: u64, model: &str) -> Record {
        let header = |name: &str, value: String| (name.to_owned(), value.into_bytes());
        Record {
            partition: 0,
            offset: 0,
            timestamp_ms: 0,
            key: Some(b"k".to_vec()),
            value: None,
            headers: vec![
                header("source", format!("s.features/0/{offset}")),
                header("generation", generation.to_string()),
                header("model", model.to_owned()),
            ],
        }
    }

    fn model(name: &str) -> routes::ModelRef {
        routes::ModelRef { digest: name.into(), image: String::new() }
    }

    #[test]
    fn a_lost_a_doubled_and_a_foreign_answer_are_found() {
        let mut findings = Findings::default();
        let route = Route { generation: 1, ..Route::bootstrap("s", model("good")) };
        findings.routes.insert(1, route.with_candidate(model("bad"), 0.0));
        for (offset, model) in [(0, "good"), (2, "good"), (2, "good"), (3, "bad")] {
            findings.take_prediction(&answer(offset, 1, model));
        }
        let written = "0:0-5".parse().unwrap();
        assert_eq!((findings.lost(&written), findings.duplicated()), (2, 1));
        assert_eq!((findings.unexplained_count, findings.by_model("bad")), (1, (1, Some(1))));
    }

    #[test]
    fn what_another_release_asked_for_is_no_answer_of_this_one() {
        let mut findings = Findings::default();
        let route = Route::bootstrap("s", model("good")).with_candidate(model("bad"), 1.0);
        for (generation, release) in [(1, "5-bad"), (3, "sample")] {
            let route = Route { generation, release: release.into(), ..route.clone() };
            findings.routes.insert(generation, route);
            findings.take_prediction(&answer(generation as usize, generation, "bad"));
        }
        assert_eq!(findings.by_model_of("bad", "5-bad"), (1, Some(1)));
        assert_eq!(findings.by_model("bad"), (2, Some(3)));
    }

    #[test]
    fn the_whole_stream_is_the_candidates_at_share_one() {
        let route = Route::bootstrap("s", model("old")).with_candidate(model("new"), 1.0);
        assert_eq!(explained(Some(&route), &answer(0, 0, "new"), "new"), Ok(()));
        assert!(explained(Some(&route), &answer(0, 0, "old"), "old").is_err());
    }
}
