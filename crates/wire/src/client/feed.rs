//! The live feed: server-sent events (WHATWG HTML, section 9.2), read one by one.

use super::{Client, Error};
use crate::EventView;
use http_body_util::BodyExt;
use hyper::Method;
use hyper::body::Incoming;

/// An event of ours is some kilobytes; one that passes this is not ours.
const MAX_EVENT_BYTES: usize = 1024 * 1024;

/// An open feed. Dropping it closes the connection.
#[derive(Debug)]
pub struct Feed {
    client: Client,
    body: Incoming,
    unread: Vec<u8>,
    data: String,
}

impl Feed {
    pub(super) async fn open(client: &Client, last: Option<u64>) -> Result<Self, Error> {
        let headers: Vec<_> = last.iter().map(|seq| ("last-event-id", seq.to_string())).collect();
        let response = client.send(Method::GET, "/api/v1/events", Vec::new(), &headers).await?;
        let status = response.status();
        if !status.is_success() {
            let body = client.whole(response.into_body()).await?;
            return Err(client.refusal(status, &body));
        }
        Ok(Self { client: client.clone(), body: response.into_body(), unread: vec![], data: String::new() })
    }

    /// The next event; `None` when the server closed the feed. Waits as long as nothing happens.
    pub async fn next(&mut self) -> Result<Option<EventView>, Error> {
        loop {
            while let Some(line) = self.take_line() {
                if let Some(event) = self.take_event(&line)? {
                    return Ok(Some(event));
                }
            }
            let Some(frame) = self.body.frame().await else { return Ok(None) };
            let frame = frame.map_err(|e| self.client.broken(e))?;
            if let Some(bytes) = frame.data_ref() {
                self.unread.extend_from_slice(bytes);
            }
            if self.unread.len() + self.data.len() > MAX_EVENT_BYTES {
                let address = self.client.address.clone();
                return Err(Error::TooLarge { address, limit: MAX_EVENT_BYTES });
            }
        }
    }

    fn take_line(&mut self) -> Option<String> {
        let end = self.unread.iter().position(|&b| b == b'\n')?;
        let line: Vec<u8> = self.unread.drain(..=end).collect();
        let text = String::from_utf8_lossy(&line);
        Some(text.trim_end_matches(['\n', '\r']).to_owned())
    }

    /// An event ends with a blank line; `id`, `event` and comments repeat what the data says.
    fn take_event(&mut self, line: &str) -> Result<Option<EventView>, Error> {
        if let Some(data) = line.strip_prefix("data:") {
            if !self.data.is_empty() {
                self.data.push('\n');
            }
            self.data.push_str(data.strip_prefix(' ').unwrap_or(data));
            return Ok(None);
        }
        if !line.is_empty() || self.data.is_empty() {
            return Ok(None);
        }
        let data = std::mem::take(&mut self.data);
        self.client.read(data.as_bytes()).map(Some)
    }
}
