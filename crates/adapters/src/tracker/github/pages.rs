//! Finds the next page of a list in the header `Link` (RFC 8288).
//!
//! Invariant: the next page is of the same list at the same host; the token goes nowhere else.

use crate::tracker::Error;
use hyper::header::LINK;
use hyper::{HeaderMap, Uri};

/// The page after `current`, if `headers` name one.
pub(super) fn next(headers: &HeaderMap, current: &Uri) -> Result<Option<Uri>, Error> {
    for value in headers.get_all(LINK) {
        let text = value.to_str().map_err(|_| Error::Pagination("the header Link is no text".to_owned()))?;
        let Some(target) = named_next(text)? else { continue };
        let next: Uri = target
            .parse()
            .map_err(|_| Error::Pagination("the next page's address cannot be read".to_owned()))?;
        if !continues(current, &next) {
            return Err(Error::Pagination("the next page is of another list".to_owned()));
        }
        return Ok(Some(next));
    }
    Ok(None)
}

/// The target of `rel="next"`.
fn named_next(text: &str) -> Result<Option<&str>, Error> {
    let broken = || Error::Pagination("the header Link cannot be read".to_owned());
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (target, after) =
            rest.strip_prefix('<').and_then(|rest| rest.split_once('>')).ok_or_else(broken)?;
        // Parameters hold no commas, and neither do the words of `rel`.
        let (parameters, others) = after.split_once(',').unwrap_or((after, ""));
        let is_next =
            parameters.split(';').filter_map(|parameter| parameter.split_once('=')).any(|(name, value)| {
                let mut words = value.trim().trim_matches('"').split_ascii_whitespace();
                name.trim().eq_ignore_ascii_case("rel") && words.any(|word| word.eq_ignore_ascii_case("next"))
            });
        if is_next {
            return Ok(Some(target));
        }
        rest = others.trim_start();
    }
    Ok(None)
}

/// Whether `next` is the same list at the same host. GitHub names the repository by its number in these addresses.
fn continues(current: &Uri, next: &Uri) -> bool {
    let same_host = current.scheme() == next.scheme() && current.authority() == next.authority();
    let by_name = current.path() == next.path();
    let by_number = || {
        let (base, list) = current.path().split_once("/repos/")?;
        let list = list.splitn(3, '/').nth(2)?;
        let (number, rest) =
            next.path().strip_prefix(base)?.strip_prefix("/repositories/")?.split_once('/')?;
        let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        (is_number && rest == list).then_some(())
    };
    same_host && (by_name || by_number().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HERE: &str = "https://h/api/repos/a/b/issues?page=1";

    fn read(link: &str) -> Result<Option<String>, ()> {
        let headers = HeaderMap::from_iter([(LINK, link.parse().unwrap())]);
        next(&headers, &HERE.parse().unwrap()).map(|uri| uri.map(|uri| uri.to_string())).map_err(|_| ())
    }

    #[test]
    fn the_next_page_is_found_by_name_and_by_number() {
        for good in
            ["https://h/api/repos/a/b/issues?page=2", "https://h/api/repositories/17/issues?after=x&page=2"]
        {
            let link =
                format!("<https://h/x>; rel=\"prev\", <{good}>; rel=\"next\", <https://h/y>; rel=\"last\"");
            assert_eq!(read(&link), Ok(Some(good.to_owned())));
        }
        assert_eq!(read("<https://h/x>; rel=\"prev\""), Ok(None));
        assert_eq!(next(&HeaderMap::new(), &HERE.parse().unwrap()).unwrap(), None);
    }

    #[test]
    fn a_next_page_elsewhere_is_an_error() {
        for bad in [
            "https://evil/api/repos/a/b/issues?page=2",
            "http://h/api/repos/a/b/issues?page=2",
            "https://h:1/api/repos/a/b/issues?page=2",
            "https://h/api/repos/a/c/issues?page=2",
            "https://h/api/repositories/x/issues?page=2",
            "https://h/api/repositories/17/pulls?page=2",
            "https://h/api/repositories//issues?page=2",
            "/api/repos/a/b/issues?page=2",
            "\\",
        ] {
            assert_eq!(read(&format!("<{bad}>; rel=\"next\"")), Err(()), "{bad}");
        }
        assert_eq!(read("https://h; rel=next"), Err(()));
    }

    proptest! {
        #[test]
        fn no_header_panics(link in "[<>;, a-z=\"/:?]{0,60}") {
            let _ = read(&link);
        }
    }
}
