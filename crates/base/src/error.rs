//! One line of text for an error and everything that caused it.

use std::error::Error;

/// `a: b: c`, outermost first. A cause whose text is already contained in what was said is not repeated.
pub fn chain(error: &dyn Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let text = inner.to_string();
        if !said.contains(&text) {
            said.push_str(": ");
            said.push_str(&text);
        }
        cause = inner.source();
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        source: Option<Box<Layer>>,
    }

    fn layers(texts: &[&'static str]) -> Option<Box<Layer>> {
        let (text, rest) = texts.split_first()?;
        Some(Box::new(Layer { text, source: layers(rest) }))
    }

    fn check(texts: &[&'static str], expect: &str) {
        assert_eq!(chain(&*layers(texts).expect("at least one layer")), expect);
    }

    #[test]
    fn causes_follow_outermost_first() {
        check(&["a", "b", "c"], "a: b: c");
    }

    #[test]
    fn a_text_already_contained_is_not_repeated() {
        check(
            &["cannot open x: no such file", "no such file", "errno 2"],
            "cannot open x: no such file: errno 2",
        );
    }
}
