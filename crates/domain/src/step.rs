//! What a decision hands back: the next state, why, and what is owed. Committed in one transaction.

use crate::effect::Effect;
use crate::event::Event;
use crate::run::Run;

/// The outcome of a decision about one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The run as it is from now on.
    pub run: Run,
    /// Why, in order.
    pub events: Vec<Event>,
    /// What is owed to the outside, in order.
    pub effects: Vec<Effect>,
}

impl Step {
    /// A step that keeps `run` as it is so far; the builder methods below add to it.
    pub(crate) fn of(run: Run) -> Self {
        Self { run, events: Vec::new(), effects: Vec::new() }
    }

    pub(crate) fn event(mut self, event: Event) -> Self {
        self.events.push(event);
        self
    }

    pub(crate) fn owe(mut self, effect: Effect) -> Self {
        self.effects.push(effect);
        self
    }

    pub(crate) fn owe_all(mut self, effects: Option<Effect>) -> Self {
        self.effects.extend(effects);
        self
    }

    pub(crate) fn cleaned(self) -> Self {
        let run = self.run.id.clone();
        self.owe(Effect::CleanWorkspace { run })
    }

    pub(crate) fn preceded_by(mut self, event: Event) -> Self {
        self.events.insert(0, event);
        self
    }
}
