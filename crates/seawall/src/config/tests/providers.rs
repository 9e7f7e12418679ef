//! Providers of each kind: what is read, and what is taken when nothing is said.

use super::*;
use gateway::{Kind, Protocol};

/// [`GOOD`] with one provider more, which says `text`.
fn with_provider(text: &str) -> Read {
    let dir = folder();
    let env = Env::fixed([("KEY", "sk-very-secret")]);
    read_text(dir.path(), &format!("[providers.more]\n{text}\n{GOOD}"), &env)
}

#[test]
fn an_anthropic_provider_needs_its_kind_only() {
    let config = with_provider("kind = \"anthropic\"\nkey = \"$KEY\"").config.unwrap();
    let kind = &config.providers["more"].kind;
    assert!(kind.speaks(Protocol::Messages) && !kind.speaks(Protocol::Responses));
    let Kind::Anthropic { base_url, key } = kind else { panic!("{kind:?}") };
    assert_eq!(
        (base_url.as_str(), key.as_ref().unwrap().expose()),
        ("https://api.anthropic.com", "sk-very-secret")
    );
}

#[test]
fn writing_to_the_cache_is_taken_at_the_dearest_that_the_kind_bills() {
    for (kind, expect) in [("openai", "3"), ("anthropic", "6")] {
        let text =
            format!("kind = \"{kind}\"\n[providers.more.prices.x]\ninput = \"3 USD\"\noutput = \"4 USD\"");
        let price = with_provider(&text).config.unwrap().providers["more"].prices["x"];
        assert_eq!(price.cache_write, domain::MicroUsd::parse(&format!("{expect} USD")).unwrap(), "{kind}");
        let said = with_provider(&format!("{text}\ncache_write = \"1 USD\"")).config.unwrap();
        assert_eq!(said.providers["more"].prices["x"].cache_write, domain::MicroUsd(1_000_000));
    }
}

#[test]
fn an_unknown_kind_is_told_with_those_that_are_known() {
    let read = with_provider("kind = \"gemini\"");
    let problem = read.problems[0].to_string();
    assert!(problem.starts_with("error: this kind of provider is not known"), "{problem}");
    assert!(problem.contains("\"openai\"") && problem.contains("\"anthropic\""), "{problem}");
}
