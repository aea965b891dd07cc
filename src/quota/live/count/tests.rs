use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;

use super::*;
use crate::caller::Principal;
use crate::druid::{DataSource, DataSourcePattern, DataSourcePatterns};
use crate::quota::{Cost, Facts, Holds, LiveQuota, Per};
use crate::route::{Action, Operation};

struct Rig {
    seconds: Arc<AtomicU64>,
    tasks: Arc<LiveTasks>,
}

impl Rig {
    fn new() -> Rig {
        let seconds = Arc::new(AtomicU64::new(1));
        let source = seconds.clone();
        let clock = Clock::new(move || Duration::from_secs(source.load(Ordering::Relaxed)));
        Rig {
            seconds,
            tasks: LiveTasks::new(clock),
        }
    }

    fn pass(&self) {
        self.seconds.fetch_add(1, Ordering::Relaxed);
    }

    /// A list that is asked for now and comes at once.
    fn list(&self, tasks: &[LiveTask]) {
        self.pass();
        self.tasks.saw(self.tasks.now(), tasks);
        self.pass();
    }

    fn submit(&self, quota: &Arc<LiveQuota>, what: Occupies) -> Result<LiveHold, LiveOver> {
        let draws = draws(quota, &what);
        match self.tasks.hold(&draws, what) {
            Ok((hold, _)) => Ok(hold),
            Err((_, over)) => Err(over.expect("counted")),
        }
    }

    fn room(&self, quota: &Arc<LiveQuota>, datasource: &str) -> u32 {
        let mut held = Vec::new();
        while let Ok(hold) = self.submit(quota, task(datasource, 1)) {
            held.push(hold);
        }
        let room = held.len();
        held.into_iter().for_each(LiveHold::release);
        u32::try_from(room).expect("few")
    }
}

fn draws(quota: &Arc<LiveQuota>, what: &Occupies) -> Vec<LiveDraw> {
    let role: Arc<str> = "writer".into();
    let principal = Principal::new("etl", vec![role.clone()]);
    let datasources: Vec<DataSource> = what.datasource.iter().cloned().collect();
    let facts = Facts {
        action: Action::Submit,
        operation: Operation::SubmitTask,
        principal: &principal,
        role: &role,
        source: None,
        datasources: &datasources,
        task_type: None,
        slots: (what.slots != u32::MAX).then_some(what.slots),
    };
    quota.draws(&facts, what)
}

fn quota(per: Per, count: Cost, most: u32) -> Arc<LiveQuota> {
    Arc::new(LiveQuota {
        name: "q".into(),
        per,
        datasources: DataSourcePatterns::default(),
        task_types: Vec::new(),
        count,
        most,
        overrides: [(vec!["big*".parse().expect("a pattern")], 9)]
            .into_iter()
            .collect(),
        holds: Holds::Enforced,
    })
}

fn patterns(texts: &[&str]) -> DataSourcePatterns {
    let read = |text: &&str| text.parse::<DataSourcePattern>().expect("a pattern");
    texts.iter().map(read).collect()
}

fn task(datasource: &str, slots: u32) -> Occupies {
    Occupies {
        datasource: datasource.parse().ok(),
        task_type: "index_parallel".to_owned(),
        tasks: 1,
        slots,
        supervisor: None,
    }
}

fn listed(id: &str, group: &str, datasource: &str) -> LiveTask {
    LiveTask {
        id: id.to_owned(),
        group: group.to_owned(),
        task_type: match id == group || group.starts_with("index_kafka") {
            true => "index_parallel".to_owned(),
            false => "single_phase_sub_task".to_owned(),
        },
        datasource: datasource.to_owned(),
    }
}

/// A client may name any group: its tasks count all the same.
#[test]
fn a_group_that_a_client_names_hides_nothing() {
    let rig = Rig::new();
    let three = quota(Per::DataSource, Cost::Request, 3);
    let mut named = listed("b", "a", "wiki");
    named.task_type = "noop".to_owned();
    rig.list(&[listed("a", "a", "wiki"), named]);
    assert_eq!(rig.room(&three, "wiki"), 1);
}

