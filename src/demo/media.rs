//! Media types, as Jersey matches them.

/// Whether one of the ranges of an `Accept` takes a type.
pub(super) fn accepts(accept: &str, (kind, subtype): (&str, &str)) -> bool {
    accept.split(',').any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
        let refused = parts.any(|part| {
            part.strip_prefix("q=")
                .is_some_and(|q| q.parse() == Ok(0.0))
        });
        let fits = essence
            .split_once('/')
            .is_some_and(|(k, s)| (k == "*" || k == kind) && (s == "*" || s == subtype));
        fits && !refused
    })
}

#[cfg(test)]
mod tests {
    use super::accepts;

    #[test]
    fn ranges_as_recorded() {
        for (accept, json, plain) in [
            ("*/*", true, true),
            ("application/*", true, false),
            ("text/html", false, false),
            ("text/html, application/json;q=0.5", true, false),
            ("application/json;q=0, text/plain", false, true),
            ("APPLICATION/JSON", true, false),
            ("nonsense", false, false),
            ("", false, false),
        ] {
            assert_eq!(accepts(accept, ("application", "json")), json, "{accept}");
            assert_eq!(accepts(accept, ("text", "plain")), plain, "{accept}");
        }
    }
}
