//! A text that must not be seen.
//!
//! Invariant: no formatting, logging or serialising shows the text; [`Secret::expose`] is the one way out, so
//! every place that uses a secret can be found by that name.

use std::fmt;
use std::hint::black_box;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::digest::sha256;

/// A secret text. `Debug` and `Display` print `[secret]`; it cannot be serialised.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// 32 random bytes as base64url without padding (43 characters).
    pub fn random() -> Secret {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).expect("the kernel has randomness once it has booted");
        Secret(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The text itself. Never pass it to a log, an error, argv or a trace.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether `candidate` is this secret, in a time that tells neither content nor length.
    pub fn matches(&self, candidate: &str) -> bool {
        // Comparing digests makes the work independent of where the texts differ, and of the secret's length.
        let (ours, theirs) = (sha256(self.0.as_bytes()), sha256(candidate.as_bytes()));
        let difference = ours.iter().zip(theirs).fold(0, |seen, (a, b)| black_box(seen | (a ^ b)));
        difference == 0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formatting_hides_the_text() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret} {secret:?} {:?}", Some(&secret)), "[secret] [secret] Some([secret])");
    }

    #[test]
    fn matches_only_the_same_text() {
        let secret = Secret::new("hunter2");
        assert!(secret.matches("hunter2"));
        for other in ["", "hunter", "hunter22", "Hunter2"] {
            assert!(!secret.matches(other), "{other}");
        }
    }

    #[test]
    fn random_secrets_are_long_and_differ() {
        let (a, b) = (Secret::random(), Secret::random());
        assert_eq!(a.expose().len(), 43);
        assert_ne!(a.expose(), b.expose());
    }
}
