//! The table itself: read it as the reference of the language.

use super::{Block, BuiltinGate, Content, Cost, Key, Kind, Labels, key, variant};
use crate::value::{Type, Variant};

const POOLS: Type = Type::Ref(&[Kind::Pool]);
const MODELS: Type = Type::Ref(&[Kind::Model]);
const SEED_BLOCKS: Type = Type::Ref(&[Kind::Seeds]);

/// The blocks that may stand at the top of a file.
pub static TOP: &[(Kind, &Block)] = &[
    (Kind::Pool, &POOL),
    (Kind::Gate, &GATE),
    (Kind::Sandbox, &SANDBOX),
    (Kind::Seeds, &SEEDS),
    (Kind::Trainer, &TRAINER),
    (Kind::Model, &MODEL),
    (Kind::Bench, &BENCH),
    (Kind::Validation, &VALIDATION),
    (Kind::Curriculum, &CURRICULUM),
    (Kind::Profile, &PROFILE),
    (Kind::Sweep, &SWEEP),
];

/// Facts that the built-in gates need and give.
pub static FACTS: &[&str] = &["parsed", "grounded", "stable", "solvable", "discriminating"];

/// A pool of resources.
pub static POOL: Block = Block {
    word: "pool",
    labels: Labels::Name,
    blocks: &[],
    content: Content::Plain,
    doc: "A pool of resources that stages share. Pools say how fast work is done, never what it means.",
    keys: &[
        key("workers", Type::Int, "How many items may run at once; unset means one for each processor.")
            .within("1..")
            .policy(),
        key("gpus", Type::Int, "GPUs in the pool.").within("0..").policy(),
        key(
            "memory",
            Type::Bytes,
            "Memory that all items of the pool may use together; unset means no limit.",
        )
        .policy(),
        key("rate", Type::Rate, "Requests a unit of time to a model server; unset means no limit.").policy(),
        key("tokens", Type::Rate, "Tokens a unit of time to a model server; unset means no limit.").policy(),
    ],
};

/// A gate of the user's own.
pub static GATE: Block = Block {
    word: "gate",
    labels: Labels::Name,
    blocks: &[],
    content: Content::Plain,
    doc: "A gate of your own: a shell command that accepts a candidate by exiting with 0. It runs in the sandbox with `$CANDIDATE` set to the candidate's patch file.",
    keys: &[
        key("run", Type::Text, "The shell command; exit code 0 accepts the candidate, any other rejects it.")
            .required(),
        key("cost", Type::Enum(COSTS), "How dear it is; cheaper gates should stand before dearer ones.")
            .default("sandbox")
            .policy(),
        key("needs", Type::List(&Type::Fact), "Facts that an earlier gate must have given.")
            .default("[]")
            .policy(),
        key("gives", Type::List(&Type::Fact), "Facts that hold for what it accepts.").default("[]").policy(),
        key("wall", Type::Duration, "Time after which the command is stopped and the verdict is infra.")
            .default("1min")
            .within("1s..1d"),
    ],
};

/// What a gate of the user's own takes inside `gates`: its own settings, and where it stands.
pub static CUSTOM_GATE: Block = Block {
    word: "gate",
    labels: Labels::MaybeName,
    blocks: &[],
    content: Content::Plain,
    doc: "A gate of your own inside `gates`; its settings may be changed here.",
    keys: &[
        key("run", Type::Text, "The shell command; exit code 0 accepts the candidate, any other rejects it."),
        key("cost", Type::Enum(COSTS), "How dear it is; cheaper gates should stand before dearer ones.")
            .policy(),
        key("needs", Type::List(&Type::Fact), "Facts that an earlier gate must have given.").policy(),
        key("gives", Type::List(&Type::Fact), "Facts that hold for what it accepts.").policy(),
        key("wall", Type::Duration, "Time after which the command is stopped and the verdict is infra.")
            .within("1s..1d"),
        ENABLED,
        BEFORE,
        AFTER,
    ],
};

const COSTS: &[Variant] = &[
    variant("static", "looks at the candidate alone"),
    variant("repo", "looks at the repository"),
    variant("sandbox", "runs tests"),
    variant("model", "asks a model"),
];

