//! What each rejection is told as.

use std::time::Duration;

use http::{HeaderName, StatusCode, header};
use serde_json::{Value, json};

use super::{Problem, rate_limit_fields, seconds, sentence};
use crate::admission::{BodyProblem, Rejection};
use crate::caller::Schemes;
use crate::druid::DataSource;
use crate::finding::{Finding, quote};
use crate::policy::Unmet;
use crate::quota::{Cost, LiveOver, Over, OverQuota};
use crate::route::Action;
use crate::telemetry::Stage;

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Problem {
        use StatusCode as S;
        match rejection {
            Rejection::MalformedTarget(why) => Problem::new(
                S::BAD_REQUEST,
                "overgateMalformedTarget",
                Stage::Path,
                sentence(&why),
            ),
            Rejection::Unauthenticated(schemes) => {
                let message = wanted(schemes);
                let code = "overgateUnauthenticated";
                challenge(
                    Problem::new(S::UNAUTHORIZED, code, Stage::Identity, message),
                    schemes,
                )
            }
            Rejection::WrongCredentials(schemes) => {
                let message = wrong(schemes);
                let code = "overgateWrongCredentials";
                challenge(
                    Problem::new(S::UNAUTHORIZED, code, Stage::Identity, message),
                    schemes,
                )
            }
            Rejection::TooManyFailures(wait) => Problem::new(
                S::TOO_MANY_REQUESTS,
                "overgateTooManyFailures",
                Stage::Identity,
                format!(
                    "Too many wrong credentials came from this address; no password from there is checked for {} s",
                    seconds(wait)
                ),
            )
            .retry_after(wait),
            Rejection::NoIssuerKeys => Problem::new(
                S::SERVICE_UNAVAILABLE,
                "overgateNoIssuerKeys",
                Stage::Identity,
                "The keys of the token's issuer cannot be fetched at the moment; try again",
            )
            .retry_after(Duration::from_secs(5)),
            Rejection::TooManyLogins => Problem::new(
                S::TOO_MANY_REQUESTS,
                "overgateTooManyLogins",
                Stage::Identity,
                "Too many logins are being checked; try again",
            )
            .retry_after(Duration::from_secs(1)),
            Rejection::UnknownEndpoint => Problem::new(
                S::NOT_FOUND,
                "overgateUnknownEndpoint",
                Stage::Route,
                "There is no such endpoint here: the gateway serves Druid's Overlord API, `/druid/indexer/v1/…`",
            ),
            Rejection::NotInVersion(version) => Problem::new(
                S::NOT_FOUND,
                "overgateUnknownEndpoint",
                Stage::Route,
                format!(
                    "Druid {version} has no such endpoint, and that is the version which this gateway is told to stand before"
                ),
            ),
            Rejection::MethodNotAllowed(allow) => Problem::new(
                S::METHOD_NOT_ALLOWED,
                "overgateMethodNotAllowed",
                Stage::Route,
                format!("This endpoint takes {}", allow.join(", ")),
            )
            .header(header::ALLOW, allow.join(", ")),
            Rejection::Blocked => Problem::new(
                S::FORBIDDEN,
                "overgateBlocked",
                Stage::Standing,
                "This endpoint is for Druid's own processes, which reach the Overlord directly",
            ),
            Rejection::Forbidden {
                action,
                datasource,
                unmet,
            } => {
                let message = refusal(action, datasource.as_ref(), unmet.as_ref());
                let problem =
                    Problem::new(S::FORBIDDEN, "overgateForbidden", Stage::Authorize, message);
                match datasource {
                    Some(datasource) => problem.context("datasource", datasource.as_str()),
                    None => problem,
                }
            }
            Rejection::UnknownTask => Problem::new(
                S::NOT_FOUND,
                "overgateUnknownTask",
                Stage::Owner,
                "There is no such task",
            ),
            Rejection::UnknownSupervisor => Problem::new(
                S::NOT_FOUND,
                "overgateUnknownSupervisor",
                Stage::Owner,
                "There is no such supervisor",
            ),
            Rejection::Body(problem) => problem.into(),
            Rejection::InvalidDocument(finding) => {
                let message = format!(
                    "The body is not the JSON that it must be (line {}, column {}): {}",
                    finding.line, finding.column, finding.message
                );
                Problem::new(
                    S::BAD_REQUEST,
                    "overgateInvalidJson",
                    Stage::Document,
                    message,
                )
                .findings(vec![finding])
            }
            Rejection::InvalidSpec(findings) => Problem::new(
                S::BAD_REQUEST,
                "overgateInvalidSpec",
                Stage::Spec,
                summary(&findings),
            )
            .findings(findings),
            Rejection::Review(findings) => Problem::new(
                S::BAD_REQUEST,
                "overgateInvalidSpec",
                Stage::Review,
                summary(&findings),
            )
            .findings(findings),
            Rejection::OverQuota { over, may_know } => over_quota(over, may_know),
        }
    }
}

