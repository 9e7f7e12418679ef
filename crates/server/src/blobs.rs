//! Reads the bodies that the gateway kept: `DIR/ab/abcdef….gz`, named by the sha256 of what is inside.

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use crate::error::ApiError;

/// The most bytes of a body that are shown: some hundred thousand tokens. A small file can unpack to a large
/// one, so the limit holds for what comes out.
pub const MAX_SHOWN: u64 = 4 * 1024 * 1024;

/// A body, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// What was kept; bytes that are not UTF-8 are replaced.
    pub text: String,
    /// Whether it is longer than [`MAX_SHOWN`].
    pub truncated: bool,
}

/// Reads the body called `sha256` (64 lower-case hex digits; anything else names nothing).
pub async fn read(dir: &Path, sha256: &str) -> Result<Body, ApiError> {
    let Some(path) = path_of(dir, sha256) else { return Err(gone()) };
    let read = tokio::task::spawn_blocking(move || unpack(&path)).await;
    match read {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) if error.kind() == ErrorKind::NotFound => Err(gone()),
        Ok(Err(error)) => Err(ApiError::internal("a kept body could not be read", &error)),
        Err(error) => Err(ApiError::internal("a kept body could not be read", &error)),
    }
}

fn gone() -> ApiError {
    ApiError::not_found("the body of this call is no longer kept")
}

fn path_of(dir: &Path, sha256: &str) -> Option<PathBuf> {
    let fits = sha256.len() == 64 && sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    fits.then(|| dir.join(&sha256[..2]).join(format!("{sha256}.gz")))
}

fn unpack(path: &Path) -> std::io::Result<Body> {
    let mut bytes = Vec::new();
    GzDecoder::new(std::fs::File::open(path)?).take(MAX_SHOWN + 1).read_to_end(&mut bytes)?;
    let truncated = bytes.len() as u64 > MAX_SHOWN;
    if truncated {
        bytes.pop();
    }
    Ok(Body { text: String::from_utf8_lossy(&bytes).into_owned(), truncated })
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::digest::sha256_hex;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn keep(dir: &Path, body: &[u8]) -> String {
        let name = sha256_hex(body);
        let path = path_of(dir, &name).unwrap();
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut file = GzEncoder::new(std::fs::File::create(path).unwrap(), Compression::fast());
        file.write_all(body).unwrap();
        file.finish().unwrap();
        name
    }

    #[tokio::test]
    async fn a_kept_body_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let name = keep(dir.path(), b"{\"model\":\"large\"}");
        let body = read(dir.path(), &name).await.unwrap();
        assert_eq!(body, Body { text: "{\"model\":\"large\"}".into(), truncated: false });
    }

    #[tokio::test]
    async fn a_bomb_is_cut_at_the_limit() {
        let dir = tempfile::tempdir().unwrap();
        let name = keep(dir.path(), &vec![b'a'; MAX_SHOWN as usize + 10]);
        let body = read(dir.path(), &name).await.unwrap();
        assert!(body.truncated);
        assert_eq!(body.text.len() as u64, MAX_SHOWN);
    }

    #[tokio::test]
    async fn a_name_that_is_no_digest_reaches_no_file() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["", "../../etc/passwd", &"A".repeat(64), &"a".repeat(64), &"é".repeat(32)] {
            assert_eq!(read(dir.path(), name).await.unwrap_err().code, "not_found", "{name}");
        }
    }
}
