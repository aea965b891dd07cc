//! The admin listener: liveness, readiness, metrics and status, for operators and their machines.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use subtle::ConstantTimeEq as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::quota::Fullness;
use crate::telemetry::{Metrics, Readings};

/// Connections at once: a few scrapers and probes.
const MOST_CONNECTIONS: usize = 64;

/// A connection is closed after this time, whatever it does.
const LONGEST_CONNECTION: Duration = Duration::from_secs(60);

/// Buckets that `/status` shows.
const MOST_BUCKETS: usize = 20;

/// What the admin listener shows.
pub trait Source: Send + Sync + 'static {
    /// The state of the process now.
    fn readings(&self) -> Readings;

    /// The buckets of rate limits with the least left.
    fn fullest(&self, most: usize) -> Vec<Fullness>;

    /// The metrics.
    fn metrics(&self) -> &Metrics;

    /// The bearer token that `/metrics` and `/status` want now, if they want one.
    fn token(&self) -> Option<Arc<String>>;
}

/// Serves the admin listener until dropped.
pub async fn serve<S: Source>(listener: TcpListener, source: Arc<S>) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let connection = serve_connection(stream, source.clone());
                tokio::spawn(async move {
                    // Nobody waits for a probe that takes too long or hangs up.
                    let _ = tokio::time::timeout(LONGEST_CONNECTION, connection).await;
                    drop(place);
                });
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn serve_connection<S: Source>(stream: TcpStream, source: Arc<S>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let response = respond(&request, &*source);
        async move { Ok::<_, Infallible>(response) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(10))
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "an admin connection broke");
    }
}

fn respond<B>(request: &Request<B>, source: &impl Source) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return text(StatusCode::METHOD_NOT_ALLOWED, "only GET is served here\n");
    }
    let guarded = matches!(path, "/metrics" | "/status");
    if guarded && !is_allowed(request, source.token().as_deref()) {
        let mut response = text(StatusCode::UNAUTHORIZED, "a bearer token is wanted\n");
        let challenge = header::HeaderValue::from_static("Bearer");
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, challenge);
        return response;
    }
    match path {
        "/livez" => text(StatusCode::OK, "ok\n"),
        "/readyz" => {
            let verbose = request
                .uri()
                .query()
                .is_some_and(|query| query.starts_with("verbose"));
            ready(&source.readings(), verbose)
        }
        "/metrics" => {
            let body = source.metrics().scrape(&source.readings());
            let mut response = text(StatusCode::OK, body);
            let media_type =
                header::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
            response
                .headers_mut()
                .insert(header::CONTENT_TYPE, media_type);
            response
        }
        "/status" => status(&source.readings(), source.fullest(MOST_BUCKETS)),
        _ => text(
            StatusCode::NOT_FOUND,
            "served here: /livez /readyz /metrics /status\n",
        ),
    }
}

fn is_allowed<B>(request: &Request<B>, token: Option<&String>) -> bool {
    let Some(token) = token else { return true };
    request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "))
        .is_some_and(|sent| sent.ct_eq(token.as_bytes()).into())
}

