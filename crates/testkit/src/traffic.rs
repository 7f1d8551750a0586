//! Traffic in memory: another target than the routes topic, for tests of whoever moves it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use contract::stop::Stop;
use routes::change::Unreadable;
use routes::{
    Change, Changes, Confirmation, Confirmations, Decision, Entry, Route, RouteWriter,
    ScorerStatus, Stamp, Standing, Traffic,
};

/// One stream's traffic, whose one scorer has in force what stands; clones are the same.
#[derive(Clone, Debug)]
pub struct InMemory(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    stream: String,
    entries: Vec<Entry>,
    /// How often someone became the writer: only the last one is.
    writers: u64,
    failing: u32,
}

struct Writer {
    traffic: InMemory,
    number: u64,
    current: Option<Route>,
}

struct Follower {
    traffic: InMemory,
    next: usize,
}

impl InMemory {
    /// A stream without a route.
    #[must_use]
    pub fn of(stream: &str) -> Self {
        let state =
            State { stream: stream.to_owned(), entries: Vec::new(), writers: 0, failing: 0 };
        Self(Arc::new(Mutex::new(state)))
    }

    /// The next `times` writes fail, and change nothing.
    pub fn fail_writes(&self, times: u32) {
        self.state().failing = times;
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, number: u64, change: Change) -> anyhow::Result<()> {
        let mut state = self.state();
        anyhow::ensure!(state.writers == number, "someone else became the writer");
        if let Some(left) = state.failing.checked_sub(1) {
            state.failing = left;
            anyhow::bail!("the target is away");
        }
        let offset = state.entries.len() as i64;
        state.entries.push(Entry { change, partition: 0, offset, at_ms: offset });
        Ok(())
    }
}

impl Traffic for InMemory {
    fn standing(&self) -> anyhow::Result<Standing> {
        let state = self.state();
        let mut standing = Standing::default();
        for entry in &state.entries {
            standing.apply(&state.stream, entry);
        }
        Ok(standing)
    }

    fn history(&self) -> anyhow::Result<Vec<Entry>> {
        Ok(self.state().entries.clone())
    }

    fn changes(&self) -> anyhow::Result<Box<dyn Changes>> {
        let next = self.state().entries.len();
        Ok(Box::new(Follower { traffic: self.clone(), next }))
    }

    fn writer(&self) -> anyhow::Result<Box<dyn RouteWriter>> {
        let current = self.route()?;
        let mut state = self.state();
        state.writers += 1;
        Ok(Box::new(Writer { traffic: self.clone(), number: state.writers, current }))
    }

    fn writer_from_last_readable(&self) -> anyhow::Result<Box<dyn RouteWriter>> {
        self.writer()
    }

    fn confirmations(&self) -> anyhow::Result<Box<dyn Confirmations>> {
        Ok(Box::new(self.clone()))
    }
}

impl RouteWriter for Writer {
    fn current(&self) -> Option<&Route> {
        self.current.as_ref()
    }

    fn unreadable(&self) -> Option<&Unreadable> {
        None
    }

    fn write(
        &mut self,
        route: Route,
        release: &str,
        reason: &str,
        decision: Option<Decision>,
    ) -> anyhow::Result<Route> {
        let generation = self.current.as_ref().map_or(0, |route| route.generation) + 1;
        let id = format!("{release}-{generation}");
        let stamp = Stamp { id, generation, begins: false, release, reason, decision };
        let route = route.stamped(self.current.as_ref(), stamp);
        self.traffic.write(self.number, Change::Route(Box::new(route.clone())))?;
        self.current = Some(route.clone());
        Ok(route)
    }

    fn retire(&mut self, _release: &str, _reason: &str) -> anyhow::Result<()> {
        self.traffic.write(self.number, Change::Retired)?;
        self.current = None;
        Ok(())
    }
}

impl Confirmations for InMemory {
    fn live(&mut self) -> anyhow::Result<Vec<ScorerStatus>> {
        Ok(Vec::new())
    }

    fn await_any(&mut self, _limit: Duration, _stop: &Stop) -> anyhow::Result<bool> {
        Ok(true)
    }

    fn confirm(&mut self, route: &Route, _: Duration, _: &Stop) -> anyhow::Result<Confirmation> {
        let scorers = vec!["scorer".to_owned()];
        Ok(match self.route()?.as_ref() == Some(route) {
            true => Confirmation::Confirmed { scorers, after: Duration::ZERO },
            false => Confirmation::TimedOut { missing: scorers },
        })
    }
}

impl Changes for Follower {
    fn next(&mut self, _wait: Duration) -> anyhow::Result<Option<Entry>> {
        let entry = self.traffic.state().entries.get(self.next).cloned();
        self.next += usize::from(entry.is_some());
        Ok(entry)
    }
}
