//! The command line.

use std::{num::NonZero, path::PathBuf};

use clap::{Parser, Subcommand, ValueEnum};

/// Builds self-evolving curricula for coding agents from `.sswe` files.
#[derive(Debug, Parser)]
#[command(
    name = "sswe",
    version,
    about,
    after_help = "Examples:\n  sswe init                     write a commented starter file\n  sswe check                    say everything that is wrong with it\n  sswe plan                     show what a build would do, and why\n  sswe build                    do it, as far as it is not done\n  sswe why main/r1/score        say why a stage runs\n  sswe log                      list what ran\n  sswe explain E0204            explain a mistake\n\n`sswe` alone says what to do next in this folder."
)]
pub(crate) struct Args {
    /// When to use colour; NO_COLOR and CLICOLOR_FORCE are respected
    #[arg(long, global = true, value_enum, default_value_t = When::Auto, value_name = "WHEN")]
    pub(crate) color: When,
    /// The folder of the store; without it, SSWE_STORE or .sswe/store
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) store: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// When something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a commented starter file
    #[command(after_help = "Example:\n  sswe init my_curriculum.sswe")]
    Init(Init),
    /// Say everything that is wrong with files; reads no network and runs nothing
    #[command(
        after_help = "Examples:\n  sswe check                          the one .sswe file of this folder\n  sswe check a.sswe b.sswe            several\n  cat a.sswe | sswe check -           standard input\n  sswe check --profile smoke          as that profile changes it\n  sswe check --output github          annotations for a workflow\n\nExit code: 0 when there are no errors, else 1."
    )]
    Check(Check),
    /// Lay files out in the one canonical way
    #[command(
        after_help = "Examples:\n  sswe fmt                 rewrite the file of this folder\n  sswe fmt --check         only say whether it would change (exit code 1)\n  sswe fmt --diff          show what would change\n  sswe fmt - < a.sswe      from standard input to standard output"
    )]
    Fmt(Fmt),
    /// Apply the suggestions that cannot change what was meant
    #[command(
        after_help = "Examples:\n  sswe fix                 apply the safe suggestions\n  sswe fix --diff          show what would change\n  sswe fix --all           apply also those that a person should look at"
    )]
    Fix(Fix),
    /// Show what settings are worth, and where that comes from
    #[command(
        after_help = "Examples:\n  sswe show                            everything the file sets\n  sswe show main.select                one block\n  sswe show main.r3.select.top         one setting in round 3, with every value that lost\n  sswe show --defaults                 defaults too\n  sswe show --json --set main.rounds=1"
    )]
    Show(Show),
    /// Show what a build would do with each stage, and why
    #[command(
        after_help = "Examples:\n  sswe plan                         one line for each stage, in the order in which they run\n  sswe plan --full                  with inputs and settings\n  sswe plan --round 3               one round\n  sswe plan --set main.score.mode=dot   what that change would rerun\n  sswe plan --save next.plan        to be built as it is: sswe build next.plan\n  sswe plan --sweep ablation        the cells of a sweep and what they share\n  sswe plan --output json           one object a line\n\nStates: `cached` is in the store; `run` runs; `maybe` runs if what it reads changes; `later` is\ndecided at run time, when what it reads is there; `skipped` comes after the curriculum stopped.\n\nExit code: 0; with --detailed-exit-code 10 when there is work."
    )]
    Plan(Plan),
    /// Run what the store cannot answer
    #[command(
        after_help = "Examples:\n  sswe build                        the file of this folder\n  sswe build --profile smoke        as that profile changes it\n  sswe build --until main/r1/solve  this stage and what it needs\n  sswe build --round 1              one round and what it needs\n  sswe build --keep-going           go on with what does not need a stage that failed\n  sswe build --output json          every event, one object a line\n  sswe build next.plan              a plan that `sswe plan --save` wrote, and nothing else\n\nCtrl-C finishes the items that run, and keeps them; a second one ends them at once.\n\nExit code: 0 when everything is there, 1 when the file has errors, 3 when a stage failed, 4 when a\nbudget is used up, 5 when --locked and the lock lacks a pin, 6 when --offline and something is missing, 130 when interrupted. Whatever ran\nbefore is kept: the next build goes on there."
    )]
    Build(Build),
    /// Say why a stage or an item runs, or ran
    #[command(
        after_help = "Examples:\n  sswe why                              everything that would run\n  sswe why main/r2/gates.stable         one stage\n  sswe why main/r2/solve[4f3a90c1d2e8]  one item of it, as events name it\n  sswe why a.sswe main/r1/score --set main.score.mode=dot"
    )]
    Why(Why),
    /// List runs, or replay one
    #[command(
        after_help = "Examples:\n  sswe log                    the last runs\n  sswe log last               what the last run did\n  sswe log 12 --output json   the events of run 12, one object a line\n  sswe log 12 --trace t.json  run 12 for Chrome's trace viewer"
    )]
    Log(Log),
    /// Compare two runs
    #[command(
        after_help = "Examples:\n  sswe diff             the last two runs\n  sswe diff 11 12       two runs\n  sswe diff 11 last"
    )]
    Diff(Diff),
    /// Write a run as a page to read, or compare the runs of a file
    #[command(
        after_help = "Examples:\n  sswe report                     the last run, into report.html beside the store\n  sswe report 12 --out run12.html run 12\n  sswe report --out -             to standard output\n  sswe report --table             the curricula and cells of the last run's file, seeds pooled\n\nThe page needs no network and no script. It is read from the store and the stored log alone."
    )]
    Report(Report),
    /// Rank gradients by how well they point where others do
    #[command(
        after_help = "Examples:\n  sswe align grads/ --against exam/             every gradient of a folder\n  sswe align grads/ --against exam/ --top 50     the best fifty\n  sswe align grads/ --save grads.shard --dtype int8   pack them, a quarter as large\n  sswe align grads.shard --against exam/ --strata strata.txt   the best stratum counts\n  sswe align grads.shard --against exam/ --output json\n\nGradients are safetensors files of `socratic.grad/1` (the keys of an adapter, one file a task), folders\nof them, or shards. The bits of a score are the same on every machine, with any number of threads.\n\nExit code: 0, or 1 when something cannot be read or compared."
    )]
    Align(Align),
    /// Judge a task outside of any curriculum, look at it, or open what a Solver sees of it
    #[command(
        after_help = "Examples:\n  sswe task validate 3f2a9c1d4b5e       the gates, and whether its answer can be taken\n  sswe show tasks --json | sswe task validate -\n  sswe task show 3f2a --as solver        what a Solver may know of it\n  sswe task show 3f2a --as verifier      hidden tests and the reference fix\n  sswe task shell 3f2a                   a shell in the Solver's sandbox\n  sswe task shell 3f2a -- git log --all  one command there\n\nIds are those of `sswe show tasks`; the beginning is enough. They are looked up in the store, in the last builds."
    )]
    Task(Task),
    /// Draw the stages as a graph
    #[command(
        after_help = "Examples:\n  sswe graph --format svg > stages.svg\n  sswe graph --format dot | dot -Tpng > stages.png\n  sswe graph --format json"
    )]
    Graph(Graph),
    /// Explain a code, a setting or a block
    #[command(
        after_help = "Examples:\n  sswe explain E0204\n  sswe explain gate-order\n  sswe explain stable.runs\n  sswe explain score\n  sswe explain --list"
    )]
    Explain(Explain),
    /// Pin what a file takes from outside: archives, commits, packages, the interpreter
    #[command(
        after_help = "Examples:\n  sswe lock                    pin what is missing, drop what nothing needs\n  sswe lock --update toolz     pin what the index has now\n  sswe lock --update python    take the interpreter of this machine, and packages for it\n  sswe lock --locked           only say whether anything would change (exit code 5)\n\nThe lock of FILE.sswe is FILE.lock, one line for each pin: commit it. The first build writes it too."
    )]
    Lock(Lock),
    /// Look at the store, sweep it, verify it
    #[command(
        after_help = "Examples:\n  sswe cache stats\n  sswe cache gc --older-than 30d --dry-run\n  sswe cache gc --max-size 20GiB\n  sswe cache verify --repair\n\nThe store is .sswe/store, or the folder that SSWE_STORE names."
    )]
    Cache(Cache),
    /// Say what of this machine works for builds, what does not, and how to mend it
    #[command(
        after_help = "Examples:\n  sswe doctor                  this machine, as the .sswe files of this folder need it\n  sswe doctor a.sswe           as that file needs it\n  sswe doctor --output json    one object a line\n\nStates: `works`; `limited` works, but not as well as it could; `missing` does not work, and is not\nneeded here; `broken` must be mended first. Sandboxes are really started; nothing is changed.\n\nExit code: 0 when everything that a build needs works, else 1."
    )]
    Doctor(Doctor),
    /// Print the JSON Schema of what sswe prints, or the table of settings
    #[command(
        after_help = "Examples:\n  sswe schema                 the names\n  sswe schema diagnostic      what `check --output json` prints\n  sswe schema events          what `build --output json` prints"
    )]
    Schema(Schema),
    /// Print a completion script for a shell
    #[command(
        after_help = "Example:\n  sswe completions bash > ~/.local/share/bash-completion/completions/sswe"
    )]
    Completions(Completions),
    /// Print the manual page, or write one for each command
    #[command(after_help = "Examples:\n  sswe man | man -l -\n  sswe man --dir /usr/local/share/man/man1")]
    Man(Man),
}

