//! Containments, the orders that made them, and the receipts that prove them.
//!
//! Invariants: of two entries for a scope the one with the higher epoch wins, in whatever order they arrive;
//! every change moves the `containment` version, which a decision to start an attempt expects unchanged.

use crate::db::{Batch, Expect, Row};
use crate::row::{json, page, to_json};
use crate::step::CONTAINMENT;
use crate::{Result, Store, params};
use domain::containment::{Containment, Containments, Layer, Lift, Order, Proof, Receipt, Verdict, verdict};
use domain::{OrderId, Timestamp};

/// An order with what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderRecord {
    /// The order.
    pub order: Order,
    /// One for each layer that was asked.
    pub receipts: Vec<Receipt>,
    /// The end of the scope's containment, if this order was the one that was lifted.
    pub lifted: Option<Lift>,
    /// Whether it is the scope's latest and not lifted.
    pub in_force: bool,
}

/// The most scopes that may ever be contained and still be read whole: people give orders.
const MAX_SCOPES: u32 = 50_000;

const VERSION: &str = "SELECT version FROM versions WHERE name = $1";
const ALL: &str = "SELECT body FROM containments ORDER BY scope LIMIT $1";
const MOVE: &str = "UPDATE versions SET version = version + 1 WHERE name = $1 AND version = $2";
const MOVE_IF_NEWER: &str = "UPDATE versions SET version = version + 1 WHERE name = $1
    AND NOT EXISTS (SELECT 1 FROM containments WHERE scope = $2 AND epoch >= $3)";
const ORDER: &str = "INSERT INTO orders (id, epoch, scope, body, given_at) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (id) DO NOTHING";
const ENTRY: &str =
    "INSERT INTO containments (scope, epoch, order_id, in_force, body) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (scope) DO UPDATE SET epoch = excluded.epoch, order_id = excluded.order_id,
        in_force = excluded.in_force, body = excluded.body
    WHERE excluded.epoch > containments.epoch";
const ASK: &str = "INSERT INTO receipts (order_id, layer, is_verified, body, at) VALUES ($1, $2, 0, $3, $4)
    ON CONFLICT (order_id, layer) DO NOTHING";
const PROVE: &str =
    "INSERT INTO receipts (order_id, layer, is_verified, body, at) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (order_id, layer) DO UPDATE
    SET is_verified = excluded.is_verified, body = excluded.body, at = excluded.at
    WHERE excluded.at >= receipts.at";
// One row for each receipt, or one without when there is none.
const RECORDS: &str =
    "WITH page AS (SELECT id, epoch, scope, body FROM orders ORDER BY epoch DESC, id LIMIT $1)
    SELECT page.id, page.body AS order_body, receipts.body AS receipt, containments.body AS entry
    FROM page LEFT JOIN receipts ON receipts.order_id = page.id
        LEFT JOIN containments ON containments.scope = page.scope AND containments.order_id = page.id
    ORDER BY page.epoch DESC, page.id, receipts.layer";
const RECORD: &str =
    "SELECT orders.id, orders.body AS order_body, receipts.body AS receipt, containments.body AS entry
    FROM orders LEFT JOIN receipts ON receipts.order_id = orders.id
        LEFT JOIN containments ON containments.scope = orders.scope AND containments.order_id = orders.id
    WHERE orders.id = $1 ORDER BY receipts.layer";
const IN_FORCE: &str =
    "SELECT orders.id, orders.body AS order_body, receipts.body AS receipt, containments.body AS entry
    FROM containments JOIN orders ON orders.id = containments.order_id
        LEFT JOIN receipts ON receipts.order_id = orders.id
    WHERE containments.in_force = 1 ORDER BY orders.epoch, orders.id, receipts.layer LIMIT $1";

impl Store {
    /// Every containment that was ever ordered.
    pub async fn containments(&self) -> Result<Containments> {
        let rows = self.db.read(ALL, params![MAX_SCOPES]).await?;
        let entries = rows.iter().map(|row| json(row, "body")).collect::<Result<Vec<Containment>, _>>()?;
        Ok(Containments::from_entries(entries))
    }

    /// The same with the version that [`Store::contain`] expects.
    pub async fn containments_at_version(&self) -> Result<(Containments, u64)> {
        let rows = self.db.read(VERSION, params![CONTAINMENT]).await?;
        let version = rows.first().map_or(Ok(0), |row| row.uint("version"))?;
        Ok((self.containments().await?, version))
    }

    /// Records an order or a lift that was decided on the containments at `version`;
    /// [`Error::Outdated`](crate::Error::Outdated) when they changed since. Every layer is recorded as asked.
    pub async fn contain(&self, entry: &Containment, version: u64) -> Result<()> {
        let mut batch = Batch::new();
        batch.one("the containments", MOVE, params![CONTAINMENT, version]);
        record(&mut batch, entry, Expect::Rows(1))?;
        self.db.commit(batch).await?;
        Ok(())
    }

