//! Floods, guesses and honest users.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::super::argon2id::hash_password;
use super::super::token::{Issuers, NOW, e1, issuers};
use super::super::users::Account;
use super::*;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

/// An authenticator with a clock that is moved by hand, in milliseconds.
struct Rig {
    authenticator: Authenticator,
    clock: Arc<AtomicU64>,
    users: Users,
}

const KEY: &str = "key-of-etl-0123456789";

/// `etl` with a password and a key.
fn users(generation: u64, key: &str) -> Users {
    let etl = Account {
        name: "etl".to_owned(),
        password: Some(hash_password("secret").expect("hashed")),
        api_keys: vec![Sha256::digest(key).into()],
        roles: vec!["writer".to_owned()],
    };
    Users::new(generation, [etl], Issuers::default()).expect("good")
}

impl Rig {
    fn new() -> Rig {
        let clock = Arc::new(AtomicU64::new(1_000));
        let moved = clock.clone();
        let clock_of_it: Clock =
            Arc::new(move || Duration::from_millis(moved.load(Ordering::Relaxed)));
        let mut authenticator = Authenticator::new(&[1; 32], clock_of_it);
        authenticator.queue = Queue::of(2);
        Rig {
            authenticator,
            clock,
            users: users(1, KEY),
        }
    }

    fn advance(&self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).expect("short");
        self.clock.fetch_add(millis, Ordering::Relaxed);
    }

    async fn try_from(&self, source: IpAddr, credentials: &Credentials) -> Result<String, Failure> {
        let now = Timestamp::from_second(NOW).expect("a time");
        let outcome = self
            .authenticator
            .authenticate(&self.users, credentials, source, now)
            .await;
        outcome.map(|principal| principal.name().to_string())
    }
}

fn basic(username: &str, password: &str) -> Credentials {
    Credentials::Basic {
        username: username.to_owned(),
        password: password.to_owned(),
    }
}

fn key(text: &str) -> Credentials {
    Credentials::Key(text.to_owned())
}

#[tokio::test]
async fn only_the_right_credentials_get_in() {
    let rig = Rig::new();
    let etl = || Ok("etl".to_owned());
    for (credentials, expected) in [
        (basic("etl", "secret"), etl()),
        (basic("etl", "wrong"), Err(Failure::Wrong)),
        (basic("nobody", "secret"), Err(Failure::Wrong)),
        (basic("etl", KEY), Err(Failure::Wrong)),
        (key(KEY), etl()),
        (key("secret"), Err(Failure::Wrong)),
        (Credentials::Token(KEY.to_owned()), etl()),
        (Credentials::Token("a.b.c".to_owned()), Err(Failure::Absent)),
        (Credentials::Absent, Err(Failure::Absent)),
    ] {
        let outcome = rig.try_from(HERE, &credentials).await;
        assert_eq!(outcome, expected, "{credentials:?}");
    }
    assert_eq!(rig.authenticator.remembered(), 3);
    assert!(rig.authenticator.queue.is_idle());
}

#[tokio::test]
async fn who_fails_waits_and_is_not_checked() {
    let rig = Rig::new();
    for credentials in [basic("etl", "wrong"), key("wrong")] {
        let elsewhere = IpAddr::from([10, 1, 0, matches!(credentials, Credentials::Key(_)).into()]);
        for _ in 0..5 {
            let outcome = rig.try_from(elsewhere, &credentials).await;
            assert_eq!(outcome, Err(Failure::Wrong));
        }
        let slowed = Err(Failure::Slowed(Duration::from_secs(1)));
        // No password check runs now: with both turns taken one would wait.
        let held = rig.authenticator.queue.hold(2).await;
        for _ in 0..1_000 {
            assert_eq!(rig.try_from(elsewhere, &credentials).await, slowed);
        }
        // Nor is a right password told from a wrong one; what cannot be guessed is.
        let right = basic("etl", "secret");
        assert_eq!(rig.try_from(elsewhere, &right).await, slowed);
        for right in [key(KEY), Credentials::Token(KEY.to_owned())] {
            assert_eq!(rig.try_from(elsewhere, &right).await, Ok("etl".to_owned()));
        }
        drop(held);
        rig.advance(Duration::from_secs(1));
        let outcome = rig.try_from(elsewhere, &credentials).await;
        assert_eq!(
            outcome,
            Err(Failure::Wrong),
            "what was refused meanwhile did not count"
        );
        let outcome = rig.try_from(elsewhere, &credentials).await;
        assert_eq!(outcome, Err(Failure::Slowed(Duration::from_secs(2))));
    }
}

