//! Asks the limits, and settles with them once the answer is known.

use std::sync::Arc;

use tokio::time::Instant;

use super::exchange::{Gateway, Record};
use super::generation::{Due, Generation};
use super::problem::{Fate, Problem};
use crate::admission::{AwaitingCharge, Claim, Step};
use crate::quota::{
    Charge, Draw, Full, Holds, Keeper, Limiter, LiveDraw, LiveHold, Occupies, Over, OverQuota, Said,
};
use crate::store::Store;
use crate::telemetry::Stage;
use crate::upstream::{Failure, Trail};

/// What a request was charged, until it is settled.
#[derive(Debug)]
pub(super) struct Account {
    limiter: Arc<Limiter>,
    store: Option<Arc<Store>>,
    charge: Charge,
}

impl Account {
    /// A read costs the Overlord as much when it ends as an error; what would change something
    /// costs nothing when Druid does not take it.
    fn settle(self, gives_back: bool, task: Option<&str>) {
        let Account {
            limiter,
            store,
            charge,
        } = self;
        if gives_back {
            limiter.give_back(&charge);
            if let Some(store) = store {
                store.give_back(&charge);
            }
        }
        match (charge.live, gives_back) {
            (Some(hold), true) => hold.release(),
            (Some(hold), false) => hold.answered(task.map(str::to_owned)),
            (None, _) => {}
        }
    }
}

impl Record<'_> {
    /// The answer is about to be written: what was charged is settled, so that a client that asks
    /// again at once finds it so.
    pub(super) fn settle(&mut self, fate: Option<Fate>) {
        let Some(account) = self.account.take() else {
            return;
        };
        let is_read = self.outcome.action == "read";
        let was_forwarded = matches!(self.outcome.stage, Stage::Upstream | Stage::Done);
        let gives_back = was_forwarded
            && match fate {
                Some(Fate::Unreached) => true,
                Some(Fate::Refused) => !is_read,
                Some(Fate::Unknown) => false,
                // Druid's own answer.
                None => !is_read && (400..500).contains(&self.outcome.status),
            };
        account.settle(gives_back, self.outcome.subject.as_deref());
    }
}

impl Gateway {
    /// Asks what a request draws from.
    pub(super) async fn charge(
        &self,
        mut wait: Box<AwaitingCharge>,
        generation: &Generation,
        due: Due,
        record: &mut Record<'_>,
    ) -> Result<Step, Problem> {
        let Claim {
            draws,
            live,
            occupies,
            is_dry,
        } = wait.take_claim();
        // Tokens first: who has none takes no place from anybody.
        let charged = match is_dry {
            true => self.look(draws, generation).await,
            false => match self.take(draws, generation, wait.principal().name()).await {
                Ok(charged) => charged,
                Err(problem) => {
                    record.learn(wait.into_trace());
                    return Err(problem);
                }
            },
        };
        let mut charge = match charged {
            Ok(charge) => charge,
            Err(over) => return Ok(wait.supply(Err(over))),
        };
        let (Some(occupies), false) = (occupies, live.is_empty()) else {
            return Ok(wait.supply(Ok(charge)));
        };
        let place = Place {
            draws: &live,
            occupies: &occupies,
            is_dry,
            deadline: due.by(wait.endpoint().action),
        };
        match self.place(&place, generation, record).await {
            Ok((held, would)) => {
                charge.said.extend(live.iter().map(|draw| {
                    let name = draw.quota.name.clone();
                    let said = match would.contains(&name) {
                        true => Said::WouldRefuse,
                        false => Said::Admitted,
                    };
                    (name, said)
                }));
                charge.live = held;
                Ok(wait.supply(Ok(charge)))
            }
            Err(refused) => {
                self.account(charge, generation).settle(true, None);
                match refused {
                    Refused::Over(over) => Ok(wait.supply(Err(over))),
                    Refused::Unasked(problem) => {
                        record.learn(wait.into_trace());
                        Err(*problem)
                    }
                }
            }
        }
    }

    /// What the limits would say.
    async fn look(&self, draws: Vec<Draw>, generation: &Generation) -> Result<Charge, OverQuota> {
        let shared = generation.shared.as_ref().filter(|_| !draws.is_empty());
        match shared {
            Some(shared) => match shared.store.look(&draws).await {
                // Nothing was taken that could be given back.
                Ok(replies) => Charge::of(draws, &replies, Keeper::Store).map(|looked| Charge {
                    drawn: Vec::new(),
                    ..looked
                }),
                Err(_) => self.limiter.look(draws),
            },
            None => self.limiter.look(draws),
        }
    }

