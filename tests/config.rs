//! The shipped configuration files, and what is told of wrong ones.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test reads files and the clock, and prints what it measured"
)]

use std::path::Path;

use sha2::Digest as _;

use overgate::config::{ClientCertificates, Config, IssuerKeys, Problem};
use overgate::quota::Per;

/// A secret is its own reference, unless that is a file of the repository.
fn read(text: &str) -> Result<Config, Vec<Problem>> {
    Config::from_toml(text, &|reference| {
        let file = reference.strip_prefix("file:");
        let file = file.and_then(|path| std::fs::read_to_string(path).ok());
        Ok(file.unwrap_or_else(|| reference.to_owned()))
    })
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
    assert!(reference.issuers.is_empty());
    bare.users.clone_from(&reference.users);
    bare.roles.clone_from(&reference.roles);
    bare.rate_limits.clone_from(&reference.rate_limits);
    assert_eq!(reference, bare);
}

#[test]
fn the_reference_shows_every_key() {
    let shipped = shipped("overgate.toml");
    // The issuer is commented out as a whole: its lines of words and its keys.
    let (before, issuer) = shipped.split_once("# [[issuer]]\n").expect("shown");
    let (issuer, after) = issuer.split_once("\n\n").expect("it ends");
    let is_key = |line: &&str| {
        let key = line.split_once(" = ").map_or("", |(key, _)| key);
        line.starts_with('[') || !key.is_empty() && !key.contains(' ')
    };
    let issuer = issuer.replace("# ", "");
    let issuer: Vec<&str> = issuer.lines().filter(is_key).collect();
    // So is the quota.
    let (after, store) = after.split_once("# [store]\n").expect("shown");
    let store = store.replace("# ", "");
    let store: Vec<&str> = store.lines().filter(is_key).collect();
    let (after, quota) = after.split_once("# [[quota]]\n").expect("shown");
    let quota = quota.replace("# ", "");
    let quota: Vec<&str> = quota.lines().filter(is_key).collect();
    let quota = quota.join("\n").replace("\"datasource\"", "\"role\"");
    let quota = quota.replace(
        "overrides",
        "[[quota]]\nname = \"more\"\nmax = 1\noverrides",
    );
    // Each key in its section, from the commented-out ones too.
    let text = format!("{before}\n{after}")
        .replace("\n# tls", "\ntls")
        .replace("\n# token", "\ntoken")
        .replace("\n# credentials", "\ncredentials")
        .replace("\n# htpasswd", "\nhtpasswd")
        .replace("\n# api_keys", "\napi_keys")
        .replace("\n# certificates =", "\ncertificates =")
        .replace("\n# overrides =", "\noverrides =")
        .replace("\n# roles =", "\nroles =")
        .replace("users.htpasswd", "config/examples/users.htpasswd")
        // The file has this user.
        .replace("name = \"etl\"", "name = \"other\"");
    let text = format!(
        "{text}\n[[issuer]]\n{}\n[[quota]]\n{quota}\n[store]\n{}\n",
        issuer.join("\n"),
        store.join("\n")
    );
    let all = read(&text).expect("good");
    let store = all.store.as_ref().expect("shown");
    assert!(store.tls && store.ca.is_some() && store.credentials.is_some());
    assert_eq!(all.rate_limits[0].overrides.len(), 1);
    assert_eq!(
        all.rate_limits[0].roles,
        [std::sync::Arc::<str>::from("wiki-writer")]
    );
    let [quota, more] = all.quotas.as_slice() else {
        panic!("{:?}", all.quotas)
    };
    assert!(matches!(quota.per, Per::Role(_)), "{quota:?}");
    assert_eq!((quota.datasources.len(), quota.task_types.len()), (1, 2));
    assert_eq!((quota.most, more.overrides.len()), (20, 1));
    assert!(all.admin.token.is_some());
    assert!(all.upstream.credentials.is_some() && all.upstream.tls.ca.is_some());
    let own = all.listener.tls.as_ref().expect("shown");
    assert!(own.client_ca.is_some() && all.upstream.tls.server_name.is_some());
    assert_eq!(own.client_certificates, ClientCertificates::Optional);
    assert!(all.upstream.tls.certificate.is_some());
    assert_eq!(all.users.len(), 3, "one of its own, two of the file");
    assert_eq!(all.users[0].api_keys.len(), 1);
    assert_eq!(all.users[0].certificates.len(), 3);
    let [issuer] = all.issuers.as_slice() else {
        panic!("{all:?}")
    };
    assert_eq!(issuer.roles.len(), 1);
    assert!(matches!(
        &issuer.keys,
        IssuerKeys::Address { ca: Some(_), .. }
    ));
    // The defaults that it shows are those in force.
    let bare = text
        .replace("principal = \"sub\"\n", "")
        .replace("roles_claim = \"roles\"\n", "");
    assert_ne!(bare, text);
    assert_eq!(read(&bare).expect("good").issuers, all.issuers);
}

