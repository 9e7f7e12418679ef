//! `$NAME` within a value.

use base::env::Env;

/// `raw` with `$NAME` and `${NAME}` replaced and `$$` made a `$`; the name of a variable that is not set otherwise.
/// A `$` before anything else stands for itself, as in `$5`.
pub fn inject(raw: &str, env: &Env) -> Result<(String, bool), String> {
    let mut out = String::with_capacity(raw.len());
    let mut injected = false;
    let mut rest = raw;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let braced = rest.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let (name, after) = braced.unwrap_or((&rest[..end], &rest[end..]));
        if rest.starts_with('$') {
            out.push('$');
            rest = &rest[1..];
        } else if name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            out.push_str(&env.get(name).ok_or_else(|| name.to_owned())?);
            injected = true;
            rest = after;
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
    Ok((out, injected))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn variables_are_replaced_and_money_is_not() {
        let env = Env::fixed([("A", "x"), ("B_1", "y")]);
        let read = |raw| inject(raw, &env);
        assert_eq!(read("$A"), Ok(("x".into(), true)));
        assert_eq!(read("${A}b/$B_1!"), Ok(("xb/y!".into(), true)));
        assert_eq!(read("$5/day, $$A, $"), Ok(("$5/day, $A, $".into(), false)));
        assert_eq!(read("a$NOPE"), Err("NOPE".into()));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[$a{}A_ü5]*") {
            let _ = inject(&text, &Env::fixed([("A", "x")]));
        }
    }
}
