//! A scorer that follows the route, confirms, and answers a stream it makes up itself.
//!
//! It keeps the protocol of the real one (split, generations, headers, status), and lets a test choose how often
//! each model errs. Labels follow at once.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use contract::stop::Stop;
use kafka::{Kafka, Outgoing, Start, Writer};
use stats::random::Random;
use stream::{LabelRecord, Prediction, PredictionValue, RecordId, SourceOffset, Topics};

use routes::status::HEARTBEAT;
use routes::{
    Changes as _, Follower, Route, SCORERS_TOPIC, ScorerState, ScorerStatus, Standing, Taken,
    Variant, variant,
};

/// How often the scorer answers.
const TICK: Duration = Duration::from_millis(5);

/// What the scorer does.
#[derive(Clone, Debug)]
pub struct Behaviour {
    pub name: String,
    pub partitions: i32,
    /// Records in each tick of 5 ms; 0 where no data flows.
    pub per_tick: u64,
    /// The chance that an answer differs from the label.
    pub champion_errors: f64,
    pub candidate_errors: f64,
    /// The chance that the candidate does not answer, so that the champion does.
    pub fallbacks: f64,
    /// Cannot load this model, by digest.
    pub refuses: Option<String>,
    /// Says that it follows later generations too, but goes on answering by this one.
    pub stuck_at: Option<u64>,
    /// Answers every key with the champion and says that the key was the candidate's; not at once, so that whoever finds
    /// it out has read something before.
    pub lies: bool,
    /// Writes feature records too, every fourth of which has the tier gold (header and member); their offsets are those
    /// that predictions name as long as nobody else writes the topic.
    pub features: bool,
    /// The chance that the candidate errs on gold, where that is another one.
    pub candidate_errors_on_gold: Option<f64>,
    /// Microseconds that the two models need.
    pub took: Option<(u64, u64)>,
    /// Whether the two models give a label, or only a score: champion, candidate.
    pub labels: (bool, bool),
    /// What a label record looks like.
    pub label_form: LabelForm,
}

/// How labels are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelForm {
    /// The record's id as the key, a number as the label.
    Plain,
    /// Under an id that no prediction has.
    OtherId,
    /// As a text.
    Text,
    /// None; before the stream had a candidate, there were some.
    UntilCandidate,
    /// None at all.
    Never,
}

/// Answers beside a candidate that are true even of a scorer that lies.
const HONEST: u64 = 200;

impl Default for Behaviour {
    /// Both models err on a tenth of 4,000 records a second.
    fn default() -> Self {
        Self {
            name: "fake".into(),
            partitions: 4,
            per_tick: 20,
            champion_errors: 0.1,
            candidate_errors: 0.1,
            fallbacks: 0.0,
            refuses: None,
            stuck_at: None,
            lies: false,
            features: false,
            candidate_errors_on_gold: None,
            took: None,
            labels: (true, true),
            label_form: LabelForm::Plain,
        }
    }
}

/// A running scorer; it leaves when dropped.
pub struct FakeScorer {
    stop: Stop,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
}

