//! From verdicts of servers to a report: limits, loops that are confirmed, tests that never spoke.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use super::{
    Ask, Bench, Policy, Report, Tests, Trace, Trouble,
    server::{Allow, End, Raw, Server},
    trust::{self, Forged},
    wire::{Line, Request},
};
use crate::artifact::{Raised, Status, TestResult};

/// What the clean tree needs: for limits only.
#[derive(Clone, Debug, Default)]
pub(super) struct Baseline {
    /// Microseconds of processor time by test.
    cpu: BTreeMap<String, u64>,
    /// Microseconds until tests began.
    load: Option<u64>,
    /// What the test did that must fail; none where it cannot be used.
    canary: Option<Status>,
}

/// Runs the tests of the clean tree once.
pub(super) async fn baseline(
    server: &mut Server,
    bench: &Bench,
    policy: &Policy,
) -> Result<Baseline, Trouble> {
    // A test that loops on the clean tree is not asked again in every process.
    let tests = match bench.trusted.as_slice() {
        [] => Tests::All,
        trusted => Tests::Only(trusted.to_vec()),
    };
    let ask = Ask { tests, ..Ask::default() };
    let report = Run::new(server, bench, policy, &Baseline::default(), &ask).all().await?;
    if let (Some(why), true) = (&report.broken, report.plan.is_empty()) {
        return Err(Trouble::Refused(format!(
            "`{}` cannot be run on the clean tree: {}: {}",
            bench.command, why.exception, why.message
        )));
    }
    if let Some(why) = report.forged {
        return Err(Trouble::Refused(format!(
            "`{}` cannot be trusted on the clean tree: {why}",
            bench.command
        )));
    }
    Ok(Baseline { cpu: report.cpu, load: report.load, canary: report.canary })
}

/// Finds out what was asked.
pub(super) async fn measure(
    server: &mut Server,
    bench: &Bench,
    policy: &Policy,
    baseline: &Baseline,
    ask: Ask,
) -> Result<Report, Trouble> {
    let begun = Instant::now();
    let mut found = Run::new(server, bench, policy, baseline, &ask).all().await?;
    let ids: BTreeSet<String> = match &ask.tests {
        Tests::Only(ids) => ids.iter().cloned().collect(),
        // What the clean tree has, where the changed one did not get to say what it has.
        Tests::All => {
            let known = baseline.cpu.keys().filter(|id| !found.has_plan || found.fate(id).is_some());
            known.cloned().chain(found.plan.iter().cloned()).chain(found.results.keys().cloned()).collect()
        }
    };
    let tests = ids.into_iter().map(|id| found.result(id)).collect();
    let Found { unloadable, forged, marks, known, cpu, .. } = found;
    Ok(Report { tests, unloadable, forged, marks, known, cpu_us: cpu, wall: begun.elapsed() })
}

struct Run<'a> {
    server: &'a mut Server,
    bench: &'a Bench,
    policy: &'a Policy,
    baseline: &'a Baseline,
    ask: &'a Ask,
    found: Found,
}

/// What is known so far.
#[derive(Default)]
struct Found {
    plan: Vec<String>,
    has_plan: bool,
    results: BTreeMap<String, TestResult>,
    cpu: BTreeMap<String, u64>,
    load: Option<u64>,
    /// What became of all tests whose ids begin so, unless they tell themselves.
    groups: Vec<(String, Status, Option<Raised>)>,
    unloadable: BTreeMap<String, Raised>,
    broken: Option<Raised>,
    canary: Option<Status>,
    forged: Option<Forged>,
    marks: BTreeMap<String, BTreeSet<String>>,
    known: BTreeSet<String>,
    /// What became of everything that did not tell.
    rest: Option<(Status, Option<Raised>)>,
}

