//! Measures builds as whole processes: CPU time on one core, wall time and memory.
//!
//! Each build is a process of its own, as for a user: this program, started again. Beside it runs
//! ninja, where it is installed, on the same number of stages and source files.
//!
//! `cargo bench -p sswe-engine` runs all; words after `--` choose the groups that have one of
//! them in their names.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints, or fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use sswe_cache::{Digest, Fields, OpenOptions, Store};
use sswe_compiler::plan::{Input, Plan, Shape, SourcePath, SpecHash, Stage, StageKind, StageName};
use sswe_engine::{Artifact, Context, Declaration, Fault, Inputs, Item, Made, Options, Work, run};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    if let [word, folder, shape, count, edit] = &words[..]
        && word == "child"
    {
        return child(Path::new(folder), shape, count.parse().unwrap(), edit);
    }
    println!("{:<62} {:>10} {:>10} {:>10}", "a process", "CPU", "wall", "peak MiB");
    let groups: &[(&str, fn())] =
        &[("fan", fan), ("changed", changed), ("executed", executed), ("stages", stages)];
    for (name, group) in groups {
        if words.is_empty() || words.iter().any(|word| name.contains(word.as_str())) {
            group();
        }
    }
}

/// One fan-out stage whose items are all in the store.
fn fan() {
    let empty = Scratch::new();
    build(&empty, "fan", 1, "");
    report("nothing to do, 1 item (what any process costs)", 20, || build(&empty, "fan", 1, ""));
    for count in [10_000, 100_000] {
        let scratch = Scratch::new();
        build(&scratch, "fan", count, "");
        report(&format!("nothing to do, {count} items in one stage"), 20, || {
            build(&scratch, "fan", count, "")
        });
    }
}

/// One item of many changed.
fn changed() {
    let scratch = Scratch::new();
    build(&scratch, "fan", 10_000, "");
    let mut edit = 0;
    report("one changed of 10000 items", 10, || {
        edit += 1;
        build(&scratch, "fan", 10_000, &edit.to_string())
    });
}

/// Items that do nothing, each with its durable record.
fn executed() {
    for (count, times) in [(1_000, 5), (10_000, 3), (100_000, 1)] {
        let used = report(&format!("{count} items that do nothing are executed"), times, || {
            build(&Scratch::new(), "fan", count, "")
        });
        println!("{:<62} {:>10}", "  for each item", human(used / f64::from(count)));
    }
}

/// Ninja's own shape: each stage has a source file of its own and two stages before it.
fn stages() {
    for count in [1_000, 10_000] {
        let scratch = Scratch::new();
        for number in 0..count {
            fs::write(scratch.0.join(format!("{number}.src")), number.to_string()).unwrap();
        }
        // Files as new as their first reading would be read twice.
        std::thread::sleep(std::time::Duration::from_millis(50));
        let used = report(&format!("{count} stages with a source each: all executed"), 1, || {
            build(&scratch, "stages", count, "")
        });
        println!("{:<62} {:>10}", "  for each stage", human(used / f64::from(count)));
        report(&format!("{count} stages with a source each: nothing to do"), 10, || {
            build(&scratch, "stages", count, "")
        });
        fs::write(scratch.0.join(format!("{}.src", count - 1)), "changed").unwrap();
        report(&format!("{count} stages with a source each: one at the end changed"), 1, || {
            build(&scratch, "stages", count, "")
        });
        ninja(&scratch.0, count);
    }
}

fn ninja(folder: &Path, count: u32) {
    if Command::new("ninja").arg("--version").output().is_err() {
        println!("SKIPPED: ninja is not installed");
        return;
    }
    let mut text = String::from("rule r\n  command = : > $out\n");
    for number in 0..count {
        let before: String = before(number).iter().map(|number| format!(" out/{number}")).collect();
        text += &format!("build out/{number}: r {number}.src{before}\n");
    }
    fs::create_dir_all(folder.join("out")).unwrap();
    fs::write(folder.join("build.ninja"), text).unwrap();
    let ninja = || {
        let mut command = Command::new("ninja");
        command.arg("-C").arg(folder).arg("-j2").stdout(Stdio::null());
        measure(command)
    };
    let used = report(&format!("  ninja, {count} edges: all executed (`: > $out`)"), 1, ninja);
    println!("{:<62} {:>10}", "    for each edge", human(used / f64::from(count)));
    report(&format!("  ninja, {count} edges: nothing to do"), 10, ninja);
}

/// The stages that a stage reads, in layers of 100.
fn before(number: u32) -> Vec<u32> {
    match number.checked_sub(100) {
        None => Vec::new(),
        Some(above) => vec![above, (above / 100) * 100 + (above + 1) % 100],
    }
}

