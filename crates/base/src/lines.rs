//! Lines from a source that may not be trusted to end them.
//!
//! Invariants: at most `max_line_bytes` of a line are kept, whatever arrives; the rest is counted and thrown
//! away. `next` is cancel-safe: between two awaits nothing is held outside `self`.

use std::io;
use std::mem;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// One line, without its newline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// The whole line. The last line of a stream counts even when no newline ended it.
    Whole(Vec<u8>),
    /// The line was longer than the limit.
    TooLong {
        /// Length of the whole line in bytes, without its newline.
        bytes: u64,
        /// The first bytes of it, as many as the limit.
        start: Vec<u8>,
    },
}

/// Reads lines of at most `max_line_bytes` from `R`.
#[derive(Debug)]
pub struct BoundedLines<R> {
    reader: BufReader<R>,
    max_line_bytes: usize,
    kept: Vec<u8>,
    seen_bytes: u64,
}

impl<R: AsyncRead + Unpin> BoundedLines<R> {
    /// Reads from `reader`; a line of more than `max_line_bytes` bytes (newline not counted) is cut.
    pub fn new(reader: R, max_line_bytes: usize) -> BoundedLines<R> {
        BoundedLines { reader: BufReader::new(reader), max_line_bytes, kept: Vec::new(), seen_bytes: 0 }
    }

    /// The next line; `None` at the end. Errors are those of the reader. Cancel-safe.
    pub async fn next(&mut self) -> io::Result<Option<Line>> {
        loop {
            // The only await: a cancelled call has taken nothing from the reader.
            let available = self.reader.fill_buf().await?;
            if available.is_empty() {
                let unfinished = self.seen_bytes > 0;
                return Ok(unfinished.then(|| self.take_line()));
            }
            let newline = available.iter().position(|&byte| byte == b'\n');
            let part = &available[..newline.unwrap_or(available.len())];
            let room = self.max_line_bytes - self.kept.len();
            self.kept.extend_from_slice(&part[..part.len().min(room)]);
            self.seen_bytes += part.len() as u64;
            let used = part.len() + usize::from(newline.is_some());
            self.reader.consume(used);
            if newline.is_some() {
                return Ok(Some(self.take_line()));
            }
        }
    }

    fn take_line(&mut self) -> Line {
        let (kept, bytes) = (mem::take(&mut self.kept), mem::take(&mut self.seen_bytes));
        if bytes > kept.len() as u64 { Line::TooLong { bytes, start: kept } } else { Line::Whole(kept) }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::task::{Context, Poll, Waker};

    use tokio::io::AsyncWriteExt;

    use super::*;

    async fn read_all(input: &[u8], max: usize) -> Vec<Line> {
        let mut lines = BoundedLines::new(input, max);
        let mut all = Vec::new();
        while let Some(line) = lines.next().await.unwrap() {
            all.push(line);
        }
        all
    }

    fn whole(text: &str) -> Line {
        Line::Whole(text.into())
    }

    #[tokio::test]
    async fn lines_end_at_newlines_and_the_last_needs_none() {
        assert_eq!(read_all(b"a\n\nbc", 10).await, [whole("a"), whole(""), whole("bc")]);
        assert_eq!(read_all(b"", 10).await, []);
    }

    #[tokio::test]
    async fn a_line_of_exactly_the_limit_is_whole() {
        assert_eq!(read_all(b"abc\n", 3).await, [whole("abc")]);
    }

    #[tokio::test]
    async fn an_overlong_line_is_counted_and_the_next_is_fine() {
        let long = [&vec![b'x'; 100_000][..], b"\nok\n"].concat();
        let got = read_all(&long, 4).await;
        assert_eq!(got, [Line::TooLong { bytes: 100_000, start: b"xxxx".to_vec() }, whole("ok")]);
    }

    #[tokio::test]
    async fn a_cancelled_read_loses_nothing() {
        let (mut to, from) = tokio::io::duplex(64);
        let mut lines = BoundedLines::new(from, 10);
        to.write_all(b"ab").await.unwrap();
        {
            let mut first = std::pin::pin!(lines.next());
            let polled = first.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(matches!(polled, Poll::Pending));
        }
        to.write_all(b"cd\n").await.unwrap();
        assert_eq!(lines.next().await.unwrap(), Some(whole("abcd")));
    }
}
