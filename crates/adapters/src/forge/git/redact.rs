//! Takes what could be a password out of texts that name a remote.

/// `text` with the part before `@` of every address in it replaced: a token may stand there. A user alone
/// (`git@host:path`) says nothing secret and stays.
pub fn redacted(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, address) = rest.split_at(at + "://".len());
        kept.push_str(before);
        let ends = |c: char| c.is_whitespace() || matches!(c, '/' | '\'' | '"' | '<' | '>' | '\\');
        let authority = &address[..address.find(ends).unwrap_or(address.len())];
        rest = match authority.rfind('@') {
            Some(end) => &address[end + 1..],
            None => address,
        };
    }
    kept.push_str(rest);
    kept
}

#[cfg(test)]
mod tests {
    use super::redacted;

    #[test]
    fn what_stands_before_the_host_is_gone() {
        for (said, kept) in [
            ("https://me:secret@h/x.git", "https://h/x.git"),
            ("https://tok3n@h", "https://h"),
            ("fatal: 'https://a:b@c@h/x' and https://u@h/y.", "fatal: 'https://h/x' and https://h/y."),
            ("ssh://git@h/x", "ssh://h/x"),
            ("git@h:x.git", "git@h:x.git"),
            ("https://h/a@b", "https://h/a@b"),
            ("/srv/x.git", "/srv/x.git"),
        ] {
            assert_eq!(redacted(said), kept);
        }
    }

    proptest::proptest! {
        #[test]
        fn a_password_never_stays(before in "[ -~]{0,9}", secret in "[A-Za-z0-9:%@]{0,20}", after in "[a-z.]{1,9}(/[ -~]{0,9})?") {
            let marked = format!("{before}https://\u{1}{secret}@{after}");
            let stays = redacted(&marked).contains('\u{1}');
            proptest::prop_assert!(!stays, "of {}", marked);
        }
    }
}
