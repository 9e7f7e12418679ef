//! Numbers from a seed that is told when a test fails.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

const SEED: &str = "SEAWALL_SIM_SEED";

/// SplitMix64 (Steele, Lea, Flood 2014): small, and good enough to pick moments.
pub struct Random {
    seed: u64,
    state: u64,
}

impl Random {
    /// From `SEAWALL_SIM_SEED`, or another seed each time.
    pub fn seeded() -> Self {
        static OTHER: AtomicU64 = AtomicU64::new(0);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let fresh = (now.as_millis() as u64) * 100 + OTHER.fetch_add(1, Ordering::Relaxed);
        let given = std::env::var(SEED).ok().map(|text| text.parse().expect("SEAWALL_SIM_SEED is a number"));
        let seed = given.unwrap_or(fresh);
        Self { seed, state: seed }
    }

    /// A number below `bound`, or 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)).checked_rem(bound).unwrap_or(0)
    }
}

impl Drop for Random {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("repeat with {SEED}={}", self.seed);
        }
    }
}
