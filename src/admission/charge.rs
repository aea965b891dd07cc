//! What a request draws from its limits, and how it goes on once they were asked.

use std::sync::Arc;

use super::admitted::{Forward, Trace};
use super::known::Known;
use super::step::Step;
use super::{Enforcement, Rejection};
use crate::caller::Principal;
use crate::druid::DataSource;
use crate::finding::Finding;
use crate::policy::Permit;
use crate::quota::{
    Charge, Draw, Facts, Holds, LiveDraw, Occupies, Over, OverQuota, RateLimit, Said, Share,
};
use crate::route::{Action, Endpoint, SpecKind};
use crate::spec::{Spec, SpecId};

/// Who may not read a datasource is not told that its tasks fill a quota.
const HIDDEN: &str = "others";

/// Users of a quota that a refusal names.
const MOST_SHARES: usize = 10;

/// What a request wants of its limits.
#[derive(Debug, Default)]
pub struct Claim {
    /// Tokens.
    pub draws: Vec<Draw>,
    /// Places among the live tasks.
    pub live: Vec<LiveDraw>,
    /// What would take those.
    pub occupies: Option<Occupies>,
    /// Is it only asked what they would say?
    pub is_dry: bool,
}

/// Waits for the word of its limits.
#[derive(Debug)]
pub struct AwaitingCharge {
    known: Box<Known>,
    claim: Claim,
    then: Then,
}

/// How it goes on.
#[derive(Debug)]
pub(super) enum Then {
    /// To what the request is about.
    Stands(Permit),
    /// Upstream.
    Admit {
        permit: Permit,
        forward: Forward,
        warnings: Vec<Finding>,
    },
}

impl Claim {
    pub(super) fn of(draws: Vec<Draw>) -> Claim {
        Claim {
            draws,
            ..Claim::default()
        }
    }

    pub(super) fn dry(self) -> Claim {
        Claim {
            is_dry: true,
            ..self
        }
    }

    fn is_empty(&self) -> bool {
        self.draws.is_empty() && self.live.is_empty()
    }

    /// The limits by name, with what each would count.
    pub fn charges(&self) -> Vec<(Arc<str>, u32)> {
        let rates = self.draws.iter();
        let rates = rates.map(|draw| (draw.rule.name.clone(), draw.cost));
        let live = self.live.iter();
        let live = live.map(|draw| (draw.quota.name.clone(), draw.want));
        rates.chain(live).collect()
    }
}

impl Known {
    /// What can be drawn as soon as it is known who wants to do what. For other actions than
    /// submissions, which cost nothing when they are refused, and only if no limit has to know more:
    /// all that a request draws is drawn together.
    pub(super) fn early_draws(&self, role: &Arc<str>) -> Vec<Draw> {
        let action = self.route.endpoint.action;
        if action == Action::Submit {
            return Vec::new();
        }
        let roles = self.principal.roles();
        let covering = self.snapshot.rate_limits.covering(action, roles);
        if !covering.iter().all(|rule| rule.is_early()) {
            return Vec::new();
        }
        self.drawn(&covering, &self.facts(role, &[], None, Some(1)))
    }

    fn draws(
        &self,
        role: &Arc<str>,
        datasources: &[DataSource],
        task_type: Option<&str>,
        slots: Option<u32>,
    ) -> Vec<Draw> {
        let facts = self.facts(role, datasources, task_type, slots);
        let roles = self.principal.roles();
        let covering = self.snapshot.rate_limits.covering(facts.action, roles);
        self.drawn(&covering, &facts)
    }

    fn drawn(&self, rules: &[&Arc<RateLimit>], facts: &Facts<'_>) -> Vec<Draw> {
        let mut draws = Vec::with_capacity(rules.len());
        for rule in rules {
            rule.draw_into(&mut draws, facts);
        }
        if self.snapshot.enforcement == Enforcement::Audit {
            for draw in &mut draws {
                draw.holds = Holds::Audited;
            }
        }
        draws
    }