/// How a file is compiled: shared by all commands that read one.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Compile {
    /// Profiles to apply, separated by commas
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) profile: Vec<String>,
    /// Settings that override the file, such as main.score.mode=dot
    #[arg(long, value_name = "PATH=VALUE")]
    pub(crate) set: Vec<String>,
}

impl Compile {
    /// Returns whether the file is compiled as it is.
    pub(crate) fn is_empty(&self) -> bool {
        let Compile { profile, set } = self;
        profile.is_empty() && set.is_empty()
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct Init {
    /// The file to write
    #[arg(default_value = "curriculum.sswe")]
    pub(crate) file: PathBuf,
}

/// How findings are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    Human,
    /// One JSON object a line
    Json,
    /// Annotations of a GitHub workflow
    Github,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    /// The files; `-` is standard input
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) compile: Compile,
    /// How findings are printed
    #[arg(long, value_enum, default_value_t = Output::Human, value_name = "FORM")]
    pub(crate) output: Output,
    /// Print every finding, not only the first fifty
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Fmt {
    /// The files; `-` formats standard input to standard output
    pub(crate) files: Vec<PathBuf>,
    /// Write nothing; exit with 1 if a file would change
    #[arg(long)]
    pub(crate) check: bool,
    /// Write nothing; print what would change
    #[arg(long)]
    pub(crate) diff: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Fix {
    /// The files; `-` mends standard input to standard output
    pub(crate) files: Vec<PathBuf>,
    /// Apply also the suggestions that a person should look at
    #[arg(long)]
    pub(crate) all: bool,
    /// Write nothing; print what would change
    #[arg(long)]
    pub(crate) diff: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    /// Paths of settings or blocks, and the file (a name that ends in .sswe, or `-`); or run, cards,
    /// tasks or traces, with an id: what a build made
    #[arg(value_name = "PATH|FILE")]
    pub(crate) what: Vec<String>,
    /// Show settings that nothing sets, too
    #[arg(long)]
    pub(crate) defaults: bool,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) compile: Compile,
}

/// Plain text or JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Plain {
    /// For people
    Human,
    /// One JSON object a line
    Json,
}

