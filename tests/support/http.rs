//! Plain HTTP, for requests that the typed client would not make.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long one exchange may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The most bytes of an answer that a test looks at.
const MAX_ANSWER: u64 = 16 << 20;

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    /// As sent, one header a line.
    pub head: String,
    pub body: String,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// One request to `address`, one answer. `headers` come before our own `host` and `connection`.
pub fn exchange(address: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let given = |wanted: &str| headers.iter().any(|(name, _)| *name == wanted);
    let mut text = format!("{method} {path} HTTP/1.1\r\ncontent-length: {}\r\n", body.len());
    if !given("host") {
        text.push_str(&format!("host: {address}\r\n"));
    }
    if !given("connection") {
        text.push_str("connection: close\r\n");
    }
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text.push_str(body);
    let mut stream = TcpStream::connect(address).unwrap_or_else(|error| panic!("{address}: {error}"));
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = vec![];
    // A door that refuses may close before it has read everything; what it said before that counts.
    let _ = stream.take(MAX_ANSWER).read_to_end(&mut answer);
    parse(&String::from_utf8_lossy(&answer))
}

fn parse(answer: &str) -> Answer {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let status = head.split_whitespace().nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    Answer { status, head: head.to_owned(), body: if chunked { joined(body) } else { body.to_owned() } }
}

/// A chunked body put together (RFC 9112, section 7.1); chunks of a cut answer are kept as far as they came.
fn joined(mut rest: &str) -> String {
    let mut body = String::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let Ok(size @ 1..) = usize::from_str_radix(size.trim(), 16) else { break };
        body.push_str(after.get(..size).unwrap_or(after));
        rest = after.get(size + 2..).unwrap_or("");
    }
    body
}
