use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::druid::{DruidVersion, InvalidName};

/// What becomes of a request: the operation and the target that is sent upstream, or a word.
fn outcome(method: &str, target: &str) -> Result<(Operation, String), String> {
    let (path, query) = match CanonicalPath::parse(target) {
        Ok(Target::Below(path, query)) => (path, query),
        Ok(Target::Elsewhere) => return Err("404".to_owned()),
        Err(_) => return Err("400".to_owned()),
    };
    match Route::find(method, path, query) {
        Ok(route) => Ok((route.endpoint.operation, route.upstream_target())),
        Err(Unroutable::UnknownEndpoint) => Err("404".to_owned()),
        Err(Unroutable::MethodNotAllowed { allow }) => Err(format!("405 {}", allow.join(","))),
        Err(Unroutable::InvalidName(_) | Unroutable::Query(_)) => Err("400".to_owned()),
    }
}

#[test]
fn every_example_of_the_tasks_api_page() {
    use Operation as O;
    let cases: &[(&str, &str, Operation)] = &[
        (
            "GET",
            "/tasks/?state=complete&datasource=wikipedia_api&createdTimeInterval=2015-09-12_2015-09-13&max=10&type=query_worker",
            O::ListTasks,
        ),
        ("GET", "/tasks", O::ListTasks),
        ("GET", "/tasks?state=complete", O::ListTasks),
        ("GET", "/completeTasks", O::ListCompleteTasks),
        ("GET", "/runningTasks", O::ListRunningTasks),
        ("GET", "/waitingTasks", O::ListWaitingTasks),
        ("GET", "/pendingTasks", O::ListPendingTasks),
        (
            "GET",
            "/task/index_parallel_wikipedia_short_iajoonnd_2023-07-07T17:53:12.174Z",
            O::TaskPayload,
        ),
        (
            "GET",
            "/task/query-223549f8-b993-4483-b028-1b0d54713cad/status",
            O::TaskStatus,
        ),
        (
            "GET",
            "/task/query-52a8aafe-7265-4427-89fe-dc51275cc470/segments",
            O::TaskSegments,
        ),
        (
            "GET",
            "/task/query-52a8aafe-7265-4427-89fe-dc51275cc470/reports",
            O::TaskReports,
        ),
        (
            "GET",
            "/task/index_kafka_social_media_0e905aa31037879_nommnaeg/log",
            O::TaskLog,
        ),
        ("POST", "/task", O::SubmitTask),
        (
            "POST",
            "/task/query-52as%208aafe-7265-4427-89fe-dc51275cc470/shutdown",
            O::ShutdownTask,
        ),
        (
            "POST",
            "/datasources/wikipedia_auto/shutdownAllTasks",
            O::ShutdownAllTasks,
        ),
        ("POST", "/taskStatus", O::TaskStatuses),
        (
            "DELETE",
            "/pendingSegments/wikipedia_api",
            O::DeletePendingSegments,
        ),
    ];
    for (method, target, operation) in cases {
        let target = format!("{PREFIX}{target}");
        let sent = target.replace("/tasks/?", "/tasks?");
        assert_eq!(
            outcome(method, &target),
            Ok((*operation, sent)),
            "{method} {target}"
        );
    }
    // The page's curl line for the shutdown holds a raw space, which no HTTP client sends as it is.
    let raw = format!("{PREFIX}/task/query-52as 8aafe-7265-4427-89fe-dc51275cc470/shutdown");
    assert_eq!(outcome("POST", &raw), Err("400".to_owned()));
}