#[test]
fn the_examples_are_good() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("shipped") {
        let path = entry.expect("readable").path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
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
reuse_reads = "2001ms"
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
        "11:15: upstream.reuse_reads: this is at most 2s",
        "14:12: user[1].password: ",
        "15:10: user[1].roles[1]: there is no role `wiki-riter`; did you mean `wiki-writer`?",
        "19:12: role[1].grant[1].actions[1]: `sumbit` is not one of",
        "20:16: role[1].grant[1].datasources[1]: ",
        "23:8: rate_limit[1].rate: ",
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
fn a_limit_that_cannot_work_is_told() {
    let start = r#"
[upstream]
overlords = ["http://a"]
[[role]]
name = "writer"
[[role.grant]]
actions = ["submit"]
datasources = ["wiki*"]
"#;
    let rate = |more: &str| format!("{start}[[rate_limit]]\nname = \"x\"\n{more}\n");
    let quota = |more: &str| format!("{start}[[quota]]\nname = \"x\"\n{more}\n");
    let cases = [
        (
            rate("rate = \"0/s\""),
            "11:8: rate_limit[1].rate: a rate of 0 would refuse everything",
        ),
        (
            rate("rate = \"2000000/s\""),
            "11:8: rate_limit[1].rate: a rate is at most 1000000 a second",
        ),
        (rate(""), "9:1: rate_limit[1]: `rate` is missing"),
        (
            rate("rate = \"1/s\"\nburst = 0"),
            "12:9: rate_limit[1].burst: this is from 1 to 1000000",
        ),
        (
            rate("rate = \"1/s\"\nkey = [\"datasorce\"]"),
            "12:8: rate_limit[1].key[1]: `datasorce` is not one of",
        ),
        (
            rate("rate = \"1/s\"\nkey = [\"source\", \"source\"]"),
            "12:7: rate_limit[1].key: `source` is there twice",
        ),
        (
            rate("rate = \"1/s\"\nactions = [\"red\"]"),
            "12:12: rate_limit[1].actions[1]: `red` is not one of",
        ),
        (
            rate("rate = \"1/s\"\nactions = [\"read-secrets\"]"),
            "12:12: rate_limit[1].actions[1]: no request asks for",
        ),
        (
            rate("rate = \"1/s\"\nactions = []"),
            "12:11: rate_limit[1].actions: this names no action",
        ),
        (
            rate("rate = \"1/s\"\nroles = [\"riter\"]"),
            "12:10: rate_limit[1].roles[1]: there is no role `riter`; did you mean `writer`?",
        ),
        (
            rate("rate = \"1/s\"\ncost = \"slots\"\nactions = [\"submit\", \"read\"]"),
            "12:8: rate_limit[1].cost: only submissions take slots",
        ),
        (
            rate("rate = \"1/s\"\nkey = [\"task-type\"]\nactions = [\"read\"]"),
            "12:7: rate_limit[1].key: only submissions have a task type",
        ),
        (
            rate("rate = \"1/s\"\nmode = \"shadow\""),
            "12:8: rate_limit[1].mode: this is one of `enforce`, `audit`",
        ),
        (
            rate("rate = \"1/s\"\noverrides = [{ datasources = [\"a\"] }]"),
            "12:14: rate_limit[1].overrides[1]: this needs a `rate` or a `burst` of its own",
        ),
        (
            rate("rate = \"1/s\"\noverrides = [{ burst = 4 }]"),
            "12:14: rate_limit[1].overrides[1]: `datasources` is missing",
        ),
        (
            rate("rate = \"1/s\"\n[[rate_limit]]\nname = \"x\"\nrate = \"1/s\""),
            "13:8: rate_limit[2].name: another has this name",
        ),
        (
            rate("rate = \"1/s\"\n[[quota]]\nname = \"x\"\nmax = 1"),
            "13:8: quota[1].name: another has this name",
        ),
        (quota(""), "9:1: quota[1]: `max` is missing"),
        (
            quota("max = 0"),
            "11:7: quota[1].max: this is from 1 to 1000000",
        ),
        (
            quota("max = 1\nper = \"all\"\nroles = [\"writer\"]"),
            "13:9: quota[1].roles: this goes with `per = \"role\"` only",
        ),
        (
            quota("max = 1\nper = \"all\"\noverrides = [{ datasources = [\"a\"], max = 1 }]"),
            "13:13: quota[1].overrides: single datasources have numbers",
        ),
        (
            quota("max = 1\ntask_types = [\"kafka\"]"),
            "12:15: quota[1].task_types[1]: `kafka` is a supervisor; the Overlord lists its tasks as `index_kafka`",
        ),
        (
            quota("max = 1\ntask_types = [\"index_paralel\"]"),
            "12:15: quota[1].task_types[1]: there is no type `index_paralel`; did you mean `index_parallel`?",
        ),
        (
            quota("max = 1\ncount = \"slot\""),
            "12:9: quota[1].count: this is one of `tasks`, `slots`",
        ),
    ];
    for (text, expected) in cases {
        let told: Vec<String> = match read(&text) {
            Ok(_) => Vec::new(),
            Err(problems) => problems.iter().map(ToString::to_string).collect(),
        };
        assert!(
            told.first().is_some_and(|told| told.starts_with(expected)) && told.len() == 1,
            "{expected}\n{told:#?}"
        );
    }
    let good = read(&rate(
        "rate = \"1/min\"\noverrides = [{ datasources = [\"a*\"], rate = \"9/s\" }, { datasources = [\"b\"], burst = 7 }]",
    ));
    let good = good.expect("good");
    let of = |name: &str| {
        let datasource = name.parse().expect("a name");
        let numbers = good.rate_limits[0].numbers_for(Some(&datasource));
        (numbers.rate.to_string(), numbers.burst.get())
    };
    assert_eq!(of("other"), ("1/min".to_owned(), 1));
    assert_eq!(of("a1"), ("9/s".to_owned(), 1));
    assert_eq!(of("b"), ("1/min".to_owned(), 7));
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
fn who_can_log_in_is_checked_with_the_file() {
    const HASH: &str = "$2y$10$L6Bc/AlTQHyd9liGgGEZyOFLPHNgyxeEPfgYfBCVxJ7JIlwxyVU3u";
    let read = |users: &str, file: &str| {
        let text =
            format!("identity.htpasswd = \"users\"\nupstream.overlords = [\"http://a\"]\n{users}");
        Config::from_toml(&text, &|reference| {
            assert_eq!(reference, "file:users", "a path is a file");
            Ok(file.to_owned())
        })
    };
    let file = format!("etl:{HASH}\nops:{HASH}\n");
    let users = |text| read(text, &file).expect("good").users;
    let printed = format!("{:?}", users(""));
    assert!(
        printed.contains("etl") && !printed.contains("$2y$"),
        "{printed}"
    );
    let names = |text| users(text).into_iter().map(|user| user.name);
    assert!(names("").eq(["etl", "ops"]));
    assert!(names("[[user]]\nname = \"ops\"").eq(["ops", "etl"]));
    assert!(
        users("")
            .iter()
            .all(|user| user.password.as_deref() == Some(HASH))
    );
    // Who was taken out of the file is no reason to go on letting it in.
    for file in [file.as_str(), ""] {
        let config = read("[[user]]\nname = \"other\"", file).expect("good");
        assert_eq!(config.users[0].password, None);
        let warnings: Vec<String> = config.warnings().collect();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].starts_with("nobody can log in as user `other`"));
    }
    for (users, file, part) in [
        (
            "[[user]]\nname = \"key\"\napi_keys = []",
            file.as_str(),
            "5:12: user[1].api_keys: this names no key",
        ),
        (
            "[[user]]\nname = \"key\"\napi_keys = [\"hunter2-is-my-key-1234\"]",
            file.as_str(),
            "5:13: user[1].api_keys[1]: this is `sha256:` and 64 hexadecimal digits",
        ),
        (
            &format!(
                "[[user]]\nname = \"key\"\napi_keys = [\"sha256:+{}\"]",
                "0".repeat(63)
            ),
            file.as_str(),
            "5:13: user[1].api_keys[1]: this is",
        ),
        (
            &format!(
                "[[user]]\nname = \"a\"\napi_keys = [{0}]\n[[user]]\nname = \"b\"\napi_keys = [{0}]",
                format_args!("\"sha256:{}\"", "0a".repeat(32))
            ),
            file.as_str(),
            "8:12: user[2].api_keys: one of these keys is there twice",
        ),
        (
            &format!("[[user]]\nname = \"ops\"\npassword = \"{HASH}\""),
            file.as_str(),
            "5:12: user[1].password: line 2 of the htpasswd file has this user, too",
        ),
        (
            "",
            "etl:$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/",
            "1:21: identity.htpasswd: line 1: user `etl`: this is MD5, which is guessed too fast",
        ),
    ] {
        let problems = read(users, file).expect_err(part);
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(told.iter().any(|told| told.starts_with(part)), "{told:#?}");
        assert_eq!(told.len(), 1, "{told:#?}");
        assert!(!told[0].contains("hunter2"), "{told:#?}");
    }
}