const ENABLED: Key =
    key("enabled", Type::Bool, "Off takes the gate out, for instance in one round.").default("on");
const BEFORE: Key = key("before", Type::Fact, "In a `round`: the gate that a new gate stands before.");
const AFTER: Key = key("after", Type::Fact, "In a `round`: the gate that a new gate stands after.");

/// A place where candidate code runs.
pub static SANDBOX: Block = Block {
    word: "sandbox",
    labels: Labels::Name,
    blocks: &[&LIMITS],
    content: Content::Plain,
    doc: "Where the code of repositories and candidates runs, and what it may use.",
    keys: &[
        key("backend", Type::Enum(BACKENDS), "What isolates the code.").default("native"),
        key(
            "image",
            Type::Image,
            "The container image: a name that Docker knows, a folder with a `Dockerfile`, or a `.tar` of a root file system. It has a `python3`, and its digest is pinned in the lock file.",
        ),
        key("network", Type::Bool, "Whether the code may reach the network.").default("off"),
        key("pool", POOLS, "The pool whose workers it uses.").policy(),
    ],
};

const BACKENDS: &[Variant] = &[
    variant("native", "Linux namespaces; no daemon, about 10 ms a run"),
    variant("docker", "containers of a digest-pinned image, by the Docker of this machine"),
    variant("remote", "a server of the Remote Execution API"),
];

/// What a sandbox may use.
pub static LIMITS: Block = Block {
    word: "limits",
    labels: Labels::None,
    blocks: &[],
    content: Content::Plain,
    doc: "What one run in the sandbox may use; beyond a limit it is stopped.",
    keys: &[
        key("cpus", Type::Int, "Processors.").default("1").within("1..1024"),
        key("memory", Type::Bytes, "Memory.").default("2GiB").within("16MiB..1024GiB"),
        key("wall", Type::Duration, "Time on the clock; its expiry is an infra error, never a verdict.")
            .default("10min")
            .within("100ms..7d"),
        key("pids", Type::Int, "Processes and threads.").default("256").within("1..1_000_000"),
        key("output", Type::Bytes, "Bytes printed.").default("16MiB").within("1KiB..64GiB"),
        key("files", Type::Bytes, "Bytes written to files.").default("512MiB").within("1MiB..1024GiB"),
    ],
};

/// Repositories.
pub static SEEDS: Block = Block {
    word: "seeds",
    labels: Labels::Name,
    blocks: REPO_KINDS,
    content: Content::Plain,
    doc: "Repositories with test suites: what tasks are made from.",
    keys: &[
        key(
            "sandbox",
            Type::Ref(&[Kind::Sandbox]),
            "Where their tests run; unset means a native sandbox with default limits.",
        ),
        key(
            "runs",
            Type::Int,
            "How often each suite runs before it is trusted; tests that change their mind are left out.",
        )
        .default("3")
        .within("1..100"),
    ],
};

/// The ways to name a repository.
pub static REPO_KINDS: &[&Block] = &[
    &Block {
        word: "repo",
        labels: Labels::Source,
        blocks: &[],
        content: Content::Plain,
        doc: "A git repository: `owner/name`, a URL, or a path.",
        keys: &[
            key("at", Type::GitRef, "The tag or commit; pinned in the lock file.").required().once(),
            TEST,
            PACKAGES,
        ],
    },
    &Block {
        word: "pypi",
        labels: Labels::Source,
        blocks: &[],
        content: Content::Plain,
        doc: "A source distribution from the Python package index.",
        keys: &[
            key("at", Type::GitRef, "The version; its hash is pinned in the lock file.").required().once(),
            TEST,
            PACKAGES,
        ],
    },
    &Block {
        word: "dir",
        labels: Labels::Source,
        blocks: &[],
        content: Content::Plain,
        doc: "A folder, relative to the file that names it; known by its content.",
        keys: &[TEST, PACKAGES],
    },
];

const TEST: Key =
    key("test", Type::Text, "The command that runs the suite: pytest or unittest, with its options.")
        .default("'python -m pytest -q'")
        .once();
