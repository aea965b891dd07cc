//! What people read.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};

use super::UNUSABLE;

/// Colours, or none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Palette {
    coloured: bool,
}

impl Palette {
    /// Colour on a terminal, unless `NO_COLOR` says otherwise (no-color.org); elsewhere if
    /// `CLICOLOR_FORCE` does (bixense.com/clicolors), as where a CI shows colours.
    #[expect(
        clippy::disallowed_methods,
        reason = "the environment is how a person says it"
    )]
    pub(super) fn of_stdout() -> Palette {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let unwanted = set("NO_COLOR").is_some();
        let forced = set("CLICOLOR_FORCE").is_some_and(|value| value != *"0");
        let able = io::stdout().is_terminal() && set("TERM").is_none_or(|term| term != *"dumb");
        Palette {
            coloured: (able || forced) && !unwanted,
        }
    }

    fn paint(self, style: Style, text: &str) -> String {
        if self.coloured {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    pub(super) fn good(self, text: &str) -> String {
        self.paint(AnsiColor::Green.on_default().bold(), text)
    }

    pub(super) fn bad(self, text: &str) -> String {
        self.paint(AnsiColor::Red.on_default().bold(), text)
    }

    pub(super) fn doubtful(self, text: &str) -> String {
        self.paint(AnsiColor::Yellow.on_default().bold(), text)
    }

    /// What guides the eye: line numbers, arrows.
    pub(super) fn guide(self, text: &str) -> String {
        self.paint(AnsiColor::Blue.on_default().bold(), text)
    }

    pub(super) fn faint(self, text: &str) -> String {
        self.paint(Style::new().dimmed(), text)
    }

    pub(super) fn strong(self, text: &str) -> String {
        self.paint(Style::new().bold(), text)
    }
}

/// Prints to standard output. A reader that has gone (`| head`) is no failure.
pub(super) fn print(text: &str) -> ExitCode {
    let end = if text.ends_with('\n') { "" } else { "\n" };
    match write(&format!("{text}{end}")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("overgate: cannot write: {error}"));
            ExitCode::from(UNUSABLE)
        }
    }
}

/// Writes to standard output.
pub(super) fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Prints a line to standard error.
pub(super) fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
