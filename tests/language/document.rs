//! Reads a page into cases: a heading, and the fenced blocks below it.

use sswe_compiler::check::Host;

/// A page.
pub(super) struct Document {
    /// What every `+prelude` source begins with.
    pub(super) prelude: String,
    pub(super) cases: Vec<Case>,
}

/// What stands below one heading.
pub(super) struct Case {
    pub(super) title: String,
    pub(super) line: usize,
    /// Why it does not hold yet, from `<!-- pending: why -->`.
    pub(super) pending: Option<String>,
    pub(super) blocks: Vec<Block>,
}

/// A fenced block.
pub(super) struct Block {
    pub(super) lang: String,
    words: Vec<String>,
    /// The line of its first content.
    pub(super) line: usize,
    pub(super) text: String,
}

impl Block {
    fn has(&self, word: &str) -> bool {
        self.words.iter().any(|own| own == word)
    }

    /// Returns the path of a file that is not the root.
    pub(super) fn file(&self) -> Option<String> {
        self.words.iter().find_map(|word| word.strip_prefix("file=")).map(str::to_owned)
    }

    /// Returns the text to compile, after the marks of the block were obeyed.
    pub(super) fn source(&self, prelude: &str) -> String {
        let mut text =
            if self.has("+prelude") { format!("{prelude}{}", self.text) } else { self.text.clone() };
        if self.has("no-final-newline") {
            text.truncate(text.trim_end_matches('\n').len());
        }
        if self.has("crlf") {
            text = text.replace('\n', "\r\n");
        }
        if self.has("bom") {
            text.insert(0, '\u{feff}');
        }
        text
    }
}

/// Reads a page.
pub(super) fn document(text: &str) -> Document {
    let mut page = Document { prelude: String::new(), cases: vec![case("", 1)] };
    let mut open: Option<Block> = None;
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let current = page.cases.last_mut().unwrap();
        match (&mut open, line.strip_prefix("```")) {
            (Some(_), Some("")) => {
                let block = open.take().unwrap();
                if block.has("prelude") {
                    page.prelude = block.text;
                } else {
                    current.blocks.push(block);
                }
            }
            (Some(block), _) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, Some(info)) => {
                let mut words = info.split_whitespace().map(str::to_owned);
                let lang = words.next().unwrap_or_default();
                open = Some(Block { lang, words: words.collect(), line: number + 1, text: String::new() });
            }
            (None, None) if line.starts_with('#') => {
                page.cases.push(case(line.trim_start_matches('#').trim(), number));
            }
            (None, None) => {
                if let Some(why) = line.trim().strip_prefix("<!-- pending:") {
                    current.pending = Some(why.trim_end_matches("-->").trim().to_owned());
                }
            }
        }
    }
    assert!(open.is_none(), "a fenced block is not closed");
    page.cases.retain(|case| !case.blocks.is_empty());
    page
}

fn case(title: &str, line: usize) -> Case {
    Case { title: title.to_owned(), line, pending: None, blocks: Vec::new() }
}

/// How a source is compiled, and what its machine lacks: a `flags` block.
#[derive(Default)]
pub(super) struct Flags {
    pub(super) profiles: Vec<String>,
    pub(super) set: Vec<String>,
    /// The same with their comments, which say what is expected of them.
    pub(super) set_lines: Vec<String>,
    pub(super) cell: Option<(String, usize)>,
    missing_paths: Vec<String>,
    missing_variables: Vec<String>,
    memory: Option<u64>,
}

impl Flags {
    pub(super) fn parse(text: &str) -> Flags {
        let mut flags = Flags::default();
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["--profile", name, ..] => flags.profiles.push((*name).to_owned()),
                ["--set", ..] => {
                    let rest = line.trim_start().trim_start_matches("--set").trim_start();
                    let value = rest.split(" #").next().unwrap_or(rest).trim_end();
                    flags.set.push(value.to_owned());
                    flags.set_lines.push(rest.to_owned());
                }
                ["--cell", name, index] => flags.cell = Some(((*name).to_owned(), index.parse().unwrap())),
                ["host:", "missing", "path", path] => flags.missing_paths.push((*path).to_owned()),
                ["host:", "missing", "variable", name] => flags.missing_variables.push((*name).to_owned()),
                ["host:", "memory", gib, "GiB"] => {
                    flags.memory = Some(gib.parse::<u64>().unwrap() << 30);
                }
                [] => {}
                _ => panic!("no such flag: {line}"),
            }
        }
        flags
    }

    /// Takes from a machine what it is said to lack.
    pub(super) fn change(&self, host: &mut Host) {
        for path in &self.missing_paths {
            assert!(host.paths.insert(path.clone(), false).is_some(), "nothing asks for `{path}`");
        }
        for name in &self.missing_variables {
            assert!(host.variables.insert(name.clone(), false).is_some(), "nothing asks for `{name}`");
        }
        host.memory = self.memory;
    }
}
