//! A plan as the engine walks it: stages by number, and who waits for whom.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use smallvec::SmallVec;
use sswe_cache::{Batch, Digest, Fields, SKIPPED, StatCache, Store, digest_tree};
use sswe_compiler::plan::{Plan, Shape, Stage, StageKind, StageName};

use crate::key::{self, Facts, Recipe};
use crate::{Declaration, Error, Work};

/// A stage with what is known of it before the run.
pub(crate) struct Node {
    pub(crate) stage: Arc<Stage>,
    pub(crate) facts: Facts,
    pub(crate) recipe: Recipe,
    /// What it reads.
    pub(crate) needs: Vec<Need>,
    /// The stop stages that it obeys: they decide whether it runs, and are no part of its keys.
    pub(crate) controls: Vec<usize>,
    /// Who waits for it: a part of [`Graph::readers`].
    readers: Range<usize>,
    /// For a stage that draws: the gates behind it, in order.
    pub(crate) gates: Vec<Gate>,
    /// For how many stages it waits.
    pub(crate) waits: usize,
    /// Whether the run is to make it.
    pub(crate) wanted: bool,
}

/// An output that a stage reads.
#[derive(Clone, Debug)]
pub(crate) struct Need {
    pub(crate) port: &'static str,
    pub(crate) from: usize,
    pub(crate) output: &'static str,
}

/// A gate that judges draws while others are still being drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gate {
    pub(crate) node: usize,
    /// Which of its needs is the candidates.
    pub(crate) hole: usize,
}

/// Which stages to make.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted<'a> {
    pub(crate) until: Option<&'a str>,
    pub(crate) round: Option<u32>,
}

/// The stages of a plan.
pub(crate) struct Graph {
    pub(crate) nodes: Vec<Node>,
    /// Who waits for whom, in one list: most have few readers.
    readers: Vec<usize>,
}

/// What the surroundings of a run say that is part of keys.
pub(crate) struct Surroundings<'a> {
    pub(crate) base: &'a Path,
    pub(crate) env: &'a BTreeMap<String, String>,
}

impl Graph {
    /// Lays out a plan; reads the sources of the stages that are wanted.
    pub(crate) fn new<W: Work>(
        plan: &Plan,
        work: &W,
        wanted: &Wanted<'_>,
        store: &Store,
        around: &Surroundings<'_>,
    ) -> Result<Graph, Error> {
        let mut graph = Graph { nodes: Vec::with_capacity(plan.stages.len()), readers: Vec::new() };
        let mut numbers = Numbers::new(plan);
        let unknown = Facts::default();
        for stage in &plan.stages {
            let mut needs = Vec::with_capacity(stage.inputs.len());
            let mut controls = Vec::new();
            for input in &stage.inputs {
                let from = numbers.get(&input.from).ok_or_else(|| Error::NoInput {
                    stage: stage.name.clone(),
                    from: input.from.clone(),
                    output: input.output.to_owned(),
                })?;
                match graph.nodes[from].stage.shape {
                    Shape::Stop => controls.push(from),
                    _ => needs.push(Need { port: input.port, from, output: input.output }),
                }
            }
            numbers.add(&stage.name);
            let none = Digest::from_bytes([0; 32]);
            graph.nodes.push(Node {
                stage: stage.clone(),
                facts: unknown.clone(),
                recipe: Recipe { base: none, shared: none },
                needs,
                controls,
                readers: 0..0,
                gates: Vec::new(),
                waits: 0,
                wanted: true,
            });
        }
        graph.find_gates();
        graph.choose(wanted)?;
        graph.learn(work, store, around)?;
        graph.connect()?;
        Ok(graph)
    }

    /// Returns who waits for a stage.
    pub(crate) fn readers(&self, index: usize) -> &[usize] {
        &self.readers[self.nodes[index].readers.clone()]
    }