/// Which part of a file is meant.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Part {
    /// Only this curriculum, where the file has several
    #[arg(long, value_name = "NAME")]
    pub(crate) curriculum: Option<String>,
    /// Only this stage and what it needs; main/r2/gates means all gates of round 2
    #[arg(long, value_name = "STAGE")]
    pub(crate) until: Option<String>,
    /// Only the stages of this round and what they need
    #[arg(long, value_name = "N")]
    pub(crate) round: Option<u32>,
}

impl Part {
    /// Returns whether all of a file is meant.
    pub(crate) fn is_empty(&self) -> bool {
        let Part { curriculum, until, round } = self;
        curriculum.is_none() && until.is_none() && round.is_none()
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct Plan {
    /// The file; `-` is standard input
    pub(crate) file: Option<PathBuf>,
    /// Show inputs and settings of each stage
    #[arg(long)]
    pub(crate) full: bool,
    #[command(flatten)]
    pub(crate) part: Part,
    /// Plan every cell of this sweep
    #[arg(long, value_name = "NAME")]
    pub(crate) sweep: Option<String>,
    /// Write the plan to a file, for `sswe build FILE`
    #[arg(long, value_name = "FILE", conflicts_with = "sweep")]
    pub(crate) save: Option<PathBuf>,
    /// Exit with 10 when there is work
    #[arg(long)]
    pub(crate) detailed_exit_code: bool,
    /// How stages are printed
    #[arg(long, value_enum, default_value_t = Plain::Human, value_name = "FORM")]
    pub(crate) output: Plain,
    #[command(flatten)]
    pub(crate) compile: Compile,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Build {
    /// The file, or a plan that `sswe plan --save` wrote (a name that ends in .plan)
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) part: Part,
    /// Build every cell of this sweep
    #[arg(long, value_name = "NAME")]
    pub(crate) sweep: Option<String>,
    /// How many items run at a time; without it, one for each processor
    #[arg(long, short, value_name = "N")]
    pub(crate) jobs: Option<NonZero<u32>>,
    /// Go on with what does not need a stage that failed
    #[arg(long, short)]
    pub(crate) keep_going: bool,
    /// Use no network; exit with 6 where something needs it
    #[arg(long)]
    pub(crate) offline: bool,
    /// Pin nothing; exit with 5 where the lock lacks a pin
    #[arg(long)]
    pub(crate) locked: bool,
    /// Print events to standard output; words for people stay on standard error
    #[arg(long, value_enum, default_value_t = Plain::Human, value_name = "FORM")]
    pub(crate) output: Plain,
    /// Write a trace for Chrome's trace viewer
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) compile: Compile,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Lock {
    /// The file
    pub(crate) file: Option<PathBuf>,
    /// Forget what is pinned by this name, and pin what there is now: a package, a repository, `python`
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) update: Vec<String>,
    /// Write nothing; exit with 5 where the lock would change
    #[arg(long, conflicts_with = "update")]
    pub(crate) locked: bool,
    /// Use no network; exit with 6 where a pin needs it
    #[arg(long)]
    pub(crate) offline: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Why {
    /// The stage, or STAGE[ITEM], and the file (a name that ends in .sswe, or `-`)
    #[arg(value_name = "STAGE|FILE")]
    pub(crate) what: Vec<String>,
    /// Only this curriculum, where the file has several
    #[arg(long, value_name = "NAME")]
    pub(crate) curriculum: Option<String>,
    /// How reasons are printed
    #[arg(long, value_enum, default_value_t = Plain::Human, value_name = "FORM")]
    pub(crate) output: Plain,
    #[command(flatten)]
    pub(crate) compile: Compile,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Log {
    /// A number, or `last`; without it, the runs are listed
    pub(crate) run: Option<String>,
    /// How many runs to list
    #[arg(long, short = 'n', default_value_t = 20, value_name = "N")]
    pub(crate) count: usize,
    /// How it is printed
    #[arg(long, value_enum, default_value_t = Plain::Human, value_name = "FORM")]
    pub(crate) output: Plain,
    /// Write the run as a trace for Chrome's trace viewer
    #[arg(long, value_name = "FILE", requires = "run")]
    pub(crate) trace: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Diff {
    /// Two runs: numbers, or `last`; without them, the last two
    #[arg(value_name = "RUN", num_args = 0..=2)]
    pub(crate) runs: Vec<String>,
    /// How it is printed
    #[arg(long, value_enum, default_value_t = Plain::Human, value_name = "FORM")]
    pub(crate) output: Plain,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Report {
    /// A number, or `last`
    pub(crate) run: Option<String>,
    /// Where to write it; `-` is standard output
    #[arg(long, value_name = "FILE", conflicts_with = "table")]
    pub(crate) out: Option<PathBuf>,
    /// Print a table instead: a row for each curriculum and cell of the run's file, seeds pooled
    #[arg(long)]
    pub(crate) table: bool,
    /// How the table is printed
    #[arg(long, value_enum, default_value_t = Plain::Human, value_name = "FORM", requires = "table")]
    pub(crate) output: Plain,
}

/// What a score is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AlignMode {
    /// The cosine of the angle between both
    Cosine,
    /// The inner product
    Dot,
}

/// What becomes of the scores of several strata.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Over {
    /// The best counts
    Max,
    /// The mean counts
    Mean,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Align {
    /// The gradients to rank: a file or a folder
    pub(crate) candidates: PathBuf,
    /// The gradients to compare with: a file or a folder
    #[arg(long, value_name = "VALIDATION", required_unless_present = "save")]
    pub(crate) against: Option<PathBuf>,
    /// What a score is
    #[arg(long, value_enum, default_value_t = AlignMode::Cosine, value_name = "MODE")]
    pub(crate) mode: AlignMode,
    /// Read all gradients as f32, bf16, f16 or int8, whatever they are kept as
    #[arg(long, value_name = "TYPE")]
    pub(crate) dtype: Option<String>,
    /// Print only the best
    #[arg(long, value_name = "K")]
    pub(crate) top: Option<usize>,
    /// A file that says which stratum each validation gradient is of: NAME STRATUM on each line
    #[arg(long, value_name = "FILE", requires = "against")]
    pub(crate) strata: Option<PathBuf>,
    /// What becomes of the scores of several strata
    #[arg(long, value_enum, default_value_t = Over::Max, value_name = "HOW", requires = "strata")]
    pub(crate) over: Over,
    /// A gradient file whose numbers say how much each coordinate counts
    #[arg(long, value_name = "FILE")]
    pub(crate) precondition: Option<PathBuf>,
    /// Take the mean of all candidates from each of them
    #[arg(long)]
    pub(crate) centre: bool,
    /// Where sums are computed: cpu, cuda:N, or auto, a GPU where it pays; the scores are the same
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    pub(crate) device: String,
    /// How many threads compute; without it, one for each processor
    #[arg(long, short, value_name = "N")]
    pub(crate) jobs: Option<NonZero<u32>>,
    /// Write the candidates to this file, as one shard
    #[arg(long, value_name = "FILE")]
    pub(crate) save: Option<PathBuf>,
    /// How the ranking is printed
    #[arg(long, value_enum, default_value_t = Plain::Human, value_name = "FORM")]
    pub(crate) output: Plain,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Task {
    #[command(subcommand)]
    pub(crate) command: TaskCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TaskCommand {
    /// Run the gates and the leak checks on tasks
    #[command(
        after_help = "Examples:\n  sswe task validate 3f2a9c1d4b5e 77ab                tasks of the store\n  sswe task validate tasks.jsonl                      `task/1`, or lines of `sswe show tasks --json`\n  sswe task validate 3f2a --trace steps.txt           also the commands of an attempt on it\n  sswe task validate 3f2a --output json\n\nThe gates are those of a curriculum that sets none. The leak checks look for the reference fix and the\nhidden tests in the statement, the view, its git objects, packages, compiled code, and from inside of\nthe Solver's sandbox.\n\nExit code: 0 when all tasks are sound, 1 when one is not or cannot be judged."
    )]
    Validate {
        /// Ids of tasks in the store, or files; `-` is standard input
        #[arg(required = true, value_name = "ID|FILE")]
        tasks: Vec<String>,
        /// A file with the commands of an attempt, one a line: say which of them were after the answer
        #[arg(long, value_name = "FILE")]
        trace: Option<PathBuf>,
        /// How it is printed
        #[arg(long, value_enum, default_value_t = Plain::Human, value_name = "FORM")]
        output: Plain,
    },
    /// Show a task as one side knows it
    #[command(
        after_help = "Examples:\n  sswe task show 3f2a --as solver\n  sswe task show 3f2a --as verifier --output json"
    )]
    Show {
        /// The task: the beginning of its id
        id: String,
        /// Which side
        #[arg(long = "as", value_enum, default_value_t = Side::Solver, value_name = "SIDE")]
        side: Side,
        /// How it is printed
        #[arg(long, value_enum, default_value_t = Plain::Human, value_name = "FORM")]
        output: Plain,
    },
    /// Open what a Solver sees of a task: a shell or a command in its sandbox, or a folder
    #[command(
        after_help = "Examples:\n  sswe task shell 3f2a                            a shell; `exit` leaves it\n  sswe task shell 3f2a -- python3 -m unittest     one command\n  sswe task shell 3f2a --out view                 the files, without a sandbox\n\nThe sandbox has no network, no home and nothing of this machine but programs and the interpreter. What is\nchanged in it is gone afterwards. Its shell cannot stop single jobs (no Ctrl-C, no Ctrl-Z).\n\nExit code: that of the command."
    )]
    Shell {
        /// The task: the beginning of its id
        id: String,
        /// Write the files and their repository into this folder instead
        #[arg(long, value_name = "DIR", conflicts_with = "command")]
        out: Option<PathBuf>,
        /// The command; without it, a shell
        #[arg(last = true, value_name = "CMD")]
        command: Vec<String>,
    },
}

