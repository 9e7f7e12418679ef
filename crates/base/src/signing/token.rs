//! Compact signed tokens: a JWT (RFC 7519) that can be made and read in exactly one way.
//!
//! Invariants: the only algorithm is EdDSA, the header has exactly `alg`, `typ` and `kid`, and nothing in a
//! token is believed before its signature held. What the payload means is the caller's business.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::{Signer, verify};

/// A token travels in an HTTP header; servers commonly allow 8 KiB for all headers together.
const MAX_TOKEN_BYTES: usize = 4096;

/// Why a token was not accepted. None of the texts repeats any part of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// More than 4 KiB.
    #[error("the token is longer than 4096 bytes; ask for a new one")]
    TooLong,
    /// Not three base64url segments with the header and JSON payload we make.
    #[error("the token is malformed; pass it exactly as it was issued")]
    Malformed,
    /// The header names an algorithm other than EdDSA, or another type than JWT.
    #[error("the token does not say alg EdDSA and typ JWT; only tokens issued by this program are accepted")]
    Algorithm,
    /// The key it names is not one the caller trusts.
    #[error("the token names a signing key that is not known here; ask for a new one")]
    UnknownKey,
    /// The signature does not hold.
    #[error("the token's signature does not hold; it was altered or signed by another key")]
    Signature,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

/// Signs `payload_json` into a token. A payload that makes the token longer than 4 KiB gives a token that
/// [`open`] refuses.
pub fn seal(signer: &Signer, payload_json: &str) -> String {
    let header = format!(r#"{{"alg":"EdDSA","typ":"JWT","kid":"{}"}}"#, signer.key_id());
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload_json));
    let signature = URL_SAFE_NO_PAD.encode(signer.sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// The payload (JSON text) of `token`, once its signature held under the key `find_key` gives for its key id.
/// Errors: every [`TokenError`].
pub fn open(token: &str, find_key: impl FnOnce(&str) -> Option<[u8; 32]>) -> Result<String, TokenError> {
    let parts = Parts::of(token)?;
    let public = find_key(&parts.header()?.kid).ok_or(TokenError::UnknownKey)?;
    let signature = decode(parts.signature)?;
    if !verify(&public, parts.signed.as_bytes(), &signature) {
        return Err(TokenError::Signature);
    }
    let payload = String::from_utf8(decode(parts.payload)?).map_err(|_| TokenError::Malformed)?;
    serde_json::from_str::<serde::de::IgnoredAny>(&payload).map_err(|_| TokenError::Malformed)?;
    Ok(payload)
}

/// The key id `token` claims. Nothing is verified: use it only to find the key.
/// Errors: `TooLong`, `Malformed`, `Algorithm`.
pub fn key_id(token: &str) -> Result<String, TokenError> {
    Ok(Parts::of(token)?.header()?.kid)
}

struct Parts<'a> {
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
    signed: &'a str,
}

impl<'a> Parts<'a> {
    fn of(token: &'a str) -> Result<Parts<'a>, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(TokenError::Malformed)?;
        if payload.contains('.') {
            return Err(TokenError::Malformed);
        }
        Ok(Parts { header, payload, signature, signed })
    }

    fn header(&self) -> Result<Header, TokenError> {
        let header: Header =
            serde_json::from_slice(&decode(self.header)?).map_err(|_| TokenError::Malformed)?;
        if header.alg != "EdDSA" || header.typ != "JWT" {
            return Err(TokenError::Algorithm);
        }
        Ok(header)
    }
}

fn decode(segment: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(segment).map_err(|_| TokenError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAYLOAD: &str = r#"{"run":"r1","fence":3}"#;

    fn forged(signer: &Signer, header: &str, payload: &str) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signer.sign(signed.as_bytes())))
    }

    fn check(signer: &Signer, token: &str, expect: Result<&str, TokenError>) {
        let got = open(token, |id| (id == signer.key_id()).then(|| signer.public_key()));
        assert_eq!(got.as_deref(), expect.as_ref().map(|text| *text), "{token}");
    }

    #[test]
    fn a_sealed_payload_comes_back() {
        let signer = Signer::generate();
        let token = seal(&signer, PAYLOAD);
        check(&signer, &token, Ok(PAYLOAD));
        assert_eq!(key_id(&token).as_deref(), Ok(signer.key_id()));
    }

    #[test]
    fn an_unknown_or_wrong_key_is_refused() {
        let (signer, other) = (Signer::generate(), Signer::generate());
        let token = seal(&signer, PAYLOAD);
        check(&other, &token, Err(TokenError::UnknownKey));
        assert_eq!(open(&token, |_| Some(other.public_key())), Err(TokenError::Signature));
    }

    #[test]
    fn any_other_algorithm_type_or_header_field_is_refused() {
        let signer = Signer::generate();
        let kid = signer.key_id();
        for alg in ["none", "HS256", "eddsa", "ES256"] {
            let token = forged(&signer, &format!(r#"{{"alg":"{alg}","typ":"JWT","kid":"{kid}"}}"#), PAYLOAD);
            check(&signer, &token, Err(TokenError::Algorithm));
        }
        let extra = format!(r#"{{"alg":"EdDSA","typ":"JWT","kid":"{kid}","jwk":"x"}}"#);
        check(&signer, &forged(&signer, &extra, PAYLOAD), Err(TokenError::Malformed));
        check(
            &signer,
            &forged(&signer, r#"{"alg":"EdDSA","typ":"JWT"}"#, PAYLOAD),
            Err(TokenError::Malformed),
        );
    }

    #[test]
    fn extra_missing_padded_or_overlong_segments_are_refused() {
        let signer = Signer::generate();
        let token = seal(&signer, PAYLOAD);
        let (signed, signature) = token.rsplit_once('.').unwrap();
        for bad in
            [format!("{token}.x"), signed.to_owned(), format!("{token}="), format!("{signed}.{signature}\n")]
        {
            check(&signer, &bad, Err(TokenError::Malformed));
        }
        check(&signer, &format!("{signed}."), Err(TokenError::Signature));
        check(&signer, "", Err(TokenError::Malformed));
        let long = seal(&signer, &format!(r#"{{"x":"{}"}}"#, "y".repeat(4096)));
        check(&signer, &long, Err(TokenError::TooLong));
    }

    #[test]
    fn a_changed_payload_is_refused() {
        let signer = Signer::generate();
        let token = seal(&signer, PAYLOAD);
        let parts: Vec<_> = token.split('.').collect();
        let changed = URL_SAFE_NO_PAD.encode(r#"{"run":"r2","fence":3}"#);
        check(&signer, &format!("{}.{changed}.{}", parts[0], parts[2]), Err(TokenError::Signature));
        check(&signer, &forged(&signer, &header(&signer), "not json"), Err(TokenError::Malformed));
    }

    fn header(signer: &Signer) -> String {
        format!(r#"{{"alg":"EdDSA","typ":"JWT","kid":"{}"}}"#, signer.key_id())
    }
}
