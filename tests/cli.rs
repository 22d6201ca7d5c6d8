//! Runs the program as people do: exit codes, and what goes to stdout and to stderr.

mod align;
mod bad_input;
mod build;
mod built;
mod check;
mod doctor;
mod fix;
mod format;
mod pictures;
mod runs;
mod saved;
mod settings;
mod terminal;
mod why;
mod words;

/// A file with a curriculum and nothing to say against.
const GOOD: &str = "\
sswe 1

seeds one { pypi \"toolz\" { at = \"1.0.0\" } }
seeds exam { pypi \"schema\" { at = \"0.7.8\" } }
model base { backend = rewriter }
validation anchor { from = exam }
curriculum main { seeds = one, solver = base, rounds = 2, score { against = anchor } }
";

/// The same with one mistake, in line 7.
fn bad() -> String {
    GOOD.replace("rounds = 2", "rounds = 200")
}

/// The same with one warning, in line 3.
fn warned() -> String {
    GOOD.replace("pypi \"toolz\" { at = \"1.0.0\" }", "repo \"a/toolz\" { at = \"main\" }")
}
