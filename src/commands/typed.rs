//! Prepares what people type for clap: phones write capitals, long dashes, curly quotes and other spaces.
//!
//! Commands, options and people are normalised. A reason stays exactly as it was typed: everything after a command's
//! fixed words goes to clap as one argument, cut out of the text. Options may stand anywhere; what is in quotation marks
//! is never one.

use clap::{Arg, ArgAction};

use crate::domain::nearest::nearest;

/// What keyboards put around words.
const QUOTES: [char; 11] = ['"', '“', '”', '„', '‟', '«', '»', '\'', '‘', '’', '`'];

/// A word of a text, with where it begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Word<'a> {
    pub(crate) raw: &'a str,
    pub(crate) at: usize,
    quoted: bool,
}

impl Word<'_> {
    /// Returns the word without the marks around it, and without what can't be seen.
    pub(crate) fn bare(&self) -> String {
        let seen: String = self.raw.chars().filter(|c| !is_unseen(*c)).collect();
        seen.trim_matches(QUOTES).to_owned()
    }

    /// Returns the word as it compares with a word of the grammar.
    pub(crate) fn folded(&self) -> String {
        folded(self.bare().trim_end_matches([',', ';', ':', '.', '!', '?']))
    }

    /// Returns whether it only says that the reason begins: `because`, `reason:`.
    pub(crate) fn begins_the_reason(&self) -> bool {
        let word = self.folded();
        word == "because" || word == "reason" && self.bare().ends_with(':')
    }

    /// Returns whether it is nothing but a dash.
    pub(crate) fn is_dash(&self) -> bool {
        let bare = self.bare();
        !bare.is_empty() && bare.chars().all(is_dash)
    }

    /// Returns the name of an option, and its value after `=`: a dash of any kind, or several, and a letter.
    fn option(&self) -> Option<(String, Option<String>)> {
        let seen: String = self.raw.chars().filter(|c| !is_unseen(*c)).collect();
        let name = seen.strip_prefix(is_dash).filter(|_| !self.quoted)?.trim_start_matches(is_dash);
        name.starts_with(char::is_alphabetic).then(|| match name.split_once('=') {
            Some((name, value)) => (folded(name), Some(value.trim_matches(QUOTES).to_owned())),
            None => (folded(name), None),
        })
    }
}

/// Returns the same for two texts that differ only in case or in the kind of their dashes.
pub(crate) fn folded(text: &str) -> String {
    let plain: String = text.trim().chars().map(|c| if is_dash(c) { '-' } else { c }).collect();
    crate::domain::fold::folded(&plain)
}

fn is_dash(c: char) -> bool {
    matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}')
}

fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Returns the words of a text, split at spaces of any kind.
pub(crate) fn words(text: &str) -> Vec<Word<'_>> {
    let (mut found, mut at) = (Vec::new(), 0);
    for piece in text.split_inclusive(char::is_whitespace) {
        let raw = piece.trim_end();
        if !raw.is_empty() {
            found.push(Word { raw, at, quoted: false });
        }
        at += piece.len();
    }
    let opens = |word: &Word| word.raw.starts_with(['"', '“', '”', '„', '«']);
    let closes = |word: &Word| word.raw.ends_with(['"', '”', '“', '»']);
    let mut from = 0;
    while let Some(open) = (from..found.len()).find(|index| opens(&found[*index])) {
        let alone = found[open].raw.chars().count() == 1;
        let close = (open..found.len()).find(|index| closes(&found[*index]) && (*index > open || !alone));
        let Some(close) = close else { break };
        found[open..=close].iter_mut().for_each(|word| word.quoted = true);
        from = close + 1;
    }
    found
}

/// Why a line is not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mistake {
    /// There is no such command.
    Command { word: String, nearest: Option<String> },
    /// The command has no such option.
    Option { word: String, nearest: Option<String>, in_reason: bool },
    /// An option without what belongs after it.
    NoValue { option: String },
}