#[tokio::test]
async fn an_honest_user_is_not_kept_out_by_guesses() {
    let rig = Rig::new();
    let honest = basic("etl", "secret");
    assert!(rig.try_from(HERE, &honest).await.is_ok());
    // From the same address, and at the same account.
    for _ in 0..5 {
        let outcome = rig.try_from(HERE, &basic("etl", "wrong")).await;
        assert_eq!(outcome, Err(Failure::Wrong));
    }
    assert!(matches!(
        rig.try_from(HERE, &basic("etl", "wrong")).await,
        Err(Failure::Slowed(_))
    ));
    assert!(rig.try_from(HERE, &honest).await.is_ok(), "remembered");
    // Its minute has passed: it is checked again, and is no guess.
    rig.advance(Duration::from_secs(60));
    for _ in 0..2 {
        let _ = rig.try_from(HERE, &basic("etl", "wrong")).await;
    }
    assert!(matches!(
        rig.try_from(HERE, &basic("etl", "other")).await,
        Err(Failure::Slowed(_))
    ));
    assert!(rig.try_from(HERE, &honest).await.is_ok(), "right before");
    // From an address of its own it was never slowed.
    let rig = Rig::new();
    for number in 0..30 {
        let source = IpAddr::from([10, 2, 0, number]);
        let outcome = rig.try_from(source, &basic("etl", "wrong")).await;
        assert_eq!(outcome, Err(Failure::Wrong));
    }
    assert!(rig.try_from(ELSEWHERE, &honest).await.is_ok());
    let guess = basic("etl", "guess");
    let guesser = IpAddr::from([10, 2, 0, 1]);
    for _ in 0..2 {
        let outcome = rig.try_from(guesser, &guess).await;
        assert_eq!(outcome, Err(Failure::Wrong), "two mistakes");
    }
    let outcome = rig.try_from(guesser, &guess).await;
    assert!(matches!(outcome, Err(Failure::Slowed(_))), "{outcome:?}");
}

#[tokio::test]
async fn a_password_that_was_changed_is_a_guess_again() {
    let mut rig = Rig::new();
    assert!(rig.try_from(HERE, &key(KEY)).await.is_ok());
    rig.users = users(2, "another-key-of-etl-0123");
    for _ in 0..5 {
        assert_eq!(rig.try_from(HERE, &key(KEY)).await, Err(Failure::Wrong));
    }
    assert!(matches!(
        rig.try_from(HERE, &key(KEY)).await,
        Err(Failure::Slowed(_))
    ));
}

#[tokio::test]
async fn one_source_cannot_fill_the_queue() {
    let rig = Arc::new(Rig::new());
    // All turns taken: whoever comes now waits.
    let held = rig.authenticator.queue.hold(2).await;
    let mut flood = Vec::new();
    for number in 0..13 {
        // The addresses of one IPv6 network are one source.
        let here = IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, number]);
        let rig = rig.clone();
        flood.push(tokio::spawn(async move {
            let credentials = basic("etl", &format!("guess{number}"));
            rig.try_from(here, &credentials).await
        }));
    }
    // Those over the limit end at once, although no check has run.
    let mut busy = 0;
    while busy < 5 {
        tokio::task::yield_now().await;
        busy = flood.iter().filter(|task| task.is_finished()).count();
    }
    drop(held);
    let outcome = rig.try_from(ELSEWHERE, &basic("etl", "secret")).await;
    assert!(outcome.is_ok(), "{outcome:?}");
    let mut counts = [0; 3];
    for task in flood {
        match task.await.expect("no panic") {
            Err(Failure::Busy) => counts[0] += 1,
            Err(Failure::Wrong) => counts[1] += 1,
            Err(Failure::Slowed(_)) => counts[2] += 1,
            other => panic!("a guess got {other:?}"),
        }
    }
    // Two are checked at once: the sixth may run while the fifth fails.
    assert!(counts == [5, 5, 3] || counts == [5, 6, 2], "{counts:?}");
    assert!(rig.authenticator.queue.is_idle());
}

#[tokio::test]
async fn equal_logins_wait_for_one_check() {
    let rig = Arc::new(Rig::new());
    let mut tasks = Vec::new();
    for _ in 0..50 {
        let rig = rig.clone();
        tasks.push(tokio::spawn(async move {
            rig.try_from(HERE, &basic("etl", "secret")).await
        }));
    }
    for task in tasks {
        assert!(
            task.await.expect("no panic").is_ok(),
            "more than one source's share, but one login"
        );
    }
}

