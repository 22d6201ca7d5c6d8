//! Understands the command that runs a suite.

use super::Trouble;

/// What runs a suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Runner {
    Unittest,
    Pytest,
}

/// A command that the harness can run its own way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Command {
    pub runner: Runner,
    /// Whether it was started as a module, which makes the tree's top folder importable.
    pub is_module: bool,
    pub args: Vec<String>,
}

/// Reads a command.
pub(super) fn parse(text: &str) -> Result<Command, Trouble> {
    let refused = || {
        Trouble::Refused(format!(
            "`{text}` cannot be run by the harness: expected `python -m unittest ...`, `pytest ...` or \
             `python -m pytest ...`, without other shell words"
        ))
    };
    let words = split(text).ok_or_else(refused)?;
    let mut words = words.into_iter();
    let first = words.next().ok_or_else(refused)?;
    let is_python = first
        .strip_prefix("python")
        .is_some_and(|rest| rest.chars().all(|letter| letter.is_ascii_digit() || letter == '.'));
    let (module, is_module) = match first.as_str() {
        "pytest" | "py.test" => (first, false),
        _ if is_python && words.next().as_deref() == Some("-m") => (words.next().ok_or_else(refused)?, true),
        _ => return Err(refused()),
    };
    let runner = match module.as_str() {
        "unittest" => Runner::Unittest,
        "pytest" | "py.test" => Runner::Pytest,
        _ => return Err(refused()),
    };
    let mut args: Vec<String> = words.collect();
    if runner == Runner::Pytest {
        drop_workers(&mut args);
    }
    Ok(Command { runner, is_module, args })
}

/// Takes out what would spread tests over processes: the harness counts time by process.
fn drop_workers(args: &mut Vec<String>) {
    let mut kept = Vec::new();
    let mut rest = args.drain(..);
    while let Some(arg) = rest.next() {
        match arg.as_str() {
            "-n" | "--numprocesses" => drop(rest.next()),
            _ if arg.starts_with("-n") && arg[2..].chars().all(|letter| letter.is_ascii_digit()) => {}
            _ if arg.starts_with("--numprocesses=") || arg == "-nauto" => {}
            _ => kept.push(arg),
        }
    }
    drop(rest);
    *args = kept;
}

/// Splits words as a shell does, as far as quotes go; what only a shell understands is refused.
fn split(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), _) if open == letter => quote = None,
            (Some('\''), _) => word.get_or_insert_default().push(letter),
            (_, '\\') => word.get_or_insert_default().push(letters.next()?),
            (Some(_), '$' | '`') | (None, '$' | '`' | '|' | '&' | ';' | '<' | '>' | '(' | ')') => {
                return None;
            }
            (Some(_), _) => word.get_or_insert_default().push(letter),
            (None, '"' | '\'') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, _) if letter.is_whitespace() => words.extend(word.take()),
            (None, _) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_understood() {
        let words =
            |text| parse(text).map(|command| (command.runner, command.is_module, command.args.join("|")));
        assert_eq!(words("python -m unittest"), Ok((Runner::Unittest, true, String::new())));
        assert_eq!(
            words("python3.11 -m unittest discover -s tests -p '*_t e.py'"),
            Ok((Runner::Unittest, true, "discover|-s|tests|-p|*_t e.py".to_owned()))
        );
        assert_eq!(words("pytest -n 4 -q"), Ok((Runner::Pytest, false, "-q".to_owned())));
        assert_eq!(
            words("python -m pytest -k \"a or b\""),
            Ok((Runner::Pytest, true, "-k|a or b".to_owned()))
        );
    }

    #[test]
    fn what_needs_a_shell_is_refused() {
        for text in
            ["", "make test", "pytest; rm x", "python x.py", "python -m tox", "pytest $X", "pytest 'x"]
        {
            assert!(matches!(parse(text), Err(Trouble::Refused(_))), "{text}");
        }
    }
}
