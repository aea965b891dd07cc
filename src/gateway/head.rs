//! A request's header, as admission and the log want it.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;

use crate::admission::Head;
use crate::caller::{Credentials, InvalidCredentials};
use crate::listener::{Arrival, Framing, Request};

/// Where a client without a user name puts its key.
const API_KEY: &str = "x-api-key";

/// What admission needs of the header.
pub(super) fn head(request: &Request, source: IpAddr) -> Head {
    let (has_body, length) = match request.framing() {
        Framing::None => (false, Some(0)),
        Framing::Length(length) => (true, Some(length)),
        Framing::Chunked => (true, None),
    };
    Head {
        method: method(request),
        target: request.target().to_owned(),
        has_body,
        length,
        content_type: request.value("content-type").map(str::to_owned),
        is_encoded: request.value("content-encoding").is_some(),
        source: Some(source),
    }
}

/// The method; only one that no endpoint has is a text of its own.
pub(super) fn method(request: &Request) -> Cow<'static, str> {
    match request.method() {
        "GET" => Cow::Borrowed("GET"),
        "POST" => Cow::Borrowed("POST"),
        "DELETE" => Cow::Borrowed("DELETE"),
        other => Cow::Owned(other.to_owned()),
    }
}

/// What the client says it is.
pub(super) fn credentials(request: &Request) -> Result<Credentials, InvalidCredentials> {
    let all = |name| request.values(name).map(str::as_bytes);
    Credentials::of_request(all("authorization"), all(API_KEY))
}

/// What a client is taken for that may have shown a certificate. A header decides alone: behind a
/// wrong password no certificate is asked, or a guess would end as a login.
pub(super) fn or_certificate(said: Credentials, arrival: &Arrival) -> Credentials {
    match (said, &arrival.certificate) {
        (Credentials::Absent, Some(names)) => Credentials::Certificate(names.clone()),
        (said, _) => said,
    }
}

/// Does the client take JSON, as a client that says nothing does? Druid has some answers in Smile,
/// too; who asks for that, or for something else, is not given what was asked for nobody.
pub(super) fn takes_json(request: &Request) -> bool {
    let lines: Vec<&str> = request.values("accept").collect();
    is_json_taken(&lines)
}

fn is_json_taken(lines: &[&str]) -> bool {
    let mut is_taken = lines.is_empty();
    for range in lines.iter().flat_map(|line| line.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        if name.ends_with("smile") {
            return false;
        }
        let is_json = matches!(name.as_str(), "application/json" | "application/*" | "*/*");
        let weight = parts.find_map(|part| part.strip_prefix("q="));
        is_taken |= is_json
            && weight.is_none_or(|weight| weight.parse().is_ok_and(|weight: f32| weight > 0.0));
    }
    is_taken
}

/// Is the `Host` one that is served?
pub(super) fn is_served(request: &Request, hosts: &[String]) -> bool {
    serves(hosts, request.value("host"))
}

/// With or without its port; whatever it is, if no host is configured.
fn serves(hosts: &[String], host: Option<&str>) -> bool {
    if hosts.is_empty() {
        return true;
    }
    let Some(host) = host.map(str::to_ascii_lowercase) else {
        return false;
    };
    let name = host
        .rsplit_once(':')
        .map_or(host.as_str(), |(name, _)| name);
    hosts.iter().any(|served| *served == host || served == name)
}

/// The client's address, as far as it can be believed.
pub(super) fn source(request: &Request, peer: SocketAddr, trusted: &[IpNet]) -> IpAddr {
    let lines: Vec<&str> = request.values("x-forwarded-for").collect();
    nearest(peer.ip(), &lines, trusted)
}

/// The rightmost address of `X-Forwarded-For` that no trusted proxy wrote, if the connection comes
/// from a trusted proxy.
fn nearest(peer: IpAddr, lines: &[&str], trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut nearest = peer.to_canonical();
    for part in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
        if !is_trusted(&nearest) {
            break;
        }
        let Some(address) = address(part.trim()) else {
            break;
        };
        nearest = address.to_canonical();
    }
    nearest
}