#[tokio::test]
async fn who_leaves_is_counted_all_the_same() {
    let rig = Rig::new();
    for number in 0..5 {
        let guess = basic("etl", &format!("guess{number}"));
        // Polled until its check runs, and then dropped.
        let mut attempt = Box::pin(rig.try_from(HERE, &guess));
        let started = async {
            while rig.authenticator.queue.is_idle() {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            outcome = &mut attempt => panic!("{outcome:?}"),
            () = started => {}
        }
        drop(attempt);
        // Both turns are free again only when the check has ended.
        drop(rig.authenticator.queue.hold(2).await);
    }
    let outcome = rig.try_from(HERE, &basic("etl", "guess5")).await;
    assert!(matches!(outcome, Err(Failure::Slowed(_))), "{outcome:?}");
}

#[tokio::test]
async fn a_crowd_keeps_out_nobody_who_was_right() {
    let rig = Arc::new(Rig::new());
    let honest = basic("etl", "secret");
    assert!(rig.try_from(ELSEWHERE, &honest).await.is_ok());
    // It is not remembered any more, and all places are taken.
    rig.advance(Duration::from_secs(3_600));
    let held = rig.authenticator.queue.hold(2).await;
    let mut crowd = Vec::new();
    for number in 0..300_u16 {
        let [high, low] = number.to_be_bytes();
        let (rig, guess) = (rig.clone(), basic("etl", &format!("guess{number}")));
        crowd.push(tokio::spawn(async move {
            rig.try_from(IpAddr::from([10, 3, high, low]), &guess).await
        }));
        tokio::task::yield_now().await;
    }
    assert!(rig.try_from(ELSEWHERE, &honest).await.is_ok());
    // Nor does it keep out who comes for the first time.
    let newcomer = rig.clone();
    let newcomer = tokio::spawn(async move { newcomer.try_from(HERE, &basic("etl", "x")).await });
    tokio::task::yield_now().await;
    for guess in &crowd {
        guess.abort();
    }
    drop(held);
    assert_eq!(newcomer.await.expect("no panic"), Err(Failure::Wrong));
}

#[tokio::test]
async fn a_token_that_has_expired_is_no_guess() {
    let mut rig = Rig::new();
    rig.users = Users::new(1, [], issuers()).expect("good");
    let token = |changes| Credentials::Token(e1(changes));
    let expired = token(json!({"exp": NOW - 100}));
    for _ in 0..100 {
        assert_eq!(rig.try_from(HERE, &expired).await, Err(Failure::Wrong));
    }
    let good = token(json!({}));
    assert!(rig.try_from(HERE, &good).await.is_ok());
    // Nor do the guesses of another keep out who has a good one.
    let forged = token(json!({"aud": "other"}));
    for _ in 0..5 {
        assert_eq!(rig.try_from(HERE, &forged).await, Err(Failure::Wrong));
    }
    let slowed = rig.try_from(HERE, &forged).await;
    assert!(matches!(slowed, Err(Failure::Slowed(_))), "{slowed:?}");
    let other = token(json!({"sub": "bob"}));
    assert!(rig.try_from(HERE, &other).await.is_ok());
    assert_eq!(rig.try_from(HERE, &expired).await, Err(Failure::Wrong));
}

#[tokio::test]
async fn the_time_tells_nobody_whose_hash_is_which() {
    let mut rig = Rig::new();
    let account = |name: &str, hash: String| Account {
        name: name.to_owned(),
        password: Some(hash),
        api_keys: Vec::new(),
        roles: Vec::new(),
    };
    let cheap = account("cheap", hash_password("secret").expect("hashed"));
    let costly = account("costly", bcrypt::hash("secret", 10).expect("hashed"));
    rig.users = Users::new(1, [cheap.clone(), costly], Issuers::default()).expect("good");
    let floor = rig.users.floor().await;
    assert!(!floor.is_zero());
    for name in ["cheap", "costly", "nobody"] {
        let begun = Instant::now();
        let outcome = rig.try_from(HERE, &basic(name, "wrong")).await;
        assert_eq!(outcome, Err(Failure::Wrong));
        assert!(begun.elapsed() >= floor, "{name}");
    }
    rig.users = Users::new(1, [cheap], Issuers::default()).expect("good");
    assert_eq!(rig.users.floor().await, Duration::ZERO, "all cost the same");
}
