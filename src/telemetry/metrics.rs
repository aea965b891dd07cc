//! Metrics: the one list of them, with labels that clients cannot invent: under 1,000 series in
//! all, with the most names of datasources that the configuration allows (a test counts them).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use prometheus::{
    Encoder as _, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec,
    Opts, Registry, TextEncoder,
};

use super::readings::{Read, Readings, float, gauges_of};
use super::{OVERLOADED, Outcome, Stage};

/// All metrics of the process.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    durations: HistogramVec,
    upstream_durations: Histogram,
    decisions: IntCounterVec,
    findings: IntCounterVec,
    submissions: IntCounterVec,
    limits: IntCounterVec,
    attempts: IntCounterVec,
    shed: IntCounterVec,
    shared_reads: IntCounterVec,
    turned_away: IntCounterVec,
    cut: IntCounter,
    received: IntCounter,
    sent: IntCounter,
    overlords: GaugeVec,
    leader: GaugeVec,
    waiting: GaugeVec,
    certificates: GaugeVec,
    gauges: Vec<Read>,
    datasources: Mutex<Names>,
    limit_names: Mutex<Names>,
}

/// Limits that labels may name; all others are `other`.
const LIMIT_NAMES: usize = 50;

/// Names that labels may have: the first so many.
struct Names {
    known: HashMap<String, ()>,
    most: usize,
}

/// The label for all that labels do not name.
const OTHER: &str = "other";

/// From a status poll (1 ms) to a submission in a failover (60 s).
const BUCKETS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0,
];

impl Metrics {
    /// The metrics, all at zero. At most `datasources` names become labels.
    pub fn new(datasources: usize) -> Metrics {
        let registry = Registry::new();
        let counters = |name: &str, help: &str, labels: &[&str]| {
            registered(&registry, IntCounterVec::new(Opts::new(name, help), labels))
        };
        let counter = |name: &str, help: &str| {
            registered(&registry, IntCounter::with_opts(Opts::new(name, help)))
        };
        let gauges = |name: &str, help: &str, labels: &[&str]| {
            registered(&registry, GaugeVec::new(Opts::new(name, help), labels))
        };
        let histogram =
            |name: &str, help: &str| HistogramOpts::new(name, help).buckets(BUCKETS.to_vec());
        let build = gauges(
            "overgate_build_info",
            "The version, as a label; always 1",
            &["version"],
        );
        build
            .with_label_values(&[env!("CARGO_PKG_VERSION")])
            .set(1.0);
        Metrics {
            requests: counters(
                "overgate_requests_total",
                "Requests answered, by endpoint and class of status (`2xx`; `none`: the client left)",
                &["operation", "status"],
            ),
            durations: registered(
                &registry,
                HistogramVec::new(
                    histogram(
                        "overgate_request_duration_seconds",
                        "From a request's first byte to the end of its answer, by what it does",
                    ),
                    // By endpoint it would be 15 series for each of 70.
                    &["action"],
                ),
            ),
            upstream_durations: registered(
                &registry,
                Histogram::with_opts(histogram(
                    "overgate_upstream_duration_seconds",
                    "Of it, the time spent waiting for the Overlord",
                )),
            ),
            decisions: counters(
                "overgate_decisions_total",
                "Requests by the stage that made the answer and by the refusal's code (`none`: admitted)",
                &["stage", "code"],
            ),
            findings: counters(
                "overgate_findings_total",
                "Findings in judged bodies, by code",
                &["code"],
            ),
            submissions: counters(
                "overgate_submissions_total",
                "Submissions by the datasource they write (`other` beyond the first names) and outcome",
                &["datasource", "outcome"],
            ),
            limits: counters(
                "overgate_limit_decisions_total",
                "What limits and quotas said, by the limit (`other` beyond the first 50): admitted, near (less than a fifth is left), would-refuse (audited), refused",
                &["limit", "said"],
            ),
            attempts: counters(
                "overgate_upstream_attempts_total",
                "Times a request was sent or tried to be sent, by the Overlord that was tried last",
                &["overlord"],
            ),
            shed: counters(
                "overgate_requests_shed_total",
                "Requests that were not sent because the Overlord has more to do than it can, by class",
                &["class"],
            ),
            shared_reads: counters(
                "overgate_shared_reads_total",
                "Reads of statuses and lists, by how they came by their answer (`fetched`, `joined` one under way, `reused` one of a moment ago, `alone`: it is too large to share)",
                &["answer"],
            ),
            turned_away: counters(
                "overgate_connections_turned_away_total",
                "Connections closed before a request, by reason",
                &["reason"],
            ),
            cut: counter(
                "overgate_answers_cut_total",
                "Answers that did not get to their end",
            ),
            received: counter("overgate_received_bytes_total", "Bytes of request bodies"),
            sent: counter("overgate_sent_bytes_total", "Bytes of answer bodies"),
            overlords: gauges(
                "overgate_overlord_state",
                "1 for the state that an Overlord was last seen in",
                &["overlord", "state"],
            ),
            waiting: gauges(
                "overgate_upstream_waiting",
                "Requests that wait to be sent to the Overlord, by class",
                &["class"],
            ),
            certificates: gauges(
                "overgate_certificate_expiry_timestamp_seconds",
                "When the first certificate in a file ends",
                &["file"],
            ),
            leader: gauges(
                "overgate_overlord_leader",
                "1 for the Overlord that requests are sent to",
                &["overlord"],
            ),
            gauges: gauges_of(&registry),
            datasources: Mutex::new(Names {
                known: HashMap::new(),
                most: datasources,
            }),
            limit_names: Mutex::new(Names {
                known: HashMap::new(),
                most: LIMIT_NAMES,
            }),
            registry,
        }
    }

