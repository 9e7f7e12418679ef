//! A commit is a list of conditional writes, decided before it starts. There is no closure and no
//! read-then-write: what a decision relied on is repeated as a condition, and a condition that no longer
//! holds undoes the whole list.

use super::{Error, Result, Row, Value};

/// The most statements of one batch: a step writes tens, so thousands are a mistake that would hold the writer up.
pub const MAX_STATEMENTS: usize = 2_000;

/// How many rows a statement must touch (or return) for the batch to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Any number.
    Any,
    /// Exactly this many.
    Rows(u64),
    /// This many or more.
    AtLeast(u64),
}

impl Expect {
    /// Whether `rows` is enough.
    pub fn met_by(self, rows: u64) -> bool {
        match self {
            Self::Any => true,
            Self::Rows(wanted) => rows == wanted,
            Self::AtLeast(wanted) => rows >= wanted,
        }
    }
}

/// One statement of a batch.
#[derive(Clone, Debug)]
pub struct Statement {
    /// What it does, in a few words; a conflict is reported under this name.
    pub label: &'static str,
    /// Its text, in the common dialect (see `dialect`).
    pub sql: &'static str,
    /// `$1`, `$2`, …
    pub params: Vec<Value>,
    /// The condition.
    pub expect: Expect,
}

/// Statements that are kept together or not at all, executed in this order.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub(super) statements: Vec<Statement>,
}

impl Batch {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a statement that may touch any number of rows.
    pub fn run(&mut self, label: &'static str, sql: &'static str, params: Vec<Value>) -> &mut Self {
        self.expect(Expect::Any, label, sql, params)
    }

    /// Adds a statement that must touch exactly one row.
    pub fn one(&mut self, label: &'static str, sql: &'static str, params: Vec<Value>) -> &mut Self {
        self.expect(Expect::Rows(1), label, sql, params)
    }

    /// Adds a statement with its condition.
    pub fn expect(
        &mut self,
        expect: Expect,
        label: &'static str,
        sql: &'static str,
        params: Vec<Value>,
    ) -> &mut Self {
        self.statements.push(Statement { label, sql, params, expect });
        self
    }

    /// How many statements it has.
    pub fn len(&self) -> usize {
        self.statements.len()
    }

    /// Whether it has none; committing it then does nothing.
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }
}

/// What one statement did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// What it RETURNed. The order is not defined; sort if it matters.
    pub rows: Vec<Row>,
    /// Rows touched, or returned if it returns rows.
    pub affected: u64,
}

/// What a kept batch did, by statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// In the order of the batch.
    pub done: Vec<Done>,
}

impl Committed {
    /// The rows that statement number `statement` (from 0) RETURNed; empty when it returned none.
    pub fn rows(&self, statement: usize) -> &[Row] {
        self.done.get(statement).map_or(&[], |done| &done.rows)
    }

    /// The rows that statement number `statement` (from 0) touched.
    pub fn affected(&self, statement: usize) -> u64 {
        self.done.get(statement).map_or(0, |done| done.affected)
    }
}

/// `done` if it meets the condition of `statement`, which is number `index` of its batch.
pub(super) fn checked(index: usize, statement: &Statement, done: Done) -> Result<Done> {
    if statement.expect.met_by(done.affected) {
        Ok(done)
    } else {
        Err(Error::Conflict { statement: index, label: statement.label, rows: done.affected })
    }
}