/// What Druid's two readers of a path, or we, could read differently; and what everybody reads
/// alike, with the one form that is sent.
#[test]
fn spellings_end_in_a_refusal_or_in_the_same_meaning() {
    let cases: &[(&str, Result<&str, &str>)] = &[
        // Ids: decoded once, written in one way.
        ("/task/a%3Ab", Ok("/task/a:b")),
        ("/task/a:b", Ok("/task/a:b")),
        ("/task/a%20b", Ok("/task/a%20b")),
        ("/task/a+b", Ok("/task/a%2Bb")),
        ("/task/a%2bb", Ok("/task/a%2Bb")),
        ("/task/a%252Fb", Ok("/task/a%252Fb")),
        ("/task/a%26b", Ok("/task/a%26b")),
        ("/task/a'b", Ok("/task/a%27b")),
        ("/task/%e6%97%a5", Ok("/task/%E6%97%A5")),
        ("/task/a%3Bx", Ok("/task/a%3Bx")),
        ("/task/%61", Ok("/task/a")),
        ("/task/a/", Ok("/task/a")),
        ("/task/a/status/", Ok("/task/a/status")),
        ("/tasks/", Ok("/tasks")),
        // An id that is spelled like a literal is only another row's where that row has it.
        ("/task/status", Ok("/task/status")),
        ("/task/%73tatus", Ok("/task/status")),
        (
            "/supervisor/%68istory/status",
            Ok("/supervisor/history/status"),
        ),
        ("/supervisor/%68istory", Err("404")),
        ("/supervisor/histor%79/", Err("404")),
        ("/supervisor/%73uspendAll", Err("404")),
        ("/supervisor/a/%73tatus", Err("404")),
        // P1, P2: parameters.
        ("/task;x/ID/shutdown", Err("400")),
        ("/task/ID;x/shutdown", Err("400")),
        ("/task/ID;x=y", Err("400")),
        ("/supervisor/terminateAll;x", Err("400")),
        ("/isLeader;x", Err("400")),
        // P3: slashes and dots in disguise.
        ("/task/a%2Fb", Err("400")),
        ("/task/a%2fb/status", Err("400")),
        ("/task/..", Err("400")),
        ("/task/%2e%2e", Err("400")),
        ("/task/%2e%2e/status", Err("400")),
        ("/task/.%2E/status", Err("400")),
        ("/task/..;/status", Err("400")),
        ("/supervisor/..%2FisLeader", Err("400")),
        ("/pendingSegments/..%2FisLeader", Err("400")),
        ("/task/a%5Cb", Err("400")),
        ("/task/.hidden", Err("400")),
        // P4: other spellings of the literals.
        ("//task/a", Err("400")),
        ("/task//a", Err("400")),
        ("/task/a//", Err("400")),
        ("/./task/a", Err("400")),
        ("/x/../task/a", Err("400")),
        ("/%74ask/a", Err("404")),
        ("/TASK/a", Err("404")),
        ("/t%61sk/a", Err("404")),
        ("/task%2Fa", Err("400")),
        ("/task%3bx/a", Err("404")),
        ("/task%3f/a", Err("404")),
        ("/task%0a/a", Err("400")),
        ("/task%0d%0aX:y/a", Err("400")),
        ("/task;/../supervisor", Err("400")),
        ("/task/%2e%2e;/status", Err("400")),
        ("/task/%252e%252e/status", Ok("/task/%252e%252e/status")),
        // Characters.
        ("/task/a b", Err("400")),
        ("/task/a%0ab", Err("400")),
        ("/task/a%00", Err("400")),
        ("/task/a%7f", Err("400")),
        ("/task/%ff", Err("400")),
        ("/task/%c0%ae", Err("400")),
        ("/task/%u002e", Err("400")),
        ("/task/%zz", Err("400")),
        ("/task/%", Err("400")),
        ("/task/%4", Err("400")),
        ("/task/ä", Err("400")),
        ("/task/a\\b", Err("400")),
        ("/task/{a}", Err("400")),
        ("/task/a|b", Err("400")),
        ("/task/a\"b", Err("400")),
        ("/task/a^b", Err("400")),
        ("/task/<a>", Err("400")),
        ("/task/[a]", Err("400")),
        ("/task/a#b", Err("400")),
        ("/task/a%F0%9F%98%80", Err("400")),
    ];
    for (path, expected) in cases {
        let target = format!("{PREFIX}{path}");
        let found = outcome("GET", &target).map(|(_, sent)| sent);
        let expected = expected
            .map(|sent| format!("{PREFIX}{sent}"))
            .map_err(str::to_owned);
        assert_eq!(found, expected, "{path}");
    }
}

