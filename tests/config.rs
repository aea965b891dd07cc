//! The shipped configuration files, and what is told of wrong ones.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test reads files and the clock, and prints what it measured"
)]

use std::path::Path;

use overgate::config::{ClientCertificates, Config, Problem};

fn read(text: &str) -> Result<Config, Vec<Problem>> {
    Config::from_toml(text, &|reference| Ok(reference.to_owned()))
}

fn shipped(name: &str) -> String {
    std::fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("config")
            .join(name),
    )
    .expect("shipped")
}

#[test]
fn the_reference_shows_the_defaults() {
    let reference = read(&shipped("overgate.toml")).expect("good");
    let mut bare = read("[upstream]\noverlords = [\"http://127.0.0.1:8090\"]").expect("good");
    // What the reference shows by example has no default.
    bare.users.clone_from(&reference.users);
    bare.roles.clone_from(&reference.roles);
    bare.rate_limits.clone_from(&reference.rate_limits);
    assert_eq!(reference, bare);
}

#[test]
fn the_reference_shows_every_key() {
    // Each key in its section, from the commented-out ones too.
    let text = shipped("overgate.toml")
        .replace("\n# tls", "\ntls")
        .replace("\n# token", "\ntoken");
    let text = text
        .replace("\n# credentials", "\ncredentials")
        .replace("\n# certificates =", "\ncertificates =");
    let all = read(&text).expect("good");
    assert!(all.admin.token.is_some());
    assert!(all.upstream.credentials.is_some() && all.upstream.tls.ca.is_some());
    let own = all.listener.tls.expect("shown");
    assert!(own.client_ca.is_some() && all.upstream.tls.server_name.is_some());
    assert_eq!(own.client_certificates, ClientCertificates::Optional);
    assert!(all.upstream.tls.certificate.is_some());
    assert_eq!(all.users[0].certificates.len(), 3);
}

#[test]
fn the_examples_are_good() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("shipped") {
        let path = entry.expect("readable").path();
        let text = std::fs::read_to_string(&path).expect("UTF-8");
        assert!(read(&text).is_ok(), "{}: {:?}", path.display(), read(&text));
        count += 1;
    }
    assert!(count > 0);
}

#[test]
fn every_problem_is_told_at_once_with_its_place() {
    let text = r#"mod = "audit"
[listener]
address = "localhost"
header_timeout = "10"
max_connections = 0
[admin]
address = "0.0.0.0:8191"
[upstream]
overlords = ["127.0.0.1:8090", "ftp://x", 5]
idle_timeout = "31s"
[[user]]
name = "etl"
password = "secret"
roles = ["wiki-riter"]
[[role]]
name = "wiki-writer"
[[role.grant]]
actions = ["sumbit"]
datasources = ["a/b"]
[[rate_limit]]
name = "x"
rate = "many"
"#;
    let problems = read(text).expect_err("wrong");
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let expected = [
        "1:1: mod: there is no such key; did you mean `mode`?",
        "3:11: listener.address: ",
        "4:18: listener.header_timeout: ",
        "5:19: listener.max_connections: ",
        "7:11: admin.address: ",
        "9:14: upstream.overlords[1]: ",
        "9:32: upstream.overlords[2]: ",
        "9:43: upstream.overlords[3]: ",
        "10:16: upstream.idle_timeout: ",
        "13:12: user[1].password: ",
        "14:10: user[1].roles[1]: there is no role `wiki-riter`; did you mean `wiki-writer`?",
        "18:12: role[1].grant[1].actions[1]: `sumbit` is not one of",
        "19:16: role[1].grant[1].datasources[1]: ",
        "22:8: rate_limit[1].rate: ",
    ];
    for expected in expected {
        assert!(
            told.iter().any(|told| told.starts_with(expected)),
            "{expected}\n{told:#?}"
        );
    }
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    let positions: Vec<(usize, usize)> = problems.iter().map(|p| (p.line, p.column)).collect();
    assert!(positions.is_sorted(), "in the order of the text");
}