impl FakeScorer {
    /// Starts to follow the route of `stream`; answers once there is one.
    ///
    /// # Errors
    /// The broker is away or a topic missing.
    pub fn start(kafka: &Kafka, stream: &str, behaviour: Behaviour) -> anyhow::Result<Self> {
        let mut scorer = Scorer {
            routes: Follower::open(kafka, stream, &Start::Beginning)?,
            writer: kafka.writer()?,
            stream: stream.to_owned(),
            topics: Topics::of(stream),
            offsets: vec![0; usize::try_from(behaviour.partitions)?],
            random: Random::seeded(7),
            behaviour,
            standing: Standing::default(),
            route: None,
            status: None,
            beside_candidate: 0,
            next: 0,
        };
        let stop = Stop::default();
        let asked = stop.clone();
        let thread = std::thread::Builder::new()
            .name("fake-scorer".into())
            .spawn(move || scorer.run(&asked))?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for FakeScorer {
    fn drop(&mut self) {
        self.stop.set();
        if let Some(thread) = self.thread.take()
            && let Ok(Err(error)) = thread.join()
        {
            tracing::warn!(error = format!("{error:#}"), "the fake scorer ended early");
        }
    }
}

struct Scorer {
    routes: Follower,
    writer: Writer,
    stream: String,
    topics: Topics,
    behaviour: Behaviour,
    standing: Standing,
    /// In force.
    route: Option<Route>,
    status: Option<(ScorerStatus, Instant)>,
    offsets: Vec<i64>,
    random: Random,
    /// Answers given while the route had a candidate.
    beside_candidate: u64,
    /// Number of the next record; its key and id too.
    next: u64,
}

impl Scorer {
    fn run(&mut self, stop: &Stop) -> anyhow::Result<()> {
        let mut tick = Instant::now();
        self.retire()?;
        while !stop.is_set() {
            while let Some(entry) = self.routes.next(Duration::ZERO)? {
                if self.standing.apply(&self.stream, &entry) == Taken::Changed {
                    match self.standing.route.clone() {
                        Some(route) => self.follow(route)?,
                        None => self.retire()?,
                    }
                }
            }
            if self.status.as_ref().is_some_and(|(_, sent)| sent.elapsed() > HEARTBEAT) {
                self.send_status()?;
            }
            if self.route.is_some() {
                for _ in 0..self.behaviour.per_tick {
                    self.answer()?;
                }
                self.writer.flush()?;
            }
            tick += TICK;
            std::thread::sleep(tick.saturating_duration_since(Instant::now()));
        }
        // Leaves as a scorer does: its status becomes a tombstone.
        let Some((status, _)) = self.status.take() else { return Ok(()) };
        let key = Some(status.key().into_bytes());
        self.writer.send(&Outgoing { topic: SCORERS_TOPIC.into(), key, ..Outgoing::default() })?;
        self.writer.flush()
    }

    fn follow(&mut self, route: Route) -> anyhow::Result<()> {
        let wanted = [Some(&route.champion), route.candidate.as_ref().map(|c| &c.model)];
        let wanted = wanted.into_iter().flatten().map(|model| model.digest.clone());
        let refused =
            wanted.into_iter().find(|digest| self.behaviour.refuses.as_ref() == Some(digest));
        let (seen_route, seen) = (route.id.clone(), route.generation);
        let former = self.route.as_ref().map(|route| (route.id.clone(), route.generation));
        let (in_force, generation) = match &refused {
            Some(_) => former.unwrap_or_default(),
            None => (seen_route.clone(), seen),
        };
        let stuck = self.behaviour.stuck_at.is_some_and(|last| seen > last);
        if refused.is_none() && !stuck {
            self.route = Some(route);
        }
        let status = ScorerStatus {
            route: in_force,
            generation,
            state: if refused.is_some() { ScorerState::Failed } else { ScorerState::Ready },
            seen_route,
            seen,
            error: refused.map(|digest| format!("no model {digest}")),
            ..self.idle()
        };
        self.status = Some((status, Instant::now()));
        self.send_status()
    }

    /// Nothing is answered until there is a route.
    fn retire(&mut self) -> anyhow::Result<()> {
        self.route = None;
        self.status = Some((self.idle(), Instant::now()));
        self.send_status()
    }

    fn idle(&self) -> ScorerStatus {
        ScorerStatus {
            stream: self.stream.clone(),
            scorer: self.behaviour.name.clone(),
            route: String::new(),
            generation: 0,
            state: ScorerState::Ready,
            seen_route: String::new(),
            seen: 0,
            error: None,
            fallbacks: 0,
        }
    }

    fn send_status(&mut self) -> anyhow::Result<()> {
        let Some((status, sent)) = &mut self.status else { return Ok(()) };
        *sent = Instant::now();
        let record = Outgoing {
            topic: SCORERS_TOPIC.into(),
            key: Some(status.key().into_bytes()),
            value: Some(serde_json::to_vec(status)?),
            ..Outgoing::default()
        };
        self.writer.send(&record)?;
        self.writer.flush()
    }

    fn answer(&mut self) -> anyhow::Result<()> {
        let Some(route) = &self.route else { return Ok(()) };
        let (n, id) = (self.next, format!("r{}", self.next));
        // Not in step with labels or partitions.
        let is_gold = n / 8 % 4 == 0;
        self.next += 1;
        let partition = (n % self.behaviour.partitions as u64) as i32;
        let offset = self.offsets[partition as usize];
        self.offsets[partition as usize] += 1;

        self.beside_candidate += u64::from(route.candidate.is_some());
        let lies = self.behaviour.lies && self.beside_candidate > HONEST;
        let assigned = variant(route, id.as_bytes());
        let mut answered_by = assigned;
        let fell_back =
            assigned == Variant::Candidate && self.random.chance(self.behaviour.fallbacks);
        if fell_back || lies {
            answered_by = Variant::Champion;
        }
        let (model, errors) = match (answered_by, &route.candidate) {
            (Variant::Candidate, Some(candidate)) => {
                let on_gold = self.behaviour.candidate_errors_on_gold.filter(|_| is_gold);
                (&candidate.model.digest, on_gold.unwrap_or(self.behaviour.candidate_errors))
            }
            _ => (&route.champion.digest, self.behaviour.champion_errors),
        };
        let label = n % 2;
        let answer = if self.random.chance(errors) { 1 - label } else { label };
        let took = self.behaviour.took.map(|(champion, candidate)| match assigned {
            Variant::Candidate => candidate,
            Variant::Champion => champion,
        });
        let prediction = Prediction {
            model: (&**model).try_into()?,
            variant: if lies { assigned } else { answered_by },
            generation: route.generation,
            source: SourceOffset { topic: &self.topics.features, partition, offset },
            id: RecordId::Given(id.as_bytes()),
            took,
            fallback: fell_back.then_some("the candidate did not answer"),
        };
        let record = |topic: &str, value: Vec<u8>, headers| Outgoing {
            topic: topic.to_owned(),
            partition: Some(partition),
            key: Some(id.clone().into_bytes()),
            value: Some(value),
            headers,
        };
        if self.behaviour.features {
            let tier = if is_gold { "gold" } else { "lead" };
            let headers = stream::headers::owned([("tier", tier.as_bytes())]);
            let value = format!(r#"{{"tier":"{tier}"}}"#).into_bytes();
            self.writer.send(&record(&self.topics.features, value, headers))?;
        }
        // Sure of what it says, more so where it is right.
        let score =
            if answer == label { label as f32 * 0.8 + 0.1 } else { 0.6 - 0.2 * label as f32 };
        let has_label = match answered_by {
            Variant::Champion => self.behaviour.labels.0,
            Variant::Candidate => self.behaviour.labels.1,
        };
        let mut value = Vec::new();
        let class = has_label.then_some(answer as i64);
        PredictionValue { label: class, score, scores: &[] }.write(&mut value);
        self.writer.send(&record(&self.topics.predictions, value, prediction.to_headers()))?;
        let truth = LabelRecord { id: id.as_bytes(), label: label as f64 };
        let plain = record(&self.topics.labels, truth.value(), Vec::new());
        match self.behaviour.label_form {
            LabelForm::Never => Ok(()),
            LabelForm::UntilCandidate if self.beside_candidate > 0 => Ok(()),
            LabelForm::Plain | LabelForm::UntilCandidate => self.writer.send(&plain),
            LabelForm::OtherId => {
                let key = Some(format!("order-{id}").into_bytes());
                self.writer.send(&Outgoing { key, ..plain })
            }
            LabelForm::Text => {
                let value = Some(format!(r#"{{"label":"{label}"}}"#).into_bytes());
                self.writer.send(&Outgoing { value, ..plain })
            }
        }
    }
}
