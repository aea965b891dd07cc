//! What was measured, as it stands in `docs/agreement.md`.

use std::process::Command;
use std::sync::Mutex;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/agreement.md");

/// Tests run beside each other, and share the file.
static WRITING: Mutex<()> = Mutex::new(());

/// Prints a table, and holds it against the one that the document has under this name.
///
/// `OVERGATE_SNAPSHOTS=write` writes one that differs, with the day.
pub(crate) fn hold(name: &str, table: &str) {
    println!("{table}");
    let lock = WRITING.lock().expect("no test panics here");
    let text = std::fs::read_to_string(FILE).expect(FILE);
    let begin = format!("<!-- {name} -->\n");
    let (before, rest) = text.split_once(&begin).expect(name);
    let (old, after) = rest.split_once("<!-- end -->").expect(name);
    let block = format!("```text\n{}\n```\n", table.trim_end());
    if old.ends_with(&format!(":\n\n{block}")) {
        return;
    }
    let writes = std::env::var_os("OVERGATE_SNAPSHOTS").is_some_and(|word| word == "write");
    if writes {
        let day = Command::new("date").arg("+%F").output().expect("date");
        let day = String::from_utf8(day.stdout).expect("text");
        let new = format!(
            "{before}{begin}Measured on {}:\n\n{block}<!-- end -->{after}",
            day.trim()
        );
        std::fs::write(FILE, new).expect("written");
    }
    drop(lock);
    assert!(
        writes,
        "{FILE} says otherwise of {name}: OVERGATE_SNAPSHOTS=write cargo test --test specs"
    );
}