#[test]
fn what_is_outside_the_prefix_is_not_served() {
    for (target, expected) in [
        ("/", "404"),
        ("//", "400"),
        ("", "400"),
        ("*", "400"),
        ("/status", "404"),
        ("/druid/indexer/v1", "404"),
        ("/druid/indexer/v1/", "404"),
        ("/druid/indexer/v2/task", "404"),
        ("/druid/indexer/v1x/task", "404"),
        ("/druid-ext/basic-security/authentication/db/b/users", "404"),
        ("/druid/indexer/v1/task/a/status/more", "404"),
        ("/druid/indexer/v1/1/2/3/4/5/6/7/8", "404"),
        ("/%64ruid/indexer/v1/task/a", "404"),
        ("/DRUID/indexer/v1/task/a", "404"),
        ("/druid%2findexer/v1/task", "400"),
        ("/druid/indexer/v1;x/task/ID", "400"),
        ("/druid;a/indexer;b/v1/task", "400"),
        ("/x/../druid/indexer/v1/task", "400"),
        ("/x/%2e%2e/druid/indexer/v1/task", "400"),
        ("/%2e/druid/indexer/v1/task", "400"),
        ("/status/health/%2e%2e/%2e%2e/druid/indexer/v1/task", "400"),
        ("/../druid/indexer/v1/task", "400"),
        ("/druid/indexer/%2e%2e%2fstatus/health", "400"),
        ("/./druid/indexer/v1/task", "400"),
        ("/druid/indexer/..%2f..%2fstatus/health", "400"),
        ("//druid/indexer/v1/task", "400"),
        ("http://other/druid/indexer/v1/tasks", "400"),
    ] {
        assert_eq!(outcome("GET", target), Err(expected.to_owned()), "{target}");
    }
    let long = format!("{PREFIX}/task/{}", "a".repeat(5_000));
    assert_eq!(outcome("GET", &long), Err("400".to_owned()));
}

#[test]
fn queries() {
    let cases: &[(&str, &str, Result<&str, &str>)] = &[
        ("GET", "/tasks?datasource=a", Ok("/tasks?datasource=a")),
        (
            "GET",
            "/tasks?state=running&max=5",
            Ok("/tasks?state=running&max=5"),
        ),
        (
            "GET",
            "/tasks?createdTimeInterval=2015-09-12/2015-09-13",
            Ok("/tasks?createdTimeInterval=2015-09-12%2F2015-09-13"),
        ),
        (
            "GET",
            "/completeTasks?createdTimeInterval=2015-09-12_2015-09-13&max=10&type=kill",
            Ok("/tasks?state=complete&createdTimeInterval=2015-09-12_2015-09-13&max=10&type=kill"),
        ),
        (
            "GET",
            "/waitingTasks?max=1",
            Ok("/tasks?state=waiting&max=1"),
        ),
        (
            "GET",
            "/pendingTasks?datasource=a%20b&type=c",
            Ok("/tasks?state=pending&datasource=a%20b&type=c"),
        ),
        // What Druid knows of them is asked as it came.
        (
            "GET",
            "/runningTasks?type=kill",
            Ok("/runningTasks?type=kill"),
        ),
        (
            "GET",
            "/runningTasks?type=kill&max=1",
            Ok("/tasks?state=running&type=kill&max=1"),
        ),
        ("GET", "/completeTasks", Ok("/completeTasks")),
        ("GET", "/completeTasks?n=5", Ok("/completeTasks?n=5")),
        (
            "GET",
            "/completeTasks?n=5&max=7",
            Ok("/tasks?state=complete&max=5"),
        ),
        (
            "GET",
            "/completeTasks?max=7&type=a&n=9",
            Ok("/tasks?state=complete&max=7&type=a"),
        ),
        (
            "GET",
            "/completeTasks?n=x&max=7",
            Ok("/tasks?state=complete&max=7"),
        ),
        ("GET", "/completeTasks?state=running", Err("400")),
        ("GET", "/tasks?type=a+b", Ok("/tasks?type=a%20b")),
        ("GET", "/tasks?type=a%2Bb", Ok("/tasks?type=a%2Bb")),
        ("GET", "/tasks?", Ok("/tasks")),
        ("GET", "/tasks?datasource", Ok("/tasks?datasource")),
        ("GET", "/supervisor?full", Ok("/supervisor?full")),
        (
            "GET",
            "/supervisor?full=false&system",
            Ok("/supervisor?full=false&system"),
        ),
        (
            "GET",
            "/task/a/log?offset=-16000",
            Ok("/task/a/log?offset=-16000"),
        ),
        ("POST", "/sampler?for=connect", Ok("/sampler?for=connect")),
        ("POST", "/task?dryRun=All", Ok("/task")),
        // P5, P6.
        ("GET", "/tasks?datasource=a&datasource=b", Err("400")),
        ("GET", "/tasks?data%73ource=b", Err("400")),
        ("GET", "/tasks?datasource=a;datasource=b", Err("400")),
        (
            "GET",
            "/completeTasks?datasource=a&n=5",
            Ok("/tasks?state=complete&datasource=a&max=5"),
        ),
        // Unknown, misplaced and malformed ones.
        ("GET", "/tasks?Datasource=a", Err("400")),
        ("GET", "/tasks?dataSource=a", Err("400")),
        ("GET", "/tasks?&state=running", Err("400")),
        ("GET", "/tasks?state=a&", Err("400")),
        ("GET", "/tasks?=a", Err("400")),
        ("GET", "/tasks?state=%zz", Err("400")),
        ("GET", "/tasks?state=%ff", Err("400")),
        ("GET", "/tasks?state=a%0ab", Err("400")),
        ("GET", "/tasks?state=a|b", Err("400")),
        ("GET", "/task/a?x=y", Err("400")),
        ("GET", "/tasks?dryRun=All", Err("400")),
        ("POST", "/task?dryRun=all", Err("400")),
        ("POST", "/task?dryRun", Err("400")),
        ("POST", "/task?dryRun=All&dryRun=All", Err("400")),
        ("POST", "/task?x=y", Err("400")),
    ];
    for (method, target, expected) in cases {
        let found = outcome(method, &format!("{PREFIX}{target}")).map(|(_, sent)| sent);
        let expected = expected
            .map(|sent| format!("{PREFIX}{sent}"))
            .map_err(str::to_owned);
        assert_eq!(found, expected, "{method} {target}");
    }
}