/// Two supervisors of one datasource are two.
#[test]
fn supervisors_are_told_apart_by_their_ids() {
    let rig = Rig::new();
    let ten = quota(Per::DataSource, Cost::Slots, 10);
    let supervisor = |id: &str| Occupies {
        task_type: "index_kafka".to_owned(),
        tasks: 4,
        supervisor: Some(id.to_owned()),
        ..task("wiki", 4)
    };
    rig.list(&[]);
    for id in ["one", "two", "one"] {
        rig.submit(&ten, supervisor(id))
            .expect("room")
            .answered(None);
    }
    let over = rig
        .submit(&ten, supervisor("three"))
        .expect_err("eight of ten");
    assert_eq!((over.used, over.want), (8, 4));
}

#[test]
fn what_was_just_admitted_counts_until_a_list_knows_better() {
    let rig = Rig::new();
    let three = quota(Per::DataSource, Cost::Request, 3);
    rig.list(&[listed("old", "old", "wiki")]);
    assert_eq!(rig.room(&three, "wiki"), 2);
    assert_eq!(rig.room(&three, "other"), 3);
    assert_eq!(rig.room(&three, "big_one"), 9, "a number of its own");
    let under_way = rig.submit(&three, task("wiki", 1)).expect("room");
    let done = rig.submit(&three, task("wiki", 1)).expect("room");
    let over = rig.submit(&three, task("wiki", 1)).expect_err("three live");
    assert_eq!((over.used, over.most, over.want), (3, 3, 1));
    // A list that was asked for before the answer does not know.
    let asked = rig.tasks.now();
    rig.pass();
    done.answered(Some("new".to_owned()));
    rig.tasks.saw(asked, &[listed("old", "old", "wiki")]);
    assert_eq!(rig.room(&three, "wiki"), 0);
    // One that was asked for since does: one has ended, one is still under way.
    rig.list(&[listed("new", "new", "wiki")]);
    assert_eq!(rig.room(&three, "wiki"), 1);
    under_way.release();
    assert_eq!(rig.room(&three, "wiki"), 2);
    // An older list comes late.
    rig.tasks.saw(asked, &[]);
    assert_eq!(rig.room(&three, "wiki"), 2);
    // A hold that was lost is counted until the next list.
    drop(rig.submit(&three, task("wiki", 1)).expect("room"));
    assert_eq!(rig.room(&three, "wiki"), 1);
    rig.list(&[]);
    assert_eq!(rig.room(&three, "wiki"), 3);
}

#[test]
fn slots_are_those_declared_or_those_seen() {
    let rig = Rig::new();
    let ten = quota(Per::All, Cost::Slots, 10);
    rig.list(&[]);
    rig.submit(&ten, task("wiki", 5))
        .expect("room")
        .answered(Some("p".to_owned()));
    let left = |slots| rig.submit(&ten, task("wiki", slots)).map(LiveHold::release);
    assert!(left(6).is_err());
    assert!(left(5).is_ok());
    // The parent alone, then with sub-tasks: five slots all along.
    let mut list = vec![listed("p", "p", "wiki")];
    for number in 0..4 {
        rig.list(&list);
        assert!(left(6).is_err(), "{number} sub-tasks");
        assert!(left(5).is_ok(), "{number} sub-tasks");
        list.push(listed(&format!("s{number}"), "p", "wiki"));
    }
    // More than it said.
    list.push(listed("s9", "p", "wiki"));
    rig.list(&list);
    assert!(left(5).is_err());
    assert!(left(4).is_ok());
    // As tasks they are one; of a group whose head is not there each counts.
    let tasks = quota(Per::All, Cost::Request, 10);
    assert_eq!(rig.room(&tasks, "wiki"), 9);
    rig.list(&[
        listed("k1", "index_kafka_wiki", "wiki"),
        listed("k2", "index_kafka_wiki", "wiki"),
    ]);
    assert_eq!(rig.room(&tasks, "wiki"), 8);
    // What cannot be told takes all there is.
    rig.list(&[]);
    let untold = rig
        .submit(&ten, task("wiki", u32::MAX))
        .expect("nothing lives");
    assert!(left(1).is_err());
    untold.release();
}