/// An address as proxies write it: also with a port, IPv6 also in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bracketed = || {
        let inner = text.strip_prefix('[')?.strip_suffix(']')?;
        inner.parse::<Ipv6Addr>().ok().map(IpAddr::from)
    };
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    text.parse().ok().or_else(with_port).or_else(bracketed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_trusted_proxies_wrote_is_believed() {
        let trusted: Vec<IpNet> = ["10.0.0.0/8", "2001:db8::/32"]
            .iter()
            .map(|network| network.parse().expect("a network"))
            .collect();
        // The connection's other end, the lines in their order, whom it is counted as.
        let cases: &[(&str, &[&str], &str)] = &[
            ("192.0.2.1", &[], "192.0.2.1"),
            // A client writes what it likes.
            ("192.0.2.1", &["198.51.100.7"], "192.0.2.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.7"], "198.51.100.7"),
            ("::ffff:10.0.0.1", &["::ffff:198.51.100.7"], "198.51.100.7"),
            ("2001:db8::1", &["2001:db9::7"], "2001:db9::7"),
            // The rightmost that is not a proxy's own; what stands before it is the client's word.
            ("10.0.0.1", &["203.0.113.9, 198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", &["198.51.100.7, 10.0.0.2"], "198.51.100.7"),
            (
                "10.0.0.1",
                &["198.51.100.7 ,10.0.0.3,  10.0.0.2"],
                "198.51.100.7",
            ),
            // Several lines are one list.
            (
                "10.0.0.1",
                &["203.0.113.9", "198.51.100.7", "10.0.0.2"],
                "198.51.100.7",
            ),
            // All proxies': the farthest of them.
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            // What is no address ends it: the nearest that is known counts.
            ("10.0.0.1", &["198.51.100.7, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.7, unknown, 10.0.0.2"], "10.0.0.2"),
            // With a port, as some proxies write them.
            ("10.0.0.1", &["198.51.100.7:443"], "198.51.100.7"),
            ("10.0.0.1", &["[2001:db9::7]"], "2001:db9::7"),
            ("10.0.0.1", &["[2001:db9::7]:443"], "2001:db9::7"),
            ("10.0.0.1", &["198.51.100.7, 10.0.0.2:80"], "198.51.100.7"),
            ("10.0.0.1", &["[198.51.100.7]"], "10.0.0.1"),
            ("10.0.0.1", &["[2001:db9::7"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.7:"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.7:65536"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.7:x"], "10.0.0.1"),
            ("10.0.0.1", &[""], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.7,"], "10.0.0.1"),
        ];
        for (peer, lines, expected) in cases {
            let peer = peer.parse().expect("an address");
            let expected: IpAddr = expected.parse().expect("an address");
            assert_eq!(nearest(peer, lines, &trusted), expected, "{peer} {lines:?}");
            assert_eq!(
                nearest(peer, lines, &[]),
                peer.to_canonical(),
                "nobody is trusted"
            );
        }
    }

    #[test]
    fn who_takes_json_is_told_by_accept() {
        for (lines, expected) in [
            (&[][..], true),
            (&["application/json"], true),
            (&["*/*"], true),
            (
                &["application/problem+json", "Application/JSON;charset=utf-8"],
                true,
            ),
            (&["text/html,application/xhtml+xml,*/*; q=0.1"], true),
            (&["text/html", "*/*;q=0"], false),
            (&["application/json;q=0.0"], false),
            (&["text/plain"], false),
            (&["application/problem+json"], false),
            (&["application/json, application/x-jackson-smile"], false),
            (&[""], false),
        ] {
            assert_eq!(is_json_taken(lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn hosts_are_served_by_name_or_by_name_and_port() {
        let hosts = ["druid.example", "other:8190", "[::1]"].map(str::to_owned);
        for (host, served) in [
            (Some("druid.example"), true),
            (Some("Druid.EXAMPLE:8190"), true),
            (Some("other:8190"), true),
            (Some("other"), false),
            (Some("other:80"), false),
            (Some("[::1]:8190"), true),
            (Some("[::1]"), true),
            (Some("evil.druid.example"), false),
            (Some("druid.example.evil"), false),
            (Some(""), false),
            (None, false),
        ] {
            assert_eq!(serves(&hosts, host), served, "{host:?}");
            assert!(serves(&[], host), "{host:?}: any, if none is configured");
        }
    }
}