#[test]
fn other_methods_are_told_which_there_are() {
    for (method, path, expected) in [
        ("GET", "/task", "405 POST"),
        ("PUT", "/task/a", "405 GET"),
        ("DELETE", "/tasks", "405 GET"),
        ("HEAD", "/tasks", "405 GET"),
        ("GET", "/supervisor/suspendAll", "405 POST"),
        ("GET", "/supervisor/terminateAll/", "405 POST"),
        ("POST", "/supervisor/history", "405 GET"),
        ("PUT", "/supervisor", "405 POST,GET"),
        ("PUT", "/datasources/a", "405 POST,DELETE"),
        ("GET", "/action", "405 POST"),
        ("GET", "/nothing", "404"),
        ("POST", "/task/a/nothing", "404"),
    ] {
        assert_eq!(
            outcome(method, &format!("{PREFIX}{path}")),
            Err(expected.to_owned()),
            "{method} {path}"
        );
    }
}

/// A path that a row serves.
fn example(endpoint: &Endpoint) -> String {
    let segments = endpoint.template.split('/').skip(1).map(|part| match part {
        "{worker}" => "/worker.example:8091".to_owned(),
        part if part.starts_with('{') => "/x1".to_owned(),
        part => format!("/{part}"),
    });
    format!("{PREFIX}{}", segments.collect::<String>())
}

#[test]
fn every_row_is_found_and_no_two_are_the_same() {
    let mut names = BTreeSet::new();
    let mut addresses = BTreeSet::new();
    for endpoint in ENDPOINTS {
        let found = outcome(endpoint.method, &example(endpoint)).map(|(operation, _)| operation);
        assert_eq!(
            found,
            Ok(endpoint.operation),
            "{} {}",
            endpoint.method,
            endpoint.template
        );
        assert!(
            names.insert(endpoint.operation.name()),
            "{}",
            endpoint.operation.name()
        );
        assert!(
            addresses.insert((endpoint.method, example(endpoint))),
            "{}",
            endpoint.template
        );
        let names_subject = endpoint.template.contains('{');
        let by_subject = matches!(
            endpoint.origin,
            Origin::Path | Origin::Task | Origin::Supervisor
        );
        assert!(
            !by_subject || names_subject,
            "{} has no subject",
            endpoint.template
        );
    }
}

/// Could one path fit both templates?
fn overlap(one: &str, other: &str) -> bool {
    let is_name = |part: &str| part.starts_with('{');
    one.split('/').count() == other.split('/').count()
        && one
            .split('/')
            .zip(other.split('/'))
            .all(|(one, other)| one == other || is_name(one) || is_name(other))
}