    /// Returns whose output must be there before a stage begins.
    fn before(&self, index: usize) -> SmallVec<[usize; 8]> {
        let node = &self.nodes[index];
        let own = node.needs.iter().map(|need| need.from).chain(node.controls.iter().copied());
        // What its gates read beside the candidates, since they judge while it draws.
        let judging = node.gates.iter().flat_map(|gate| {
            let needs = self.nodes[gate.node].needs.iter().enumerate();
            needs.filter(|(at, _)| *at != gate.hole).map(|(_, need)| need.from)
        });
        let mut before: SmallVec<[usize; 8]> = own.chain(judging).collect();
        before.sort_unstable();
        before.dedup();
        before
    }

    /// Finds the gates behind each stage that draws: the chain of gates, each of which alone
    /// reads the one before. One that also reads what comes of the candidates is none of them:
    /// it can only judge when all are there.
    fn find_gates(&mut self) {
        let mut judges: HashMap<usize, Vec<Gate>> = HashMap::new();
        for (node, of) in self.nodes.iter().enumerate() {
            if of.stage.kind == StageKind::Gate && of.stage.shape == Shape::Each {
                for (hole, need) in of.needs.iter().enumerate() {
                    judges.entry(need.from).or_default().push(Gate { node, hole });
                }
            }
        }
        for index in 0..self.nodes.len() {
            if !matches!(self.nodes[index].stage.shape, Shape::FirstN(_)) {
                continue;
            }
            let behind = self.behind(index);
            let mut at = index;
            while let Some([gate]) = judges.get(&at).map(Vec::as_slice) {
                let needs = self.nodes[gate.node].needs.iter().enumerate();
                if needs.filter(|(need, _)| *need != gate.hole).any(|(_, need)| behind[need.from]) {
                    break;
                }
                self.nodes[index].gates.push(*gate);
                at = gate.node;
            }
        }
    }

    /// Returns which stages need a stage, that one included.
    fn behind(&self, index: usize) -> Vec<bool> {
        let mut behind = vec![false; self.nodes.len()];
        behind[index] = true;
        for (at, node) in self.nodes.iter().enumerate().skip(index + 1) {
            let mut before = node.needs.iter().map(|need| need.from).chain(node.controls.iter().copied());
            behind[at] = before.any(|from| behind[from]);
        }
        behind
    }

    fn choose(&mut self, wanted: &Wanted<'_>) -> Result<(), Error> {
        let Wanted { until, round } = wanted;
        if until.is_none() && round.is_none() {
            return Ok(());
        }
        let mut chosen = Vec::new();
        let is_stage = until.is_some_and(|until| self.nodes.iter().any(|node| *node.stage.name.0 == *until));
        for (index, node) in self.nodes.iter().enumerate() {
            let name = &*node.stage.name.0;
            // `main/r2/gates` means all of its gates, but `main/r2/solve` not `solve.anchor`: that
            // is another stage, and `solve` is one itself.
            let named = until.is_none_or(|until| {
                let goes_on = |rest: &str| rest.is_empty() || (!is_stage && rest.starts_with(['.', '/']));
                name.strip_prefix(until).is_some_and(goes_on)
            });
            if named && round.is_none_or(|round| node.stage.round == Some(round)) {
                chosen.push(index);
            }
        }
        if chosen.is_empty() {
            let name = until.map_or_else(|| format!("round {}", round.unwrap_or(0)), str::to_owned);
            return Err(Error::NoStage { nearest: self.nearest(&name), name });
        }
        self.nodes.iter_mut().for_each(|node| node.wanted = false);
        while let Some(index) = chosen.pop() {
            if !std::mem::replace(&mut self.nodes[index].wanted, true) {
                chosen.extend(self.before(index));
            }
        }
        Ok(())
    }

    fn nearest(&self, name: &str) -> Option<StageName> {
        let last = name.rsplit('/').next().unwrap_or(name);
        let found = self.nodes.iter().find(|node| node.stage.name.0.contains(last));
        found.map(|node| node.stage.name.clone())
    }