/// Returns the arguments that clap is to read. `grammar` is the whole command line, built.
pub(crate) fn arguments(text: &str, grammar: &clap::Command) -> Result<Vec<String>, Mistake> {
    let words = words(text);
    let Some(place) = words.iter().position(|word| word.option().is_none() && !word.bare().is_empty()) else {
        return options_alone(&words, grammar);
    };
    let name = words[place].folded();
    if name == "help" {
        let others = words.iter().filter(|word| word.at != words[place].at && word.option().is_none());
        return Ok(std::iter::once(name).chain(others.map(Word::folded)).collect());
    }
    let Some(command) = grammar.find_subcommand(&name) else {
        let known: Vec<&str> = grammar.get_subcommands().map(clap::Command::get_name).collect();
        let word = words[place].raw.to_owned();
        return Err(Mistake::Command {
            nearest: nearest(&name, known.iter().copied()).map(str::to_owned),
            word,
        });
    };
    let positionals: Vec<&Arg> = command.get_positionals().collect();
    let free = positionals.last().is_some_and(|last| is_free(last));
    let fixed = positionals.len() - usize::from(free);
    let (mut arguments, mut kept) = (vec![name], Vec::new());
    let mut in_reason = false;
    let mut rest = words.iter().enumerate().filter(|(index, _)| *index != place).map(|(_, word)| word);
    while let Some(word) = rest.next() {
        match word.option() {
            Some((option, _)) if option == "help" || option == "h" => {
                return Ok(vec![arguments[0].clone(), "--help".to_owned()]);
            }
            Some((option, value)) => match option_of(command, &option) {
                Some(arg) if arg.get_action().takes_values() => {
                    let value = value.or_else(|| rest.next().map(Word::bare));
                    let value = value
                        .filter(|value| !value.is_empty())
                        .ok_or(Mistake::NoValue { option: option.clone() })?;
                    arguments.push(format!("--{option}={value}"));
                }
                Some(_) => arguments.push(format!("--{option}")),
                None if in_reason => kept.push(word),
                None => {
                    let known: Vec<&str> = command.get_arguments().filter_map(Arg::get_long).collect();
                    let nearest = nearest(&option, known.iter().copied()).map(str::to_owned);
                    return Err(Mistake::Option { word: word.raw.to_owned(), nearest, in_reason: free });
                }
            },
            // Empty quotation marks.
            None if word.bare().is_empty() && (!free || kept.len() < fixed) => {}
            None => {
                in_reason |= free && kept.len() >= fixed && word.begins_the_reason();
                kept.push(word);
            }
        }
    }
    arguments.push("--".to_owned());
    let (heads, tail) = kept.split_at(if free { fixed.min(kept.len()) } else { kept.len() });
    arguments.extend(heads.iter().map(|word| word.bare()));
    if !tail.is_empty() {
        arguments.push(slice(text, &words, tail));
    }
    Ok(arguments)
}

/// Reads a line of options and nothing else: `--help`, or `--here` for the status.
fn options_alone(words: &[Word<'_>], grammar: &clap::Command) -> Result<Vec<String>, Mistake> {
    let mut arguments = Vec::new();
    for word in words {
        let Some((option, _)) = word.option() else { continue };
        if option == "help" || option == "h" {
            return Ok(vec!["--help".to_owned()]);
        }
        match option_of(grammar, &option) {
            Some(arg) if !arg.get_action().takes_values() => arguments.push(format!("--{option}")),
            _ => {
                let word = word.raw.to_owned();
                return Err(Mistake::Option { word, nearest: None, in_reason: false });
            }
        }
    }
    Ok(arguments)
}

fn option_of<'a>(command: &'a clap::Command, name: &str) -> Option<&'a Arg> {
    command.get_arguments().find(|arg| arg.get_long() == Some(name))
}

/// Returns whether it takes the rest of the line as it was typed.
fn is_free(arg: &Arg) -> bool {
    arg.get_id() == "words" && matches!(arg.get_action(), ArgAction::Set)
}