const PACKAGES: Key = key(
    "packages",
    Type::List(&Type::Text),
    "Packages that the suite needs, as pip names them; one that runs pytest gets `pytest` too.",
)
.default("[]")
.once();

/// A trainer outside of sswe.
pub static TRAINER: Block = Block {
    word: "trainer",
    labels: Labels::Name,
    blocks: &[],
    content: Content::Plain,
    doc: "A program of yours that trains a served model: it takes tasks and returns an adapter and gradients.",
    keys: &[
        key(
            "command",
            Type::List(&Type::Text),
            "The program and its arguments; a path is relative to this file.",
        )
        .required(),
        key("pool", POOLS, "The pool it runs in.").policy(),
    ],
};

/// A model.
pub static MODEL: Block = Block {
    word: "model",
    labels: Labels::Name,
    blocks: &[],
    content: Content::Plain,
    doc: "A model that can be asked. Its identity is its name, revision and adapter; where it is served and who pays are policy.",
    keys: &[
        key("backend", Type::Enum(MODEL_BACKENDS), "What answers.").required(),
        key("name", Type::Text, "The model's name, as its server knows it."),
        key("revision", Type::Text, "The revision of its weights."),
        key("adapter", Type::Path, "A folder with an adapter to start from."),
        key("context", Type::Int, "Tokens of context.").default("32k").within("1k..16M"),
        key("trainer", Type::Ref(&[Kind::Trainer]), "What trains it; a model without one is only asked."),
        key("url", Type::Text, "The address of an OpenAI-compatible server.").policy(),
        key("key", Type::Secret, "The key for that server.").policy(),
        key("pool", POOLS, "The pool whose rates its requests keep to.").policy(),
    ],
};

const MODEL_BACKENDS: &[Variant] = &[
    variant("rewriter", "the trainable policy over syntax-tree edits that ships with sswe"),
    variant("http", "an OpenAI-compatible server"),
];

/// Held-out tasks that measure.
pub static BENCH: Block = Block {
    word: "bench",
    labels: Labels::Name,
    blocks: &[],
    content: Content::Plain,
    doc: "Tasks that only measure: planted in repositories never trained on, or a benchmark from files.",
    keys: &[
        key("from", SEED_BLOCKS, "The repositories to plant unguided bugs in; give this or `tasks`."),
        key("tasks", Type::Path, "A file or folder of tasks; give this or `from`."),
        key("format", Type::Enum(FORMATS), "How `tasks` is written.").default("sswe"),
        key("size", Type::Int, "How many tasks; for `tasks`, unset means all.").within("1.."),
        key("seed", Type::Int, "The random seed of planting; the curriculum's seed does not touch it.")
            .default("1")
            .within("0.."),
    ],
};

const FORMATS: &[Variant] = &[
    variant("sswe", "one task a line, as `sswe schema task` describes"),
    variant("swebench", "SWE-bench rows, one a line"),
    variant("harbor", "a folder of Harbor tasks"),
];

/// The practice exam.
pub static VALIDATION: Block = Block {
    word: "validation",
    labels: Labels::Name,
    blocks: &[],
    content: Content::Plain,
    doc: "The practice exam: candidates are scored against its gradient, and it is never trained on.",
    keys: &[
        key("from", SEED_BLOCKS, "The repositories to plant unguided bugs in; give this or `tasks`."),
        key("tasks", Type::Path, "A file of tasks; give this or `from`."),
        key("size", Type::Int, "How many tasks; below 50 the direction is mostly noise.")
            .default("100")
            .within("1.."),
        key("strata", Type::Set(STRATA), "Groups whose gradients are kept apart.").default("[]"),
        key(
            "disjoint",
            Type::List(&Type::Ref(&[Kind::Seeds, Kind::Bench, Kind::Validation])),
            "Blocks that may share nothing with it; a hit is an error.",
        )
        .default("[]")
        .policy(),
        key("seed", Type::Int, "The random seed of planting; the curriculum's seed does not touch it.")
            .default("2")
            .within("0.."),
    ],
};

const STRATA: &[Variant] = &[
    variant("language", "the programming language"),
    variant("difficulty", "how often the base model solves it"),
    variant("repo", "the repository"),
    variant("kind", "the kind of the planted edit"),
];