#[test]
fn only_literals_that_could_be_supervisors_overlap() {
    let mut found = BTreeSet::new();
    for (index, one) in ENDPOINTS.iter().enumerate() {
        for other in ENDPOINTS.iter().skip(index + 1) {
            if one.template == other.template {
                assert_ne!(one.method, other.method, "{} stands twice", one.template);
            } else if overlap(one.template, other.template) {
                found.insert((one.template, other.template));
            }
        }
    }
    let expected = BTreeSet::from([
        ("/supervisor/history", "/supervisor/{supervisor}"),
        ("/supervisor/suspendAll", "/supervisor/{supervisor}"),
        ("/supervisor/resumeAll", "/supervisor/{supervisor}"),
        ("/supervisor/terminateAll", "/supervisor/{supervisor}"),
    ]);
    assert_eq!(found, expected);
}

#[test]
fn what_a_path_names() {
    let cases = [
        (
            "GET",
            "/task/a%20b",
            Ok(Subject::Task("a b".parse().expect("an id"))),
        ),
        (
            "GET",
            "/supervisor/a%2B/status",
            Ok(Subject::Supervisor("a+".parse().expect("an id"))),
        ),
        (
            "DELETE",
            "/datasources/a/segments/a_b",
            Ok(Subject::DataSource("a".parse().expect("a name"))),
        ),
        (
            "POST",
            "/worker/w:8091/enable",
            Ok(Subject::Worker("w:8091".to_owned())),
        ),
        (
            "POST",
            "/worker/%5B::1%5D:8091/enable",
            Ok(Subject::Worker("[::1]:8091".to_owned())),
        ),
        (
            "POST",
            "/worker/.w/enable",
            Err(Unroutable::InvalidName(InvalidName::LeadingDot)),
        ),
        (
            "DELETE",
            "/datasources/a/segments/..%3Bx",
            Err(Unroutable::InvalidName(InvalidName::LeadingDot)),
        ),
        (
            "GET",
            "/supervisor/suspendAll",
            Err(Unroutable::MethodNotAllowed {
                allow: vec!["POST"],
            }),
        ),
        ("GET", "/workers", Ok(Subject::None)),
    ];
    for (method, target, expected) in cases {
        let target = format!("{PREFIX}{target}");
        let Ok(Target::Below(path, None)) = CanonicalPath::parse(&target) else {
            panic!("{target} is well formed");
        };
        let found = Route::find(method, path, None).map(|route| route.subject);
        assert_eq!(found, expected, "{target}");
    }
}

#[test]
fn refusals_say_what_is_wrong() {
    let path = |target: &str| {
        CanonicalPath::parse(target)
            .map(|_| ())
            .map_err(|why| why.to_string())
    };
    assert_eq!(
        path("*"),
        Err("the request target does not begin with `/`".to_owned())
    );
    assert_eq!(path("http://other/druid"), path("*"));
    let query = |method, target: &str| {
        let Ok(Target::Below(path, query)) = CanonicalPath::parse(target) else {
            panic!("{target} is well formed");
        };
        match Route::find(method, path, query) {
            Err(Unroutable::Query(why)) => why.to_string(),
            other => panic!("{other:?}"),
        }
    };
    for (method, target, expected) in [
        (
            "POST",
            "/task?dryrun=All",
            "the endpoint has no such query parameter; it knows `dryRun`",
        ),
        (
            "GET",
            "/workers?x",
            "the endpoint has no such query parameter; it knows none",
        ),
        (
            "GET",
            "/worker/history?x",
            "the endpoint has no such query parameter; it knows `interval`, `count`",
        ),
        (
            "GET",
            "/tasks?max=1&max=2",
            "the query parameter `max` stands twice",
        ),
    ] {
        assert_eq!(
            query(method, &format!("{PREFIX}{target}")),
            expected,
            "{target}"
        );
    }
}

#[test]
fn what_changes_something_is_not_read_and_what_is_blocked_stays_so() {
    for endpoint in ENDPOINTS {
        let reads_by_post = [
            Operation::TaskStatuses,
            Operation::LockedIntervals,
            Operation::LockedIntervalsV2,
            Operation::ActiveLocks,
        ];
        if endpoint.action == Action::Read {
            assert!(
                endpoint.method == "GET" || reads_by_post.contains(&endpoint.operation),
                "{}",
                endpoint.template
            );
            assert_eq!(endpoint.repeat, Repeat::Yes, "{}", endpoint.template);
        }
        assert_eq!(
            endpoint.action == Action::Blocked,
            endpoint.template == "/action"
        );
    }
}