/// Ready: not stopping, some Overlord leads, and it takes the gateway's login.
fn ready(readings: &Readings, verbose: bool) -> Response<Full<Bytes>> {
    let login = match readings.login {
        Some(true) => "login",
        Some(false) => "login: Druid refuses the gateway's own credentials",
        None => "login: no leader was asked yet",
    };
    let checks = [
        ("serving", !readings.draining),
        (
            "leader",
            readings.overlords.iter().any(|(_, _, leads)| *leads),
        ),
        (login, readings.login == Some(true)),
    ];
    let all = checks.iter().all(|(_, good)| *good);
    let status = if all {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let mut body = String::new();
    if verbose || !all {
        for (name, good) in checks {
            body.push_str(&format!("[{}] {name}\n", if good { '+' } else { '-' }));
        }
    }
    body.push_str(if all { "ok\n" } else { "not ready\n" });
    text(status, body)
}

fn status(readings: &Readings, fullest: Vec<Fullness>) -> Response<Full<Bytes>> {
    let overlords: Vec<_> = readings
        .overlords
        .iter()
        .map(|(address, state, leads)| json!({"address": address, "state": state, "leader": leads}))
        .collect();
    let buckets: Vec<_> = fullest
        .into_iter()
        .map(|bucket| {
            json!({
                "limit": bucket.rule,
                "key": bucket.key,
                "rate": bucket.numbers.rate.to_string(),
                "burst": bucket.numbers.burst,
                "takenPercent": f64::from(bucket.taken) / 10.0,
            })
        })
        .collect();
    let waiting: BTreeMap<_, _> = readings.waiting.iter().copied().collect();
    let value = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "draining": readings.draining,
        "configGeneration": readings.generation,
        "configReloadFailed": readings.reload_failed,
        "overlords": overlords,
        "loginAccepted": readings.login,
        "inFlight": readings.in_flight,
        "waiting": waiting,
        "connections": readings.connections,
        "limiterKeys": readings.limiter_keys,
        "limiterOverflowed": readings.limiter_overflowed,
        "storeAnswers": readings.store,
        "fullestBuckets": buckets,
        "liveTasks": {
            "tasks": readings.live_tasks,
            "slots": readings.live_slots,
            "unlisted": readings.live_pending,
            "ageSeconds": readings.live_age,
        },
        "bodyMemoryBytes": readings.body_bytes,
    });
    let mut response = text(StatusCode::OK, format!("{value}\n"));
    let media_type = header::HeaderValue::from_static("application/json");
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, media_type);
    response
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let media_type = header::HeaderValue::from_static("text/plain; charset=utf-8");
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, media_type);
    response
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    struct Fixed(Readings, Metrics, Option<&'static str>);

    impl Source for Fixed {
        fn readings(&self) -> Readings {
            self.0.clone()
        }

        fn fullest(&self, _: usize) -> Vec<Fullness> {
            Vec::new()
        }

        fn metrics(&self) -> &Metrics {
            &self.1
        }

        fn token(&self) -> Option<Arc<String>> {
            self.2.map(|token| Arc::new(token.to_owned()))
        }
    }

    async fn ask(
        readings: Readings,
        token: Option<&'static str>,
        path: &str,
        authorization: &str,
    ) -> (u16, String) {
        let request = Request::get(path)
            .header("authorization", authorization)
            .body(())
            .expect("a request");
        let response = respond(&request, &Fixed(readings, Metrics::new(10), token));
        let status = response.status().as_u16();
        let body = response
            .into_body()
            .collect()
            .await
            .expect("in memory")
            .to_bytes();
        (status, String::from_utf8(body.to_vec()).expect("text"))
    }

    #[tokio::test]
    async fn ready_means_serving_with_a_leader() {
        let refused = "[+] serving\n[+] leader\n[-] login: Druid refuses the gateway's own \
                       credentials\nnot ready\n";
        let unasked = "[+] serving\n[+] leader\n[-] login: no leader was asked yet\nnot ready\n";
        for (leads, login, draining, status, body) in [
            (true, Some(true), false, 200, "ok\n"),
            (true, Some(false), false, 503, refused),
            (true, None, false, 503, unasked),
            (
                false,
                Some(true),
                false,
                503,
                "[+] serving\n[-] leader\n[+] login\nnot ready\n",
            ),
            (
                true,
                Some(true),
                true,
                503,
                "[-] serving\n[+] leader\n[+] login\nnot ready\n",
            ),
        ] {
            let readings = Readings {
                overlords: vec![("a:1".to_owned(), "leading", leads)],
                login,
                draining,
                ..Readings::default()
            };
            let told = ask(readings.clone(), None, "/readyz", "").await;
            assert_eq!(told, (status, body.to_owned()));
            assert_eq!(ask(readings, None, "/livez", "").await.0, 200);
        }
        let nothing = ask(Readings::default(), None, "/readyz", "").await;
        assert_eq!(nothing.0, 503);
    }

    #[tokio::test]
    async fn status_tells_who_waits() {
        let readings = Readings {
            in_flight: 32,
            waiting: vec![("submission", 2), ("listing", 40)],
            ..Readings::default()
        };
        let (_, status) = ask(readings.clone(), None, "/status", "").await;
        let status: serde_json::Value = serde_json::from_str(&status).expect("JSON");
        assert_eq!(status["inFlight"], 32);
        assert_eq!(status["waiting"], json!({"submission": 2, "listing": 40}));
        let (_, metrics) = ask(readings, None, "/metrics", "").await;
        assert!(metrics.contains("overgate_upstream_in_flight 32"));
        assert!(metrics.contains("overgate_upstream_waiting{class=\"listing\"} 40"));
    }

    #[tokio::test]
    async fn metrics_and_status_want_the_token() {
        let cases = [
            ("/metrics", "Bearer secret", 200),
            ("/metrics", "Bearer Secret", 401),
            ("/metrics", "", 401),
            ("/status", "Basic secret", 401),
            ("/status", "Bearer secret", 200),
            ("/livez", "", 200),
            ("/nothing", "", 404),
        ];
        for (path, authorization, status) in cases {
            let found = ask(Readings::default(), Some("secret"), path, authorization).await;
            assert_eq!(found.0, status, "{path} {authorization}");
        }
        let (_, metrics) = ask(
            Readings {
                connections: 7,
                ..Readings::default()
            },
            None,
            "/metrics",
            "",
        )
        .await;
        assert!(metrics.contains("overgate_connections 7"), "{metrics}");
        assert!(
            metrics.contains("overgate_build_info{version="),
            "{metrics}"
        );
    }
}