/// The loop.
pub static CURRICULUM: Block = Block {
    word: "curriculum",
    labels: Labels::Name,
    blocks: &[
        &WARM_START,
        &BOOTSTRAP,
        &SOLVE,
        &DISTILL,
        &GENERATE,
        &GATES_BLOCK,
        &SCORE,
        &SELECT,
        &TRAIN,
        &EVALUATE,
        &STOP,
        &BUDGET,
        &ROUND,
    ],
    content: Content::Plain,
    doc: "The loop: rounds of solving, distilling, generating, gating, scoring, selecting and training.",
    keys: &[
        key("seeds", SEED_BLOCKS, "The repositories that tasks are made from.").required(),
        key("solver", MODELS, "The model that learns; it solves, and with another hat it generates.")
            .required()
            .once(),
        key("rounds", Type::Int, "How many rounds.").default("3").within("1..100").once(),
        key("seed", Type::Int, "The random seed of everything drawn in the rounds.")
            .default("0")
            .within("0..")
            .once(),
    ],
};

static WARM_START: Block = Block {
    word: "warm_start",
    labels: Labels::None,
    blocks: &[],
    content: Content::Plain,
    doc: "A short supervised start of the rewriter on generic bugs of the seeds, before round 1; its weights are the base that gains are measured from.",
    keys: &[key("tasks", Type::Int, "How many generic bugs.").default("200").within("0..1M").once()],
};

static BOOTSTRAP: Block = Block {
    word: "bootstrap",
    labels: Labels::None,
    blocks: &[],
    content: Content::Plain,
    doc: "Unguided bugs for round 1, which has no traces to learn from yet.",
    keys: &[key("tasks", Type::Int, "How many tasks.").default("300").within("1..10M")],
};

static SOLVE: Block = Block {
    word: "solve",
    labels: Labels::None,
    blocks: &[],
    content: Content::Plain,
    doc: "The Solver attempts tasks; each attempt leaves a trace.",
    keys: &[
        key("harness", Type::Enum(HARNESSES), "What lets the model act on a repository.").default("builtin"),
        key("attempts", Type::Int, "Attempts on each task.").default("8").within("1..1024"),
        key("steps", Type::Int, "Steps an attempt may take.").default("60").within("1..10_000"),
        key("wall", Type::Duration, "Time an attempt may take.").default("30min").within("1s..7d"),
        key("hide", Type::Set(HIDDEN), "What the Solver must not see.").default("[reference, verifier]"),
    ],
};

const HARNESSES: &[Variant] = &[variant("builtin", "the harness that ships with sswe")];

const HIDDEN: &[Variant] = &[
    variant("reference", "the fix that undoes the planted bug"),
    variant("verifier", "the hidden tests and how they are run"),
];

static DISTILL: Block = Block {
    word: "distill",
    labels: Labels::None,
    blocks: &[],
    content: Content::Plain,
    doc: "Traces become skill cards that name recurring mistakes.",
    keys: &[
        key("model", MODELS, "The model that writes the cards.").default("solver"),
        key("learn_from", Type::Set(OUTCOMES), "Which attempts to learn from.")
            .default("[passed, partial, failed]"),
        key("dedupe", Type::Ratio, "Cards more similar than this are one card.")
            .default("85%")
            .within("0%..100%"),
        key("coverage", Type::Int, "Traces a card must rest on.").default("3").within("1..10_000"),
    ],
};

const OUTCOMES: &[Variant] = &[
    variant("passed", "every test that should pass does"),
    variant("partial", "some of the failing tests were fixed"),
    variant("failed", "none was"),
];

static GENERATE: Block = Block {
    word: "generate",
    labels: Labels::None,
    blocks: &[],
    content: Content::Plain,
    doc: "The Generator plants bugs; candidates go through the gates until enough are valid.",
    keys: &[
        key("model", MODELS, "The model that plants.").default("solver"),
        key("guided", Type::Bool, "Whether it plants with cards in hand.").default("on"),
        key("valid", Type::Int, "Valid tasks to collect in a round.").default("60").within("1..10M"),
        key("group", Type::Int, "Candidates drawn together from one repository and card.")
            .default("8")
            .within("1..1024"),
        key("per_card", Type::Range(&Type::Int), "Valid tasks that one card may give: so few cards are taken up that each can have the least, and no more candidates are drawn from one than the most.").default("1..200"),
        key("dedupe", Type::Ratio, "Candidates more similar than this are one candidate.")
            .default("90%")
            .within("0%..100%"),
        key("max_draws", Type::Int, "Candidates to draw at the most; unset means 20 for each valid task.")
            .within("1.."),
    ],
};

