//! SIGTERM and SIGINT: a flag that loops ask.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use fault::Fault;

/// Becomes set when the process was asked to end.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// A flag that SIGTERM and SIGINT set.
    ///
    /// # Errors
    /// The signals cannot be listened to.
    pub fn on_signals() -> anyhow::Result<Self> {
        let stop = Self::default();
        let flag = stop.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut term = {
            let _inside = runtime.enter();
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?
        };
        std::thread::Builder::new().name("signals".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = term.recv() => {}
                    _ = tokio::signal::ctrl_c() => {}
                }
            });
            tracing::info!("asked to end");
            flag.set();
        })?;
        Ok(stop)
    }

    pub fn set(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// What `work` gives, or `Err(Fault::Stopped)` as soon as the flag is set; `work` is left to itself then, so it
    /// must be of no harm that it is cut off when the process ends.
    ///
    /// # Errors
    /// The process was asked to end, or no thread could be started.
    pub fn unless_set<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> anyhow::Result<T> {
        const LOOK: Duration = Duration::from_millis(50);
        let (give, take) = mpsc::channel();
        std::thread::Builder::new().name("work".into()).spawn(move || {
            // Nobody waits any more once the process was asked to end.
            let _unread = give.send(work());
        })?;
        loop {
            match take.recv_timeout(LOOK) {
                Ok(done) => return Ok(done),
                Err(RecvTimeoutError::Timeout) => self.check()?,
                Err(RecvTimeoutError::Disconnected) => anyhow::bail!("the working thread panicked"),
            }
        }
    }

    /// `Err(Fault::Stopped)` once the flag is set, for use with `?` in loops.
    ///
    /// # Errors
    /// The process was asked to end.
    pub fn check(&self) -> Result<(), Fault> {
        if self.is_set() { Err(Fault::Stopped) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn work_is_waited_for_until_the_process_is_asked_to_end() {
        let stop = Stop::default();
        assert_eq!(stop.unless_set(|| 7).unwrap(), 7);

        let (never, wait) = mpsc::channel::<()>();
        let (other, asked) = (stop.clone(), stop.clone());
        std::thread::spawn(move || other.set());
        let error = asked.unless_set(move || wait.recv()).unwrap_err();
        assert!(matches!(error.downcast_ref(), Some(Fault::Stopped)), "{error}");
        drop(never);

        let panicked = Stop::default().unless_set(|| assert!(wait_is_over()));
        assert!(panicked.unwrap_err().to_string().contains("panicked"));
    }

    fn wait_is_over() -> bool {
        false
    }
}
