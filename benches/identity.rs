//! What a login costs that was right a moment ago: the way of nearly every request.
//!
//! `cargo bench --bench identity` prints criterion's report and then the medians with their bound;
//! it fails if one is exceeded. docs/performance.md has a run of it.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark reads the clock and prints what it measured"
)]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use criterion::Criterion;
use jiff::Timestamp;
use overgate::caller::{Algorithm, Credentials, Principal};
use overgate::identity::{
    Account, Authenticator, IssuerSettings, Issuers, Keys, Users, hash_password,
};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::json;
use sha2::{Digest as _, Sha256};

/// The binary's own.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// No login that is remembered takes longer.
const BOUND: Duration = Duration::from_micros(2);

const ISSUER: &str = "https://sso.example.com/realms/data";
const KEY: &str = "overgate_Gm1ZmY2NzVlMDU5YTRlM2JmYzQ0OTk4ZmY3NDU2Yjk";

/// A token of the size that identity providers issue, 1 KiB, and the set with its key.
fn token(now: Timestamp) -> (String, String) {
    let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
    let key = Ed25519KeyPair::from_pkcs8(key.as_ref()).expect("its own");
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let x = encode(key.public_key().as_ref());
    let set = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": x}]});
    let claims = json!({
        "iss": ISSUER, "aud": "druid", "sub": "alice", "exp": now.as_second() + 3_600,
        "roles": ["writers"], "session_state": "x".repeat(480),
    });
    let header = encode(br#"{"alg":"EdDSA","kid":"k","typ":"JWT"}"#);
    let input = format!("{header}.{}", encode(claims.to_string().as_bytes()));
    let signature = encode(key.sign(input.as_bytes()).as_ref());
    (format!("{input}.{signature}"), set.to_string())
}

fn main() -> ExitCode {
    let now = Timestamp::now();
    let begun = Instant::now();
    let clock: overgate::identity::Clock = Arc::new(move || begun.elapsed());
    let (token, keys) = token(now);
    let issuer = IssuerSettings {
        name: "sso".to_owned(),
        issuer: ISSUER.to_owned(),
        audiences: vec!["druid".to_owned()],
        algorithms: vec![Algorithm::EdDsa],
        keys: Keys::Text(keys),
        principal: "sub".to_owned(),
        roles_claim: "roles".to_owned(),
        roles: vec![("writers".to_owned(), "writer".to_owned())],
    };
    let account = Account {
        name: "etl".to_owned(),
        password: Some(hash_password("correct horse battery staple").expect("hashed")),
        api_keys: vec![Sha256::digest(KEY).into()],
        roles: vec!["writer".to_owned()],
    };
    let issuers = Issuers::new([issuer], &clock, None).expect("good");
    let users = Users::new(1, [account], issuers).expect("good");
    let authenticator = Authenticator::new(&[7; 32], clock);
    let login = |credentials: &Credentials| -> Poll<Principal> {
        let source = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let login = pin!(authenticator.authenticate(&users, credentials, source, now));
        let polled = login.poll(&mut Context::from_waker(Waker::noop()));
        polled.map(|outcome| outcome.expect("right"))
    };
    let rows = [
        (
            "a password",
            Credentials::Basic {
                username: "etl".to_owned(),
                password: "correct horse battery staple".to_owned(),
            },
        ),
        ("an API key", Credentials::Key(KEY.to_owned())),
        ("a token of 1 KiB", Credentials::Token(token)),
    ];
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    let source = IpAddr::V4(Ipv4Addr::LOCALHOST);
    for (_, credentials) in &rows {
        let first = authenticator.authenticate(&users, credentials, source, now);
        runtime.block_on(first).expect("right");
    }
    let mut criterion = Criterion::default().configure_from_args();
    for (name, credentials) in &rows {
        criterion.bench_function(&format!("remembered/{name}"), |bencher| {
            bencher.iter(|| black_box(login(credentials)));
        });
    }
    criterion.final_summary();
    println!("\n| what, remembered | microseconds | bound |\n|---|---|---|");
    let mut holds = true;
    for (name, credentials) in &rows {
        let median = median(|| assert!(black_box(login(credentials)).is_ready()));
        println!(
            "| {name} | {:.2} | {} |",
            median.as_secs_f64() * 1e6,
            BOUND.as_micros()
        );
        holds &= median <= BOUND;
    }
    if holds {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Of a thousand times a hundred.
fn median(work: impl Fn()) -> Duration {
    let mut times: Vec<Duration> = (0..1_000)
        .map(|_| {
            let begun = Instant::now();
            for _ in 0..100 {
                work();
            }
            begun.elapsed() / 100
        })
        .collect();
    times.sort_unstable();
    times[times.len() / 2]
}