/// When something has ended, it may be asked again: nobody knows when that is.
const UNTIL_SOMETHING_ENDS: Duration = Duration::from_secs(10);

fn over_quota(over: OverQuota, may_know: bool) -> Problem {
    let OverQuota { rule, why, said: _ } = over;
    let new = |status, code, message: String| {
        let problem = Problem::new(status, code, Stage::Quota, message);
        match may_know {
            true => problem.context("limit", &*rule),
            false => problem,
        }
    };
    let too_many = StatusCode::TOO_MANY_REQUESTS;
    match why {
        Over::Rate {
            rule: limit,
            numbers,
            retry_after,
        } => {
            let wait = seconds(retry_after);
            let code = "overgateOverQuota";
            if !may_know {
                let message = format!("Too many requests; try again in {wait} s");
                return new(too_many, code, message).retry_after(retry_after);
            }
            let unit = match limit.cost {
                Cost::Request => "",
                Cost::Slots => " slots",
            };
            let message = format!(
                "The limit `{rule}` allows {}{unit} with bursts of {}; try again in {wait} s",
                numbers.rate, numbers.burst
            );
            let (policy, state) = rate_limit_fields(&limit, &numbers, 0, retry_after);
            new(too_many, code, message)
                .retry_after(retry_after)
                .header(HeaderName::from_static("ratelimit-policy"), policy)
                .header(HeaderName::from_static("ratelimit"), state)
        }
        Over::TooMuch { count, cost, most } => {
            let unit = match count {
                Cost::Request => "tasks",
                Cost::Slots => "slots",
            };
            new(
                StatusCode::BAD_REQUEST,
                "overgateTooManySlots",
                format!(
                    "It would take {cost} {unit}, and the limit `{rule}` never allows more than {most} at once: ask for fewer (`maxNumConcurrentSubTasks`, `maxNumWorkers`, `taskCount`, `replicas`)"
                ),
            )
        }
        Over::Live(live) => {
            let LiveOver {
                count,
                used,
                most,
                want,
                shares,
            } = live;
            let (unit, live) = match count {
                Cost::Request => ("tasks", "live"),
                Cost::Slots => ("slots", "are taken"),
            };
            let message = format!(
                "The quota `{rule}` allows {most} {unit} at once: {used} {live}, and this would be {want} more; try again when some have ended"
            );
            let by: Vec<Value> = shares
                .into_iter()
                .map(|share| {
                    let datasource = share.datasource.map(|name| name.to_string());
                    json!({
                        "datasource": datasource,
                        "type": share.task_type,
                        "inUse": share.used,
                    })
                })
                .collect();
            new(too_many, "overgateTooManyLive", message)
                .context("inUse", used)
                .context("max", most)
                .context("wanted", want)
                .context("by", by)
                .retry_after(UNTIL_SOMETHING_ENDS)
        }
        Over::Uncounted => Problem::uncounted(),
    }
}

impl From<BodyProblem> for Problem {
    fn from(problem: BodyProblem) -> Problem {
        use StatusCode as S;
        let new = |status, code, message: String| Problem::new(status, code, Stage::Body, message);
        match problem {
            BodyProblem::NotWanted => new(
                S::BAD_REQUEST,
                "overgateBodyNotWanted",
                "This request takes no body".to_owned(),
            )
            .closes(),
            BodyProblem::TooLarge(limit) => new(
                S::PAYLOAD_TOO_LARGE,
                "overgateBodyTooLarge",
                format!("The body is larger than {limit} bytes"),
            )
            .closes(),
            BodyProblem::MediaType => new(
                S::UNSUPPORTED_MEDIA_TYPE,
                "overgateMediaType",
                "The body must be `Content-Type: application/json`, in UTF-8".to_owned(),
            )
            .closes(),
            BodyProblem::Encoded => new(
                S::UNSUPPORTED_MEDIA_TYPE,
                "overgateContentEncoding",
                "The body must not be compressed or encoded".to_owned(),
            )
            .header(header::ACCEPT_ENCODING, "identity")
            .closes(),
            BodyProblem::Late => new(
                S::REQUEST_TIMEOUT,
                "overgateBodyTimeout",
                "The body did not arrive in time".to_owned(),
            )
            .closes(),
            BodyProblem::Broken => new(
                S::BAD_REQUEST,
                "overgateBodyBroken",
                "The body broke off or is framed wrongly".to_owned(),
            )
            .closes(),
            BodyProblem::NoMemory { retry_after } => new(
                S::SERVICE_UNAVAILABLE,
                "overgateNoMemory",
                "Too many large bodies and answers are being read; try again".to_owned(),
            )
            .retry_after(retry_after)
            .closes(),
        }
    }
}