impl<'a> Run<'a> {
    fn new(
        server: &'a mut Server,
        bench: &'a Bench,
        policy: &'a Policy,
        baseline: &'a Baseline,
        ask: &'a Ask,
    ) -> Run<'a> {
        Run { server, bench, policy, baseline, ask, found: Found::default() }
    }

    async fn all(mut self) -> Result<Found, Trouble> {
        let mut only = match &self.ask.tests {
            Tests::All => None,
            Tests::Only(ids) => Some(ids.clone()),
        };
        let mut patience = 1;
        let mut loops = 0;
        let mut kills = 0;
        loop {
            let (end, plan) = self.once(only.as_deref(), patience, true).await?;
            if end == End::Own || self.found.forged.is_some() {
                return Ok(self.found);
            }
            if end == End::Killed {
                kills += 1;
                // The machine ran out of memory, or what runs uses it all: the second time it is the latter.
                if kills == 1 {
                    continue;
                }
            }
            let Some(plan) = plan else {
                // Something loops while modules are loaded: it gets more time, once.
                if patience > 1 || matches!(end, End::Memory | End::Killed) {
                    self.found.rest = Some(fate_of(end));
                    return Ok(self.found);
                }
                patience = self.policy.confirm;
                continue;
            };
            patience = 1;
            let mut left = plan.into_iter().filter(|id| !self.found.results.contains_key(id));
            let Some(test) = left.next() else {
                // It hangs after its last test, which takes nothing from the tests.
                return Ok(self.found);
            };
            let left: Vec<String> = left.collect();
            if matches!(end, End::Memory | End::Killed) {
                self.found.note(&test, fate_of(end));
                return Ok(self.found);
            }
            let alone = [test.clone()];
            let (end, _) = self.once(Some(&alone), self.policy.confirm, false).await?;
            if end != End::Own && !self.found.results.contains_key(&test) {
                self.found.note(&test, fate_of(end));
            }
            let is_loop = self.found.results.get(&test).is_some_and(|test| test.status == Status::Timeout);
            loops += u32::from(is_loop);
            if is_loop && (self.ask.stop_at_loop || loops >= self.policy.loops) {
                // The others may loop as well, and nobody waits for what cannot pass any more.
                return Ok(self.found);
            }
            let is_passed = self.found.results.get(&test).is_some_and(|test| test.status.is_passed());
            if left.is_empty() || (self.ask.stop_early && !is_passed) {
                return Ok(self.found);
            }
            only = Some(left);
        }
    }

    async fn once(
        &mut self,
        only: Option<&[String]>,
        patience: u32,
        is_whole: bool,
    ) -> Result<(End, Option<Vec<String>>), Trouble> {
        let request = Request {
            nonce: String::new(),
            changed: &self.ask.changed,
            deleted: &self.ask.deleted,
            canary: trust::place(self.ask, only),
            look: self.ask.look,
            only,
            trace: match self.ask.trace {
                Trace::Off => "off",
                Trace::Functions => "functions",
                Trace::Lines => "lines",
            },
            noted: self.ask.noted.as_ref(),
            stop_early: self.ask.stop_early,
            limits: &self.bench.limits,
        };
        let mut allowed = Allowed {
            policy: self.policy,
            baseline: self.baseline,
            ask: self.ask,
            patience,
            wall: Duration::from_millis(self.bench.limits.wall_ms),
            plan: None,
            told: BTreeSet::new(),
        };
        let Raw { lines, end } = self.server.verdict(request, &mut allowed).await?;
        if end == End::Wall {
            return Err(Trouble::Infra(format!(
                "a verdict was not reached in {} ms because the machine was too busy: raise `wall` or lower `--jobs`",
                self.bench.limits.wall_ms
            )));
        }
        let plan = allowed.plan.take();
        self.found.forged = self.found.forged.or_else(|| trust::forged(&lines, only, self.baseline.canary));
        for line in lines {
            self.found.hear(line, is_whole);
        }
        Ok((end, plan))
    }
}

fn fate_of(end: End) -> (Status, Option<Raised>) {
    match end {
        End::Memory | End::Killed => {
            let raised = Raised {
                exception: "MemoryError".to_owned(),
                message: "all processes together used more memory than the limit".to_owned(),
                frames: Vec::new(),
            };
            (Status::Error, Some(raised))
        }
        End::Own => (Status::Missing, None),
        End::Cpu | End::Idle | End::Wall => (Status::Timeout, None),
    }
}