#[test]
fn endpoints_come_and_go_with_releases() {
    let of = |operation| {
        ENDPOINTS
            .iter()
            .find(|row| row.operation == operation)
            .expect("a row")
    };
    let version = |major| DruidVersion::new(major, 0, 0);
    let locks = of(Operation::LockedIntervals);
    assert!(locks.is_in(version(28)) && locks.is_in(version(30)) && !locks.is_in(version(31)));
    let marks = of(Operation::MarkUsed);
    assert!(!marks.is_in(version(31)) && marks.is_in(version(32)) && marks.is_in(version(37)));
}

proptest! {
    /// The canonical form is its own canonical form, and names what the id names.
    #[test]
    fn canonical_paths_are_fixed_points(id in "[ -~äß日本]{1,20}") {
        let target = format!("{PREFIX}/task/{}/status", encode_segment(&id));
        if let Ok(Target::Below(path, _)) = CanonicalPath::parse(&target) {
            let once = path.to_string();
            prop_assert_eq!(&once, &target);
            let Ok(Target::Below(again, None)) = CanonicalPath::parse(&once) else {
                return Err(TestCaseError::fail("the canonical form has none"));
            };
            prop_assert_eq!(again.to_string(), once);
            if let Ok(route) = Route::find("GET", path, None) {
                let named = Subject::Task(id.parse().expect("the route took it"));
                prop_assert_eq!(route.subject, named);
            }
        }
    }

    /// Nothing that a client can send panics, and what passes is what is sent.
    #[test]
    fn no_target_panics(target in "\\PC{0,60}") {
        let _ = outcome("GET", &target);
        let _ = outcome("GET", &format!("{PREFIX}/{target}"));
    }
}

/// What is sent upstream means what was asked for: it finds the same row and names the same. Tried
/// for every row with every literal as an id, each segment in turn spelled with an escape.
#[test]
fn what_is_sent_means_what_was_asked() {
    let words: BTreeSet<&str> = ENDPOINTS
        .iter()
        .flat_map(|endpoint| endpoint.template.split('/'))
        .filter(|part| !part.is_empty() && !part.starts_with('{'))
        .chain(["a%b+c:d&e'f g", "größe", "a;x"])
        .collect();
    let mut routed = 0;
    for endpoint in ENDPOINTS {
        let parts = endpoint.template.split('/').count();
        // The segment before the first is empty: that time nothing is disguised.
        for (word, disguised) in words
            .iter()
            .flat_map(|word| (0..parts).map(move |part| (word, part)))
        {
            let mut target = PREFIX.to_owned();
            for (index, part) in endpoint.template.split('/').enumerate().skip(1) {
                let text = if part.starts_with('{') { word } else { part };
                target.push('/');
                if index == disguised {
                    let (first, rest) = text.split_at(1);
                    target.push_str(&format!("%{:02x}", first.as_bytes()[0]));
                    target.push_str(&encode_segment(rest));
                } else {
                    target.push_str(&encode_segment(text));
                }
            }
            routed += usize::from(keeps_its_meaning(endpoint.method, &target));
        }
    }
    assert!(routed > 2_000, "only {routed} had a route");
}

/// Was there a route at all?
fn keeps_its_meaning(method: &str, target: &str) -> bool {
    let find = |target: &str| {
        let Ok(Target::Below(path, None)) = CanonicalPath::parse(target) else {
            panic!("{target} is well formed");
        };
        let route = Route::find(method, path, None).ok()?;
        let sent = route.upstream_target();
        Some((route.endpoint.operation, route.subject, sent))
    };
    let Some(asked) = find(target) else {
        return false;
    };
    assert_eq!(find(&asked.2).as_ref(), Some(&asked), "{target}");
    true
}