#[test]
fn files_of_passwords_and_keys_belong_to_the_configuration() {
    let text = r#"upstream.overlords = ["http://a"]
identity.htpasswd = "HTPASSWD"
[[issuer]]
name = "one"
issuer = "https://one.example"
audiences = ["druid"]
algorithms = ["RS256"]
keys = "file:keys.json"
[[issuer]]
name = "two"
issuer = "https://two.example"
audiences = ["druid"]
algorithms = ["RS256"]
keys = "https://two.example/keys"
ca = "file:ca.pem"
"#;
    let resolve = |reference: &str| match reference {
        "file:users" => Ok(String::new()),
        "file:token" | "file:password" | "env:TOKEN" => Ok("x".to_owned()),
        "file:keys.json" => Ok("{}".to_owned()),
        other => Err(format!("nobody asks for {other}")),
    };
    for reference in ["users", "file:users"] {
        let text = text.replace("HTPASSWD", reference);
        let config = Config::from_toml(&text, &resolve).expect("good");
        assert_eq!(
            config.files(),
            ["users", "keys.json", "ca.pem"].map(Path::new)
        );
        assert!(matches!(
            &config.issuers[0].keys,
            IssuerKeys::File { text, .. } if text == "{}"
        ));
    }
    let more = "admin.token = \"file:token\"\nupstream.credentials = { username = \"a\", password = \"file:password\" }\n";
    let with_secrets = format!("{more}{}", text.replace("HTPASSWD", "users"));
    let config = Config::from_toml(&with_secrets, &resolve).expect("good");
    assert_eq!(config.files()[3..], ["token", "password"].map(Path::new));
    let of_environment = with_secrets.replace("file:token", "env:TOKEN");
    let config = Config::from_toml(&of_environment, &resolve).expect("good");
    assert_eq!(config.files()[3..], ["password"].map(Path::new));
    let text = text.replace("HTPASSWD", "env:USERS");
    let problems = Config::from_toml(&text, &resolve).expect_err("no file");
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0].to_string().contains("this is a path"),
        "{problems:?}"
    );
}

