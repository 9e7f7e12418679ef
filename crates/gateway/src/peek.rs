//! Reads the three fields of a body that routing and money need, and touches nothing else.
//!
//! Invariant: a body whose model is not renamed goes on byte for byte; a renamed one differs in the bytes of
//! that one value only.

use crate::protocol::Protocol;
use bytes::{BufMut, Bytes, BytesMut};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::ops::Range;

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Peek {
    /// The model that is asked for.
    pub(crate) model: String,
    /// Whether the answer shall be streamed.
    pub(crate) stream: bool,
    /// The most tokens the answer may have, if limited.
    pub(crate) max_output_tokens: Option<u64>,
    model_at: Range<usize>,
}

// A field that stands twice is an error of the derive: two readers could read two different values.
#[derive(Deserialize)]
struct Known<'a> {
    #[serde(borrow)]
    model: &'a RawValue,
    stream: Option<bool>,
    // A limit is read in its own protocol only; in the other one the field means nothing, whatever it holds.
    #[serde(borrow)]
    max_output_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    max_tokens: Option<&'a RawValue>,
}

/// Reads `body`, a request in `protocol`. The error is a sentence for the client; it quotes no part of the body.
pub(crate) fn read(body: &[u8], protocol: Protocol) -> Result<Peek, String> {
    let known: Known<'_> = serde_json::from_slice(body).map_err(|error| mend(&error, protocol))?;
    let model: String = serde_json::from_str(known.model.get())
        .map_err(|_| "`model` must be a text; name one that GET /v1/models lists".to_owned())?;
    let limit = match protocol {
        Protocol::Responses => known.max_output_tokens,
        Protocol::Messages => known.max_tokens,
    };
    let limit: Option<Option<u64>> = limit
        .map(|raw| serde_json::from_str(raw.get()))
        .transpose()
        .map_err(|_| format!("`{}` must be a whole number that is not negative", protocol.limit_field()))?;
    let start = known.model.get().as_ptr().addr() - body.as_ptr().addr();
    Ok(Peek {
        model,
        stream: known.stream.unwrap_or(false),
        max_output_tokens: limit.flatten(),
        model_at: start..start + known.model.get().len(),
    })
}

fn mend(error: &serde_json::Error, protocol: Protocol) -> String {
    use serde_json::error::Category;
    match error.classify() {
        Category::Data => format!(
            "the body cannot be used (line {}, column {}): it needs `model` (text) once, and may have \
             `stream` (true or false) and `{}` (whole number) once",
            error.line(),
            error.column(),
            protocol.limit_field()
        ),
        Category::Io | Category::Syntax | Category::Eof => format!(
            "the body is not one JSON object (line {}, column {}); send application/json in UTF-8",
            error.line(),
            error.column()
        ),
    }
}

impl Peek {
    /// `body` (the one this was read from) with its model named `model`.
    pub(crate) fn renamed(&self, body: Bytes, model: &str) -> Bytes {
        if self.model == model {
            return body;
        }
        let name = serde_json::Value::from(model).to_string();
        let mut out = BytesMut::with_capacity(body.len() + name.len());
        out.put_slice(&body[..self.model_at.start]);
        out.put_slice(name.as_bytes());
        out.put_slice(&body[self.model_at.end..]);
        out.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::Protocol::{Messages, Responses};
    use super::*;

    #[test]
    fn only_the_value_of_the_model_changes() {
        let body =
            Bytes::from_static(b" {\"a\":{\"model\":\"x\"} ,\t\"model\" : \"lar\\u0067e\",\"n\":1.0e5}\n");
        let peek = read(&body, Responses).unwrap();
        assert_eq!(peek.model, "large");
        assert_eq!(peek.renamed(body.clone(), "large"), body);
        let renamed = peek.renamed(body, "g\"pt");
        assert_eq!(&renamed[..], b" {\"a\":{\"model\":\"x\"} ,\t\"model\" : \"g\\\"pt\",\"n\":1.0e5}\n");
    }

    #[test]
    fn a_body_that_two_readers_could_read_differently_is_refused() {
        for body in [
            "",
            "[]",
            "null",
            "{}",
            "{\"model\":3}",
            "{\"model\":\"a\",\"model\":\"b\"}",
            "{\"model\":\"a\"}x",
            "{\"model\":\"a\",\"stream\":1}",
            "{\"model\":\"a\",\"stream\":true,\"stream\":false}",
            "{\"model\":\"a\",\"max_output_tokens\":-1}",
            "{\"model\":\"a\",\"max_output_tokens\":1.5}",
        ] {
            assert!(read(body.as_bytes(), Responses).is_err(), "{body}");
        }
        assert!(read(b"{\"model\":\"\xff\"}", Responses).is_err());
    }

    #[test]
    fn errors_quote_nothing_of_the_body() {
        let error = read(b"{\"model\":\"a\",\"stream\":\"sk-secret\"}", Responses).unwrap_err();
        assert!(!error.contains("sk-secret"), "{error}");
    }

    #[test]
    fn a_limit_is_read_in_its_own_protocol_only() {
        let body = br#"{"model":"a","max_output_tokens":7,"max_tokens":"odd"}"#;
        assert_eq!(read(body, Responses).unwrap().max_output_tokens, Some(7));
        assert!(read(body, Messages).unwrap_err().contains("max_tokens"));
        let body = br#"{"model":"a","max_output_tokens":[],"max_tokens":9}"#;
        assert_eq!(read(body, Messages).unwrap().max_output_tokens, Some(9));
        assert_eq!(read(br#"{"model":"a","max_tokens":null}"#, Messages).unwrap().max_output_tokens, None);
    }

    proptest::proptest! {
        #[test]
        fn a_renamed_body_reads_as_renamed(model in ".*", new in ".*", rest in ".*") {
            let body = serde_json::json!({"a": rest, "model": model, "z": [rest]}).to_string();
            let peek = read(body.as_bytes(), Responses).unwrap();
            let renamed = peek.renamed(Bytes::from(body), &new);
            let value: serde_json::Value = serde_json::from_slice(&renamed).unwrap();
            proptest::prop_assert_eq!(value, serde_json::json!({"a": rest, "model": new, "z": [rest]}));
        }
    }
}
