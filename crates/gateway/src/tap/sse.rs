//! Splits bytes into the data of server-sent events, however the bytes are cut into chunks.
//! (WHATWG HTML, section 9.2.6; `id` and `retry` are of no interest here.)

/// Puts events together from chunks.
#[derive(Debug)]
pub(crate) struct Lines {
    max_bytes: usize,
    line: Vec<u8>,
    data: Vec<u8>,
    /// A carriage return ended the last line: a line feed right after it belongs to it.
    after_cr: bool,
    first_line: bool,
    /// The event grew beyond the bound; it is dropped at its end.
    overlong: bool,
}

impl Lines {
    /// An event of more than `max_bytes` is dropped.
    pub(crate) fn new(max_bytes: usize) -> Self {
        let (line, data) = (Vec::new(), Vec::new());
        Self { max_bytes, line, data, after_cr: false, first_line: true, overlong: false }
    }

    /// Reads `bytes`; `take` gets the data of each event that they complete.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], mut take: impl FnMut(&[u8])) {
        while !bytes.is_empty() {
            if std::mem::take(&mut self.after_cr) && bytes[0] == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let Some(end) = bytes.iter().position(|&b| b == b'\n' || b == b'\r') else {
                self.add(bytes);
                return;
            };
            self.add(&bytes[..end]);
            self.after_cr = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            self.line_done(&mut take);
        }
    }

    fn add(&mut self, part: &[u8]) {
        if self.line.len() + self.data.len() + part.len() > self.max_bytes {
            self.overlong = true;
        }
        if !self.overlong {
            self.line.extend_from_slice(part);
        } else if self.line.is_empty() && !part.is_empty() {
            // One byte stands for the rest, so that the line does not look like the empty one that ends an event.
            self.line.push(part[0]);
        }
    }

    fn line_done(&mut self, take: &mut impl FnMut(&[u8])) {
        let line = std::mem::take(&mut self.line);
        let mut content = line.as_slice();
        if std::mem::take(&mut self.first_line) {
            content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
        }
        if content.is_empty() {
            if !self.overlong && !self.data.is_empty() {
                take(&self.data);
            }
            self.data.clear();
            self.overlong = false;
        } else if let Some(value) = data_of(content).filter(|_| !self.overlong) {
            if !self.data.is_empty() {
                self.data.push(b'\n');
            }
            self.data.extend_from_slice(value);
        }
        // Keep the buffer of an ordinary line; give back what a huge one took.
        const KEPT_BYTES: usize = 4096;
        self.line = line;
        self.line.clear();
        self.line.shrink_to(KEPT_BYTES);
        self.data.shrink_to(KEPT_BYTES);
    }
}

fn data_of(line: &[u8]) -> Option<&[u8]> {
    let value = line.strip_prefix(b"data:")?;
    Some(value.strip_prefix(b" ").unwrap_or(value))
}