static GATES_BLOCK: Block = Block {
    word: "gates",
    labels: Labels::None,
    blocks: &[],
    content: Content::Gates,
    doc: "Gates in the order they run; a candidate that one rejects reaches no later one. Left out, the four built-in gates run.",
    keys: &[],
};

/// The built-in gates, in their default order.
pub static GATES: &[BuiltinGate] = &[
    BuiltinGate {
        cost: Cost::Static,
        needs: &[],
        gives: &["parsed"],
        block: &Block {
            word: "well_formed",
            labels: Labels::MaybeName,
            blocks: &[],
            content: Content::Plain,
            doc: "The patch applies, the result parses, and it is not larger than a bug should be.",
            keys: &[
                key("max_files", Type::Int, "Files that a bug may touch.").default("8").within("1..10_000"),
                key("max_lines", Type::Int, "Lines that a bug may change.").default("400").within("1..1M"),
                ENABLED,
                BEFORE,
                AFTER,
            ],
        },
    },
    BuiltinGate {
        cost: Cost::Repo,
        needs: &["parsed"],
        gives: &["grounded"],
        block: &Block {
            word: "grounded",
            labels: Labels::MaybeName,
            blocks: &[],
            content: Content::Plain,
            doc: "The files and symbols that the task names exist in the repository.",
            keys: &[
                key("symbols", Type::Enum(SYMBOLS), "How names are looked up.").default("strict"),
                ENABLED,
                BEFORE,
                AFTER,
            ],
        },
    },
    BuiltinGate {
        cost: Cost::Sandbox,
        needs: &["grounded"],
        gives: &["stable"],
        block: &Block {
            word: "stable",
            labels: Labels::MaybeName,
            blocks: &[],
            content: Content::Plain,
            doc: "The suite runs without an infrastructure error and gives the same result each time.",
            keys: &[
                key("runs", Type::Int, "How often the suite runs.").default("3").within("1..100"),
                key("flaky", Type::Ratio, "Share of the tests that may change their mind.")
                    .default("0%")
                    .within("0%..100%"),
                key("wall", Type::Duration, "Time one run may take.").default("5min").within("1s..1d"),
                ENABLED,
                BEFORE,
                AFTER,
            ],
        },
    },
    BuiltinGate {
        cost: Cost::Sandbox,
        needs: &["stable"],
        gives: &["solvable", "discriminating"],
        block: &Block {
            word: "separates",
            labels: Labels::MaybeName,
            blocks: &[],
            content: Content::Plain,
            doc: "The hidden tests tell the broken repository from the mended one.",
            keys: &[
                key("broken", Type::Enum(BROKEN), "What the hidden tests must do on the broken repository.")
                    .default("fails"),
                key("fixed", Type::Enum(FIXED), "What they must do on the mended one.").default("passes"),
                key("keep_green", Type::Ratio, "Share of the other tests that the bug must leave passing.")
                    .default("100%")
                    .within("0%..100%"),
                key(
                    "each_file_matters",
                    Type::Bool,
                    "Whether mending each file alone must fix at least one test.",
                )
                .default("on"),
                ENABLED,
                BEFORE,
                AFTER,
            ],
        },
    },
];

const SYMBOLS: &[Variant] = &[
    variant("strict", "every named symbol is defined in the named file"),
    variant("loose", "every named symbol occurs in the repository"),
];
const BROKEN: &[Variant] = &[variant("fails", "at least one fails"), variant("any", "not looked at")];
const FIXED: &[Variant] = &[variant("passes", "all pass"), variant("any", "not looked at")];

