//! A fresh database for each test, on either engine.

mod cluster;
pub mod facts;

use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;
use tokio_postgres::NoTls;

/// An empty database that nobody else uses.
pub struct Fresh {
    /// What to open.
    pub url: String,
    place: Place,
}

enum Place {
    Directory(#[expect(dead_code, reason = "kept so that the directory lives")] TempDir),
    Schema { admin_url: String, name: String },
}

impl Fresh {
    /// A SQLite file in a directory of its own.
    pub fn sqlite() -> Self {
        let directory = TempDir::new().unwrap();
        let url = format!("sqlite:{}", directory.path().join("store.db").display());
        Self { url, place: Place::Directory(directory) }
    }

    /// A schema of its own on the PostgreSQL server of this test run; `None`, said aloud, when there is none.
    pub async fn postgres(test: &str) -> Option<Self> {
        let admin_url = match cluster::url() {
            Ok(url) => url,
            Err(why) => {
                let may_skip = std::env::var("SEAWALL_REQUIRE_REAL").as_deref() != Ok("1");
                assert!(may_skip, "{test} may not be skipped here, but there is no PostgreSQL: {why}");
                eprintln!("SKIPPED: {test} on PostgreSQL: {why}");
                return None;
            }
        };
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("t{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        execute(&admin_url, &format!("CREATE SCHEMA {name}")).await;
        let joint = if admin_url.contains('?') { '&' } else { '?' };
        let url = format!("{admin_url}{joint}options=-c%20search_path%3D{name}");
        Some(Self { url, place: Place::Schema { admin_url, name } })
    }

    /// Removes what the test left behind.
    pub async fn remove(self) {
        if let Place::Schema { admin_url, name } = self.place {
            execute(&admin_url, &format!("DROP SCHEMA {name} CASCADE")).await;
        }
    }
}

async fn execute(url: &str, sql: &str) {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    let driver = tokio::spawn(connection);
    client.batch_execute(sql).await.unwrap();
    drop(client);
    driver.await.unwrap().unwrap();
}

/// Makes of each `async fn name(fresh: &Fresh)` a test on SQLite and one on PostgreSQL.
#[macro_export]
macro_rules! on_both_engines {
    ($($name:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(&$crate::support::Fresh::sqlite()).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if let Some(fresh) = $crate::support::Fresh::postgres(stringify!($name)).await {
                    super::$name(&fresh).await;
                    fresh.remove().await;
                }
            })*
        }
    };
}