/// Returns the text from the first of the `kept` words to the end, without the options in between.
fn slice(text: &str, words: &[Word<'_>], kept: &[&Word<'_>]) -> String {
    let mut out = String::new();
    let mut last: Option<usize> = None;
    for word in kept {
        let index = words.iter().position(|one| one.at == word.at).unwrap_or_default();
        match last {
            Some(before) if before + 1 == index => {
                out.push_str(&text[words[before].at + words[before].raw.len()..word.at]);
            }
            Some(_) => out.push(' '),
            None => {}
        }
        out.push_str(word.raw);
        last = Some(index);
    }
    out
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::commands::grammar::Line;

    fn read(text: &str) -> Result<Vec<String>, Mistake> {
        let mut grammar = Line::command();
        grammar.build();
        arguments(text, &grammar)
    }

    #[test]
    fn phones_and_other_keyboards_write_commands_too() {
        for (text, arguments) in [
            ("", [].as_slice()),
            ("Status", &["status", "--"]),
            ("“Status.”", &["status", "--"]),
            ("pending\u{a0}—here", &["pending", "--here", "--"]),
            ("\u{2013}\u{2013}here", &["--here"]),
            ("resume —policy vendors", &["resume", "--policy=vendors", "--"]),
            ("resume –Policy “Vendors”", &["resume", "--policy=Vendors", "--"]),
            ("resume -policy=vendors it is fixed", &["resume", "--policy=vendors", "--", "it is fixed"]),
            ("resume it  is --policy vendors fixed", &["resume", "--policy=vendors", "--", "it  is fixed"]),
            ("why \u{200b}ada@x.example\u{2060}", &["why", "--", "ada@x.example"]),
            ("why “ada-lovelace@x.example”", &["why", "--", "ada-lovelace@x.example"]),
            ("why \"-ada@x.example\"", &["why", "--", "-ada@x.example"]),
            ("Help Exempt", &["help", "exempt"]),
            ("exempt —help", &["exempt", "--help"]),
            ("—help", &["--help"]),
            ("audit\u{3000}\"\" Since\u{202f}30d", &["audit", "--", "Since", "30d"]),
            ("audit — ada", &["audit", "--", "—", "ada"]),
            (
                "exempt ada@x.example for 30d  moved -> \"team - A\"\n— see: -- 7",
                &["exempt", "--", "ada@x.example", "for 30d  moved -> \"team - A\"\n— see: -- 7"],
            ),
            ("withdraw 7 because —it was wrong ", &["withdraw", "--", "7", "because —it was wrong"]),
            ("pause \"the --policy option\" is new", &["pause", "--", "\"the --policy option\" is new"]),
            ("pause because wrong --policy vendors", &["pause", "--policy=vendors", "--", "because wrong"]),
        ] {
            let arguments = arguments.iter().map(ToString::to_string).collect();
            assert_eq!(read(text), Ok(arguments), "{text}");
        }
    }

    #[test]
    fn a_word_that_is_no_command_or_option_is_not_passed_on() {
        let unknown = |text: &str| match read(text) {
            Err(Mistake::Command { word, nearest } | Mistake::Option { word, nearest, .. }) => {
                (word, nearest)
            }
            other => panic!("{text}: {other:?}"),
        };
        let named = |word: &str, nearest: Option<&str>| (word.to_owned(), nearest.map(str::to_owned));
        assert_eq!(unknown("Statsu"), named("Statsu", Some("status")));
        assert_eq!(unknown("xyzzy"), named("xyzzy", None));
        assert_eq!(unknown("resume —polcy vendors"), named("—polcy", Some("policy")));
        assert_eq!(unknown("resume it is fixed —so far"), named("—so", None));
        assert_eq!(unknown("retry 7 --policy vendors"), named("--policy", None));
        assert_eq!(unknown("--policy vendors resume").0, "vendors");
        assert_eq!(unknown("--nosuch").0, "--nosuch");
        assert_eq!(read("resume --policy"), Err(Mistake::NoValue { option: "policy".to_owned() }));
        assert_eq!(read("resume --policy="), Err(Mistake::NoValue { option: "policy".to_owned() }));
    }

    #[test]
    fn names_are_alike_that_differ_in_case_or_dashes_only() {
        assert_eq!(folded(" EMEA–Contractors "), "emea-contractors");
        assert_eq!(folded("STRASSE"), folded("straße"));
        assert_ne!(folded("vendor"), folded("vendors"));
    }
}