    pub(super) fn count(&self, outcome: &Outcome) {
        let class = match outcome.status {
            0 => "none",
            100..=199 => "1xx",
            200..=299 => "2xx",
            300..=399 => "3xx",
            400..=499 => "4xx",
            _ => "5xx",
        };
        let operation = outcome.operation;
        self.requests.with_label_values(&[operation, class]).inc();
        self.durations
            .with_label_values(&[outcome.action])
            .observe(outcome.duration.as_secs_f64());
        let code = outcome.code.unwrap_or("none");
        self.decisions
            .with_label_values(&[outcome.stage.name(), code])
            .inc();
        for finding in &outcome.findings {
            self.findings.with_label_values(&[finding]).inc();
        }
        for (limit, said) in &outcome.limits {
            let name = label(&self.limit_names, limit, true);
            self.limits.with_label_values(&[name, said.name()]).inc();
        }
        if operation == "submit-task" || operation == "submit-supervisor" {
            self.count_submission(outcome);
        }
        if outcome.attempts > 0 {
            let overlord = outcome.upstream.as_deref().unwrap_or("none");
            self.attempts
                .with_label_values(&[overlord])
                .inc_by(outcome.attempts.into());
            self.upstream_durations
                .observe(outcome.upstream_time.as_secs_f64());
        }
        if outcome.code == Some(OVERLOADED) {
            self.shed.with_label_values(&[outcome.class]).inc();
        }
        if let Some(sharing) = outcome.sharing {
            self.shared_reads.with_label_values(&[sharing.name()]).inc();
        }
        if outcome.cut {
            self.cut.inc();
        }
        self.received.inc_by(outcome.received);
        self.sent.inc_by(outcome.sent);
    }

    fn count_submission(&self, outcome: &Outcome) {
        // An owner may have been asked for before it was refused: attempts do not tell.
        let was_sent = matches!(outcome.stage, Stage::Upstream | Stage::Done);
        let result = match outcome.status {
            200..=299 => "accepted",
            _ if !was_sent => "refused",
            400..=499 => "refused-by-druid",
            _ => "failed",
        };
        // Only names that somebody may write become labels: invented ones are refused before.
        let permitted = was_sent;
        let name = outcome.datasources.first().map_or("none", |name| {
            label(&self.datasources, name.as_str(), permitted)
        });
        self.submissions.with_label_values(&[name, result]).inc();
    }

    /// Counts a connection that was closed before it had sent a request.
    pub fn turned_away(&self, reason: &'static str) {
        self.turned_away.with_label_values(&[reason]).inc();
    }

    /// All metrics in Prometheus' text format, with `readings` as of now.
    pub fn scrape(&self, readings: &Readings) -> String {
        self.overlords.reset();
        self.leader.reset();
        for (address, state, leads) in &readings.overlords {
            self.overlords
                .with_label_values(&[address.as_str(), state])
                .set(1.0);
            self.leader
                .with_label_values(&[address.as_str()])
                .set(f64::from(u8::from(*leads)));
        }
        for (class, waiting) in &readings.waiting {
            self.waiting
                .with_label_values(&[class])
                .set(float(*waiting as u64));
        }
        self.certificates.reset();
        for (file, end) in &readings.certificates {
            self.certificates
                .with_label_values(&[file.as_str()])
                .set(float(u64::try_from(*end).unwrap_or(0)));
        }
        for (gauge, read) in &self.gauges {
            gauge.set(read(readings));
        }
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "cannot write the metrics");
        }
        String::from_utf8(text).unwrap_or_default()
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

