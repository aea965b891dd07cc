//! Fairness under load, before an Overlord whose capacity is known: so many requests at a time, so
//! long for each. The figures of `docs/limits.md`:
//! `cargo test --test gateway load:: -- --nocapture --test-threads=1`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use overgate::demo::{Fault, Role};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::support::client::{Call, Client};
use crate::support::eventually;
use crate::support::rig::{PASSWORD, Rig, api, kafka};

/// Requests that the Overlord works on at a time, and what the gateway is told of it.
const CAPACITY: usize = 20;

/// What it takes for each, on average.
const DELAY: Duration = Duration::from_millis(100);

/// For so long requests are sent.
const TIME: Duration = Duration::from_secs(3);

/// Until then it is not yet full.
const WARM_UP: Duration = Duration::from_millis(500);

/// A measurement on a machine that does something else at that moment is made again.
const TRIES: usize = 3;

/// Its requests in a second.
fn capacity() -> f64 {
    CAPACITY as f64 / DELAY.as_secs_f64()
}

/// An Overlord that leads, works on [`CAPACITY`] requests at a time, and lets the others wait.
struct Scripted {
    address: SocketAddr,
    state: Arc<State>,
    _tasks: JoinSet<()>,
}

struct State {
    places: Semaphore,
    in_flight: AtomicUsize,
    most: AtomicUsize,
    count: AtomicUsize,
    times: AtomicUsize,
}

impl Scripted {
    async fn start() -> Scripted {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let state = Arc::new(State {
            places: Semaphore::new(CAPACITY),
            in_flight: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            count: AtomicUsize::new(0),
            times: AtomicUsize::new(0),
        });
        let mut tasks = JoinSet::new();
        let serving = state.clone();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, serving.clone()));
            }
        });
        Scripted {
            address,
            state,
            _tasks: tasks,
        }
    }
}

async fn serve(mut stream: TcpStream, state: Arc<State>) {
    let _ = stream.set_nodelay(true);
    let mut buffer = Vec::new();
    loop {
        let end = loop {
            if let Some(at) = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break at + 4;
            }
            if !matches!(stream.read_buf(&mut buffer).await, Ok(1..)) {
                return;
            }
        };
        let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
        let length = head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .map_or(0, |(_, value)| value.trim().parse().expect("a length"));
        while buffer.len() < end + length {
            if !matches!(stream.read_buf(&mut buffer).await, Ok(1..)) {
                return;
            }
        }
        let body: Vec<u8> = buffer.drain(..end + length).skip(end).collect();
        let target = head.split(' ').nth(1).unwrap_or_default();
        let answer = state.answer(target, &body).await;
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            answer.len()
        );
        if stream.write_all((head + &answer).as_bytes()).await.is_err() {
            return;
        }
    }
}

impl State {
    async fn answer(&self, target: &str, body: &[u8]) -> String {
        if target.ends_with("/isLeader") || target.ends_with("/leader") {
            return "{\"leader\":true}".to_owned();
        }
        let now = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(now, Ordering::Relaxed);
        {
            let _place = self.places.acquire().await.expect("open");
            // From half of it to one and a half, so that seats come back one by one.
            let part = self.times.fetch_add(37, Ordering::Relaxed) % 101;
            sleep(DELAY / 2 + DELAY * u32::try_from(part).expect("small") / 100).await;
        }
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        if target.ends_with("/task") {
            let task: serde_json::Value = serde_json::from_slice(body).expect("JSON");
            let number = self.count.fetch_add(1, Ordering::Relaxed);
            let id = task["id"].as_str().map(ToOwned::to_owned);
            return json!({"task": id.unwrap_or_else(|| format!("t{number}"))}).to_string();
        }
        if target.contains("/tasks") {
            return "[]".to_owned();
        }
        json!({"task": "t", "status": {"id": "t", "dataSource": "wiki0"}}).to_string()
    }
}

/// A kind of request, sent at a steady pace.
#[derive(Clone)]
struct Load {
    name: &'static str,
    /// In parts of the capacity.
    rate: f64,
    call: Call,
}

/// What became of it.
#[derive(Debug, Default, Clone)]
struct Seen {
    good: Vec<Duration>,
    shed: Vec<Duration>,
    /// Answers that came while others were sent, the first half second left out.
    counted: usize,
}

impl Seen {
    fn sent(&self) -> usize {
        self.good.len() + self.shed.len()
    }
}

/// The time within which so many per cent ended.
fn percentile(times: &[Duration], part: usize) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    let last = times.len().saturating_sub(1);
    times.get(last * part / 100).copied().unwrap_or_default()
}

fn call(method: &str, path: &str) -> Call {
    Call::new(method, &api(path)).login("admin", PASSWORD)
}

