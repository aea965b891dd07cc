use std::num::NonZeroU32;

use proptest::prelude::*;

use super::*;
use crate::caller::Principal;
use crate::druid::{DataSource, Overrides};
use crate::quota::{Cost, Facts, KeyPart, Over, RateLimit, Said};
use crate::route::{Action, Operation};

fn numbers(rate: &str, burst: u32) -> Numbers {
    Numbers {
        rate: rate.parse().expect("a rate"),
        burst: NonZeroU32::new(burst).expect("not zero"),
    }
}

fn rule(name: &str, rate: &str, burst: u32, key: &[KeyPart]) -> Arc<RateLimit> {
    Arc::new(RateLimit {
        name: name.into(),
        actions: vec![Action::Submit],
        roles: Vec::new(),
        key: key.to_vec(),
        cost: Cost::Request,
        numbers: numbers(rate, burst),
        overrides: Overrides::default(),
        holds: Holds::Enforced,
    })
}

struct Rig {
    millis: Arc<AtomicU64>,
    limiter: Limiter,
    rules: Vec<Arc<RateLimit>>,
}

impl Rig {
    fn new(rules: Vec<Arc<RateLimit>>, most_bytes: usize) -> Rig {
        let millis = Arc::new(AtomicU64::new(0));
        let source = millis.clone();
        let clock = Clock::new(move || Duration::from_millis(source.load(Ordering::Relaxed)));
        Rig {
            millis,
            limiter: Limiter::new(clock, most_bytes),
            rules,
        }
    }

    fn wait(&self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).expect("a short time");
        self.millis.fetch_add(millis, Ordering::Relaxed);
    }

    fn draws(&self, by: &str, datasource: &str) -> Vec<Draw> {
        let datasource: DataSource = datasource.parse().expect("a valid name");
        let role = "writer".into();
        let facts = Facts {
            action: Action::Submit,
            operation: Operation::SubmitTask,
            principal: &Principal::new(by, Vec::new()),
            role: &role,
            source: None,
            datasources: std::slice::from_ref(&datasource),
            task_type: None,
            slots: Some(1),
        };
        self.rules
            .iter()
            .flat_map(|rule| rule.draws(&facts))
            .collect()
    }

    fn submit_as(&self, by: &str, datasource: &str) -> Result<Charge, OverQuota> {
        self.limiter.take(self.draws(by, datasource), &by.into())
    }

    fn submit(&self, datasource: &str) -> Result<Charge, OverQuota> {
        self.submit_as("etl", datasource)
    }
}

fn wait_of(over: &OverQuota) -> Duration {
    match &over.why {
        Over::Rate { retry_after, .. } => *retry_after,
        why => panic!("{why:?}"),
    }
}

fn per_datasource(rate: &str, burst: u32) -> Vec<Arc<RateLimit>> {
    vec![rule("submissions", rate, burst, &[KeyPart::DataSource])]
}

const ROOM: usize = 1 << 20;

#[test]
fn each_datasource_has_a_bucket_of_its_own() {
    let rig = Rig::new(per_datasource("30/min", 2), ROOM);
    let first = rig.submit("a").expect("full");
    assert_eq!(first.level.expect("limited").remaining, 1);
    assert_eq!(first.said, [("submissions".into(), Said::Admitted)]);
    let second = rig.submit("a").expect("one left");
    assert_eq!(second.said, [("submissions".into(), Said::Near)]);
    let refused = rig.submit("a").expect_err("the burst is used up");
    assert_eq!(wait_of(&refused), Duration::from_secs(2));
    assert_eq!(refused.said, [("submissions".into(), Said::Refused)]);
    assert!(rig.submit("b").is_ok());
}