#[test]
fn certificates_are_told_apart() {
    let start = r#"
[upstream]
overlords = ["https://a:8290"]
tls = { ca = "file:ca.pem", server_name = "Overlord.Example" }
[listener]
tls = { certificate = "file:/x/server.pem", key = "server.key", client_ca = "ca.pem" }
[[user]]
name = "etl"
certificates = ["dns:ETL.example.com"]
"#;
    let good = read(start).expect("good");
    let own = good.listener.tls.as_ref().expect("there");
    assert_eq!(own.certificate, Path::new("/x/server.pem"));
    assert_eq!(own.client_certificates, ClientCertificates::Optional);
    let files: Vec<String> = good
        .files()
        .iter()
        .map(|f| f.display().to_string())
        .collect();
    assert_eq!(files, ["/x/server.pem", "server.key", "ca.pem", "ca.pem"]);
    assert_eq!(
        good.users[0].certificates[0].to_string(),
        "dns:etl.example.com"
    );
    assert_eq!(good.users[0].password, None);
    let other = |certificates: &str| {
        format!("{start}[[user]]\nname = \"ops\"\ncertificates = [{certificates}]\n")
    };
    let plain = start.replace(", client_ca = \"ca.pem\"", "");
    let cases = [
        (
            other("\"dns:etl.example.com\""),
            "stands for a user already",
        ),
        (other("\"dns:o\", \"dns:o\""), "stands for a user already"),
        (other("\"dns:*.example.com\""), "without wildcards"),
        (other("\"etl.example.com\""), "a name in a certificate is"),
        (other(""), "this names nobody"),
        (plain.clone(), "`listener.tls` has no `client_ca`"),
        (
            plain.replace(
                "server.key\"",
                "server.key\", client_certificates = \"required\"",
            ),
            "without `client_ca`",
        ),
        (
            start.replace("client_ca", "client_certificates = \"require\", client_ca"),
            "did you mean `required`?",
        ),
        (
            start.replace("key = \"server.key\", ", ""),
            "`key` is missing",
        ),
        (
            start.replace("file:/x/server.pem", "file:"),
            "this is empty",
        ),
        (
            start.replace("file:/x/server.pem", "env:CERT"),
            "not the name of a variable",
        ),
        (
            start.replace("server_name", "certificate = \"own.pem\", server_name"),
            "go together",
        ),
        (
            start.replace("server_name", "key = \"own.key\", server_name"),
            "go together",
        ),
        (
            start.replace("Overlord.Example", "https://x"),
            "a name or an IP address",
        ),
        (
            start.replace("Overlord.Example", "a..b"),
            "a name or an IP address",
        ),
        (
            start.replace("Overlord.Example", "a:8290"),
            "a name or an IP address",
        ),
        (
            start.replace("server_name", "verify = false, server_name"),
            "there is no such key",
        ),
    ];
    for (text, told) in cases {
        let problems = read(&text).expect_err(told);
        let one = problems
            .iter()
            .find(|problem| problem.to_string().contains(told));
        assert!(one.is_some(), "{told}: {problems:?}");
    }
}

#[test]
fn broken_toml_and_a_missing_overlord_are_told() {
    for (text, part) in [
        ("", "`overlords` is missing"),
        ("[upstream]\noverlords = []", "names no Overlord"),
        ("[upstream\n", "1:10: "),
        ("a = \n", "1:5: "),
        (
            "[upstream]\noverlords = [\"http://a\", \"http://A:8090\"]",
            "names an Overlord twice",
        ),
    ] {
        let problems = read(text).expect_err(text);
        assert!(
            problems
                .iter()
                .any(|problem| problem.to_string().contains(part)),
            "{text}: {problems:?}"
        );
    }
}

#[test]
fn a_grant_that_could_never_apply_is_a_problem() {
    for (grant, part) in [
        (
            "task_types = [\"index_paralel\"]",
            "task_types[1]: there is no type `index_paralel`; did you mean `index_parallel`?",
        ),
        ("task_types = [\"*\"]", "task_types[1]: this is a type's id"),
        ("task_types = [\"acme_ingest\"]", ""),
        (
            "inputs = [{ type = \"htp\" }]",
            "inputs[1].type: there is no such input source; did you mean `http`?",
        ),
        ("inputs = [{ type = \"acme_lake\" }]", ""),
        ("inputs = [{ type = \"inline\" }]", "it needs no entry"),
        ("inputs = [{ type = \"druid\" }]", "needs the action `read`"),
        ("inputs = [{ type = \"combining\" }]", "list those"),
        (
            "inputs = [{ hosts = [\"a\"] }]",
            "inputs[1]: `type` is missing",
        ),
        (
            "inputs = [{ type = \"http\", buckets = [\"a\"] }]",
            "inputs[1].buckets: `http` sources have none",
        ),
        (
            "inputs = [{ type = \"local\", hosts = [\"a\"] }]",
            "inputs[1].hosts: `local` sources have none",
        ),
        (
            "inputs = [{ type = \"http\", hosts = [\"https://a\"] }]",
            "inputs[1].hosts[1]: ",
        ),
        (
            "inputs = [{ type = \"http\", hosts = [\"*.Example.com\"] }]",
            "",
        ),
        (
            "inputs = [{ type = \"s3\", prefixes = [\"\"] }]",
            "inputs[1].prefixes[1]: this is empty",
        ),
        (
            "inputs = [{ type = \"s3\", prefixes = [\"raw/../x\"] }]",
            "inputs[1].prefixes[1]: ",
        ),
        (
            "inputs = [{ type = \"s3\", prefix = [\"raw\"] }]",
            "did you mean `prefixes`?",
        ),
    ] {
        let text = format!(
            "[upstream]\noverlords = [\"http://a\"]\n[[role]]\nname = \"r\"\n[[role.grant]]\nactions = [\"submit\"]\ndatasources = [\"*\"]\n{grant}\n"
        );
        match read(&text) {
            Ok(_) => assert_eq!(part, "", "{grant}"),
            Err(problems) => {
                let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
                assert_eq!(told.len(), 1, "{grant}: {told:?}");
                assert!(
                    !part.is_empty() && told[0].contains(part),
                    "{grant}: {told:?}"
                );
            }
        }
    }
    let text = "[upstream]\noverlords = [\"http://a\"]\n[[role]]\nname = \"r\"\n[[role.grant]]\nactions = [\"read\"]\ndatasources = [\"*\"]\ntask_types = [\"kill\"]\n";
    let problems = read(text).expect_err("no submit");
    assert!(
        problems[0].to_string().contains("`submit` is not among"),
        "{problems:?}"
    );
}
