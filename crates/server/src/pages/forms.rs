//! The two forms that change something. Each asks for a reason.

use maud::{Markup, html};
use wire::order::MAX_REASON;

/// The kill button of one scope: opens a form, stops nothing by itself.
pub fn stop(id: &str, scope: &str, label: &str) -> Markup {
    html! {
        details.act.danger id=(id) {
            summary { (label) }
            form method="post" action="/orders" {
                input type="hidden" name="scope" value=(scope);
                p { "Stops " b { (scope) } ": its processes are killed, its tokens revoked, its open calls cut. It stays stopped until a person lifts it." }
                (mode())
                (reason(id))
                button.danger type="submit" { "Stop " (scope) }
            }
        }
    }
}

/// The form that stops any scope, for when there is no row to point at.
pub fn stop_any(suggestions: &[String]) -> Markup {
    html! {
        details.act.danger #stop-any {
            summary { "Stop…" }
            form method="post" action="/orders" {
                div.field {
                    label for="scope" { "What to stop" }
                    input #scope type="text" name="scope" required list="scopes" autocomplete="off" spellcheck="false" placeholder="run/ID, agent/NAME, team/NAME, project/NAME or all";
                    datalist #scopes { @for scope in suggestions { option value=(scope) {} } }
                }
                (mode())
                (reason("stop-any"))
                button.danger type="submit" { "Stop" }
            }
        }
    }
}

/// Ends the containment of one scope.
pub fn lift(id: &str, scope: &str) -> Markup {
    html! {
        details.act id=(id) {
            summary { "Lift…" }
            form method="post" action="/lifts" {
                input type="hidden" name="scope" value=(scope);
                p { "Lets " b { (scope) } " be worked on again. Tokens from before stay refused." }
                (reason(id))
                button type="submit" { "Lift " (scope) }
            }
        }
    }
}

fn mode() -> Markup {
    html! {
        fieldset {
            legend { "How" }
            div.choice {
                label { input type="radio" name="mode" value="hard" checked; "Hard: freeze first, then kill" }
                label { input type="radio" name="mode" value="soft"; "Soft: ask the agent first" }
            }
        }
    }
}

fn reason(id: &str) -> Markup {
    let field = format!("{id}-reason");
    html! {
        div.field {
            label for=(field) { "Why (required)" }
            input id=(field) type="text" name="reason" required maxlength=(MAX_REASON) autocomplete="off";
        }
    }
}
