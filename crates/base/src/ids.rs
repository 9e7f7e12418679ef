//! Short ids that sort by creation time.
//!
//! Shape: 16 characters of lower-case Crockford base32 = 80 bits: 40 bits of milliseconds since 2020-01-01 UTC
//! (good until 2054), then 40 random bits.
//! Invariant: ids of one [`Ids`] strictly increase, also within a millisecond and when the clock steps back.
//! An id is a name, never a secret.

use std::sync::{Arc, Mutex, PoisonError};

use crate::clock::system_us;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const CHARS: u32 = 16;
/// 2020-01-01T00:00:00Z in milliseconds since the Unix epoch.
const EPOCH_MS: i64 = 1_577_836_800_000;
const HALF_BITS: u32 = 40;
const HALF_MASK: u128 = (1 << HALF_BITS) - 1;

/// A source of ids. Clones share their state, so ids stay unique and ordered across clones.
#[derive(Clone, Debug)]
pub struct Ids(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    last: u128,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Random,
    Seeded { random: u64, ms: u64 },
}

impl Ids {
    /// Ids from the machine's clock and randomness.
    pub fn random() -> Ids {
        Ids::of(Source::Random)
    }

    /// Reproducible ids: the same seed gives the same sequence. Tests only.
    pub fn seeded(seed: u64) -> Ids {
        Ids::of(Source::Seeded { random: seed, ms: 0 })
    }

    /// The next id: 16 characters, greater than every id before it from this source.
    pub fn next(&self) -> String {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = state.source.draw();
        // Within a millisecond, or after the clock stepped back, counting on keeps the order.
        let same_moment = fresh >> HALF_BITS <= state.last >> HALF_BITS;
        state.last = if same_moment { state.last + 1 } else { fresh };
        encode(state.last)
    }

    fn of(source: Source) -> Ids {
        Ids(Arc::new(Mutex::new(State { last: 0, source })))
    }
}

impl Source {
    fn draw(&mut self) -> u128 {
        let (ms, random) = match self {
            Source::Random => {
                let ms = u64::try_from(system_us() / 1_000 - EPOCH_MS).unwrap_or(0);
                (ms, getrandom::u64().expect("the kernel has randomness once it has booted"))
            }
            Source::Seeded { random, ms } => {
                *ms += 1;
                (*ms, splitmix(random))
            }
        };
        (u128::from(ms) & HALF_MASK) << HALF_BITS | u128::from(random) & HALF_MASK
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): enough randomness for reproducible tests.
fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

fn encode(bits: u128) -> String {
    (0..CHARS).rev().map(|at| char::from(ALPHABET[usize::from((bits >> (at * 5)) as u8 & 31)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_sixteen_crockford_characters() {
        let id = Ids::random().next();
        assert_eq!(id.len(), 16);
        assert!(id.bytes().all(|c| ALPHABET.contains(&c)), "{id}");
    }

    #[test]
    fn ids_strictly_increase_within_a_millisecond() {
        let ids = Ids::random();
        let many: Vec<_> = (0..10_000).map(|_| ids.next()).collect();
        assert!(many.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn same_seed_gives_same_ids_and_another_seed_does_not() {
        let take = |seed| {
            let ids = Ids::seeded(seed);
            (0..50).map(|_| ids.next()).collect::<Vec<_>>()
        };
        assert_eq!(take(7), take(7));
        assert_ne!(take(7), take(8));
        assert!(take(7).is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn time_fills_the_first_half() {
        assert_eq!(encode(1 << HALF_BITS), "0000000100000000");
        assert_eq!(encode(HALF_MASK), "00000000zzzzzzzz");
    }
}
