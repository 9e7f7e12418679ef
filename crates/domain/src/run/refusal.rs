//! Why work does not start: every reason, in the words that people read.
//!
//! Invariant: a refusal is recorded as it was said, so its fields name everything that its text needs.

use crate::containment::Order;
use crate::{ProjectName, RunId};
use serde::{Deserialize, Serialize};

/// Why work does not start. Recorded; `seawall why` reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "refusal", rename_all = "snake_case")]
pub enum Refusal {
    /// The tracker's state is not one to work in.
    #[error("its state `{state}` is not an active one ({})", active.join(", "))]
    NotActive {
        /// The state.
        state: String,
        /// The active ones.
        active: Vec<String>,
    },
    /// The tracker's own rules keep it back: other issues come first, or it is somebody else's.
    #[error("{why}")]
    Withheld {
        /// In the adapter's words.
        why: String,
    },
    /// It lacks a label that the project asks for.
    #[error("it lacks the label `{label}` that the project asks for")]
    NoLabel {
        /// Which.
        label: String,
    },
    /// All slots are taken.
    #[error("all {slots} slot(s) of the project are taken")]
    NoSlot {
        /// How many there are.
        slots: u32,
    },
    /// All slots for its state are taken.
    #[error("all {slots} slot(s) for issues in `{state}` are taken")]
    NoStateSlot {
        /// The state, normalised.
        state: String,
        /// How many there are.
        slots: u32,
    },
    /// All projects together have as many attempts as this installation allows.
    #[error("all {slots} slot(s) of this installation are taken")]
    NoSlotAnywhere {
        /// How many there are.
        slots: u32,
    },
    /// A slot is free, and another project has less than its share.
    #[error(
        "project {before} comes first: it has {its_live} attempt(s) for a share of {its_weight}, this project \
         {own_live} for {own_weight}, and all together may have {slots}"
    )]
    NotItsShare {
        /// The project that comes first.
        before: ProjectName,
        /// Its live attempts.
        its_live: u32,
        /// Its share.
        its_weight: u32,
        /// This project's live attempts.
        own_live: u32,
        /// This project's share.
        own_weight: u32,
        /// How many attempts all projects together may have.
        slots: u32,
    },
    /// People paused the project.
    #[error("project {project} is paused: {reason}; `seawall resume {project}` lets it start work again")]
    Paused {
        /// Which.
        project: ProjectName,
        /// In the person's words.
        reason: String,
    },
    /// The project's workflow cannot be used as it stands.
    #[error("{what}; nothing is started until it is mended")]
    BadWorkflow {
        /// What is wrong, with file and line.
        what: String,
    },
    /// It is being worked on.
    #[error("run {run} works on it")]
    Claimed {
        /// By which run.
        run: RunId,
    },
    /// The last run is over, but something is still owed for it, or the issue was read before it was paid.
    #[error("run {run} is over and its last effects are being performed")]
    Finishing {
        /// Which run.
        run: RunId,
    },
    /// The last run gave up, and nobody changed the issue since.
    #[error("run {run} ended ({how}); change the issue to have it tried again")]
    GaveUp {
        /// Which run.
        run: RunId,
        /// How it ended.
        how: String,
    },
    /// The last run was stopped by a person.
    #[error(
        "run {run} was stopped by order {order}; `seawall lift {scope}` lets the issue be worked on again"
    )]
    WasStopped {
        /// Which run.
        run: RunId,
        /// By which order.
        order: String,
        /// Whom the order reached.
        scope: String,
    },
    /// A scope that covers it is stopped.
    #[error("{scope} is stopped by order {order}: {reason}")]
    Contained {
        /// Which scope.
        scope: String,
        /// By which order.
        order: String,
        /// In the person's words.
        reason: String,
    },
    /// Something is missing on this machine.
    #[error("{what}")]
    NotReady {
        /// What is missing and how to mend it.
        what: String,
    },
    /// A run that is not waiting was asked to go on, or it is not due yet.
    #[error("the run is not due")]
    NotDue,
}

impl Refusal {
    /// Covered by `order`.
    pub(super) fn contained(order: &Order) -> Self {
        Self::Contained {
            scope: order.scope.to_string(),
            order: order.id.to_string(),
            reason: order.reason.clone(),
        }
    }

    /// Whether waiting alone can end it, so that an effect that met it is tried again.
    pub fn passes(&self) -> bool {
        match self {
            Self::NoSlot { .. }
            | Self::NoStateSlot { .. }
            | Self::NotItsShare { .. }
            | Self::NoSlotAnywhere { .. }
            | Self::Paused { .. }
            | Self::BadWorkflow { .. }
            | Self::NotReady { .. }
            | Self::Finishing { .. }
            | Self::NotDue
            | Self::Claimed { .. } => true,
            Self::NotActive { .. }
            | Self::Withheld { .. }
            | Self::NoLabel { .. }
            | Self::GaveUp { .. }
            | Self::WasStopped { .. }
            | Self::Contained { .. } => false,
        }
    }
}