    /// Asks what implements each stage, and reads its variables and files.
    fn learn<W: Work>(&mut self, work: &W, store: &Store, around: &Surroundings<'_>) -> Result<(), Error> {
        // The gates of a stage that draws judge, wanted or not.
        let judging: BTreeSet<usize> = self
            .nodes
            .iter()
            .filter(|node| node.wanted)
            .flat_map(|node| node.gates.iter().map(|gate| gate.node))
            .collect();
        // Loaded at the first file.
        let mut stats: Option<StatCache> = None;
        let mut bases: BTreeMap<StageKind, (Arc<Declaration>, Digest)> = BTreeMap::new();
        for index in 0..self.nodes.len() {
            let node = &mut self.nodes[index];
            if !node.wanted && !judging.contains(&index) {
                continue;
            }
            let declared = work.declare(&node.stage);
            let known = bases.get(&node.stage.kind).filter(|(known, _)| **known == declared).cloned();
            let (declared, base) =
                known.map_or_else(|| (Arc::new(declared), None), |(known, base)| (known, Some(base)));
            let mut facts = Facts { declared, env: Vec::new(), sources: SmallVec::new() };
            for (setting, variable) in &node.stage.env {
                let value = around.env.get(variable).ok_or_else(|| Error::Variable {
                    stage: node.stage.name.clone(),
                    variable: variable.clone(),
                })?;
                facts.env.push((setting.clone(), value.clone()));
            }
            for source in &node.stage.sources {
                let path = around.base.join(&source.path);
                let stats = match &mut stats {
                    Some(stats) => stats,
                    none => none.insert(StatCache::load(store)?),
                };
                // A folder is the rarer case, and asking first would cost every file a second look.
                let digest = match stats.digest(&path) {
                    Err(_) if path.is_dir() => digest_tree(&path, SKIPPED, stats).map(|tree| tree.digest),
                    digest => digest,
                };
                let digest = digest.map_err(|error| Error::Source {
                    stage: node.stage.name.clone(),
                    setting: source.setting.clone(),
                    source: Box::new(error),
                })?;
                facts.sources.push(digest);
            }
            let base = base.filter(|_| facts.env.is_empty());
            node.recipe = key::recipe(&node.stage, &facts, base);
            if base.is_none() && facts.env.is_empty() {
                bases.insert(node.stage.kind, (facts.declared.clone(), node.recipe.base));
            }
            node.facts = facts;
        }
        if let Some(stats) = &mut stats
            && stats.read_count() > 0
            && !store.read_only()
        {
            let mut batch = Batch::new(store);
            batch.add_stats(stats);
            batch.commit()?;
        }
        Ok(())
    }

    fn connect(&mut self) -> Result<(), Error> {
        let mut waits = Vec::with_capacity(2 * self.nodes.len());
        for index in 0..self.nodes.len() {
            if !self.nodes[index].wanted {
                continue;
            }
            for need in &self.nodes[index].needs {
                let from = &self.nodes[need.from];
                if !from.facts.declared.ports.contains(&need.output) {
                    return Err(Error::NoInput {
                        stage: self.nodes[index].stage.name.clone(),
                        from: from.stage.name.clone(),
                        output: need.output.to_owned(),
                    });
                }
            }
            let before = self.before(index);
            self.nodes[index].waits = before.len();
            for from in before {
                self.nodes[from].readers.end += 1;
                waits.push((from, index));
            }
        }
        // So far each range is only as long as it must be.
        let mut begin = 0;
        for node in &mut self.nodes {
            let length = node.readers.end;
            node.readers = begin..begin;
            begin += length;
        }
        self.readers = vec![0; begin];
        for (from, reader) in waits {
            let place = &mut self.nodes[from].readers.end;
            self.readers[*place] = reader;
            *place += 1;
        }
        Ok(())
    }

