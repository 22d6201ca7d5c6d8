//! Follows a dotted path to the setting it means: from a block, or from the top of a file.

use super::{Here, Walk};
use crate::{
    diagnostic::{Code, FileId, Place, Problem},
    names::Miss,
    schema::{self, Block, Content, Labels},
    settings::{Layer, Rounds, Target, block_of},
    suggest::{listed, nearest},
    syntax::{Label, Path, path_range, path_text},
    value::EntityId,
};

/// A path that leads to no setting.
pub(super) struct Stuck {
    /// The part of the path that is wrong.
    pub(super) part: usize,
    /// The block in which it was looked for.
    block: &'static Block,
    /// What would have been right here.
    known: Vec<String>,
    /// What stands in the block too, but not before a `=`.
    blocks: Vec<String>,
    /// Set when the last part is a block, not a setting.
    is_block: bool,
}

/// What an override changes.
pub(super) enum Start {
    Setting(Target),
    Param(EntityId),
}

impl Walk<'_> {
    /// Follows `parts` from a block.
    pub(super) fn descend(&self, here: &Here, parts: &[&str]) -> Result<Target, Stuck> {
        let mut at = here.clone();
        let mut part = 0;
        while part + 1 < parts.len() {
            let used = self.step(&mut at, &parts[part..parts.len() - 1]);
            if used == 0 {
                return Err(self.stuck(&at, part, parts));
            }
            part += used;
        }
        match at.block.key(parts[part]) {
            Some(key) => {
                Ok(Target { address: format!("{}.{}", at.address, key.name), key, rounds: at.rounds })
            }
            None => Err(self.stuck(&at, part, parts)),
        }
    }

    fn stuck(&self, at: &Here, part: usize, parts: &[&str]) -> Stuck {
        let is_last = part + 1 == parts.len();
        let keys = at.block.keys.iter().map(|key| key.name.to_owned());
        let blocks = at.block.blocks.iter().map(|block| block.word.to_owned());
        let gates: Vec<String> = match at.block.content {
            Content::Gates => self.gates(at.entity).iter().map(|gate| gate.name.clone()).collect(),
            _ => Vec::new(),
        };
        let blocks: Vec<String> = blocks.chain(gates).collect();
        let is_block = is_last && at.block.block(parts[part]).is_some();
        let (known, blocks) = if is_last { (keys.collect(), blocks) } else { (blocks, Vec::new()) };
        Stuck { part, block: at.block, known, blocks, is_block }
    }

    /// Goes into the block that `parts` begin with; returns how many were used.
    fn step(&self, at: &mut Here, parts: &[&str]) -> usize {
        let word = parts[0];
        if at.block.content == Content::Gates {
            // A gate's name may have dots: `std.no_secrets`.
            for used in (1..=parts.len()).rev() {
                let name = parts[..used].join(".");
                if let Some(gate) = self.gate(at.entity, &name) {
                    at.block = gate.def.block();
                    at.address = format!("{}.{name}", at.address);
                    return used;
                }
            }
            return 0;
        }
        if at.block.word == "curriculum"
            && let Some(round) = word.strip_prefix('r').and_then(|digits| digits.parse::<u32>().ok())
            && let Some(block) = at.block.block("round")
            && round > 0
        {
            at.block = block;
            at.rounds = Rounds::Exact(round);
            return 1;
        }
        if at.block.word == "seeds" {
            let repos = self.out.repos.get(&at.entity).map_or(&[][..], Vec::as_slice);
            if let Some(repo) = repos.iter().find(|repo| repo.name == word)
                && let Some(block) = schema::REPO_KINDS.iter().find(|block| block.word == repo.block)
            {
                at.block = block;
                at.address = format!("{}.{word}", at.address);
                return 1;
            }
        }
        let Some(block) = at.block.block(word) else { return 0 };
        match (block.labels, parts.get(1)) {
            (Labels::None, _) => {
                at.block = block;
                at.address = format!("{}.{word}", at.address);
                1
            }
            (Labels::Hat, Some(hat)) if matches!(*hat, "solver" | "generator") => {
                at.block = block;
                at.address = format!("{}.{word}.{hat}", at.address);
                2
            }
            _ => 0,
        }
    }

    /// Follows a path from the top of a file, as profiles, sweeps and `--set` write it.
    pub(super) fn follow(&mut self, file: FileId, path: &Path, layer: &Layer) -> Option<Start> {
        let parts: Vec<&str> = path.iter().map(|name| &*name.text).collect();
        let (from, to) = path_range(path);
        let place = Place { file, from, to };
        let scope = self.scope_of(file);
        let (entity, used) = match self.names.lookup(scope, &parts, &[]) {
            Ok(found) => found,
            Err(Miss::Unread) => return None,
            Err(Miss::Unknown { part, meant }) => {
                self.leads_nowhere(&parts, part, meant, place);
                return None;
            }
        };
        if used > 1 && parts[0] != "param" {
            self.out.used_aliases.insert((scope, parts[0].to_owned()));
        }
        let kind = self.names.entity(entity).kind;
        let begin = parts[..used].join(".");
        if kind == schema::Kind::Param {
            if used < parts.len() {
                let problem = Problem::new(Code::E0205, place, format!("`{begin}` has nothing inside"))
                    .label("a parameter is one value");
                self.problem(problem);
                return None;
            }
            return Some(Start::Param(entity));
        }
        let block = block_of(kind)?;
        let address = self.names.entity(entity).address.clone();
        let here = Here { block, address, file, rounds: Rounds::All, layer: layer.clone(), entity };
        let rest = &parts[used..];
        if rest.is_empty() || matches!(block.content, Content::Paths | Content::Axes) {
            let help = match block.keys.first() {
                Some(key) => format!("name one of its settings, such as `{begin}.{}`", key.name),
                None => "its content cannot be overridden".to_owned(),
            };
            let message = format!("`{}` is {}, not a setting", parts.join("."), kind.noun());
            let problem = Problem::new(Code::E0205, place, message).label("a setting is wanted").help(help);
            self.problem(problem);
            return None;
        }
        match self.descend(&here, rest) {
            Ok(target) => Some(Start::Setting(target)),
            Err(mut stuck) => {
                stuck.part += used;
                let problem = self.stuck_problem(stuck, path, file);
                self.problem(problem);
                None
            }
        }
    }

    fn leads_nowhere(&mut self, parts: &[&str], part: usize, meant: Option<String>, place: Place) {
        let mut problem =
            Problem::new(Code::E0202, place, format!("the path `{}` leads nowhere", parts.join(".")))
                .label(format!("there is nothing called `{}`", parts[part]));
        problem = match meant {
            Some(meant) => {
                let mut fixed = parts.to_vec();
                fixed[part] = &meant;
                let fixed = fixed.join(".");
                problem.help(format!("did you mean `{fixed}`?")).fix(format!("write `{fixed}`"), place, fixed)
            }
            None => problem
                .help("a path begins with a label of the file, as in `main.score.mode`, or with `param`"),
        };
        self.problem(problem);
    }

    /// Returns the file whose labels are meant: `--set` has none of its own.
    pub(super) fn scope_of(&self, file: FileId) -> FileId {
        if file.0 as usize == self.project.files(self.db).len() { FileId(0) } else { file }
    }

    /// Returns the problem of a path that leads to no setting.
    pub(super) fn stuck_problem(&self, stuck: Stuck, path: &Path, file: FileId) -> Problem {
        let name = &path[stuck.part.min(path.len() - 1)];
        let place = Place { file, from: name.at, to: name.at + 1 };
        let word = &*name.text;
        if stuck.block.word == "round" && is_of_curriculum(word) {
            return not_per_round(word, place);
        }
        if stuck.is_block {
            return Problem::new(Code::E0205, place, format!("`{word}` is a block, not a setting"))
                .label("a block")
                .help(format!("write `{word} {{ ... }}`, or go on to one of its settings"));
        }
        let message = format!("`{}` has no setting called `{word}`", stuck.block.word);
        let problem = Problem::new(Code::E0205, place, message).label("unknown");
        if let Some(meant) = nearest(word, stuck.known.iter().map(String::as_str)) {
            return problem.help(format!("did you mean `{meant}`?")).fix(
                format!("write `{meant}`"),
                place,
                meant,
            );
        }
        if let Some(meant) = nearest(word, stuck.blocks.iter().map(String::as_str)) {
            return problem.help(format!("did you mean the block `{meant} {{ ... }}`?"));
        }
        let problem = match elsewhere(word, stuck.block) {
            Some(homes) => problem.help(format!("`{word}` is a setting of {homes}")),
            None => problem,
        };
        let all: Vec<&String> = stuck.known.iter().chain(&stuck.blocks).collect();
        match all.as_slice() {
            [] => problem,
            all => problem.help(format!("`{}` has {}", stuck.block.word, listed(all, "and"))),
        }
    }

    /// Returns the problem of a block that its surroundings do not know.
    pub(super) fn unknown_block(
        &self,
        here: &Here,
        path: &Path,
        labels: &[Label],
        has_braces: bool,
    ) -> Problem {
        let (from, to) = path_range(path);
        let place = here.place((from, to));
        let word = path_text(path);
        let block = here.block;
        if block.word == "round" && is_of_curriculum(&word) && block.block(&word).is_none() {
            return not_per_round(&word, place);
        }
        if let Some(key) = block.key(&word) {
            let problem = Problem::new(Code::E0205, place, format!("`{word}` is a setting, not a block"))
                .label("a setting");
            let value = match labels {
                [Label::Name(value)] => Some(value.text.to_string()),
                [Label::Text(_, value)] => Some(crate::value::quote(value)),
                [Label::Rounds { first, last: None, .. }] => Some(first.to_string()),
                _ => None,
            };
            return match value.filter(|_| !has_braces) {
                Some(value) => {
                    let whole = here.place((from, labels.last().map_or(to, |label| label.range().1)));
                    let fixed = format!("{word} = {value}");
                    problem.help(format!("write `{fixed}`")).fix(format!("write `{fixed}`"), whole, fixed)
                }
                None => problem.help(format!("write `{word} = ...`; it takes {}", key.ty.describe())),
            };
        }
        if schema::top(&word).is_some() {
            return Problem::new(Code::E0209, place, format!("a `{word}` block stands at the top of a file"))
                .label("inside another block")
                .help(format!("move it out of this {}", block.word));
        }
        let message = format!("`{}` has no block called `{word}`", block.word);
        let problem = Problem::new(Code::E0205, place, message).label("unknown");
        let blocks = block.blocks.iter().map(|block| block.word);
        let known: Vec<&str> = blocks.chain(block.keys.iter().map(|key| key.name)).collect();
        if let Some(meant) = nearest(&word, known.iter().copied()) {
            return problem.help(format!("did you mean `{meant}`?")).fix(
                format!("write `{meant}`"),
                place,
                meant,
            );
        }
        if schema::gate(&word).is_some() {
            return problem.help(format!("`{word}` is a gate: it stands inside `gates {{ ... }}`"));
        }
        match known.as_slice() {
            [] => problem.help("nothing can stand inside it"),
            known => problem.help(format!("`{}` has {}", block.word, listed(known, "and"))),
        }
    }
}

fn is_of_curriculum(word: &str) -> bool {
    schema::CURRICULUM.key(word).is_some() || schema::CURRICULUM.block(word).is_some()
}

fn not_per_round(word: &str, place: Place) -> Problem {
    Problem::new(Code::E0506, place, format!("`{word}` cannot differ between rounds"))
        .label("in one round only")
        .help("set it once for the whole curriculum")
}

/// Returns the blocks that do have a setting of that name: "`stable` and `gate`".
fn elsewhere(word: &str, not: &'static Block) -> Option<String> {
    let mut homes: Vec<&str> = schema::all_keys()
        .into_iter()
        .filter(|(_, block, key)| key.name == word && block.word != not.word)
        .map(|(_, block, _)| block.word)
        .collect();
    homes.sort_unstable();
    homes.dedup();
    (!homes.is_empty() && homes.len() <= 4).then(|| listed(&homes, "and"))
}
