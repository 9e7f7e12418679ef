//! What surrounds every page.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::assets;

/// A breakwater: our mark.
const MARK: &str = r#"<svg viewBox="0 0 20 20" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round"><path d="M4 3v14M9 3v14" /><path d="M13 7c1.2-1.3 2.4-1.3 4 0M13 12c1.2-1.3 2.4-1.3 4 0" /></svg>"#;
/// What a page without a script does instead of following the feed.
const RELOAD_S: u32 = 10;

/// Which entry of the bar the page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Here {
    /// The fleet and its runs.
    Fleet,
    /// Orders.
    Orders,
    /// Budgets.
    Budgets,
    /// None of them.
    Elsewhere,
}

/// The frame of one page.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// In the tab, before the product's name.
    pub title: &'a str,
    /// Which entry is marked.
    pub here: Here,
    /// The feed that says when to look again.
    pub feed: Option<&'a str>,
    /// How often to look again for what has no events.
    pub poll_ms: Option<u32>,
}

impl Page<'_> {
    /// The whole document around `body`.
    pub fn render(&self, body: &Markup) -> Markup {
        let live = self.feed.is_some() || self.poll_ms.is_some();
        html! {
            (DOCTYPE)
            html lang="en" {
                (head(self.title, live))
                body {
                    a.skip href="#page" { "Skip to the content" }
                    header.bar { div {
                        a.brand href="/" { (PreEscaped(MARK)) "Seawall" }
                        nav aria-label="Main" {
                            (self.entry("/", "Fleet", Here::Fleet))
                            (self.entry("/orders", "Orders", Here::Orders))
                            (self.entry("/budgets", "Budgets", Here::Budgets))
                        }
                        @if live { span #live role="status" data-keep { "" } }
                        form method="post" action="/logout" { button.quiet type="submit" { "Log out" } }
                    } }
                    main #page data-feed=[self.feed] data-poll=[self.poll_ms] { (body) }
                }
            }
        }
    }

    fn entry(&self, path: &str, name: &str, entry: Here) -> Markup {
        let current = (self.here == entry).then_some("page");
        html! { a href=(path) aria-current=[current] { (name) } }
    }
}

/// The document of a page outside the door: no bar, nothing live.
pub fn bare(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" { (head(title, false)) body { main #page { (body) } } }
    }
}

/// Our mark with the product's name.
pub fn brand() -> Markup {
    html! { span.brand { (PreEscaped(MARK)) "Seawall" } }
}

fn head(title: &str, live: bool) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            title { (title) " · Seawall" }
            link rel="icon" href="data:,";
            link rel="stylesheet" href={ "/assets/seawall.css?v=" (assets::version()) };
            @if live {
                script type="module" src={ "/assets/seawall.js?v=" (assets::version()) } {}
                noscript { meta http-equiv="refresh" content=(RELOAD_S); }
            }
        }
    }
}