/// A side of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Side {
    /// What a Solver may know
    Solver,
    /// All of it: hidden tests, the reference fix, how it was planted
    Verifier,
}

/// The form of a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    /// Nodes and edges
    Json,
    /// For Graphviz
    Dot,
    /// A picture
    Svg,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Graph {
    /// The file; `-` is standard input
    pub(crate) file: Option<PathBuf>,
    /// The form of the graph
    #[arg(long, value_enum, default_value_t = GraphFormat::Svg)]
    pub(crate) format: GraphFormat,
    #[command(flatten)]
    pub(crate) compile: Compile,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Explain {
    /// A code (E0204), its name (wrong-kind), a setting (stable.runs) or a block (score)
    #[arg(required_unless_present_any = ["list", "reference"])]
    pub(crate) what: Option<String>,
    /// List every code and setting
    #[arg(long)]
    pub(crate) list: bool,
    /// Print the reference of all blocks and settings as Markdown
    #[arg(long)]
    pub(crate) reference: bool,
    /// How it is printed
    #[arg(long, value_enum, default_value_t = Plain::Human, value_name = "FORM")]
    pub(crate) output: Plain,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Doctor {
    /// The file whose needs count; without it, all of this folder
    pub(crate) file: Option<PathBuf>,
    /// How it is printed
    #[arg(long, value_enum, default_value_t = Plain::Human, value_name = "FORM")]
    pub(crate) output: Plain,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Cache {
    #[command(subcommand)]
    pub(crate) command: CacheCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
    /// Print the folder of the store
    Path,
    /// Count what is in it
    Stats,
    /// Remove what no root and no running build needs
    Gc {
        /// Remove what was used least recently until the blobs fit
        #[arg(long, value_name = "SIZE")]
        max_size: Option<String>,
        /// Remove what was not used for so long
        #[arg(long, value_name = "TIME")]
        older_than: Option<String>,
        /// Remove nothing; say what would go
        #[arg(long)]
        dry_run: bool,
    },
    /// Hash everything and compare
    Verify {
        /// Drop what is damaged, so that the next build makes it again
        #[arg(long)]
        repair: bool,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Schema {
    /// Which schema; without it, their names
    pub(crate) name: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Man {
    /// Write one page for each command into this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}
