//! Writes to a terminal for all commands: colours, how far long work has come, and text that does no harm there.
//!
//! Colours are written with `anstream`, which leaves them out where nobody sees them: in a pipe or a file, and where
//! `NO_COLOR` says so.

use std::io::{ErrorKind, Write};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressStyle};

/// As it should be.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// Somebody should know.
pub const WARNING: Style = AnsiColor::Yellow.on_default();
/// To be fixed.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// Less important than what stands around it.
pub const FAINT: Style = Style::new().dimmed();
/// A heading.
pub const HEADING: Style = Style::new().bold();

/// The text in a colour.
pub fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Text of others can't move the cursor or hide lines in a terminal.
pub fn printable(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).collect()
}

/// Writes to standard output what people read, with its colours where they are seen.
pub fn show(text: &str) -> std::io::Result<()> {
    patiently(anstream::stdout().lock(), text.as_bytes())
}

/// Writes to standard output what a program may read, as it is.
pub fn put(bytes: &[u8]) -> std::io::Result<()> {
    patiently(std::io::stdout().lock(), bytes)
}

/// A reader that has seen enough, such as `head`, is no failure.
fn patiently(mut out: impl Write, bytes: &[u8]) -> std::io::Result<()> {
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// How far long work has come, on standard error if that is a terminal. Gone when it is dropped.
pub struct Progress(ProgressBar);

impl Progress {
    /// Work that begins, in a word or two.
    pub fn of(what: &'static str) -> Progress {
        let bar = ProgressBar::new_spinner().with_message(what);
        bar.set_style(style("{spinner} {msg}: {human_pos}"));
        bar.tick();
        bar.enable_steady_tick(Duration::from_millis(100));
        Progress(bar)
    }

    /// Work that shows nothing of itself.
    pub fn hidden() -> Progress {
        Progress(ProgressBar::hidden())
    }

    /// So much is done, of so much if that is known.
    pub fn at(&self, done: u64, of: Option<u64>) {
        if let Some(of) = of.filter(|of| *of > 0 && self.0.length() != Some(*of)) {
            self.0.set_length(of);
            self.0.set_style(style("{msg}: {bar:30} {human_pos} of {human_len}, {eta} left"));
        }
        self.0.set_position(done);
    }

    /// A line on standard output, which may be the same terminal.
    pub fn say(&self, line: &str) {
        // Who doesn't listen any more has the files all the same.
        let _ = self.0.suspend(|| show(&format!("{line}\n")));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the constant is a template")
}