#[test]
fn wrong_issuers_are_told_with_their_place() {
    const GOOD: &str = r#"upstream.overlords = ["http://a"]
[[role]]
name = "wiki-writer"
grant = [{ actions = ["read"], datasources = ["*"] }]
[[issuer]]
name = "sso"
issuer = "https://sso.example"
audiences = ["druid"]
algorithms = ["RS256"]
keys = "https://sso.example/keys"
[issuer.roles]
"https://a.b/c d" = "wiki-writer"
"#;
    let config = read(GOOD).expect("good");
    let roles = &config.issuers[0].roles;
    assert_eq!(
        roles,
        &[("https://a.b/c d".to_owned(), "wiki-writer".to_owned())]
    );
    let twice = GOOD.split_once("[[issuer]]").expect("there").1;
    let twice = format!("[[issuer]]{}", twice.replace("\"sso\"", "\"other\""));
    for (from, to, part) in [
        (
            "= \"wiki-writer\"\n",
            "= \"wiki-riter\"\n",
            "12:21: issuer[1].roles.https://a.b/c d: there is no role `wiki-riter`; did you mean `wiki-writer`?",
        ),
        (
            "= \"wiki-writer\"\n",
            "= 5\n",
            "12:21: issuer[1].roles.https://a.b/c d: this is a string",
        ),
        (
            "RS256",
            "HS256",
            "9:15: issuer[1].algorithms[1]: this is signed with a secret",
        ),
        (
            "RS256",
            "none",
            "9:15: issuer[1].algorithms[1]: this is one of `RS256`",
        ),
        (
            "[\"RS256\"]",
            "[]",
            "9:14: issuer[1].algorithms: this is empty",
        ),
        (
            "algorithms = [\"RS256\"]",
            "",
            "5:1: issuer[1]: `algorithms` is missing",
        ),
        (
            "audiences = [\"druid\"]",
            "",
            "5:1: issuer[1]: `audiences` is missing",
        ),
        (
            "[\"druid\"]",
            "[\"\"]",
            "8:14: issuer[1].audiences[1]: this is empty",
        ),
        (
            "issuer = \"https://sso.example\"",
            "",
            "5:1: issuer[1]: `issuer` is missing",
        ),
        (
            "https://sso.example/keys",
            "http://sso.example/keys",
            "10:8: issuer[1].keys: keys that come over the network need `https`",
        ),
        (
            "https://sso.example/keys",
            "keys.json",
            "10:8: issuer[1].keys: keys are at",
        ),
        (
            "\"https://sso.example/keys\"",
            "\"file:x\"\nca = \"x\"",
            "11:6: issuer[1].ca: this is for an https address",
        ),
        (
            "name = \"sso\"",
            "name = \"s:o\"",
            "6:8: issuer[1].name: a name has",
        ),
        (
            "[issuer.roles]",
            "role_claim = \"x\"\n[issuer.roles]",
            "11:1: issuer[1].role_claim: there is no such key; did you mean `roles_claim`?",
        ),
        (
            "[[issuer]]\n",
            &format!("{twice}[[issuer]]\n"),
            "15:10: issuer[2].issuer: another has this `iss`",
        ),
    ] {
        let at = GOOD.rfind(from).expect(from);
        let text = format!("{}{to}{}", &GOOD[..at], &GOOD[at + from.len()..]);
        let problems = read(&text).expect_err(part);
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(
            told.iter().any(|told| told.starts_with(part)),
            "{part}\n{told:#?}"
        );
        assert_eq!(told.len(), 1, "{told:#?}");
    }
}

