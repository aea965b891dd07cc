//! A request's header, as admission and the log want it.

use std::net::{IpAddr, SocketAddr};

use http::header;
use ipnet::IpNet;
use pingora::protocols::http::ServerSession;

use crate::admission::Head;
use crate::caller::{Credentials, InvalidCredentials};
use crate::listener::Arrival;
use crate::listener::head::Framing;

/// What admission needs of the header.
pub(super) fn head(session: &ServerSession, arrival: &Arrival) -> Head {
    let request = session.req_header();
    let (has_body, length) = match arrival.checked.framing {
        Framing::None => (false, Some(0)),
        Framing::Length(length) => (true, Some(length)),
        Framing::Chunked => (true, None),
    };
    let text = |name| {
        request
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    Head {
        method: request.method.as_str().to_owned(),
        // The edge let only visible ASCII pass.
        target: String::from_utf8_lossy(request.raw_path()).into_owned(),
        has_body,
        length,
        content_type: text(header::CONTENT_TYPE),
        is_encoded: request.headers.contains_key(header::CONTENT_ENCODING),
    }
}

/// What the client says it is.
pub(super) fn credentials(session: &ServerSession) -> Result<Credentials, InvalidCredentials> {
    match session.req_header().headers.get(header::AUTHORIZATION) {
        None => Ok(Credentials::Absent),
        Some(value) => Credentials::from_authorization(value.as_bytes()),
    }
}

/// Is the `Host` one that is served?
pub(super) fn is_served(session: &ServerSession, hosts: &[String]) -> bool {
    if hosts.is_empty() {
        return true;
    }
    let host = session
        .req_header()
        .headers
        .get(header::HOST)
        .and_then(|value| value.to_str().ok());
    let Some(host) = host.map(str::to_ascii_lowercase) else {
        return false;
    };
    let name = host
        .rsplit_once(':')
        .map_or(host.as_str(), |(name, _)| name);
    hosts.iter().any(|served| *served == host || served == name)
}

/// The client's address: the rightmost of `X-Forwarded-For` that no trusted proxy wrote, if the
/// connection comes from a trusted proxy.
pub(super) fn source(session: &ServerSession, peer: SocketAddr, trusted: &[IpNet]) -> IpAddr {
    let peer = peer.ip().to_canonical();
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    if !is_trusted(&peer) {
        return peer;
    }
    let lines: Vec<&str> = session
        .req_header()
        .headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    let mut nearest = peer;
    for part in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
        let Ok(address) = part.trim().parse::<IpAddr>() else {
            return nearest;
        };
        nearest = address.to_canonical();
        if !is_trusted(&nearest) {
            return nearest;
        }
    }
    nearest
}