static SCORE: Block = Block {
    word: "score",
    labels: Labels::None,
    blocks: &[],
    content: Content::Plain,
    doc: "Scores each valid task by how well its training direction points at the practice exam.",
    keys: &[
        key("mode", Type::Enum(MODES), "What the score is.").default("cosine"),
        key("against", Type::Ref(&[Kind::Validation]), "The practice exam.").required(),
        key(
            "precondition",
            Type::Enum(PRECONDITIONS),
            "How gradients are weighted before they are compared.",
        )
        .default("none"),
        key("strata", Type::Enum(STRATA_MODES), "How the scores against several strata become one.")
            .default("mean"),
        key(
            "invalid",
            Type::Score,
            "The score of an invalid task. The paper gives 0, above a valid task that points away.",
        )
        .default("-1.0")
        .within("-1..1"),
    ],
};

const MODES: &[Variant] = &[
    variant("cosine", "the cosine of the task's gradient and the exam's"),
    variant("dot", "their inner product; favours long gradients"),
    variant("difficulty", "1 - p, where p is the share of attempts that passed"),
    variant("uncertainty", "1 - 2 * |p - 0.5|"),
    variant("variance", "the variance of the attempts' rewards"),
    variant("random", "a random number"),
];
const PRECONDITIONS: &[Variant] = &[
    variant("none", "as they are"),
    variant("diagonal", "by the inverse root mean square of each coordinate over the candidates"),
    variant("adam", "by the optimiser's second moment"),
];
const STRATA_MODES: &[Variant] = &[variant("mean", "their mean"), variant("max", "the largest")];

static SELECT: Block = Block {
    word: "select",
    labels: Labels::None,
    blocks: &[],
    content: Content::Plain,
    doc: "Picks the scored tasks that are trained on. A change here computes no gradient again.",
    keys: &[
        key("growth", Type::Enum(GROWTH), "Whether earlier rounds' tasks stay.").default("union"),
        key("min_score", Type::Score, "The least score; unset means no such bound.").within("-1..1"),
        key("top", Type::Ratio, "The best share of the scored tasks.").default("100%").within("0%..100%"),
        key("zero", Type::Enum(ZERO), "What becomes of tasks whose attempts all earned the same.")
            .default("keep"),
        key("per_repo", Type::Range(&Type::Ratio), "Share of the selection that one repository may have.")
            .default("..100%"),
        key(
            "replay",
            Type::Ratio,
            "Share of the selection that is drawn from earlier rounds, so that old skills are kept.",
        )
        .default("10%")
        .within("0%..100%"),
    ],
};

const ZERO: &[Variant] = &[
    variant("keep", "they are ranked by their score like the others, and teach nothing"),
    variant("drop", "they are left out; `top` still counts them"),
];
const GROWTH: &[Variant] =
    &[variant("union", "new tasks join the earlier ones"), variant("replace", "new tasks replace them")];

/// Training of one hat.
pub static TRAIN: Block = Block {
    word: "train",
    labels: Labels::Hat,
    blocks: &[&REWARD],
    content: Content::Plain,
    doc: "Trains the model under one of its hats: `train solver`, `train generator`.",
    keys: &[
        key(
            "method",
            Type::Enum(METHODS),
            "How rewards become advantages; unset means gdpo for the solver and grpo for the generator.",
        ),
        key("lr", Type::Float, "The step size: 0.05 suits the rewriter, 1e-6 an adapter of a large model.")
            .default("0.05")
            .within("0..10"),
        key("clip", Type::Float, "How far the probability ratio may leave 1.").default("0.2").within("0..1"),
        key("weighting", Type::Enum(WEIGHTING), "When the reward's weights count.").default("off"),
        key("epochs", Type::Int, "Passes over the selection.").default("1").within("1..1000"),
        key("pool", POOLS, "The pool it runs in.").policy(),
    ],
};

const METHODS: &[Variant] = &[
    variant("grpo", "the whole reward, centred and scaled within a task's attempts"),
    variant(
        "gdpo",
        "each component of the reward centred and scaled apart, then summed, then over the batch",
    ),
];
const WEIGHTING: &[Variant] = &[
    variant("off", "the components are summed plainly"),
    variant("after", "each component is multiplied by its weight after it was centred and scaled"),
];

