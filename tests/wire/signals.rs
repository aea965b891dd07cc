//! Reload, drain, restart.

use std::io::Read as _;
use std::os::fd::AsRawFd as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::process::{Process, configuration, overlord};
use crate::support::client::{Call, Client};
use crate::support::rig::{PASSWORD, api, cheap_hash};
use crate::support::{PATIENCE, eventually};

fn get() -> Call {
    Call::get(&api("/tasks")).login("admin", PASSWORD)
}

/// Another list: the answer of a moment ago to [`get`] is none to this.
fn get_waiting() -> Call {
    Call::get(&api("/waitingTasks")).login("admin", PASSWORD)
}

#[tokio::test]
async fn a_reload_is_all_or_nothing() {
    let overlord = overlord().await;
    let gateway = Process::start(overlord.address(), "").await;
    let submit = Call::new("POST", &api("/task"))
        .login("viewer", PASSWORD)
        .json(r#"{"type":"noop","dataSource":"wiki"}"#);
    let status = async || submit.send(gateway.address).await.expect("answered").status;
    assert_eq!(status().await, 403);
    let text = std::fs::read_to_string(&gateway.config).expect("written");
    // Broken, unknown keys, weak hashes, what needs a restart: nothing of it is taken.
    let actions = "actions = [\"read\"]";
    let granted = text.replace(actions, "actions = [\"read\", \"submit\"]");
    for (number, broken) in [
        format!("{granted}\n["),
        format!("{granted}\nodd = 1\n"),
        granted.replace("$argon2id$", "$argon2i$"),
        granted.replace(
            "[admin]",
            "[admin]\ntoken = \"env:OVERGATE_TEST_IS_NOT_SET\"",
        ),
        granted.replace("address = \"127.0.0.1:0\"", "address = \"127.0.0.1:1\""),
        granted.replace("http://", "ftp://"),
        String::new(),
    ]
    .into_iter()
    .enumerate()
    {
        std::fs::write(&gateway.config, broken).expect("written");
        gateway.signal("HUP");
        eventually("the refusal is told", async || {
            let lines = gateway.lines.lock().expect("no panic");
            let refused = lines
                .iter()
                .filter(|line| line.contains("reload refused"))
                .count();
            (refused > number).then_some(())
        })
        .await;
        assert_eq!(status().await, 403, "number {number}");
    }
    let metrics = Call::get("/metrics")
        .send(gateway.admin)
        .await
        .expect("answered")
        .text();
    assert!(metrics.contains("overgate_config_reload_failed 1"));
    // A good one is noticed without a signal.
    std::fs::write(&gateway.config, granted).expect("written");
    eventually("the file is noticed", async || {
        (status().await == 200).then_some(())
    })
    .await;
    let metrics = Call::get("/metrics")
        .send(gateway.admin)
        .await
        .expect("answered")
        .text();
    assert!(
        metrics.contains("overgate_config_reload_failed 0")
            && metrics.contains("overgate_config_generation 2")
    );
}

#[tokio::test]
async fn a_change_of_the_htpasswd_file_is_taken_whole_or_not_at_all() {
    let overlord = overlord().await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("users");
    let write = |text: String| std::fs::write(&path, text).expect("written");
    let hash = cheap_hash();
    write(format!("first:{hash}\n"));
    let identity = format!("[identity]\nhtpasswd = \"{}\"\n", path.display());
    let gateway = Process::start(overlord.address(), &identity).await;
    let statuses = async || {
        let mut statuses = Vec::new();
        for user in ["first", "second"] {
            let call = Call::get(&api("/leader")).login(user, PASSWORD);
            let answer = call.send(gateway.address).await.expect("answered");
            statuses.push(answer.status);
        }
        statuses
    };
    assert_eq!(
        statuses().await,
        [403, 401],
        "known without a role, and unknown"
    );
    write(format!(
        "second:{hash}\nthird:{{SHA}}5en6G6MezRroT3XKqkdPOmY/BfQ=\n"
    ));
    eventually("the refusal is told", async || {
        gateway.said("line 2: user `third`").then_some(())
    })
    .await;
    assert_eq!(statuses().await, [403, 401], "the old users serve on");
    write(format!("second:{hash}\n"));
    eventually("it is reloaded", async || {
        gateway.said("configuration reloaded").then_some(())
    })
    .await;
    assert_eq!(statuses().await, [401, 403]);
    // A file that the configuration names from now on is watched from the refusal on.
    let other = folder.path().join("others");
    let text = std::fs::read_to_string(&gateway.config).expect("written");
    let named = |path: &std::path::Path| format!("\"{}\"", path.display());
    let text = text.replace(&named(&path), &named(&other));
    std::fs::write(&gateway.config, text).expect("written");
    eventually("the missing file is told", async || {
        gateway.said("cannot read the secret's file").then_some(())
    })
    .await;
    std::fs::write(&other, format!("first:{hash}\n")).expect("written");
    eventually("it is reloaded", async || {
        gateway.said("\"generation\":3").then_some(())
    })
    .await;
    assert_eq!(statuses().await, [403, 401]);
}

#[tokio::test]
async fn who_is_taken_out_of_the_htpasswd_file_is_out() {
    let overlord = overlord().await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("users");
    let write = |text: String| std::fs::write(&path, text).expect("written");
    let hash = cheap_hash();
    write(format!("first:{hash}\nsecond:{hash}\n"));
    let more = format!(
        "[identity]\nhtpasswd = \"{}\"\n[[user]]\nname = \"second\"\nroles = [\"operator\"]\n",
        path.display()
    );
    let gateway = Process::start(overlord.address(), &more).await;
    let statuses = async || {
        let mut statuses = Vec::new();
        for user in ["first", "second"] {
            let call = Call::get(&api("/leader")).login(user, PASSWORD);
            let answer = call.send(gateway.address).await.expect("answered");
            statuses.push(answer.status);
        }
        statuses
    };
    assert_eq!(statuses().await, [403, 200]);
    let second = format!("second:{hash}\n");
    for (number, content, expected) in [
        (2, format!("first:{hash}\n"), [403, 401]),
        (3, String::new(), [401, 401]),
        (4, second, [401, 200]),
    ] {
        write(content);
        let taken = format!("\"generation\":{number}");
        eventually("it is taken", async || gateway.said(&taken).then_some(())).await;
        assert_eq!(statuses().await, expected, "{number}");
    }
    assert!(gateway.said("nobody can log in as user `second`"));
    std::fs::remove_file(&path).expect("removed");
    eventually("it is told", async || {
        gateway.said("reload refused").then_some(())
    })
    .await;
    let metrics = Call::get("/metrics").send(gateway.admin).await;
    let metrics = metrics.expect("answered").text();
    assert!(metrics.contains("overgate_config_reload_failed 1"));
    assert_eq!(statuses().await, [401, 200], "who is out is not known");
}

#[tokio::test]
async fn the_admin_token_can_be_changed() {
    let overlord = overlord().await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("token");
    std::fs::write(&path, "old-token\n").expect("written");
    let admin = format!("[admin]\ntoken = \"file:{}\"\n", path.display());
    let gateway = Process::start(overlord.address(), &admin).await;
    let statuses = async || {
        let mut statuses = Vec::new();
        for token in ["old-token", "new-token"] {
            let call = Call::get("/status").header("Authorization", &format!("Bearer {token}"));
            statuses.push(call.send(gateway.admin).await.expect("answered").status);
        }
        statuses
    };
    assert_eq!(statuses().await, [200, 401]);
    // Without a signal: the file is watched.
    std::fs::write(&path, "new-token\n").expect("written");
    eventually("it is taken", async || {
        (statuses().await == [401, 200]).then_some(())
    })
    .await;
    assert!(!gateway.said("reload refused"));
    // The token's file is named by nothing any more: everybody on this machine may look.
    let text = std::fs::read_to_string(&gateway.config).expect("written");
    std::fs::write(&gateway.config, text.replace("token = ", "# token = ")).expect("written");
    eventually("it is taken", async || {
        (statuses().await == [200, 200]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_reload_gives_nobody_new_tokens() {
    let overlord = overlord().await;
    let limit = "[[rate_limit]]\nname = \"submissions\"\nactions = [\"submit\"]\nkey = [\"datasource\"]\nrate = \"1/h\"\nburst = 2\n";
    let gateway = Process::start(overlord.address(), "").await;
    let text = std::fs::read_to_string(&gateway.config).expect("written");
    let generation = async || {
        let metrics = Call::get("/metrics").send(gateway.admin).await;
        let text = metrics.expect("answered").text();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("overgate_config_generation "));
        line.expect("told").parse::<u64>().expect("a number")
    };
    let reload = async |text: String| {
        let before = generation().await;
        std::fs::write(&gateway.config, text).expect("written");
        gateway.signal("HUP");
        eventually("it is reloaded", async || {
            (generation().await > before).then_some(())
        })
        .await;
    };
    let submit = Call::new("POST", &api("/task"))
        .login("wiki", PASSWORD)
        .json(r#"{"type":"noop","dataSource":"wiki"}"#);
    let status = async || submit.send(gateway.address).await.expect("answered").status;
    reload(format!("{text}{limit}")).await;
    assert_eq!(
        (status().await, status().await, status().await),
        (200, 200, 429)
    );
    // The same limit beside another change: its buckets are as empty as before.
    reload(format!("{text}{limit}[validation]\nmax_depth = 60\n")).await;
    assert_eq!(status().await, 429);
}

#[tokio::test]
async fn a_drain_finishes_what_is_in_flight() {
    let overlord = overlord().await;
    let mut gateway = Process::start(overlord.address(), "[drain]\nlame_duck = \"600ms\"\n").await;
    assert_eq!(
        get().send(gateway.address).await.expect("answered").status,
        200
    );
    let mut idle = Client::connect(gateway.address).await.expect("connected");
    assert_eq!(
        idle.call(&get())
            .await
            .expect("answered")
            .header("Connection"),
        Some("keep-alive")
    );
    overlord.set_delay(Duration::from_millis(1_500));
    let flying = tokio::spawn({
        let address = gateway.address;
        async move { get_waiting().send(address).await }
    });
    let mut half = Client::connect(gateway.address).await.expect("connected");
    let bytes = get().bytes();
    let (begin, rest) = bytes.split_at(20);
    half.write(begin).await.expect("sent");
    tokio::time::sleep(Duration::from_millis(200)).await;
    gateway.signal("TERM");
    eventually("it is not ready any more", async || {
        let ready = Call::get("/readyz").send(gateway.admin).await.ok()?;
        (ready.status == 503).then_some(())
    })
    .await;
    // Still served in the lame duck, and told to go.
    half.write(rest).await.expect("sent");
    let late = Client::connect(gateway.address).await;
    assert!(late.is_ok(), "still accepting");
    drop(late);
    let answer = flying.await.expect("no panic").expect("answered");
    assert_eq!(
        (answer.status, answer.header("Connection")),
        (200, Some("close"))
    );
    assert_eq!(
        half.answer().await.expect("answered").header("Connection"),
        Some("close")
    );
    assert!(idle.closed().await);
    assert_eq!(gateway.exit(Duration::from_secs(3)).await, Some(0));
    assert!(Client::connect(gateway.address).await.is_err());
}

#[tokio::test]
async fn a_reload_changes_the_drain() {
    let overlord = overlord().await;
    let mut gateway = Process::start(overlord.address(), "[drain]\nlame_duck = \"10min\"\n").await;
    let text = std::fs::read_to_string(&gateway.config).expect("written");
    std::fs::write(&gateway.config, text.replace("10min", "10ms")).expect("written");
    gateway.signal("HUP");
    eventually("it is reloaded", async || {
        gateway.said("configuration reloaded").then_some(())
    })
    .await;
    // An open connection is what a lame duck waits for.
    let mut idle = Client::connect(gateway.address).await.expect("connected");
    assert_eq!(idle.call(&get()).await.expect("answered").status, 200);
    gateway.signal("TERM");
    assert_eq!(gateway.exit(Duration::from_secs(20)).await, Some(0));
}

#[tokio::test]
async fn an_admin_socket_that_was_handed_over_needs_a_token_off_loopback() {
    let overlord = overlord().await;
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("overgate.toml");
    let socket = |address: &str| {
        let listener = std::net::TcpListener::bind(address).expect("bound");
        let socket = socket2::Socket::from(listener);
        socket.set_cloexec(false).expect("inherited");
        socket
    };
    let (downstream, open) = (socket("127.0.0.1:0"), socket("0.0.0.0:0"));
    let command = || {
        let mut command = Command::new("/bin/bash");
        command.arg("-c").arg(format!(
            "exec env LISTEN_FDS=2 LISTEN_PID=$$ \"$0\" \"$@\" 3<&{} 4<&{}",
            downstream.as_raw_fd(),
            open.as_raw_fd()
        ));
        command.arg(env!("CARGO_BIN_EXE_overgate"));
        command
    };
    std::fs::write(&config, configuration(overlord.address(), "")).expect("written");
    let mut serving = command();
    serving.args(["serve", "--config"]).arg(&config);
    let mut serving = serving.stderr(Stdio::piped()).spawn().expect("it runs");
    let mut stderr = serving.stderr.take().expect("piped");
    // Its end is the end of what it says.
    let reading = tokio::task::spawn_blocking(move || {
        let mut said = String::new();
        stderr.read_to_string(&mut said).map(|_| said)
    });
    let said = tokio::time::timeout(PATIENCE, reading).await;
    if said.is_err() {
        serving.kill().expect("ours");
    }
    let status = serving.wait().expect("ours");
    let said = said.expect("in time").expect("no panic").expect("UTF-8");
    assert_eq!(status.code(), Some(2), "{said}");
    assert!(said.contains("needs a `token`"), "{said}");
    // With one it is taken.
    let text = configuration(
        overlord.address(),
        "[admin]\ntoken = \"env:OVERGATE_TEST_TOKEN\"\n",
    );
    std::fs::write(&config, text).expect("written");
    let mut command = command();
    command.env("OVERGATE_TEST_TOKEN", "0123456789abcdef0123456789abcdef");
    let gateway = Process::spawn(&mut command, config).await;
    assert!(gateway.admin.ip().is_unspecified(), "{}", gateway.admin);
}

#[tokio::test]
async fn nothing_in_flight_is_no_wait_and_a_second_signal_is_none_either() {
    let overlord = overlord().await;
    let mut gateway = Process::start(overlord.address(), "").await;
    assert_eq!(
        get().send(gateway.address).await.expect("answered").status,
        200
    );
    gateway.signal("TERM");
    assert_eq!(
        gateway.exit(Duration::from_millis(900)).await,
        Some(0),
        "sooner than the lame duck of 1 s"
    );
    let mut gateway = Process::start(overlord.address(), "").await;
    assert_eq!(
        get().send(gateway.address).await.expect("answered").status,
        200
    );
    overlord.set_delay(Duration::from_secs(600));
    let mut client = Client::connect(gateway.address).await.expect("connected");
    client.write(&get_waiting().bytes()).await.expect("sent");
    tokio::time::sleep(Duration::from_millis(200)).await;
    gateway.signal("TERM");
    eventually("the drain has begun", async || {
        gateway.said("draining").then_some(())
    })
    .await;
    gateway.signal("TERM");
    assert_eq!(
        gateway.exit(Duration::from_secs(2)).await,
        Some(1),
        "at once, and not clean"
    );
}

/// Runs the binary on a socket that is held by this process, as systemd holds one.
async fn on_socket(fd: i32, config: std::path::PathBuf) -> Process {
    let mut command = Command::new("/bin/bash");
    // The socket becomes descriptor 3; LISTEN_PID is the process that takes it.
    command.arg("-c").arg(format!(
        "exec env LISTEN_FDS=1 LISTEN_PID=$$ \"$0\" \"$@\" 3<&{fd}"
    ));
    command.arg(env!("CARGO_BIN_EXE_overgate"));
    Process::spawn(&mut command, config).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarts_lose_nothing() {
    const RESTARTS: usize = 10;
    const REQUESTS: usize = 20_000;
    let overlord = overlord().await;
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("overgate.toml");
    std::fs::write(
        &config,
        configuration(
            overlord.address(),
            "[drain]\nlame_duck = \"500ms\"\n[telemetry]\naccess_log = \"off\"\n",
        ),
    )
    .expect("written");
    let socket =
        socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    let any: std::net::SocketAddr = "127.0.0.1:0".parse().expect("an address");
    socket.bind(&any.into()).expect("bound");
    socket.listen(4_096).expect("listening");
    socket.set_cloexec(false).expect("inherited");
    let address = socket
        .local_addr()
        .expect("bound")
        .as_socket()
        .expect("IPv4");
    let mut gateway = on_socket(socket.as_raw_fd(), config.clone()).await;
    let (sent, failed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let done = Arc::new(AtomicBool::new(false));
    let mut clients = Vec::new();
    for number in 0..8 {
        let (sent, failed, done) = (sent.clone(), failed.clone(), done.clone());
        clients.push(tokio::spawn(async move {
            let post = Call::new("POST", &api("/task"))
                .login("admin", PASSWORD)
                .json(r#"{"type":"noop","dataSource":"a"}"#);
            let mut kept: Option<Client> = None;
            while !done.load(Ordering::Relaxed) {
                let call = if number % 2 == 0 {
                    get_status()
                } else {
                    post.clone()
                };
                let outcome = async {
                    let mut client = match kept.take() {
                        Some(client) => client,
                        None => Client::connect(address).await?,
                    };
                    let answer = client.call(&call).await?;
                    // Half of the clients keep their connection as long as they may.
                    if number < 4 && answer.header("Connection") == Some("keep-alive") {
                        kept = Some(client);
                    }
                    Ok::<u16, std::io::Error>(answer.status)
                }
                .await;
                sent.fetch_add(1, Ordering::Relaxed);
                if !matches!(outcome, Ok(200)) {
                    eprintln!("{outcome:?}");
                    failed.fetch_add(1, Ordering::Relaxed);
                }
            }
        }));
    }
    for restart in 0..RESTARTS {
        eventually("some load", async || {
            (sent.load(Ordering::Relaxed) >= restart * REQUESTS / RESTARTS).then_some(())
        })
        .await;
        let next = on_socket(socket.as_raw_fd(), config.clone()).await;
        gateway.signal("TERM");
        assert_eq!(gateway.exit(Duration::from_secs(20)).await, Some(0));
        gateway = next;
    }
    eventually("all requests", async || {
        (sent.load(Ordering::Relaxed) >= REQUESTS).then_some(())
    })
    .await;
    done.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.expect("no panic");
    }
    let (sent, failed) = (sent.load(Ordering::Relaxed), failed.load(Ordering::Relaxed));
    println!("{failed} of {sent} requests failed over {RESTARTS} restarts");
    assert_eq!(failed, 0, "of {sent}");
}

fn get_status() -> Call {
    Call::get(&api("/isLeader")).login("admin", PASSWORD)
}