/// The body of a measured process: one build.
fn child(folder: &Path, shape: &str, count: u32, edit: &str) {
    let plan = match shape {
        "fan" => fan_plan(edit),
        _ => stages_plan(count),
    };
    let store = Store::open(&folder.join("store"), OpenOptions::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let options = Options { base: folder.to_owned(), ..Options::default() };
    let finished = runtime.block_on(run(&plan, &store, Arc::new(Nothing { count }), &options)).unwrap();
    assert!(finished.result.is_some(), "{finished:?}");
    drop(store);
    // As a program ends: nobody takes its memory apart first.
    std::process::exit(0);
}

struct Nothing {
    count: u32,
}

impl Work for Nothing {
    fn declare(&self, _: &Stage) -> Declaration {
        Declaration { version: 1, tools: Vec::new(), ports: vec!["out"] }
    }

    fn expand(&self, _: &Stage, inputs: &Inputs) -> Result<Vec<Item>, Fault> {
        let item = |entry: &sswe_engine::Entry| Item::new(&*entry.name, [("task".to_owned(), entry.digest)]);
        Ok(inputs.entries("task").map(item).collect())
    }

    fn draw(&self, _: &Stage, _: &Inputs, _: u64) -> Result<Option<Item>, Fault> {
        Ok(None)
    }

    async fn run(&self, context: Context) -> Result<Made, Fault> {
        let artifacts = match (context.stage().kind, context.item()) {
            (StageKind::Tasks, _) => {
                // The edit changes the first task alone.
                let edit = context.stage().spec;
                let body = |number: u32| match number {
                    0 => format!("task {edit}"),
                    _ => format!("task {number}"),
                };
                (0..self.count)
                    .map(|number| Artifact::new("out", body(number)).named(format!("{number:06}")))
                    .collect()
            }
            (_, Some(item)) => {
                let body = format!("trace of {}", item.digest());
                vec![Artifact::new("out", body).sidecar("wall 0.1 s, on this host")]
            }
            (_, None) => {
                let sources: String =
                    context.sources().iter().map(|source| source.digest.to_string()).collect();
                vec![Artifact::new("out", sources)]
            }
        };
        Ok(Made { artifacts, ..Made::default() })
    }
}

fn fan_plan(edit: &str) -> Plan {
    let tasks =
        stage(StageName("main/r1/tasks".into()), StageKind::Tasks, Shape::One, edit, Vec::new(), None);
    let inputs = vec![Input { port: "task", from: tasks.name.clone(), output: "out" }];
    let solve = stage(StageName("main/r1/solve".into()), StageKind::Solve, Shape::Each, "", inputs, None);
    Plan { curriculum: "main".to_owned(), rounds: 1, stages: vec![Arc::new(tasks), Arc::new(solve)] }
}

fn stages_plan(count: u32) -> Plan {
    // Shared between a stage and those that read it, as the compiler does.
    let names: Vec<StageName> =
        (0..count).map(|number| StageName(format!("main/r1/train.{number}").into())).collect();
    let stages = (0..count).map(|number| {
        let inputs = before(number).into_iter().map(|from| Input {
            port: "before",
            from: names[from as usize].clone(),
            output: "out",
        });
        let source = Some(format!("{number}.src"));
        let name = names[number as usize].clone();
        Arc::new(stage(name, StageKind::Train, Shape::One, "", inputs.collect(), source))
    });
    Plan { curriculum: "main".to_owned(), rounds: 1, stages: stages.collect() }
}

fn stage(
    name: StageName,
    kind: StageKind,
    shape: Shape,
    edit: &str,
    inputs: Vec<Input>,
    source: Option<String>,
) -> Stage {
    let spec: Digest = Fields::new("bench").text("edit", edit).finish();
    Stage {
        name,
        kind,
        round: Some(1),
        shape,
        spec: SpecHash(*spec.as_bytes()),
        settings: Vec::new(),
        inputs,
        sources: source.map(|path| SourcePath { setting: "source".to_owned(), path }).into_iter().collect(),
        env: Vec::new(),
        seed: None,
        pool: None,
        unless_stopped: false,
    }
}

fn build(scratch: &Scratch, shape: &str, count: u32, edit: &str) -> Used {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg("child").arg(&scratch.0).args([
        shape,
        &count.to_string(),
        if edit.is_empty() { "none" } else { edit },
    ]);
    measure(command)
}

/// What a process used.
struct Used {
    cpu: f64,
    wall: f64,
    peak_mib: f64,
}

fn measure(mut command: Command) -> Used {
    let begun = Instant::now();
    #[expect(clippy::zombie_processes, reason = "`wait4` below waits, and says what was used")]
    let child = command.spawn().unwrap();
    let mut status = 0;
    // SAFETY: both point to values of ours, and the child is waited for nowhere else.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert!(libc::wait4(child.id().cast_signed(), &raw mut status, 0, &raw mut usage) > 0);
        usage
    };
    assert_eq!(status, 0, "{command:?}");
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    Used {
        cpu: seconds(usage.ru_utime) + seconds(usage.ru_stime),
        wall: begun.elapsed().as_secs_f64(),
        peak_mib: usage.ru_maxrss as f64 / 1024.0,
    }
}

/// Prints medians of so many runs, and returns that of the CPU time.
fn report(name: &str, times: usize, mut one: impl FnMut() -> Used) -> f64 {
    let all: Vec<Used> = (0..times).map(|_| one()).collect();
    let median = |of: fn(&Used) -> f64| {
        let mut values: Vec<f64> = all.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let (cpu, wall, peak) = (median(|used| used.cpu), median(|used| used.wall), median(|used| used.peak_mib));
    println!("{name:<62} {:>10} {:>10} {peak:>10.1}", human(cpu), human(wall));
    cpu
}

fn human(seconds: f64) -> String {
    match seconds {
        s if s < 1e-3 => format!("{:.1} us", s * 1e6),
        s if s < 1.0 => format!("{:.2} ms", s * 1e3),
        s => format!("{s:.2} s"),
    }
}

struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Scratch {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("sswe-engine-bench-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
