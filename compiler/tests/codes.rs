//! The pages that `sswe explain` prints: every example does what its page says.
//!
//! A page shows a `## Wrong` and a `## Right` file. In either section, the block `sswe` is the file
//! that is checked, `sswe file=NAME` is another file that it may use, `flags` holds options of the
//! command line, and `sh` is for people only.

use std::collections::BTreeSet;

use sswe_compiler::{
    check::{self, Host},
    diagnostic::{Code, Diagnostic, Severity},
    project::{self, Database, Options, Origin},
    schema,
};

/// Codes whose mistake cannot be written down as a text, with the reason.
const WITHOUT_EXAMPLE: &[(Code, &str)] = &[
    (Code::E0111, "bytes that are not UTF-8 cannot stand in a page, and never reach the compiler"),
    (Code::E0112, "the limit is 16 MiB, and only the command line reads files"),
];

/// What the machine of the examples lacks; it has every other variable and path, and `MEMORY`.
const UNSET_VARIABLES: &[&str] = &["SOLVER_URI"];
const MISSING_PATHS: &[&str] = &["seeds/leger"];
const MEMORY: u64 = 64 << 30;

#[test]
fn wrong_examples_give_their_code_and_nothing_else() {
    for (code, wrong, _) in examples() {
        let found = check(&wrong, &wrong.text);
        let is_own = !found.is_empty() && found.iter().all(|found| found.code == code.as_str());
        assert_holds(is_own, code, WRONG, &wrong, &found);
    }
}

#[test]
fn right_examples_give_nothing() {
    for (code, _, right) in examples() {
        let found = check(&right, &right.text);
        assert_holds(found.is_empty(), code, RIGHT, &right, &found);
    }
}

#[test]
fn warnings_can_be_silenced_as_the_page_says_and_errors_cannot() {
    for (code, wrong, _) in examples() {
        let page = code.page();
        let allow = format!("# sswe: allow({})", code.name());
        let is_error = code.severity() == Severity::Error;
        // The page about these comments shows one, of course.
        let shows = !is_error || code == Code::E0212;
        assert_eq!(page.contains("sswe: allow("), shows, "{code:?}: who can be silenced says how");
        assert_eq!(page.contains(&format!("`{allow}`")), !is_error, "{code:?}: the comment has this name");
        for found in check(&wrong, &wrong.text).iter().filter(|found| found.span.file == MAIN) {
            let mut above: Vec<String> = wrong.text.lines().map(str::to_owned).collect();
            above.insert(found.span.line - 1, allow.clone());
            let mut behind: Vec<String> = wrong.text.lines().map(str::to_owned).collect();
            behind[found.span.line - 1].push_str(&format!("  {allow}"));
            for lines in [above, behind] {
                let text = lines.join("\n") + "\n";
                let rest = check(&wrong, &text);
                let told = rest.iter().any(|other| other.message == found.message);
                assert_eq!(told, is_error, "{code:?} with a comment gives {}", shown(&text, &rest));
            }
        }
    }
}

#[test]
fn severities_are_the_letters_of_the_codes() {
    for (code, wrong, _) in examples() {
        let letter = match code.severity() {
            Severity::Error => 'E',
            Severity::Warning => 'W',
            Severity::Note => 'N',
        };
        assert!(code.as_str().starts_with(letter), "{code:?}");
        for found in check(&wrong, &wrong.text).iter().filter(|found| found.code == code.as_str()) {
            assert_eq!((found.severity, found.name), (code.severity(), code.name()), "{code:?}");
        }
    }
}

#[test]
fn pages_are_short_and_read_well_in_a_terminal() {
    let mut titles = BTreeSet::new();
    for code in Code::ALL {
        let page = code.page();
        let title = page.lines().next().and_then(|line| line.strip_prefix("# ")).unwrap_or_default();
        assert!((8..=60).contains(&title.len()), "{code:?}: the first line is a short title: {title:?}");
        assert!(!title.ends_with('.') && titles.insert(title), "{code:?}: {title:?} ends or was used before");
        let lines = page.lines().count();
        assert!((12..=50).contains(&lines), "{code:?} has {lines} lines");
        assert!(page.ends_with('\n') && !page.ends_with("\n\n"), "{code:?} ends with one line end");
        for line in page.lines() {
            assert!(line.len() <= 104 && line == line.trim_end(), "{code:?}: a long or ragged line: {line}");
        }
        let headings: Vec<&str> = prose(page).into_iter().filter(|line| line.starts_with('#')).collect();
        assert_eq!(headings[1..], [WRONG, RIGHT], "{code:?}");
    }
}