#[test]
fn a_role_is_counted_by_its_datasources() {
    let rig = Rig::new();
    let roles = [("writer".into(), patterns(&["wiki*"]))].into();
    let three = quota(Per::Role(roles), Cost::Request, 3);
    rig.list(&[
        listed("a", "a", "wiki_a"),
        listed("b", "b", "wiki_b"),
        listed("c", "c", "other"),
    ]);
    assert_eq!(rig.room(&three, "wiki_c"), 1);
    let others = quota(
        Per::Role([("other".into(), DataSourcePatterns::default())].into()),
        Cost::Request,
        1,
    );
    assert!(draws(&others, &task("wiki", 1)).is_empty(), "not its role");
}

#[test]
fn types_and_datasources_choose_what_counts() {
    let rig = Rig::new();
    let only = Arc::new(LiveQuota {
        datasources: patterns(&["wiki*"]),
        task_types: vec!["index_parallel".to_owned()],
        ..Arc::unwrap_or_clone(quota(Per::All, Cost::Request, 2))
    });
    let mut compact = listed("k", "k", "wiki");
    compact.task_type = "compact".to_owned();
    rig.list(&[listed("a", "a", "wiki"), listed("b", "b", "other"), compact]);
    assert_eq!(rig.room(&only, "wiki"), 1);
    assert!(draws(&only, &task("other", 1)).is_empty());
    let mut other = task("wiki", 1);
    other.task_type = "compact".to_owned();
    assert!(draws(&only, &other).is_empty());
}

#[test]
fn a_supervisor_takes_the_place_of_its_own_tasks() {
    let rig = Rig::new();
    let ten = quota(Per::All, Cost::Slots, 10);
    let supervisor = |slots| Occupies {
        task_type: "index_kafka".to_owned(),
        tasks: slots,
        supervisor: Some("wiki".to_owned()),
        ..task("wiki", slots)
    };
    let running = |many: u32| -> Vec<LiveTask> {
        let task = |number| LiveTask {
            task_type: "index_kafka".to_owned(),
            ..listed(&format!("k{number}"), "index_kafka_wiki", "wiki")
        };
        (0..many).map(task).collect()
    };
    rig.list(&[]);
    rig.submit(&ten, supervisor(8))
        .expect("room")
        .answered(None);
    let left = |slots| rig.submit(&ten, task("wiki", slots)).map(LiveHold::release);
    assert!(left(3).is_err());
    // It has not begun yet, begins, and runs: eight all along.
    for many in [0, 3, 8] {
        rig.list(&running(many));
        assert!(left(3).is_err(), "{many}");
        assert!(left(2).is_ok(), "{many}");
    }
    // Once more with ten: two more.
    rig.submit(&ten, supervisor(10)).expect("its own").release();
    assert!(rig.submit(&ten, supervisor(11)).is_err());
    // In a minute only what runs counts.
    rig.seconds.fetch_add(60, Ordering::Relaxed);
    rig.list(&running(4));
    assert!(left(6).is_ok());
}

#[test]
fn an_audited_quota_names_itself_and_lets_pass() {
    let rig = Rig::new();
    let audited = Arc::new(LiveQuota {
        holds: Holds::Audited,
        ..Arc::unwrap_or_clone(quota(Per::All, Cost::Request, 0))
    });
    let what = task("wiki", 1);
    let (hold, would) = rig
        .tasks
        .hold(&draws(&audited, &what), what)
        .expect("let pass");
    assert_eq!(would, [Arc::<str>::from("q")]);
    hold.release();
}

