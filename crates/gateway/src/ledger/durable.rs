//! The store as the gateway's ledger: each question is one transaction or one read.

use super::{Key, Later, Ledger, Refused, Unavailable};
use domain::budget::Account;
use domain::call::Call;
use domain::containment::{Containments, Layer, Order, Receipt};
use store::Store;
use tokio::sync::watch;

impl Ledger for Store {
    fn key<'a>(&'a self, kid: &'a str) -> Later<'a, Result<Option<Key>, Unavailable>> {
        Box::pin(async move {
            let key = Store::key(self, kid).await?;
            Ok(key.map(|key| Key { public: key.public, expires_at: key.expires_at }))
        })
    }

    fn containments(&self) -> Later<'_, Result<Containments, Unavailable>> {
        Box::pin(async move { Ok(Store::containments(self).await?) })
    }

    fn changes(&self) -> watch::Receiver<u64> {
        Store::changes(self)
    }

    fn reserve<'a>(&'a self, call: &'a Call, accounts: &'a [Account]) -> Later<'a, Result<u32, Refused>> {
        Box::pin(async move { Ok(self.reserve_call(call, accounts).await?) })
    }

    fn settle<'a>(&'a self, call: &'a Call, accounts: &'a [Account]) -> Later<'a, Result<(), Unavailable>> {
        Box::pin(async move {
            // False: it was settled before, or never reserved. Either way nothing is owed.
            self.settle_call(call, accounts).await?;
            Ok(())
        })
    }

    fn unproven(&self) -> Later<'_, Result<Vec<Order>, Unavailable>> {
        Box::pin(async move {
            let records = Store::unproven(self, &[Layer::Identity, Layer::Gateway]).await?;
            Ok(records.into_iter().map(|record| record.order).collect())
        })
    }

    fn prove<'a>(&'a self, receipt: &'a Receipt) -> Later<'a, Result<(), Unavailable>> {
        Box::pin(async move { Ok(Store::prove(self, receipt).await?) })
    }
}

impl From<store::Error> for Unavailable {
    fn from(error: store::Error) -> Self {
        Self(base::error::chain(&error))
    }
}

impl From<store::call::Refused> for Refused {
    fn from(refused: store::call::Refused) -> Self {
        use store::call::Refused as Stored;
        match refused {
            Stored::Spent(standing) => Self::Spent {
                available: standing.available(),
                holder: standing.holder,
                limit: standing.limit,
            },
            Stored::Contained(order) => Self::Contained { order: order.id.to_string() },
            Stored::Stale { current } => Self::Stale { current },
            Stored::Store(error) => Self::Unavailable(error.into()),
        }
    }
}
