//! Ed25519 signatures (RFC 8032) over bytes.
//!
//! Invariant: verification is strict (small-order keys and malleable signatures are refused), so one message
//! under one key has one acceptable signature. The private key never leaves the [`Signer`].

use std::fmt;
use std::sync::Arc;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use crate::digest::sha256_hex;

pub mod token;

/// Hex digits of the public key's SHA-256 that name a key.
const KEY_ID_CHARS: usize = 16;

/// A private key and the name of its public half. Clones share the key.
#[derive(Clone)]
pub struct Signer {
    key: Arc<SigningKey>,
    key_id: String,
}

impl Signer {
    /// A new key from the machine's randomness.
    pub fn generate() -> Signer {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).expect("the kernel has randomness once it has booted");
        let key = SigningKey::from_bytes(&seed);
        let mut key_id = sha256_hex(key.verifying_key().as_bytes());
        key_id.truncate(KEY_ID_CHARS);
        Signer { key: Arc::new(key), key_id }
    }

    /// The name of the key: the first 16 hex digits of the SHA-256 of the public key.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The public key, 32 bytes.
    pub fn public_key(&self) -> [u8; 32] {
        self.key.verifying_key().to_bytes()
    }

    /// The signature of `message`, 64 bytes. Deterministic.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.key.sign(message).to_bytes().to_vec()
    }
}

/// Whether `signature` is `public`'s over `message`. Lengths that cannot be right are simply false.
pub fn verify(public: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let Ok(public) = <&[u8; 32]>::try_from(public) else { return false };
    let Ok(key) = VerifyingKey::from_bytes(public) else { return false };
    let Ok(signature) = Signature::from_slice(signature) else { return false };
    key.verify_strict(message, &signature).is_ok()
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.key_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_message_and_key_only() {
        let (signer, other) = (Signer::generate(), Signer::generate());
        let signature = signer.sign(b"hello");
        assert!(verify(&signer.public_key(), b"hello", &signature));
        assert!(!verify(&signer.public_key(), b"hellp", &signature));
        assert!(!verify(&other.public_key(), b"hello", &signature));
        assert!(!verify(&signer.public_key(), b"hello", &signature[..63]));
        assert!(!verify(&signer.public_key()[..31], b"hello", &signature));
    }

    #[test]
    fn the_published_vector_verifies() {
        // RFC 8032, section 7.1, test 1 (empty message).
        let public = unhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        let signature = unhex(concat!(
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155",
            "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        ));
        assert!(verify(&public, b"", &signature));
    }

    #[test]
    fn a_small_order_key_is_refused() {
        // The identity point with an all-zero S satisfies the lax equation for every message.
        let mut public = [0; 32];
        public[0] = 1;
        let mut signature = [0; 64];
        signature[0] = 1;
        assert!(!verify(&public, b"anything", &signature));
    }

    #[test]
    fn key_id_names_the_public_key_and_debug_shows_no_more() {
        let signer = Signer::generate();
        assert_eq!(signer.key_id(), &sha256_hex(&signer.public_key())[..16]);
        assert_eq!(format!("{signer:?}"), format!("Signer({})", signer.key_id()));
    }

    fn unhex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }
}
