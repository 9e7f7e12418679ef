//! The name of an issue's folder (Symphony's specification, 4.2 and 9.5): only `[A-Za-z0-9._-]`, and different for
//! different issues also when what is left of their names is the same.

/// The longest name of a folder, bytes: what file systems take is 255, and a hook may want to add an ending.
const MAX_KEY: usize = 200;
/// Of the hash of the whole identifier, the hex digits that are kept: 64 bits.
const HASH_DIGITS: usize = 16;

/// The folder's name for the issue that people call `identifier`.
pub fn key(identifier: &str) -> String {
    let clean: String = identifier.chars().map(|c| if is_allowed(c) { c } else { '_' }).collect();
    // `.` and `..` are made of allowed characters only, and are no names of folders.
    let usable = clean == identifier && clean.len() <= MAX_KEY && !clean.bytes().all(|b| b == b'.');
    if usable {
        return clean;
    }
    let hash = base::digest::sha256_hex(identifier.as_bytes());
    let kept = clean.trim_start_matches('.');
    format!("{}-{}", &kept[..kept.len().min(MAX_KEY - HASH_DIGITS - 1)], &hash[..HASH_DIGITS])
}

fn is_allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_clean_identifier_is_its_own_key() {
        for clean in ["MT-649", "GH-12", "a.b_c-d", "...a"] {
            assert_eq!(key(clean), clean);
        }
    }

    #[test]
    fn what_looks_alike_stays_apart() {
        assert_ne!(key("a/b"), key("a b"));
        assert_ne!(key("a/b"), key("a_b"));
        assert!(key("a/b").starts_with("a_b-"));
        assert_ne!(key(&"x".repeat(300)), key(&"x".repeat(301)));
    }

    proptest! {
        #[test]
        fn every_key_is_the_name_of_one_folder(identifier in "\\PC{0,400}|[./]{0,8}") {
            let key = key(&identifier);
            prop_assert!(!key.is_empty() && key.len() <= MAX_KEY);
            prop_assert!(key.chars().all(is_allowed));
            prop_assert!(key != "." && key != "..");
        }
    }
}