/// Every row has the class that it has here: a new one must be thought about.
#[test]
fn every_endpoint_has_its_class() {
    use Operation as O;
    let polls = [
        O::TaskPayload,
        O::TaskStatus,
        O::TaskSegments,
        O::TaskStatuses,
        O::SupervisorSpec,
        O::SupervisorStatus,
        O::SupervisorHealth,
        O::CompactionSupervisorsEnabled,
        O::ClusterCompactionConfig,
        O::CompactionConfig,
        O::CompactionStatus,
        O::CompactionProgress,
        O::WorkerConfig,
        O::TotalWorkerCapacity,
        O::K8sExecutionConfig,
    ];
    let lists = [
        O::TaskLog,
        O::TaskReports,
        O::ListTasks,
        O::ListWaitingTasks,
        O::ListPendingTasks,
        O::ListRunningTasks,
        O::ListCompleteTasks,
        O::ListSupervisors,
        // Every task of it is asked.
        O::SupervisorStats,
        O::SupervisorParseErrors,
        O::SupervisorHistory,
        O::SupervisorHistories,
        O::CompactionConfigs,
        O::CompactionConfigHistory,
        O::CompactionStatuses,
        O::ClusterCompactionStatus,
        O::Workers,
        O::WorkerConfigHistory,
        O::Scaling,
        O::LockedIntervals,
        O::LockedIntervalsV2,
        O::ActiveLocks,
        O::K8sExecutionConfigHistory,
        // Slow, and they change nothing.
        O::Sample,
        O::SimulateCompaction,
    ];
    for endpoint in ENDPOINTS {
        let operation = endpoint.operation;
        let expected = match endpoint.action {
            _ if lists.contains(&operation) => Class::Listing,
            _ if polls.contains(&operation) => Class::Poll,
            Action::Read if [O::Leader, O::IsLeader].contains(&operation) => Class::Health,
            Action::Submit => Class::Submission,
            Action::Shutdown | Action::Manage | Action::Admin | Action::Blocked => Class::Change,
            Action::Read | Action::ReadSecrets => panic!("{operation:?} has no class here"),
        };
        assert_eq!(endpoint.class, expected, "{operation:?}");
    }
}

/// What one question may answer for many is a read without a body, and of nobody's own: no log, no
/// report and no spec of one task or supervisor.
#[test]
fn what_is_shared_are_states_and_lists() {
    let shared: Vec<&Endpoint> = ENDPOINTS.iter().filter(|row| row.is_shared).collect();
    assert_eq!(shared.len(), 18);
    for row in shared {
        assert_eq!(
            (row.method, row.action, row.body, row.repeat),
            ("GET", Action::Read, BodyUse::Ignored, Repeat::Yes),
            "{row:?}"
        );
        assert_eq!(row.changes(), Changes::Nothing, "{row:?}");
        assert!(
            matches!(
                row.disclosure,
                Disclosure::Whole
                    | Disclosure::TaskList
                    | Disclosure::Supervisors
                    | Disclosure::CompactionStatuses
            ),
            "{row:?}"
        );
    }
    // After a change of a task its status alone is asked anew: no other endpoint shows it.
    let of_tasks = ENDPOINTS
        .iter()
        .filter(|row| row.is_shared && row.template.contains("{task}"));
    assert!(
        of_tasks
            .map(|row| row.operation)
            .eq([Operation::TaskStatus])
    );
}

#[test]
fn what_is_no_read_changes_something() {
    let mut nothing = Vec::new();
    let mut tasks = Vec::new();
    for row in ENDPOINTS.iter().filter(|row| row.action != Action::Read) {
        assert_ne!(row.method, "GET", "{row:?}");
        match row.changes() {
            Changes::Nothing => nothing.push(row.operation),
            Changes::Task => tasks.push(row.operation),
            Changes::Anything => {}
        }
    }
    assert_eq!(nothing, [Operation::Sample, Operation::SimulateCompaction]);
    assert_eq!(tasks, [Operation::SubmitTask, Operation::ShutdownTask]);
}

#[test]
fn what_is_elsewhere_is_well_formed_to_its_end() {
    let elsewhere = [
        "/1/2/3/4/5/6/7/8/9/10",
        "/druid",
        "/druid/indexer/v1",
        "/druid/indexer/v2/task",
    ];
    for target in elsewhere {
        assert_eq!(
            CanonicalPath::parse(target),
            Ok(Target::Elsewhere),
            "{target}"
        );
    }
    let cases = [
        ("/1/2/3/4/5/6/7/8/9/..", MalformedPath::DotSegment),
        ("/x//y", MalformedPath::EmptySegment),
        ("/druid/indexer/v2/%2e", MalformedPath::DotSegment),
        (
            "/druid/indexer/v1/1/2/3/4/5/6/7/%2f",
            MalformedPath::Forbidden,
        ),
        ("/x/%zz", MalformedPath::Escape),
        ("/x/;y", MalformedPath::Parameter),
        ("/x/y z", MalformedPath::Unescaped),
    ];
    for (target, malformed) in cases {
        assert_eq!(CanonicalPath::parse(target), Err(malformed), "{target}");
    }
}
