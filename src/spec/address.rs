//! Addresses of hosts and objects, as far as every reader reads them alike.

/// An address: what stands before and after its host.
pub(super) struct Address<'a> {
    pub(super) scheme: &'a str,
    pub(super) host: String,
    /// From the first slash on, without a query.
    pub(super) path: &'a str,
}

/// Reads an address that every reader of addresses reads alike: plain characters, no user, no
/// fragment before the path, no backslash.
pub(super) fn address(text: &str) -> Option<Address<'_>> {
    let (scheme, rest) = text.split_once("://")?;
    let is_scheme = !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_plain = rest
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if !is_scheme || !is_plain {
        return None;
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    Some(Address {
        scheme,
        host: host_and_port(authority)?,
        path,
    })
}

/// A host, in small letters, from `host` or `host:port`.
pub(super) fn host_and_port(text: &str) -> Option<String> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            let is_address = host.parse::<std::net::Ipv6Addr>().is_ok();
            (is_address.then_some(host)?, port)
        }
        None => {
            let colon = text.find(':').unwrap_or(text.len());
            let (host, port) = text.split_at(colon);
            let is_name =
                |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
            (host.bytes().all(is_name).then_some(host)?, port)
        }
    };
    let is_port = |port: &str| {
        let digits = port.strip_prefix(':');
        digits.is_some_and(|digits| {
            !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    let is_host = !host.is_empty() && (port.is_empty() || is_port(port));
    is_host.then(|| host.to_ascii_lowercase())
}

/// The host of an address, or of what is one but for its scheme.
pub(super) fn host_of(text: &str) -> Option<String> {
    match text.contains("://") {
        true => address(text).map(|at| at.host),
        false => host_and_port(text.split('/').next().unwrap_or_default()),
    }
}

/// Bucket and key of an object's address. A bucket has no port and no user.
pub(super) fn object(uri: &str, schemes: &[&str], depth: usize) -> Option<(String, String)> {
    let (scheme, rest) = uri.split_once("://")?;
    if !schemes.contains(&scheme) || rest.contains(['\\', '?', '#']) {
        return None;
    }
    let mut parts = rest.splitn(depth + 1, '/');
    let mut bucket = String::new();
    for _ in 0..depth {
        let part = parts.next().unwrap_or_default();
        let is_plain =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'$');
        if part.is_empty() || !part.bytes().all(is_plain) {
            return None;
        }
        if !bucket.is_empty() {
            bucket.push('/');
        }
        bucket.push_str(part);
    }
    Some((bucket, parts.next().unwrap_or_default().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_addresses() {
        for (text, expected) in [
            ("http://a.example/x", Some(("a.example", "/x"))),
            ("https://A.Example:8443", Some(("a.example", ""))),
            ("http://a.example/x?y=http://b/", Some(("a.example", "/x"))),
            ("http://[::1]:80/x", Some(("::1", "/x"))),
            (
                "http://169.254.169.254/latest",
                Some(("169.254.169.254", "/latest")),
            ),
            ("http://a@b/", None),
            ("http://a.example\\@b/", None),
            ("http://a.example:80@b/", None),
            ("http://a.example#@b/", Some(("a.example", ""))),
            ("http://a b/", None),
            ("http://ä.example/", None),
            ("http://a%2eexample/", None),
            ("http:///x", None),
            ("http:a.example", None),
            ("//a.example/x", None),
            ("ht tp://a/", None),
            ("", None),
        ] {
            let read = address(text);
            let read = read.as_ref().map(|at| (at.host.as_str(), at.path));
            assert_eq!(read, expected, "{text}");
        }
    }

    #[test]
    fn buckets_of_objects() {
        for (uri, depth, expected) in [
            ("s3://b/raw/x.json", 1, Some(("b", "raw/x.json"))),
            ("s3://b", 1, Some(("b", ""))),
            ("s3://b/", 1, Some(("b", ""))),
            ("s3://account/c/x", 2, Some(("account/c", "x"))),
            ("s3://account", 2, None),
            ("s3://u@b/x", 1, None),
            ("s3://b:80/x", 1, None),
            ("gs://b/x", 1, None),
            ("s3:///x", 1, None),
            ("s3://b/x?y", 1, None),
        ] {
            let read = object(uri, &["s3"], depth);
            let read = read
                .as_ref()
                .map(|(bucket, path)| (bucket.as_str(), path.as_str()));
            assert_eq!(read, expected, "{uri}");
        }
    }
}
