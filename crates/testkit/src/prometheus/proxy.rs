//! A proxy before a server, as stands before many a Prometheus: it wants a token, and it can fail.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Passes requests on to the server behind it until the process ends.
#[derive(Clone, Debug)]
pub struct Proxy {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    behind: String,
    token: String,
    fault: Mutex<Option<String>>,
    faults: AtomicUsize,
    asked: Mutex<Vec<String>>,
}

impl Proxy {
    /// One before `behind` (`host:port`) that lets through whoever bears `token`.
    ///
    /// # Panics
    /// When there is no free port.
    #[must_use]
    pub fn new(behind: &str, token: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (fault, faults) = (Mutex::default(), AtomicUsize::new(0));
        let (behind, token, asked) = (behind.to_owned(), token.to_owned(), Mutex::default());
        let shared = Arc::new(Shared { behind, token, fault, faults, asked });
        let proxy = Self { address, shared: Arc::clone(&shared) };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Whoever asks sees a connection that breaks, as it would with any proxy.
                let _ = pass_on(&stream, &shared);
            }
        });
        proxy
    }

    /// Answers the next `times` requests with `answer`, a whole HTTP answer; an empty one is silence.
    ///
    /// # Panics
    /// Never: nobody panics while holding the lock.
    pub fn fail(&self, times: usize, answer: &str) {
        *self.shared.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer.to_owned());
        self.shared.faults.store(times, Ordering::SeqCst);
    }

    /// Method of every request so far.
    ///
    /// # Panics
    /// Never: nobody panics while holding the lock.
    #[must_use]
    pub fn methods(&self) -> Vec<String> {
        self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn pass_on(mut stream: &TcpStream, shared: &Shared) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut reader = BufReader::new(stream);
    let (mut head, mut length, mut allowed) = (String::new(), 0, false);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap_or(0),
            "authorization" => allowed = value.trim() == format!("Bearer {}", shared.token),
            _ => {}
        }
        if !name.eq_ignore_ascii_case("connection") {
            head.push_str(&line);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let method = head.split(' ').next().unwrap_or_default().to_owned();
    shared.asked.lock().unwrap_or_else(PoisonError::into_inner).push(method);
    let left = shared.faults.load(Ordering::SeqCst);
    if left > 0 {
        shared.faults.store(left - 1, Ordering::SeqCst);
        let fault = shared.fault.lock().unwrap_or_else(PoisonError::into_inner).clone();
        return stream.write_all(fault.unwrap_or_default().as_bytes());
    }
    if !allowed {
        let refusal = "HTTP/1.1 401 Unauthorized\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        return stream.write_all(refusal.as_bytes());
    }
    let mut behind = TcpStream::connect(&shared.behind)?;
    write!(behind, "{head}connection: close\r\n\r\n")?;
    behind.write_all(&body)?;
    std::io::copy(&mut behind, &mut stream)?;
    Ok(())
}
