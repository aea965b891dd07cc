//! What a flood of wrong logins does to those who are honest. It takes half a minute and a quiet
//! machine: `cargo test --release --test gateway flood -- --ignored --nocapture`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::support::client::{Call, Client};
use crate::support::rig::{Rig, api};

const PER_SECOND: u64 = 1_000;
const TIME: Duration = Duration::from_secs(10);

fn login(source: &str, password: &str) -> Call {
    Call::get(&api("/isLeader"))
        .login("ops", password)
        .header("X-Forwarded-For", source)
}

/// The honest client's 99th percentile while `TIME` passes.
async fn honest(rig: &Rig) -> Duration {
    let mut client = Client::connect(rig.address).await.expect("connected");
    let mut times = Vec::new();
    let mut pace = interval(Duration::from_millis(5));
    pace.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let begun = Instant::now();
    while begun.elapsed() < TIME {
        pace.tick().await;
        let asked = Instant::now();
        let answer = client.call(&login("192.0.2.1", "change me")).await;
        assert_eq!(answer.expect("answered").status, 200);
        times.push(asked.elapsed());
    }
    times.sort_unstable();
    times[times.len() * 99 / 100]
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it measures, which takes a quiet machine"]
async fn guesses_of_one_source_do_not_slow_who_is_remembered() {
    let (quiet, flooded, [checked, refused]) = flood(|_| "198.51.100.1".to_owned()).await;
    assert!(checked < 20, "five, and one for each wait");
    let sent = u64::try_from(checked + refused).expect("few");
    assert!(sent > PER_SECOND * TIME.as_secs() / 2, "{sent}");
    assert!(flooded <= 2 * quiet, "{flooded:?}");
}

/// Each source has its free guesses, so that two are always being checked.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "it measures, which takes a quiet machine"]
async fn guesses_of_many_sources_are_measured() {
    flood(|number| format!("198.18.{}.{}", number / 256 % 256, number % 256)).await;
}

/// The honest client's 99th percentile when it is quiet and while guesses come from these sources,
/// and how many of them were checked, and were not.
async fn flood(
    source: impl Fn(usize) -> String + Send + 'static,
) -> (Duration, Duration, [usize; 2]) {
    // Users with hashes of the usual cost; the rig's own cost next to nothing.
    let listener = "address = \"127.0.0.1:8190\"";
    let believing = format!("{listener}\ntrusted_proxies = [\"127.0.0.0/8\"]");
    let rig = Rig::example("two-overlords.toml", &[(listener, &believing)]).await;
    honest(&rig).await;
    let quiet = honest(&rig).await;
    let stop = Arc::new(AtomicBool::new(false));
    let counts = Arc::new([const { AtomicUsize::new(0) }; 2]);
    let (address, stopped, counted) = (rig.address, stop.clone(), counts.clone());
    let flood = tokio::spawn(async move {
        let mut clients = Vec::new();
        for _ in 0..8 {
            clients.push(Client::connect(address).await.expect("connected"));
        }
        let mut pace = interval(Duration::from_micros(1_000_000 / PER_SECOND));
        pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut number = 0;
        while !stopped.load(Ordering::Relaxed) {
            pace.tick().await;
            number += 1;
            let client = &mut clients[number % 8];
            let guess = login(&source(number), &format!("guess{number}"));
            let status = client.call(&guess).await.expect("answered").status;
            assert!(status == 401 || status == 429, "{status}");
            counted[usize::from(status == 429)].fetch_add(1, Ordering::Relaxed);
        }
    });
    let flooded = honest(&rig).await;
    stop.store(true, Ordering::Relaxed);
    flood.await.expect("no panic");
    let [checked, refused] = [0, 1].map(|index| counts[index].load(Ordering::Relaxed));
    println!("p99 quiet {quiet:?}, flooded {flooded:?}; {checked} guesses checked, {refused} not");
    (
        quiet.max(Duration::from_millis(1)),
        flooded,
        [checked, refused],
    )
}