    fn facts<'f>(
        &'f self,
        role: &'f Arc<str>,
        datasources: &'f [DataSource],
        task_type: Option<&'f str>,
        slots: Option<u32>,
    ) -> Facts<'f> {
        let endpoint = self.route.endpoint;
        Facts {
            action: endpoint.action,
            operation: endpoint.operation,
            principal: &self.principal,
            role,
            source: self.head.source,
            datasources,
            task_type,
            slots,
        }
    }

    /// What a spec draws.
    pub(super) fn claim_of(&self, spec: &Spec, role: &Arc<str>) -> Claim {
        let effects = &spec.effects;
        let (writes, slots) = (effects.writes.as_slice(), effects.slots);
        let draws = match self.charge {
            Some(_) => Vec::new(),
            None => self.draws(role, writes, Some(&spec.type_id), slots),
        };
        let is_supervisor = match spec.kind {
            SpecKind::Task => false,
            SpecKind::Supervisor => true,
            // It runs inside the Overlord.
            SpecKind::Sampler => return Claim::of(draws),
        };
        let told = slots.unwrap_or(u32::MAX);
        let occupies = Occupies {
            datasource: writes.first().cloned(),
            task_type: match is_supervisor {
                true => format!("index_{}", spec.type_id),
                false => spec.type_id.clone(),
            },
            // Each of a supervisor's tasks is one of its own.
            tasks: if is_supervisor { told } else { 1 },
            slots: told,
            supervisor: match &spec.id {
                SpecId::Supervisor(ids) => ids.first().map(ToString::to_string),
                SpecId::Task(_) | SpecId::None => None,
            },
        };
        let facts = self.facts(role, writes, Some(&spec.type_id), slots);
        let quotas = self.snapshot.live_quotas.covering(role, writes);
        let mut live: Vec<LiveDraw> = quotas
            .into_iter()
            .flat_map(|quota| quota.draws(&facts, &occupies))
            .collect();
        if self.snapshot.enforcement == Enforcement::Audit {
            for draw in &mut live {
                draw.holds = Holds::Audited;
            }
        }
        Claim {
            draws,
            live,
            occupies: Some(occupies),
            is_dry: false,
        }
    }

    /// The last step of what is no spec: the limits, if they were not asked before, and upstream.
    pub(super) fn finish(
        mut self: Box<Self>,
        permit: Permit,
        forward: Forward,
        about: Option<DataSource>,
    ) -> Step {
        let draws = match self.charge {
            Some(_) => Vec::new(),
            None => self.draws(permit.role(), about.as_slice(), None, Some(1)),
        };
        self.trace.counted = about;
        let then = Then::Admit {
            permit,
            forward,
            warnings: Vec::new(),
        };
        self.need_charge(Claim::of(draws), then)
    }

    pub(super) fn need_charge(self: Box<Self>, claim: Claim, then: Then) -> Step {
        if claim.is_empty() {
            return then.go(self);
        }
        Step::NeedCharge(Box::new(AwaitingCharge {
            known: self,
            claim,
            then,
        }))
    }

    /// Of a quota that is full: who is told what fills it.
    fn veil(&self, shares: Vec<Share>) -> Vec<Share> {
        let sight = self.snapshot.policies.sight(&self.principal, Action::Read);
        let sees = |share: &Share| match &share.datasource {
            Some(datasource) => sight.sees(datasource),
            None => sight.sees_all(),
        };
        let (mut seen, hidden): (Vec<Share>, Vec<Share>) = shares.into_iter().partition(sees);
        seen.truncate(MOST_SHARES);
        if !hidden.is_empty() {
            seen.push(Share {
                datasource: None,
                task_type: HIDDEN.to_owned(),
                used: hidden
                    .iter()
                    .fold(0, |sum, share| sum.saturating_add(share.used)),
            });
        }
        seen
    }
}

impl Then {
    fn go(self, known: Box<Known>) -> Step {
        match self {
            Then::Stands(permit) => known.stands(permit),
            Then::Admit {
                permit,
                forward,
                warnings,
            } => known.admit(permit, forward, warnings),
        }
    }
}

impl AwaitingCharge {
    /// What is drawn.
    pub fn claim(&self) -> &Claim {
        &self.claim
    }

    /// Takes what is drawn out, to be handed to the limits.
    pub fn take_claim(&mut self) -> Claim {
        std::mem::take(&mut self.claim)
    }

    /// Whose request it is.
    pub fn principal(&self) -> &Principal {
        &self.known.principal
    }

    /// Which endpoint.
    pub fn endpoint(&self) -> &'static Endpoint {
        self.known.route.endpoint
    }

    /// Goes on with the word of its limits.
    pub fn supply(self, charged: Result<Charge, OverQuota>) -> Step {
        let AwaitingCharge {
            mut known,
            claim: _,
            mut then,
        } = self;
        match (charged, &mut then) {
            (Ok(mut charge), _) => {
                known.trace.limits.append(&mut charge.said);
                known.charge = Some(charge);
                then.go(known)
            }
            (
                Err(_),
                Then::Admit {
                    forward: Forward::DryRun { refused_by, .. },
                    ..
                },
            ) => {
                refused_by.get_or_insert("quota");
                then.go(known)
            }
            (Err(over), _) => {
                known.trace.rule = Some(over.rule.clone());
                known.trace.limits.extend(over.said.iter().cloned());
                known.over(over)
            }
        }
    }

    /// Ends here: the live tasks could not be asked for.
    pub fn into_trace(self) -> Trace {
        self.known.trace
    }
}

impl Known {
    fn over(self: Box<Self>, over: OverQuota) -> Step {
        let OverQuota { rule, why, said } = over;
        let why = match why {
            Over::Live(mut live) => {
                live.shares = self.veil(live.shares);
                Over::Live(live)
            }
            Over::Rate { .. } | Over::TooMuch { .. } | Over::Uncounted => why,
        };
        // A limit's name and numbers are for those who may submit.
        let may_know = self
            .snapshot
            .policies
            .standing(&self.principal, Action::Submit)
            .is_ok();
        let over = OverQuota { rule, why, said };
        self.reject(Rejection::OverQuota { over, may_know })
    }
}

/// Did a limit that is only audited say no?
pub fn is_audited(said: &[(Arc<str>, Said)]) -> bool {
    said.iter().any(|(_, said)| *said == Said::WouldRefuse)
}