    /// Takes an entry in that was made elsewhere (a tombstone of the kill plane); an older one than is known
    /// changes nothing, and the same one twice neither.
    pub async fn merge_containment(&self, entry: &Containment) -> Result<()> {
        let mut batch = Batch::new();
        let scope = entry.order.scope.to_string();
        batch.run("the containments", MOVE_IF_NEWER, params![CONTAINMENT, scope, epoch(entry)]);
        record(&mut batch, entry, Expect::Any)?;
        self.db.commit(batch).await?;
        Ok(())
    }

    /// Records what a layer proved; a later receipt of the same order and layer replaces an earlier one.
    pub async fn prove(&self, receipt: &Receipt) -> Result<()> {
        let verified = matches!(receipt.proof, Proof::Verified { .. });
        let row =
            params![receipt.order.as_str(), receipt.layer.name(), verified, to_json(receipt)?, receipt.at.0];
        let mut batch = Batch::new();
        batch.run("a receipt", PROVE, row);
        self.db.commit(batch).await?;
        Ok(())
    }

    /// The latest `limit` orders, newest first.
    pub async fn orders(&self, limit: u32) -> Result<Vec<OrderRecord>> {
        records(&self.db.read(RECORDS, params![page(limit)]).await?)
    }

    /// The order named `id`.
    pub async fn order(&self, id: &OrderId) -> Result<Option<OrderRecord>> {
        Ok(records(&self.db.read(RECORD, params![id.as_str()]).await?)?.pop())
    }

    /// Orders in force that lack a verified receipt of one of `layers`, oldest first.
    pub async fn unproven(&self, layers: &[Layer]) -> Result<Vec<OrderRecord>> {
        let mut in_force = records(&self.db.read(IN_FORCE, params![MAX_SCOPES]).await?)?;
        in_force.retain(|record| layers.iter().any(|&layer| !record.proved(layer)));
        Ok(in_force)
    }
}

impl OrderRecord {
    /// Whether `layer` proved it.
    pub fn proved(&self, layer: Layer) -> bool {
        let verified = |r: &Receipt| r.layer == layer && matches!(r.proof, Proof::Verified { .. });
        self.receipts.iter().any(verified)
    }

    /// What the receipts say together.
    pub fn verdict(&self) -> Verdict {
        verdict(&self.receipts)
    }
}

/// Adds the order, the scope's entry and the requests to the layers to `batch`.
fn record(batch: &mut Batch, entry: &Containment, entered: Expect) -> Result<()> {
    let order = &entry.order;
    let (id, scope) = (order.id.as_str(), order.scope.to_string());
    let row = params![id, order.epoch.0, scope.as_str(), to_json(order)?, order.given_at.0];
    batch.run("the order", ORDER, row);
    let row = params![scope.as_str(), epoch(entry), id, entry.in_force(), to_json(entry)?];
    batch.expect(entered, "the scope", ENTRY, row);
    if entry.in_force() {
        for layer in Layer::ALL {
            let asked = asked(order, layer);
            batch.run("a request", ASK, params![id, layer.name(), to_json(&asked)?, asked.at.0]);
        }
    }
    Ok(())
}

fn asked(order: &Order, layer: Layer) -> Receipt {
    Receipt { order: order.id.clone(), layer, proof: Proof::Requested, after_us: 0, at: order.given_at }
}

/// The epoch that decides which of two entries is newer.
fn epoch(entry: &Containment) -> u64 {
    entry.lifted.as_ref().map_or(entry.order.epoch, |lift| lift.epoch.max(entry.order.epoch)).0
}

/// Rows of one order follow each other.
fn records(rows: &[Row]) -> Result<Vec<OrderRecord>> {
    let mut records: Vec<OrderRecord> = Vec::new();
    for row in rows {
        if records.last().is_none_or(|record| record.order.id.as_str() != row.text("id").unwrap_or_default())
        {
            let entry: Option<Containment> =
                row.opt_text("entry")?.map(|_| json(row, "entry")).transpose()?;
            let in_force = entry.as_ref().is_some_and(Containment::in_force);
            let lifted = entry.and_then(|entry| entry.lifted);
            records.push(OrderRecord { order: json(row, "order_body")?, receipts: vec![], lifted, in_force });
        }
        if let (Some(record), Some(_)) = (records.last_mut(), row.opt_text("receipt")?) {
            record.receipts.push(json(row, "receipt")?);
        }
    }
    for record in &mut records {
        record.receipts.sort_by_key(|receipt| receipt.layer);
    }
    Ok(records)
}

/// When a receipt of `order` arrives `at`: microseconds from the order to it.
pub fn after_us(order: &Order, at: Timestamp) -> u64 {
    u64::try_from(at.0.saturating_sub(order.given_at.0)).unwrap_or(0)
}