#[test]
fn a_new_key_is_printed_with_the_line_of_its_user() {
    let make = || {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_overgate"))
            .args(["hash-password", "--api-key"])
            .output()
            .expect("the binary runs");
        assert!(output.status.success());
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let (first, second) = (make(), make());
    assert_ne!(first, second);
    let [key, line] = first.lines().collect::<Vec<_>>()[..] else {
        panic!("two lines: {first}")
    };
    assert!(key.len() >= 40, "{key}");
    let text = format!(
        "upstream.overlords = [\"http://a\"]\n[[user]]\nname = \"x\"\napi_keys = [\"{line}\"]"
    );
    let users = read(&text).expect("good").users;
    let digest: [u8; 32] = sha2::Sha256::digest(key).into();
    assert_eq!(users[0].api_keys, [digest]);
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

/// What the manual shows can be taken as it stands.
#[test]
fn the_blocks_of_the_manual_of_limits_are_good() {
    let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/limits.md");
    let manual = std::fs::read_to_string(manual).expect("shipped");
    let roles: String = ["airflow", "tester"]
        .iter()
        .map(|name| {
            format!(
                "[[role]]\nname = \"{name}\"\n[[role.grant]]\nactions = [\"submit\"]\ndatasources = [\"wiki*\"]\n"
            )
        })
        .collect();
    let blocks: Vec<&str> = manual
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert_eq!(blocks.len(), 4);
    for block in blocks {
        let overlords = "overlords = [\"http://a:8090\"]";
        let upstream = match block.contains("[upstream]\n") {
            true => block.replace("[upstream]\n", &format!("[upstream]\n{overlords}\n")),
            false => format!("{block}\n[upstream]\n{overlords}\n"),
        };
        read(&format!("{upstream}\n{roles}")).unwrap_or_else(|wrong| panic!("{wrong:#?}\n{block}"));
    }
}
