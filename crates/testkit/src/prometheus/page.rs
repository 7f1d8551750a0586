//! A page of metrics whose text a test sets.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Serves metrics in the text format until the process ends.
#[derive(Clone, Debug)]
pub struct MetricsPage {
    pub address: SocketAddr,
    shared: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Debug, Default)]
struct State {
    text: String,
    /// Scrapes since the text was set.
    scrapes: usize,
}

impl MetricsPage {
    /// A page that says `text`.
    ///
    /// # Panics
    /// When there is no free port.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new((Mutex::new(State::default()), Condvar::new()));
        let page = Self { address, shared: Arc::clone(&shared) };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A scrape that breaks off is made again by itself.
                let _ = answer(&stream, &shared);
            }
        });
        page.set(text);
        page
    }

    /// From the next scrape on it says `text`.
    ///
    /// # Panics
    /// Never: nobody panics while holding the lock.
    pub fn set(&self, text: &str) {
        let (state, _) = &*self.shared;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = State { text: text.to_owned(), scrapes: 0 };
    }

    /// Waits until the present text was scraped `times`.
    ///
    /// # Panics
    /// When that takes longer than 30 s.
    pub fn wait_scraped(&self, times: usize) {
        let (state, changed) = &*self.shared;
        let state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let limit = Duration::from_secs(30);
        let (state, waited) = changed
            .wait_timeout_while(state, limit, |state| state.scrapes < times)
            .unwrap_or_else(PoisonError::into_inner);
        assert!(!waited.timed_out(), "scraped {} times in {limit:?}, not {times}", state.scrapes);
    }
}

fn answer(mut stream: &TcpStream, shared: &(Mutex<State>, Condvar)) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut lines = BufReader::new(stream).lines();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let (state, changed) = shared;
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/plain; version=0.0.4";
    write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{}", state.text.len(), state.text)?;
    state.scrapes += 1;
    changed.notify_all();
    Ok(())
}