fn submission(datasource: &str) -> Call {
    call("POST", "/task").json(format!(r#"{{"type":"noop","dataSource":"{datasource}"}}"#))
}

/// The gateway before the scripted Overlord.
struct Bench {
    rig: Rig,
    overlord: Scripted,
}

impl Bench {
    async fn start() -> Bench {
        let overlord = Scripted::start().await;
        let rig = Rig::before(
            &[overlord.address],
            &format!("max_in_flight = {CAPACITY}"),
            "",
        )
        .await;
        let bench = Bench { rig, overlord };
        eventually("a leader", async || {
            let answer = bench.rig.send(&call("GET", "/isLeader")).await;
            (answer.status == 200).then_some(())
        })
        .await;
        bench
    }

    /// Sends all of them for [`TIME`], each at its pace and whatever becomes of the ones before.
    async fn run(&self, loads: &[Load]) -> BTreeMap<&'static str, Seen> {
        let address = self.rig.address;
        let mut asking = JoinSet::new();
        let begin = Instant::now() + Duration::from_millis(50);
        let idle = Arc::new(Mutex::new(Vec::new()));
        for (index, load) in loads.iter().enumerate() {
            let load = load.clone();
            let part = index as f64 / loads.len() as f64;
            let idle = idle.clone();
            asking.spawn(async move {
                let mut asked = JoinSet::new();
                let pace = Duration::from_secs_f64(1.0 / (load.rate * capacity()));
                // Not all at once.
                let mut at = begin + pace.mul_f64(part);
                while at < begin + TIME {
                    sleep_until(at).await;
                    let (call, idle) = (load.call.clone(), idle.clone());
                    asked.spawn(async move { ask(address, &call, &idle).await });
                    at += pace;
                }
                let mut seen = Seen::default();
                while let Some(ended) = asked.join_next().await {
                    match ended.expect("no panic") {
                        (true, took, ended) => {
                            seen.good.push(took);
                            let counts = begin + WARM_UP <= ended && ended < begin + TIME;
                            seen.counted += usize::from(counts);
                        }
                        (false, took, _) => seen.shed.push(took),
                    }
                }
                (load.name, seen)
            });
        }
        let mut all = BTreeMap::new();
        while let Some(ended) = asking.join_next().await {
            let (name, seen) = ended.expect("no panic");
            all.insert(name, seen);
        }
        assert!(
            self.overlord.state.most.load(Ordering::Relaxed) <= CAPACITY,
            "no more are in flight than may be"
        );
        all
    }
}

/// Was it answered, or shed? And in which time. A connection is taken from those that are idle.
async fn ask(
    address: SocketAddr,
    call: &Call,
    idle: &Mutex<Vec<Client>>,
) -> (bool, Duration, Instant) {
    let kept = idle.lock().await.pop();
    let mut client = match kept {
        Some(client) => client,
        None => Client::connect(address).await.expect("connected"),
    };
    let begun = Instant::now();
    let answer = client.call(call).await.expect("answered");
    let took = begun.elapsed();
    idle.lock().await.push(client);
    match answer.status {
        200 => (true, took, begun + took),
        503 => {
            assert_eq!(answer.code(), "overgateOverloaded");
            assert!(answer.text().contains("was not executed"));
            let wait = answer.header("Retry-After").expect("told");
            assert!((1..=30).contains(&wait.parse::<u64>().expect("seconds")));
            (false, took, begun + took)
        }
        status => panic!("{status}: {}", answer.text()),
    }
}

/// Makes a measurement again that found something wrong. What is wrong is wrong every time.
async fn within<F: Future<Output = Result<(), String>>>(measure: impl Fn(Bench) -> F) {
    let mut wrong = Vec::new();
    for _ in 0..TRIES {
        match measure(Bench::start().await).await {
            Ok(()) => return,
            Err(why) => {
                println!("again: {why}");
                wrong.push(why);
            }
        }
    }
    panic!("{wrong:#?}");
}

fn check(holds: bool, what: String) -> Result<(), String> {
    println!("{what}");
    holds.then_some(()).ok_or(what)
}

fn mix() -> Vec<Load> {
    let load = |name, rate, call| Load { name, rate, call };
    vec![
        load("submission", 0.3, submission("wiki1")),
        load("change", 0.2, call("POST", "/task/known/shutdown")),
        load("poll", 0.8, call("GET", "/task/known/segments")),
        load("listing", 1.7, call("GET", "/task/known/reports")),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_three_times_the_capacity() {
    within(|bench| async move {
        learn(&bench, "known", "wiki0").await;
        let seen = bench.run(&mix()).await;
        let good: usize = seen.values().map(|seen| seen.counted).sum();
        let goodput = good as f64 / (capacity() * (TIME - WARM_UP).as_secs_f64());
        let shed: Vec<Duration> = seen.values().flat_map(|seen| seen.shed.clone()).collect();
        for (name, seen) in &seen {
            println!(
                "{name}: {} sent, {} answered, {} shed; p50 {:?}, p99 {:?}",
                seen.sent(),
                seen.good.len(),
                seen.shed.len(),
                percentile(&seen.good, 50),
                percentile(&seen.good, 99)
            );
        }
        let refused = percentile(&shed, 99);
        check(
            goodput >= 0.9,
            format!("goodput: {goodput:.3} of the capacity"),
        )?;
        check(
            refused <= Duration::from_millis(10),
            format!("{} refusals: p99 {refused:?}", shed.len()),
        )?;
        check(
            shed.len() as f64 >= 0.5 * capacity() * TIME.as_secs_f64(),
            format!("{} were shed", shed.len()),
        )?;
        for name in ["submission", "change"] {
            let shed = seen[name].shed.len();
            check(shed == 0, format!("{name}: {shed} shed"))?;
        }
        let metrics = bench.rig.metrics().await;
        let told = format!(
            "overgate_requests_shed_total{{class=\"listing\"}} {}\n",
            seen["listing"].shed.len()
        );
        assert!(metrics.contains(&told), "{told}{metrics}");
        assert!(metrics.contains("overgate_upstream_in_flight 0\n"));
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listing_storm_does_not_delay_submissions() {
    within(|bench| async move {
        let submissions = Load {
            name: "submission",
            rate: 0.05,
            call: submission("wiki1"),
        };
        let storm = Load {
            name: "listing",
            rate: 3.0,
            call: call("GET", "/task/known/reports"),
        };
        let quiet = bench.run(std::slice::from_ref(&submissions)).await;
        let stormy = bench.run(&[submissions, storm]).await;
        let [quiet, stormy] = [&quiet, &stormy].map(|seen| &seen["submission"]);
        check(
            stormy.shed.is_empty(),
            format!("{} submissions, {} shed", stormy.sent(), stormy.shed.len()),
        )?;
        for part in [50, 99] {
            let [quiet, stormy] = [quiet, stormy].map(|seen| percentile(&seen.good, part));
            // One of twenty comes back after a twentieth of the delay, on average.
            check(
                stormy <= quiet + DELAY / 4,
                format!("submissions p{part}: quiet {quiet:?}, in the storm {stormy:?}"),
            )?;
        }
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_noisy_datasource_takes_nothing_from_the_others() {
    const NAMES: [&str; 10] = [
        "wiki0", "wiki1", "wiki2", "wiki3", "wiki4", "wiki5", "wiki6", "wiki7", "wiki8", "wiki9",
    ];
    within(|bench| async move {
        for name in NAMES {
            learn(&bench, name, name).await;
        }
        // All seats are enough for all of them, if nobody was noisy.
        let loads: Vec<Load> = NAMES
            .iter()
            .map(|name| Load {
                name,
                rate: if *name == "wiki0" { 0.75 } else { 0.075 },
                call: call("GET", &format!("/task/{name}/segments")),
            })
            .collect();
        let seen = bench.run(&loads).await;
        let others = || seen.iter().filter(|(name, _)| **name != "wiki0");
        let sent: usize = others().map(|(_, seen)| seen.sent()).sum();
        let shed: usize = others().map(|(_, seen)| seen.shed.len()).sum();
        let took: Vec<Duration> = others().flat_map(|(_, seen)| seen.good.clone()).collect();
        let noisy = &seen["wiki0"];
        println!(
            "the noisy one: {} sent, {} shed; p50 {:?}",
            noisy.sent(),
            noisy.shed.len(),
            percentile(&noisy.good, 50)
        );
        check(
            shed * 100 < sent,
            format!(
                "the nine others: {sent} sent, {shed} shed; p50 {:?}, p99 {:?}",
                percentile(&took, 50),
                percentile(&took, 99)
            ),
        )?;
        check(
            percentile(&took, 50) < DELAY * 2,
            "the others are served as ever".to_owned(),
        )?;
        check(!noisy.shed.is_empty(), "the noisy one is shed".to_owned())
    })
    .await;
}

/// Lets the gateway know whose task it is.
async fn learn(bench: &Bench, id: &str, datasource: &str) {
    let task = format!(r#"{{"type":"noop","id":"{id}","dataSource":"{datasource}"}}"#);
    let answer = bench.rig.send(&call("POST", "/task").json(task)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// Whatever needs several questions takes its seats one after the other.
#[tokio::test]
async fn one_seat_is_enough_for_everything() {
    let rig = Rig::with("max_in_flight = 1", "").await;
    let noop = |id: &str| format!(r#"{{"type":"noop","id":"{id}","dataSource":"wiki"}}"#);
    let kafka = kafka("wiki", "");
    assert_eq!(rig.post("wiki", "/supervisor", &kafka).await.status, 200);
    for fault in [Fault::CutBefore, Fault::CutAfter, Fault::CutInside(3)] {
        rig.nodes[0].fault(Method::POST, fault.clone());
        let id = format!("{fault:?}").replace(['(', ')'], "");
        let answer = rig.post("wiki", "/task", noop(&id)).await;
        assert_eq!(answer.status, 200, "{fault:?} {}", answer.text());
    }
    // Stored, the answer lost, not to be seen by the first look, and then a duplicate.
    rig.nodes[0].fault(Method::POST, Fault::CutAfter);
    let unknown = Fault::Instead(404, "application/json", "{}".to_owned());
    rig.nodes[0].fault(Method::GET, unknown);
    let mine = rig.post("wiki", "/task", noop("mine"));
    let mine = tokio::time::timeout(Duration::from_secs(20), mine).await;
    assert_eq!(mine.expect("at once").status, 200);
    // Stored behind our back: their owners are asked for.
    for id in ["a", "b", "c"] {
        let call = Call::new("POST", &api("/task")).json(noop(id));
        let stored = call.send(rig.nodes[0].address()).await.expect("answered");
        assert_eq!(stored.status, 200);
    }
    let asked = rig.post("viewer", "/taskStatus", r#"["a","b","c"]"#).await;
    assert_eq!(asked.json().as_object().map_or(0, |ids| ids.len()), 3);
    assert_eq!(rig.get("viewer", "/supervisor").await.text(), "[\"wiki\"]");
    let ended = rig
        .post("wiki", "/datasources/wiki/shutdownAllTasks", "")
        .await;
    assert_eq!(ended.status, 200, "{}", ended.text());
    let metrics = rig.metrics().await;
    assert!(metrics.contains("overgate_upstream_in_flight 0\n"));
}

/// More requests than seats, a leader that falls silent for longer than a list waits for its seat,
/// and its successor: everything is answered.
#[tokio::test]
async fn a_failover_sheds_nobody() {
    let rig = Rig::with("max_in_flight = 2\nreuse_reads = \"0ms\"", "").await;
    assert_eq!(rig.get("wiki", "/tasks").await.status, 200);
    for silent in [true, false] {
        let (old, new) = match silent {
            true => (&rig.nodes[0], &rig.nodes[1]),
            false => (&rig.nodes[1], &rig.nodes[0]),
        };
        if silent {
            old.set_role(Role::Silent);
        } else {
            old.set_role(Role::Electing);
        }
        let mut asking = JoinSet::new();
        for number in 0..32 {
            // The first two have the seats.
            if number == 2 {
                sleep(Duration::from_millis(700)).await;
            }
            let call = match number % 3 {
                0 => call("POST", "/task").json(format!(
                    r#"{{"type":"noop","id":"{silent}{number}","dataSource":"wiki"}}"#
                )),
                // Each another one: identical reads are one.
                1 => call("GET", &format!("/tasks?max={number}")),
                _ => call("GET", &format!("/completeTasks?n={number}")),
            };
            let address = rig.address;
            asking.spawn(async move { call.send(address).await.expect("answered") });
        }
        // Longer than the longest wait of a list.
        sleep(Duration::from_millis(1_500)).await;
        new.set_role(Role::Leader);
        while let Some(answer) = asking.join_next().await {
            let answer = answer.expect("no panic");
            assert_eq!(answer.status, 200, "silent: {silent} {}", answer.text());
        }
    }
}

/// A client that does not read holds no seat.
#[tokio::test]
async fn who_reads_slowly_keeps_nobody_waiting() {
    let rig = Rig::with("max_in_flight = 1", "").await;
    let long = "x".repeat(16 << 20);
    let log = Fault::Instead(200, "text/plain", long);
    let noop = r#"{"type":"noop","id":"a","dataSource":"wiki"}"#;
    assert_eq!(rig.post("wiki", "/task", noop).await.status, 200);
    rig.nodes[0].fault(Method::GET, log);
    let mut slow = Client::connect(rig.address).await.expect("connected");
    slow.write(&call("GET", "/task/a/log").bytes())
        .await
        .expect("taken");
    let (status, _) = slow.head().await.expect("begun");
    assert_eq!(status, 200);
    // Long before the slow one is cut.
    let status = rig.get("wiki", "/task/a/status");
    let status = tokio::time::timeout(Duration::from_secs(8), status).await;
    assert_eq!(status.expect("at once").status, 200);
}