#[test]
fn waiting_as_told_admits_one_request_and_no_second() {
    let rig = Rig::new(per_datasource("30/min", 1), ROOM);
    assert!(rig.submit("a").is_ok());
    let told = wait_of(&rig.submit("a").expect_err("used up"));
    rig.wait(told - Duration::from_millis(1));
    assert!(rig.submit("a").is_err());
    rig.wait(Duration::from_millis(1));
    assert!(rig.submit("a").is_ok());
    assert!(rig.submit("a").is_err());
}

#[test]
fn a_refusal_takes_nothing_and_tells_the_longest_wait() {
    let rules = vec![
        rule("all", "1/s", 2, &[]),
        rule("hourly", "1/h", 1, &[KeyPart::DataSource]),
        rule("daily", "1/d", 1, &[KeyPart::DataSource]),
    ];
    let rig = Rig::new(rules, ROOM);
    assert!(rig.submit("a").is_ok());
    for _ in 0..10 {
        let refused = rig.submit("a").expect_err("one an hour, one a day");
        assert_eq!(&*refused.rule, "daily");
        assert_eq!(wait_of(&refused), Duration::from_secs(86_400));
        let said: Vec<&str> = refused.said.iter().map(|(name, _)| &**name).collect();
        assert_eq!(
            said,
            ["hourly", "daily"],
            "the first has not been asked for it"
        );
    }
    assert!(
        rig.submit("b").is_ok(),
        "the second token of `all` is there"
    );
    assert_eq!(&*rig.submit("c").expect_err("two a burst").rule, "all");
}

/// Three draws on the one bucket that all share: the first two are taken back in the right order.
#[test]
fn what_a_refusal_takes_back_may_be_of_one_bucket() {
    let rig = Rig::new(per_datasource("1/h", 2), 0);
    let three = ["a", "b", "c"].map(|datasource| rig.draws("etl", datasource));
    for _ in 0..3 {
        let draws = three.iter().flatten().cloned().collect();
        assert!(rig.limiter.take(draws, &"etl".into()).is_err());
    }
    assert!(rig.submit("a").is_ok());
    assert!(rig.submit("b").is_ok());
    assert!(rig.submit("c").is_err());
}

#[test]
fn what_is_given_back_is_there_again() {
    let rules = vec![
        rule("all", "1/h", 1, &[]),
        rule("each", "1/h", 1, &[KeyPart::DataSource]),
    ];
    let rig = Rig::new(rules, ROOM);
    for _ in 0..5 {
        let charge = rig.submit("a").expect("given back");
        assert!(rig.submit("a").is_err());
        rig.limiter.give_back(&charge);
    }
    let looked = rig.limiter.look(rig.draws("etl", "a")).expect("full");
    assert!(looked.drawn.is_empty());
    assert!(rig.submit("a").is_ok(), "a look takes nothing");
    assert!(rig.limiter.look(rig.draws("etl", "a")).is_err());
}

#[test]
fn a_limit_that_is_audited_refuses_nothing() {
    let audited = Arc::new(RateLimit {
        holds: Holds::Audited,
        ..Arc::unwrap_or_clone(rule("audited", "1/h", 1, &[]))
    });
    let rig = Rig::new(vec![audited, rule("enforced", "1/h", 2, &[])], ROOM);
    let says = |charge: &Charge| {
        charge
            .said
            .iter()
            .map(|(_, said)| *said)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        says(&rig.submit("a").expect("let pass")),
        [Said::Near, Said::Admitted]
    );
    let second = rig.submit("a").expect("let pass");
    assert_eq!(says(&second), [Said::WouldRefuse, Said::Near]);
    assert_eq!(&*second.level.expect("limited").rule.name, "enforced");
    assert_eq!(&*rig.submit("a").expect_err("enforced").rule, "enforced");
}