    /// Takes tokens: from the store, if there is one, and from our own buckets without.
    async fn take(
        &self,
        draws: Vec<Draw>,
        generation: &Generation,
        by: &Arc<str>,
    ) -> Result<Result<Charge, OverQuota>, Problem> {
        let Some(shared) = generation.shared.as_ref().filter(|_| !draws.is_empty()) else {
            return Ok(self.limiter.take(draws, by));
        };
        if let Ok(replies) = shared.store.take(&draws).await {
            return Ok(Charge::of(draws, &replies, Keeper::Store));
        }
        let refuses = draws.iter().any(|draw| draw.holds == Holds::Enforced);
        match shared.gateways {
            Some(gateways) => {
                let draws = draws.into_iter().map(|draw| draw.share(gateways));
                Ok(self.limiter.take(draws.collect(), by))
            }
            None if refuses => Err(Problem::no_store()),
            None => Ok(Ok(Charge::default())),
        }
    }

    /// Takes what was charged into the record's account.
    pub(super) fn owes(&self, charge: Charge, generation: &Generation, record: &mut Record<'_>) {
        record.account = Some(self.account(charge, generation));
    }

    fn account(&self, charge: Charge, generation: &Generation) -> Account {
        let shared = generation.shared.as_ref();
        Account {
            limiter: self.limiter.clone(),
            store: shared.map(|shared| shared.store.clone()),
            charge,
        }
    }

    async fn place(
        &self,
        place: &Place<'_>,
        generation: &Generation,
        record: &mut Record<'_>,
    ) -> Result<(Option<LiveHold>, Vec<Arc<str>>), Refused> {
        let list = &generation.live;
        let begun = Instant::now();
        let mut trail = Trail::default();
        let counted = list.count(place.deadline, &mut trail).await;
        if trail.attempts > 0 {
            record.upstream(trail, &generation.overlords, begun.elapsed());
        }
        // A quota that is only audited refuses nobody, and keeps nobody waiting.
        let is_audited = place.draws.iter().all(|draw| draw.holds == Holds::Audited);
        match counted {
            Ok(()) => {}
            Err(_) if is_audited => return Ok((None, Vec::new())),
            Err(failure @ (Failure::NoLeader | Failure::Overloaded { .. })) => {
                return Err(Refused::Unasked(Box::new(Problem::upstream(
                    &failure, false,
                ))));
            }
            Err(failure) => {
                tracing::warn!(error = %failure, "the live tasks cannot be counted");
                return Err(Refused::Unasked(Box::new(Problem::uncounted())));
            }
        }
        let first = place.take(generation);
        let Err(full) = first else {
            return first.map_err(Refused::from);
        };
        // Nobody is refused for what has ended.
        let begun = Instant::now();
        let mut trail = Trail::default();
        let is_newer = list.count_to_refuse(place.deadline, &mut trail).await;
        if trail.attempts > 0 {
            record.upstream(trail, &generation.overlords, begun.elapsed());
        }
        match is_newer {
            true => place.take(generation).map_err(Refused::from),
            false => Err(full.into()),
        }
    }
}

/// What is wanted among the live tasks.
struct Place<'a> {
    draws: &'a [LiveDraw],
    occupies: &'a Occupies,
    is_dry: bool,
    deadline: Instant,
}

enum Refused {
    Over(OverQuota),
    Unasked(Box<Problem>),
}

impl Place<'_> {
    fn take(&self, generation: &Generation) -> Result<(Option<LiveHold>, Vec<Arc<str>>), Full> {
        let tasks = generation.live.tasks();
        if self.is_dry {
            tasks.look(self.draws, self.occupies)?;
            return Ok((None, Vec::new()));
        }
        let (hold, would) = tasks.hold(self.draws, self.occupies.clone())?;
        Ok((Some(hold), would))
    }
}

impl From<Full> for Refused {
    fn from((rule, over): Full) -> Refused {
        let why = match over {
            None => Over::Uncounted,
            Some(over) if over.want > over.most => Over::TooMuch {
                count: over.count,
                cost: over.want,
                most: over.most,
            },
            Some(over) => Over::Live(over),
        };
        Refused::Over(OverQuota {
            said: vec![(rule.clone(), Said::Refused)],
            rule,
            why,
        })
    }
}
