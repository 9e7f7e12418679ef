//! How fast: printed, not asserted, because a loaded machine says little.

use killd::protocol::Proof;

use crate::house::{Cage, House};

const KILLS: usize = 50;

#[tokio::test]
async fn freeze_and_death_of_a_hundred_processes() {
    let house = House::start().await;
    let supervisor = house.supervisor().await;
    let (mut frozen, mut dead, mut call) = (Vec::new(), Vec::new(), Vec::new());
    for kill in 0..KILLS {
        let Some(mut cage) = Cage::new("freeze_and_death_of_a_hundred_processes") else { return };
        let run = format!("r{kill}");
        supervisor.register(cage.registration(&run, 1)).await.unwrap();
        cage.run("for i in $(seq 99); do setsid sleep 1000 & done; wait", 100).await;
        let start = std::time::Instant::now();
        let receipt = supervisor.kill_run(&run, 1, "measured").await.unwrap();
        call.push(u64::try_from(start.elapsed().as_micros()).unwrap());
        assert_eq!(receipt.state, Proof::Verified, "{receipt:?}");
        frozen.extend(receipt.runs[0].frozen_us);
        dead.extend(receipt.runs[0].dead_us);
        supervisor.release(&run, 1).await.unwrap();
    }
    for (name, mut times) in [("frozen", frozen), ("dead", dead), ("whole call", call)] {
        times.sort_unstable();
        let at = |percent: usize| times[(times.len() - 1) * percent / 100];
        let (count, median, late, worst) = (times.len(), at(50), at(99), at(100));
        println!(
            "{name}: {count} of {KILLS} kills of 100 processes: p50 {median} us, p99 {late} us, max {worst} us"
        );
    }
}