proptest! {
    /// Whatever the order of answers, lists and endings: never more than the quota live, as long as
    /// all comes through here.
    #[test]
    fn never_more_than_the_quota(
        most in 1_u32..5,
        steps in prop::collection::vec((0_u8..5, any::<prop::sample::Index>()), 1..120),
    ) {
        let rig = Rig::new();
        let quota = quota(Per::DataSource, Cost::Request, most);
        let mut asking: Vec<(LiveHold, String)> = Vec::new();
        let mut lists: Vec<(Duration, Vec<LiveTask>)> = Vec::new();
        let mut alive: Vec<String> = Vec::new();
        let mut next = 0;
        for (what, which) in steps {
            rig.pass();
            match what {
                0 => if let Ok(hold) = rig.submit(&quota, task("wiki", 1)) {
                    next += 1;
                    // Druid takes it before it answers.
                    alive.push(format!("t{next}"));
                    asking.push((hold, format!("t{next}")));
                },
                1 if !asking.is_empty() => {
                    let (hold, id) = asking.remove(which.index(asking.len()));
                    hold.answered(Some(id));
                }
                2 if !alive.is_empty() => { alive.remove(which.index(alive.len())); }
                3 => {
                    let now = alive.iter().map(|id| listed(id, id, "wiki")).collect();
                    lists.push((rig.tasks.now(), now));
                }
                4 if !lists.is_empty() => {
                    let (asked, tasks) = lists.remove(which.index(lists.len()));
                    rig.tasks.saw(asked, &tasks);
                }
                _ => {}
            }
            prop_assert!(alive.len() <= most as usize, "{} live of {}", alive.len(), most);
        }
    }

    /// What is told without looking at each task is what looking at each tells.
    #[test]
    fn what_is_used_is_the_sum_of_its_shares(
        steps in prop::collection::vec(
            (0_u8..8, 0_usize..4, 0_usize..3, 0_u32..4, any::<prop::sample::Index>()),
            1..60,
        ),
    ) {
        let datasources = ["wiki", "wiki_2", "clicks", "metrics"];
        let types = ["index_parallel", "compact", "index_kafka"];
        let rig = Rig::new();
        let quotas: Vec<Arc<LiveQuota>> = [Cost::Request, Cost::Slots]
            .into_iter()
            .flat_map(|count| {
                let roles = || Per::Role([("writer".into(), patterns(&["wiki*"]))].into());
                [Per::All, Per::DataSource, roles()].map(|per| quota(per, count, 1_000_000))
            })
            .chain([Arc::new(LiveQuota {
                datasources: patterns(&["wiki*", "clicks"]),
                task_types: vec![types[0].to_owned(), types[2].to_owned()],
                ..Arc::unwrap_or_clone(quota(Per::All, Cost::Slots, 1_000_000))
            })])
            .collect();
        let mut holds: Vec<LiveHold> = Vec::new();
        let mut live: Vec<LiveTask> = Vec::new();
        for (number, (what, datasource, task_type, slots, which)) in steps.into_iter().enumerate() {
            rig.pass();
            let occupies = Occupies {
                task_type: types[task_type].to_owned(),
                slots: if slots == 0 { u32::MAX } else { slots },
                supervisor: (task_type == 2).then(|| format!("s{slots}")),
                ..task(datasources[datasource], slots)
            };
            match what {
                0..=3 => holds.push(rig.tasks.hold(&[], occupies).expect("nothing asked").0),
                4 if !holds.is_empty() => holds.remove(which.index(holds.len())).release(),
                5 if !holds.is_empty() => {
                    let id = format!("t{number}");
                    let group = if task_type == 2 { format!("index_kafka_s{slots}") } else { id.clone() };
                    live.push(LiveTask {
                        task_type: types[task_type].to_owned(),
                        ..listed(&id, &group, datasources[datasource])
                    });
                    holds.remove(which.index(holds.len())).answered(Some(id));
                }
                6 => rig.list(&live),
                _ => {}
            }
            let mut state = rig.tasks.lock();
            for quota in &quotas {
                for datasource in datasources {
                    for draw in draws(quota, &task(datasource, 1)) {
                        let shares: u32 = state.shares(&draw).iter().map(|share| share.used).sum();
                        prop_assert_eq!(state.used(&draw), shares);
                    }
                }
            }
        }
    }
}