    /// Returns how many draws a stage needs, and the digest of what judges them.
    ///
    /// `outputs` says what a gate reads beside the candidates, sorted.
    pub(crate) fn judges(
        &self,
        index: usize,
        outputs: impl Fn(&Gate) -> Vec<(&'static str, Digest)>,
    ) -> Option<(u64, Digest)> {
        let node = &self.nodes[index];
        let Shape::FirstN(count) = node.stage.shape else { return None };
        let mut fields = Fields::new("sswe.judges.v1");
        for gate in &node.gates {
            fields.digest("gate", &self.nodes[gate.node].recipe.shared);
            for (port, digest) in outputs(gate) {
                fields.text("input", port).digest("", &digest);
            }
        }
        Some((count, fields.finish()))
    }
}

/// The numbers of stages by their names.
struct Numbers<'p> {
    plan: &'p Plan,
    known: usize,
    /// By where a name lies: a plan has each name once, and its inputs share it. That costs less
    /// than to hash names.
    by_place: HashMap<usize, usize, BuildHasherDefault<PlaceHasher>>,
    /// For names that lie elsewhere; made when there is one.
    by_name: Option<HashMap<&'p str, usize>>,
}

impl<'p> Numbers<'p> {
    fn new(plan: &'p Plan) -> Numbers<'p> {
        let by_place = HashMap::with_capacity_and_hasher(plan.stages.len(), BuildHasherDefault::default());
        Numbers { plan, known: 0, by_place, by_name: None }
    }

    /// Numbers the next stage.
    fn add(&mut self, name: &'p StageName) {
        self.by_place.insert(place(name), self.known);
        if let Some(by_name) = &mut self.by_name {
            by_name.insert(&name.0, self.known);
        }
        self.known += 1;
    }

    fn get(&mut self, name: &StageName) -> Option<usize> {
        if let Some(&number) = self.by_place.get(&place(name)) {
            return Some(number);
        }
        let by_name = self.by_name.get_or_insert_with(|| {
            let known = self.plan.stages[..self.known].iter().enumerate();
            known.map(|(number, stage)| (&*stage.name.0, number)).collect()
        });
        by_name.get(&*name.0).copied()
    }
}

/// Returns where a name lies.
fn place(name: &StageName) -> usize {
    name.0.as_ptr().addr()
}

/// Spreads addresses: those of two names often differ by the same small number.
#[derive(Default)]
struct PlaceHasher(u64);

impl Hasher for PlaceHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_usize((*byte).into()));
    }

    fn write_usize(&mut self, number: usize) {
        let spread = (self.0 ^ number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        // A map takes a place from the lower bits, which depend on few.
        self.0 = spread ^ (spread >> 32);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use sswe_compiler::plan::SpecHash;

    use super::*;

    #[test]
    fn names_are_found_wherever_they_lie() {
        let name = |name: &str| StageName(Arc::from(name));
        let stage = |text: &str| Stage {
            name: name(text),
            kind: StageKind::Solve,
            round: None,
            shape: Shape::Each,
            spec: SpecHash([0; 32]),
            settings: Vec::new(),
            inputs: Vec::new(),
            sources: Vec::new(),
            env: Vec::new(),
            seed: None,
            pool: None,
            unless_stopped: false,
        };
        let texts = ["a", "b", ""];
        let stages = texts.map(|text| Arc::new(stage(text))).to_vec();
        let plan = Plan { curriculum: "main".to_owned(), rounds: 1, stages };
        let mut numbers = Numbers::new(&plan);
        for (number, stage) in plan.stages.iter().enumerate() {
            assert_eq!((numbers.get(&stage.name), numbers.get(&name(texts[number]))), (None, None));
            numbers.add(&stage.name);
            for (number, text) in texts[..=number].iter().enumerate() {
                assert_eq!(numbers.get(&plan.stages[number].name), Some(number));
                assert_eq!(numbers.get(&name(text)), Some(number));
            }
        }
    }
}