#[test]
fn pages_name_only_what_exists() {
    let known: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    let keys: Vec<String> = schema::all_keys().into_iter().map(|(path, ..)| path).collect();
    let blocks: Vec<String> = schema::all_blocks().into_iter().map(|(path, _)| path).collect();
    let is_known = |path: &str| {
        let last = path.rsplit('.').next().unwrap_or(path);
        keys.iter().chain(&blocks).any(|known| known.rsplit('.').next() == Some(last))
    };
    for code in Code::ALL {
        for line in prose(code.page()) {
            for word in line.split(|c: char| !c.is_ascii_alphanumeric()) {
                let digits = word.strip_prefix(['E', 'W', 'N']).unwrap_or_default();
                if digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit()) {
                    assert!(known.contains(word), "{code:?} speaks of {word}, which does not exist");
                }
            }
            assert_eq!(line.matches('`').count() % 2, 0, "{code:?}: code in a line ends there: {line}");
            for span in line.split('`').skip(1).step_by(2) {
                if let Some((path, _)) = span.split_once(" = ").filter(|(path, _)| !path.contains(' ')) {
                    assert!(path == "name" || is_known(path), "{code:?} speaks of the setting `{path}`");
                }
                if let Some(what) = span.strip_prefix("sswe explain ").filter(|what| !what.starts_with('-')) {
                    let is_suffix = |known: &String| known == what || known.ends_with(&format!(".{what}"));
                    let leads = keys.iter().chain(&blocks).any(is_suffix) || Code::parse(what).is_some();
                    assert!(leads, "{code:?} says `{span}`, which explains nothing");
                }
            }
        }
    }
}

const MAIN: &str = "main.sswe";
const WRONG: &str = "## Wrong";
const RIGHT: &str = "## Right";

/// An example of a page: a file, what it uses, and how it is checked.
#[derive(Default)]
struct Example {
    text: String,
    others: Vec<(String, String)>,
    options: Options,
}

/// Returns the wrong and the right example of every page that has them.
fn examples() -> Vec<(Code, Example, Example)> {
    let exempt = |code: &Code| WITHOUT_EXAMPLE.iter().any(|(other, _)| other == code);
    let codes = Code::ALL.iter().copied().filter(|code| !exempt(code));
    codes.map(|code| (code, example(code, WRONG), example(code, RIGHT))).collect()
}

fn example(code: Code, heading: &str) -> Example {
    let mut found = Example::default();
    let mut is_here = false;
    let mut lines = code.page().lines();
    while let Some(line) = lines.next() {
        if line.starts_with("## ") {
            is_here = line == heading;
        }
        let Some(info) = line.strip_prefix("```") else { continue };
        let text: String =
            lines.by_ref().take_while(|line| *line != "```").flat_map(|line| [line, "\n"]).collect();
        match info {
            _ if !is_here => {}
            "sswe" => {
                assert!(found.text.is_empty(), "{code:?}: {heading} has two files without a name");
                found.text = text;
            }
            "flags" => text.lines().for_each(|line| match line.split_once(' ') {
                Some(("--profile", names)) => {
                    found.options.profiles.extend(names.split(',').map(str::to_owned));
                }
                Some(("--set", setting)) => found.options.set.push(setting.to_owned()),
                _ => panic!("{code:?}: no such option: {line}"),
            }),
            "sh" => {}
            _ => match info.strip_prefix("sswe file=") {
                Some(name) => found.others.push((name.to_owned(), text)),
                None => panic!("{code:?}: what is a block of `{info}`?"),
            },
        }
    }
    assert!(!found.text.is_empty(), "{code:?}: {heading} shows no file");
    found
}

/// Checks a text in the place of an example's file, on a machine that is always the same.
fn check(example: &Example, text: &str) -> Vec<Diagnostic> {
    let mut db = Database::default();
    let mut files = example.others.clone();
    files.push((MAIN.to_owned(), text.to_owned()));
    let project = project::open(&mut db, MAIN, text, &example.options, &mut |wanted, _| {
        let file = files.iter().find(|(name, _)| name == wanted);
        let (name, text) = file.cloned().ok_or("there is no such file")?;
        Ok((name, Origin::File, text))
    });
    let wants = check::wants(&db, project);
    let variables = wants.variables.into_iter().map(|(name, ..)| {
        let is_set = !UNSET_VARIABLES.contains(&name.as_str());
        (name, is_set)
    });
    let paths = wants.paths.into_iter().map(|(_, path, _)| {
        let exists = !MISSING_PATHS.contains(&path.as_str());
        (path, exists)
    });
    let host = Host { variables: variables.collect(), paths: paths.collect(), memory: Some(MEMORY) };
    check::diagnostics(&db, project, &host)
}

/// Returns the lines of a page outside of its examples.
fn prose(page: &str) -> Vec<&str> {
    let mut is_code = false;
    let outside = page.lines().filter(|line| {
        let is_fence = line.starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    });
    outside.collect()
}

fn assert_holds(holds: bool, code: Code, heading: &str, example: &Example, found: &[Diagnostic]) {
    assert!(holds, "{code:?}, {heading}, gives{}", shown(&example.text, found));
}

fn shown(text: &str, found: &[Diagnostic]) -> String {
    let findings: Vec<String> = found
        .iter()
        .map(|d| format!("  {}:{}:{} {} {}", d.span.file, d.span.line, d.span.column, d.code, d.message))
        .collect();
    let findings = if findings.is_empty() { "  nothing".to_owned() } else { findings.join("\n") };
    format!("\n{findings}\n--- {MAIN}\n{text}")
}