/// What somebody may not do, in words.
fn refusal(action: Action, datasource: Option<&DataSource>, unmet: Option<&Unmet>) -> String {
    let on = datasource.map(|datasource| format!(" `{datasource}`"));
    let on = on.as_deref().unwrap_or(" this");
    let verb = match action {
        Action::Read => "read",
        Action::ReadSecrets => "read the secrets of",
        Action::Submit => "submit to",
        Action::Shutdown => "shut down tasks of",
        Action::Manage => "manage",
        Action::Admin | Action::Blocked => "administer",
    };
    match unmet {
        None => format!("You may not {verb}{on}"),
        Some(Unmet::Opaque(opaque)) => format!(
            "This takes a cluster-wide grant that names its type: {}",
            opaque.reason()
        ),
        Some(Unmet::Type(type_id)) => format!(
            "You may not submit a spec of type {} to{on}: no grant of yours names the type",
            quote(type_id)
        ),
        Some(Unmet::Input { type_id, place }) => {
            let at = place
                .as_deref()
                .map(|place| format!(" at {}", quote(place)));
            format!(
                "You may not submit to{on} what reads from {}{}: no grant of yours has such an input",
                quote(type_id),
                at.as_deref().unwrap_or_default()
            )
        }
    }
}

/// How to log in, in words.
fn wanted(schemes: Schemes) -> String {
    let ways: Vec<&str> = [
        (schemes.basic, "HTTP Basic credentials"),
        (schemes.key, "an API key"),
        (schemes.token, "a bearer token"),
        (schemes.certificate, "a client certificate"),
    ]
    .into_iter()
    .filter_map(|(is_offered, way)| is_offered.then_some(way))
    .collect();
    match ways.as_slice() {
        [] => "Nobody can log in at this gateway: it has no users".to_owned(),
        ways => format!("This gateway wants {}", ways.join(" or ")),
    }
}

fn wrong(schemes: Schemes) -> &'static str {
    match schemes {
        Schemes {
            basic: true,
            key: false,
            token: false,
            certificate: _,
        } => "The user name or the password is wrong",
        Schemes { .. } => "The credentials are wrong",
    }
}

/// RFC 7617 and RFC 6750; the realm tells nothing but the product. HTTP wants a challenge with
/// every 401, so where no header can log anybody in it is Basic.
fn challenge(problem: Problem, schemes: Schemes) -> Problem {
    let has_bearer = schemes.key || schemes.token;
    let mut problem = problem;
    if schemes.basic || !has_bearer {
        let basic = "Basic realm=\"overgate\", charset=\"UTF-8\"";
        problem = problem.header(header::WWW_AUTHENTICATE, basic);
    }
    if has_bearer {
        problem = problem.header(header::WWW_AUTHENTICATE, "Bearer realm=\"overgate\"");
    }
    problem
}

fn summary(findings: &[Finding]) -> String {
    // What refuses comes before what only warns.
    let worst = findings.iter().max_by_key(|finding| {
        (
            finding.severity,
            std::cmp::Reverse((finding.line, finding.column)),
        )
    });
    let Some(first) = worst else {
        return "The spec was refused".to_owned();
    };
    let more = match findings.len() {
        1 => String::new(),
        count => format!(", and {} more", count - 1),
    };
    format!(
        "{} (line {}, column {}){more}",
        first.message, first.line, first.column
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_401_names_the_ways_there_are() {
        const BASIC: &str = "Basic realm=\"overgate\", charset=\"UTF-8\"";
        const BEARER: &str = "Bearer realm=\"overgate\"";
        let nobody = "Nobody can log in at this gateway: it has no users";
        let all = "This gateway wants HTTP Basic credentials or an API key or a bearer token or a client certificate";
        // Passwords, keys, tokens, certificates; what is told and asked for.
        let cases: [(_, &str, &[&str]); _] = [
            ([false, false, false, false], nobody, &[BASIC]),
            (
                [false, false, false, true],
                "This gateway wants a client certificate",
                &[BASIC],
            ),
            (
                [true, false, false, true],
                "This gateway wants HTTP Basic credentials or a client certificate",
                &[BASIC],
            ),
            (
                [false, false, true, false],
                "This gateway wants a bearer token",
                &[BEARER],
            ),
            ([true, true, true, true], all, &[BASIC, BEARER]),
        ];
        for ([basic, key, token, certificate], message, challenges) in cases {
            let schemes = Schemes {
                basic,
                key,
                token,
                certificate,
            };
            let problem = Problem::from(Rejection::Unauthenticated(schemes));
            assert_eq!(wanted(schemes), message);
            let asked: Vec<_> = problem
                .headers
                .iter()
                .filter(|(name, _)| *name == header::WWW_AUTHENTICATE)
                .map(|(_, value)| value.clone())
                .collect();
            assert_eq!(asked, challenges, "{message}");
        }
    }
}