impl Found {
    fn hear(&mut self, line: Line, is_whole: bool) {
        match line {
            Line::Plan { plan } => {
                self.has_plan = true;
                if is_whole {
                    let known: BTreeSet<&String> = self.plan.iter().collect();
                    let new: Vec<String> = plan.iter().filter(|id| !known.contains(id)).cloned().collect();
                    self.plan.extend(new);
                }
            }
            Line::Test { test, status, cpu, raised, entered, lines, marks } => {
                self.cpu.entry(test.clone()).or_insert(cpu);
                if !marks.is_empty() {
                    self.marks.entry(test.clone()).or_default().extend(marks);
                }
                let raised = raised.map(Raised::from);
                let result = TestResult { id: test.clone(), status, raised, entered, lines };
                self.results.entry(test).or_insert(result);
            }
            Line::Canary { status, .. } => self.canary = status.or(self.canary),
            Line::Known { known } => self.known.extend(known),
            Line::Groups { groups, status, raised } => {
                let raised = raised.map(Raised::from);
                self.groups.extend(groups.into_iter().map(|group| (group, status, raised.clone())));
            }
            Line::Unloadable { unloadable, raised } => {
                self.unloadable.entry(unloadable).or_insert_with(|| raised.into());
            }
            Line::Broken { broken } => self.broken = Some(broken.into()),
            Line::Loaded { loaded } => self.load = self.load.or(Some(loaded)),
            Line::Done { .. } | Line::Begun { .. } => {}
        }
    }

    fn note(&mut self, id: &str, (status, raised): (Status, Option<Raised>)) {
        let (entered, lines) = (Vec::new(), Vec::new());
        let result = TestResult { id: id.to_owned(), status, raised, entered, lines };
        self.results.insert(id.to_owned(), result);
    }

    /// Returns what became of a test that did not tell, where its group did.
    fn fate(&self, id: &str) -> Option<(Status, Option<Raised>)> {
        let group = self.groups.iter().find(|(group, ..)| id.starts_with(group.as_str()));
        if let Some((_, status, raised)) = group {
            return Some((*status, raised.clone()));
        }
        let is_in = |module: &str| {
            let rest = id.strip_prefix(module)?;
            (rest.starts_with('.') || rest.starts_with("::") || rest.starts_with('/')).then_some(())
        };
        let module = self.unloadable.iter().find(|(module, _)| is_in(module).is_some());
        module.map(|(_, raised)| (Status::Error, Some(raised.clone())))
    }

    fn result(&mut self, id: String) -> TestResult {
        if self.forged.is_some() {
            let (entered, lines) = (Vec::new(), Vec::new());
            return TestResult { id, status: Status::Missing, raised: None, entered, lines };
        }
        if let Some(result) = self.results.remove(&id) {
            return result;
        }
        let broken = || self.broken.clone().map(|raised| (Status::Error, Some(raised)));
        let fate = self.fate(&id).or_else(|| self.rest.clone()).or_else(broken);
        let (status, raised) = fate.unwrap_or((Status::Missing, None));
        TestResult { id, status, raised, entered: Vec::new(), lines: Vec::new() }
    }
}

/// What the part of a verdict that runs now may use.
struct Allowed<'a> {
    policy: &'a Policy,
    baseline: &'a Baseline,
    ask: &'a Ask,
    patience: u32,
    wall: Duration,
    plan: Option<Vec<String>>,
    told: BTreeSet<String>,
}

impl Allow for Allowed<'_> {
    fn heard(&mut self, line: &Line) {
        match line {
            Line::Plan { plan } => self.plan = Some(plan.clone()),
            Line::Test { test, .. } => drop(self.told.insert(test.clone())),
            _ => {}
        }
    }

    fn cpu(&self) -> Duration {
        let grown = |micros: u64| Duration::from_micros(micros) * self.policy.factor;
        let base = match &self.plan {
            None => self.baseline.load.map(grown),
            Some(plan) => plan.iter().find(|id| !self.told.contains(*id)).and_then(|id| {
                let asked = self.ask.cpu_ms.get(id).map(|ms| Duration::from_millis(*ms));
                asked.or_else(|| self.baseline.cpu.get(id).copied().map(grown))
            }),
        };
        // Tracing makes everything slower, and that is no loop.
        let slower = if self.ask.trace == Trace::Off && !self.ask.look { 1 } else { 10 };
        match base {
            Some(base) => base.max(self.policy.floor) * self.patience * slower,
            // Generous already; and what loops must not look like a machine that is too busy.
            None => self.policy.unknown.min(self.wall / 3),
        }
    }

    fn idle(&self) -> Duration {
        self.policy.idle
    }
}