#[test]
fn more_than_a_bucket_holds_is_never_admitted() {
    let slots = Arc::new(RateLimit {
        cost: Cost::Slots,
        ..Arc::unwrap_or_clone(rule("slots", "1/s", 5, &[]))
    });
    let rig = Rig::new(vec![slots.clone()], ROOM);
    let mut draws = rig.draws("etl", "a");
    for draw in &mut draws {
        draw.cost = 6;
    }
    let refused = rig
        .limiter
        .take(draws, &"etl".into())
        .expect_err("six of five");
    assert_eq!(
        refused.why,
        Over::TooMuch {
            count: Cost::Slots,
            cost: 6,
            most: 5
        }
    );
}

/// The room for so many buckets with short keys.
fn room(buckets: usize) -> usize {
    buckets * (BUCKET_BYTES + 40)
}

#[test]
fn beyond_the_cap_new_names_share_one_bucket_and_known_ones_stay_limited() {
    let rig = Rig::new(per_datasource("1/h", 1), room(12));
    let known: Vec<String> = (0..3).map(|number| format!("known{number}")).collect();
    for name in &known {
        assert!(rig.submit_as("other", name).is_ok(), "{name}");
    }
    let mut admitted = 0;
    for number in 0..10_000 {
        admitted += usize::from(rig.submit(&format!("invented{number}")).is_ok());
    }
    // A quarter of the room, and the one that all others share.
    assert!((2..=5).contains(&admitted), "{admitted}");
    assert!(rig.limiter.overflowed() >= 9_990);
    for name in &known {
        assert!(
            rig.submit_as("other", name).is_err(),
            "{name} stays limited"
        );
    }
    assert!(
        rig.submit_as("third", "new").is_ok(),
        "one principal's names do not take another's buckets"
    );
    let shared = rig.limiter.fullest(100);
    let shared = shared.iter().find(|bucket| bucket.key == [ALL_OTHERS]);
    assert_eq!(shared.map(|bucket| bucket.taken), Some(1_000));
    // When they are full again there is room.
    rig.wait(Duration::from_secs(7_200));
    let before = rig.limiter.overflowed();
    assert!(rig.submit("late").is_ok());
    assert_eq!(rig.limiter.overflowed(), before);
    assert!(rig.limiter.len() < 4, "{}", rig.limiter.len());
}

#[test]
fn the_shared_bucket_cannot_be_named() {
    let rig = Rig::new(per_datasource("1/h", 1), 0);
    assert!(
        rig.submit("a").is_ok(),
        "there is room for the shared one alone"
    );
    assert!(rig.submit("b").is_err());
    assert!("\u{1}".parse::<DataSource>().is_err());
    assert_eq!(rig.limiter.len(), 1);
}

#[test]
fn the_fullest_come_first_with_their_keys() {
    let rig = Rig::new(per_datasource("1/h", 4), ROOM);
    for name in ["a", "b", "b", "c", "c", "c"] {
        assert!(rig.submit(name).is_ok());
    }
    let fullest: Vec<_> = rig
        .limiter
        .fullest(2)
        .into_iter()
        .map(|bucket| (bucket.rule, bucket.key, bucket.taken))
        .collect();
    let row = |name: &str, taken| ("submissions".to_owned(), vec![name.to_owned()], taken);
    assert_eq!(fullest, [row("c", 750), row("b", 500)]);
}

proptest! {
    /// Ten datasources, each with what its own pace allows, whatever the others do; together never
    /// more than the common limit. In any time t no more than burst + rate × t.
    #[test]
    fn nobody_takes_from_another(
        requests in prop::collection::vec((0_u64..50, 0_usize..10), 1..400),
    ) {
        let rig = Rig::new(per_datasource("10/s", 3), ROOM);
        let alone: Vec<Rig> = (0..10).map(|_| Rig::new(per_datasource("10/s", 3), ROOM)).collect();
        for (pause, which) in requests {
            let pause = Duration::from_millis(pause);
            rig.wait(pause);
            for each in &alone {
                each.wait(pause);
            }
            let name = format!("d{which}");
            prop_assert_eq!(
                rig.submit(&name).is_ok(),
                alone[which].submit(&name).is_ok(),
                "as if it were alone"
            );
        }
    }
}
