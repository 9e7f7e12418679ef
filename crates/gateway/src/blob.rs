//! Bodies kept beside the record: gzip, named by the sha256 of what is inside, readable by the owner only.

use base::files;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The largest answer that is kept; a longer one is passed on all the same. Long reasoning streams are a few MiB.
const MAX_KEPT_BYTES: usize = 32 << 20;
/// Readable and writable by the owner: bodies hold prompts and code.
const FILE_MODE: u32 = 0o600;

/// The pieces of one body, as they passed.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    pieces: Vec<Bytes>,
    bytes: usize,
}

impl Pieces {
    /// The pieces of a body that is already whole.
    pub(crate) fn whole(body: Bytes) -> Self {
        Self { bytes: body.len(), pieces: vec![body] }
    }

    /// Takes one more piece; a body that grew too large is forgotten, and stays forgotten.
    pub(crate) fn add(&mut self, piece: &Bytes) {
        self.bytes = self.bytes.saturating_add(piece.len());
        if self.bytes > MAX_KEPT_BYTES {
            self.pieces = Vec::new();
        } else {
            self.pieces.push(piece.clone());
        }
    }

    /// The whole body with its name, if there is one. Hashing takes a millisecond per MiB: not for async tasks.
    pub(crate) fn into_blob(self) -> Option<Blob> {
        if self.pieces.is_empty() {
            return None;
        }
        let body = self.pieces.concat();
        Some(Blob { name: base::digest::sha256_hex(&body), body })
    }
}

/// A body and its name.
#[derive(Debug)]
pub(crate) struct Blob {
    /// sha256 of the body, 64 hex digits.
    pub(crate) name: String,
    body: Vec<u8>,
}

impl Blob {
    /// Writes it under `dir` unless it is there. Blocking.
    pub(crate) fn keep(&self, dir: &Path) -> io::Result<()> {
        let path = path_of(dir, &self.name);
        if path.exists() {
            return Ok(());
        }
        if let Some(parent) = path.parent() {
            files::private_dir(parent)?;
        }
        let mut gzip = GzEncoder::new(Vec::with_capacity(self.body.len() / 4), Compression::fast());
        gzip.write_all(&self.body)?;
        files::write_atomic(&path, &gzip.finish()?, FILE_MODE)
    }
}

/// Where the blob named `name` lies: two levels, so that no directory grows beyond what tools can list.
fn path_of(dir: &Path, name: &str) -> PathBuf {
    let (first, _) = name.split_at(name.len().min(2));
    dir.join(first).join(format!("{name}.gz"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_kept_body_is_private_and_comes_back_whole() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("blobs");
        let mut pieces = Pieces::default();
        pieces.add(&Bytes::from_static(b"one "));
        pieces.add(&Bytes::from_static(b"two"));
        let blob = pieces.into_blob().unwrap();
        blob.keep(&dir).unwrap();
        blob.keep(&dir).unwrap();
        let path = path_of(&dir, &blob.name);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let mut text = String::new();
        flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
        assert_eq!(text, "one two");
    }

    #[test]
    fn a_body_that_grew_too_large_is_not_kept() {
        let mut pieces = Pieces::default();
        pieces.add(&Bytes::from(vec![0; MAX_KEPT_BYTES]));
        pieces.add(&Bytes::from_static(b"x"));
        pieces.add(&Bytes::from_static(b"y"));
        assert!(pieces.into_blob().is_none());
    }
}