/// The name, if labels may have it.
fn label<'n>(names: &Mutex<Names>, name: &'n str, may_be_new: bool) -> &'n str {
    let mut names = names.lock().unwrap_or_else(PoisonError::into_inner);
    if names.known.contains_key(name) {
        return name;
    }
    if may_be_new && names.known.len() < names.most {
        names.known.insert(name.to_owned(), ());
        return name;
    }
    OTHER
}

pub(super) fn registered<C>(registry: &Registry, collector: prometheus::Result<C>) -> C
where
    C: prometheus::core::Collector + Clone + 'static,
{
    let collector = collector.expect("names and labels of metrics are constants");
    registry
        .register(Box::new(collector.clone()))
        .expect("every metric is registered once");
    collector
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::druid::DataSource;
    use crate::finding::CODES;
    use crate::route::{Class, ENDPOINTS};
    use crate::telemetry::Sharing;
    use crate::telemetry::outcome::tests::sample;

    /// Three Overlords, each seen in some state.
    fn readings() -> Readings {
        let overlord = |number: u16| (format!("10.0.0.{number}:8090"), "following", number == 1);
        Readings {
            overlords: (1..=3).map(overlord).collect(),
            waiting: Class::ALL.map(|class| (class.name(), 1)).to_vec(),
            ..Readings::default()
        }
    }

    fn invented(number: usize) -> DataSource {
        format!("invented-{number}").parse().expect("a name")
    }

    /// Whatever clients do with every endpoint, and whatever names they invent, the series stay
    /// few. A 3xx is not among the statuses: Druid's only one is absorbed.
    #[test]
    fn series_are_bounded_whatever_clients_send() {
        const NAMES: usize = 1_000_000;
        let metrics = Metrics::new(100);
        let mut outcome = sample();
        outcome.findings = CODES.iter().map(|row| row.code.name()).collect();
        metrics.count(&outcome);
        outcome.findings.clear();
        let known = ENDPOINTS
            .iter()
            .map(|row| (row.operation.name(), row.action.name(), row.class.name()));
        for (operation, action, class) in known.chain([("none", "none", "none")]) {
            outcome.operation = operation;
            outcome.action = action;
            outcome.class = class;
            for status in [0, 200, 404, 502] {
                outcome.status = status;
                outcome.code = (status == 502).then_some(OVERLOADED);
                metrics.count(&outcome);
            }
        }
        for sharing in [
            Sharing::Fetched,
            Sharing::Joined,
            Sharing::Reused,
            Sharing::Alone,
        ] {
            outcome.sharing = Some(sharing);
            metrics.count(&outcome);
        }
        // A refusal's code belongs to one stage, and there are some 40.
        for stage in Stage::ALL {
            for code in ["a", "b", "c"] {
                outcome.stage = stage;
                outcome.code = Some(code);
                metrics.count(&outcome);
            }
        }
        for operation in ["submit-task", "submit-supervisor"] {
            outcome.operation = operation;
            for (status, stage) in [
                (200, Stage::Done),
                (403, Stage::Authorize),
                (400, Stage::Done),
                (502, Stage::Upstream),
            ] {
                outcome.status = status;
                outcome.stage = stage;
                for number in 0..200 {
                    outcome.datasources = vec![invented(number)];
                    metrics.count(&outcome);
                }
            }
        }
        for number in 0..NAMES {
            outcome.datasources = vec![invented(number)];
            metrics.count(&outcome);
        }
        outcome.duration = Duration::from_secs(3_600);
        metrics.count(&outcome);
        let text = metrics.scrape(&readings());
        let series = text.lines().filter(|line| !line.starts_with('#')).count();
        assert!(series < 1_000, "{series}");
        let submissions = |datasource: &str| {
            let begin = format!("overgate_submissions_total{{datasource=\"{datasource}\"");
            text.lines().filter(|line| line.starts_with(&begin)).count()
        };
        assert_eq!(
            submissions("invented-98"),
            4,
            "the first hundred, and `wiki`"
        );
        assert_eq!((submissions("invented-99"), submissions("other")), (0, 4));
    }
}