/// What an attempt earns.
pub static REWARD: Block = Block {
    word: "reward",
    labels: Labels::None,
    blocks: &[],
    content: Content::Plain,
    doc: "The weights of what an attempt earns.",
    keys: &[
        key("all_pass", Type::Float, "Every failing test fixed and every passing test kept.")
            .default("0.5")
            .within("0..1000"),
        key("fixed", Type::Float, "The share of the failing tests that were fixed.")
            .default("0.3")
            .within("0..1000"),
        key("kept", Type::Float, "The share of the passing tests that were kept.")
            .default("0.2")
            .within("0..1000"),
    ],
};

static EVALUATE: Block = Block {
    word: "evaluate",
    labels: Labels::None,
    blocks: &[],
    content: Content::Plain,
    doc: "Measures the weights of a round on tasks that are never trained on.",
    keys: &[
        key("on", Type::List(&Type::Ref(&[Kind::Bench])), "The benches.").default("[]"),
        key("attempts", Type::Int, "Attempts on each task.").default("5").within("1..1024"),
    ],
};

static STOP: Block = Block {
    word: "stop",
    labels: Labels::None,
    blocks: &[],
    content: Content::Plain,
    doc: "Ends the curriculum when the upper 95 % bound of the paired gain stays below `min_gain` for `patience` rounds.",
    keys: &[
        key("metric", Type::Metric, "What is watched: a validation block, so that the benches stay a test.")
            .required()
            .once(),
        key("min_gain", Type::Points, "The gain that is worth another round.")
            .default("0.5pp")
            .within("0pp..100pp")
            .once(),
        key("patience", Type::Int, "Rounds without it before the end.").default("2").within("1..100").once(),
    ],
};

static BUDGET: Block = Block {
    word: "budget",
    labels: Labels::None,
    blocks: &[],
    content: Content::Plain,
    doc: "What a build may spend; at a limit it ends with its state saved.",
    keys: &[
        key("cost", Type::Money, "Money for model calls.").policy().once(),
        key("gpu_time", Type::Duration, "GPU time.").policy().once(),
        key("wall", Type::Duration, "Time on the clock.").policy().once(),
        key("on_limit", Type::Enum(ON_LIMIT), "What happens at a limit.")
            .default("finish_round")
            .policy()
            .once(),
    ],
};

const ON_LIMIT: &[Variant] = &[
    variant("finish_round", "the round under way is finished, the next does not start"),
    variant("stop", "running items finish, nothing else starts"),
];

static ROUND: Block = Block {
    word: "round",
    labels: Labels::Rounds,
    blocks: &[&BOOTSTRAP, &SOLVE, &DISTILL, &GENERATE, &GATES_BLOCK, &SCORE, &SELECT, &TRAIN, &EVALUATE],
    content: Content::Plain,
    doc: "What differs in one round (`round 3`) or several (`round 2..3`). It does not leak into later rounds.",
    keys: &[key("seeds", SEED_BLOCKS, "The repositories of this round.")],
};

static PROFILE: Block = Block {
    word: "profile",
    labels: Labels::Name,
    blocks: &[],
    content: Content::Paths,
    doc: "A named bundle of overrides, used with `--profile NAME`: `main.rounds = 1`, `param.tasks = 24`.",
    keys: &[],
};

/// A grid of variations.
pub static SWEEP: Block = Block {
    word: "sweep",
    labels: Labels::Name,
    blocks: &[&SKIP],
    content: Content::Axes,
    doc: "A grid of variations, used with `--sweep NAME`: each path takes each of its values. Stages that two cells share run once.",
    keys: &[
        key("repeat", Type::Int, "Curriculum seeds for each cell; results carry intervals.")
            .default("1")
            .within("1..1000"),
        key("arrange", Type::Enum(ARRANGE), "How the lists combine.").default("grid"),
    ],
};

const ARRANGE: &[Variant] =
    &[variant("grid", "every combination"), variant("zip", "first with first, second with second")];

/// Cells to leave out.
pub static SKIP: Block = Block {
    word: "skip",
    labels: Labels::None,
    blocks: &[],
    content: Content::Axes,
    doc: "Cells of the sweep to leave out: those whose values are all named here.",
    keys: &[],
};
