//! Names that people choose, and names they meant.

/// The most characters of a name; names stand in paths, tokens and headers.
const MAX_NAME: usize = 64;

/// Whether `text` is fit to be the name of a team, an agent, a project or a provider.
pub fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let dots = text.chars().all(|c| c == '.');
    !text.is_empty() && text.len() <= MAX_NAME && text.chars().all(plain) && !dots
}

/// The known key that a person may have meant.
pub fn nearest<'k>(text: &str, known: &[&'k str]) -> Option<&'k str> {
    let near = known.iter().map(|k| (strsim::damerau_levenshtein(text, k), *k)).min()?;
    (near.0 <= 1 + text.len() / 4).then_some(near.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_key_is_named_only_when_near() {
        assert_eq!(nearest("budgett", &["budget", "notify"]), Some("budget"));
        assert_eq!(nearest("frobnicate", &["budget", "notify"]), None);
    }

    #[test]
    fn a_name_is_fit_for_paths_and_headers() {
        for good in ["shop", "a.b-c_d", "7"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", ".", "..", "a/b", "a b", "ü", &"x".repeat(MAX_NAME + 1)] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
