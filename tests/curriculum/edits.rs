//! After an edit, only what it can change runs, and the result is that of a fresh store.

use super::site::Site;

/// A small generator of numbers.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % bound
    }

    fn of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }
}

/// What of the file may change: each a setting with its possible texts.
#[derive(Clone)]
struct Shape {
    runs: &'static str,
    digits: &'static str,
    order: usize,
    mode: &'static str,
    select: &'static str,
    rounds: &'static str,
    valid: &'static str,
    comment: usize,
    word: &'static str,
    gate: &'static str,
    group: &'static str,
}

impl Shape {
    fn text(&self) -> String {
        let Shape { runs, digits, order, mode, select, rounds, valid, comment, word: _, gate, group } = self;
        let own = [format!("{gate}\n    no_todo"), format!("no_todo\n    {gate}")][*order].clone();
        let note = "# noted\n".repeat(*comment);
        format!(
            "sswe 1\n{note}
gate {gate} {{ run = 'case $(md5sum < \"$CANDIDATE\") in [{digits}]*) exit 0 ;; *) exit 1 ;; esac', cost = static }}
gate no_todo {{ run = '! grep -q TODO \"$CANDIDATE\"', cost = static }}
seeds core {{ dir \"seeds/ledger\" {{ test = 'python -m unittest' }} }}
seeds exam {{ dir \"seeds/slots\" {{ test = 'python -m unittest' }} }}
model base {{ backend = rewriter }}
validation practice {{ from = exam, size = 3 }}
curriculum main {{
  seeds = core, solver = base, rounds = {rounds}
  warm_start {{ tasks = 6 }}
  bootstrap {{ tasks = 3 }}
  solve {{ attempts = 3 }}
  distill {{ coverage = 1 }}
  generate {{ valid = {valid}, group = {group} }}
  gates {{
    well_formed
    grounded
    {own}
    stable {{ runs = {runs} }}
    separates
  }}
  score {{ against = practice, mode = {mode} }}
  select {{ {select} }}
  evaluate {{ attempts = 2 }}
}}
"
        )
    }

    fn change(&mut self, random: &mut Random) {
        match random.below(14) {
            0 => self.runs = random.of(&["1", "2", "3"]),
            // Which candidates a gate takes: what flips verdicts.
            1..=3 | 10.. => self.digits = random.of(&["0-9a-f", "0-9a", "2-9a-f", "0-9c-f", "4-9a-e"]),
            4 => self.order = 1 - self.order,
            5 => self.mode = random.of(&["cosine", "dot", "difficulty", "uncertainty", "variance", "random"]),
            6 => {
                self.select =
                    random.of(&["growth = union", "growth = replace", "top = 50%", "min_score = -0.5"]);
            }
            7 => self.rounds = random.of(&["1", "2"]),
            8 => self.valid = random.of(&["2", "3"]),
            _ => match random.below(5) {
                0 => self.comment += 1,
                1 => self.gate = random.of(&["picky", "fussy"]),
                2 => self.group = random.of(&["2", "3"]),
                _ => self.word = random.of(&["posted", "booked", "entered"]),
            },
        }
    }
}

/// Some edits of a few; `SSWE_TEST_EDITS` makes it more.
#[test]
fn incremental_equals_clean() {
    let edits = std::env::var("SSWE_TEST_EDITS").ok().and_then(|n| n.parse().ok()).unwrap_or(10);
    let site = Site::tiny();
    let mut random = Random(0x5357_4553);
    let mut shape = Shape {
        runs: "2",
        digits: "0-9a-f",
        order: 0,
        mode: "cosine",
        select: "growth = replace",
        rounds: "2",
        valid: "2",
        comment: 0,
        word: "posted",
        gate: "picky",
        group: "2",
    };
    let readme = "seeds/ledger/ledger/notes.py";
    let (mut changed, mut last) = (0, None);
    for edit in 0..edits {
        shape.change(&mut random);
        site.write("tiny.sswe", &shape.text());
        site.write(readme, &format!("\"\"\"What was {}.\"\"\"\n", shape.word));
        let built = site.built("store", "");
        let fresh = site.built(&format!("fresh-{edit}"), "");
        for (stage, digest) in &fresh.digests {
            assert_eq!(built.digests.get(stage), Some(digest), "edit {edit}: {stage}\n{}", shape.text());
        }
        assert_eq!(built.result, fresh.result, "edit {edit}\n{}", shape.text());
        let again = site.built("store", "");
        assert_eq!(again.ran, 0, "edit {edit}: {:?}", again.stages);
        if last.is_some() && last != built.result {
            changed += 1;
        }
        last = built.result;
        let _ = std::fs::remove_dir_all(site.folder.path(&format!("fresh-{edit}")));
    }
    eprintln!("{edits} edits, {changed} changed the result");
    assert!(changed * 3 >= edits - 1, "only {changed} of {edits} edits changed the result");
}

#[test]
fn more_runs_of_a_gate_run_only_what_is_more() {
    let site = Site::tiny();
    // One job: with more, how far draws run ahead of the gates is a matter of time.
    let first = site.built("store", "--jobs 1");
    site.edit("tiny.sswe", "stable { runs = 2 }", "stable { runs = 4 }");
    let second = site.built("store", "--jobs 1");
    // The gate judges again from what it remembers and two more runs; nothing flips, so nothing else runs.
    let gates = second.of("gates.stable");
    assert!(gates > 0 && second.ran == gates, "{:?}", second.stages);
    assert_eq!(second.result.is_some(), first.result.is_some());
    assert!(second.reasons["main/r1/gates.stable"].contains("`runs` 2 -> 4"), "{:?}", second.reasons);
}

#[test]
fn a_selection_reruns_what_comes_after_it() {
    let site = Site::tiny();
    site.built("store", "");
    site.edit(
        "tiny.sswe",
        "select   { growth = replace }",
        "select { growth = replace }\n  round 3 { select { top = 50% } }",
    );
    let second = site.built("store", "");
    let allowed = ["main/r3/select", "main/r3/train.", "main/r3/evaluate."];
    for stage in second.stages.keys() {
        assert!(allowed.iter().any(|start| stage.starts_with(start)), "{stage} ran: {:?}", second.stages);
    }
    assert!(second.of("main/r3/select") == 1);
}

#[test]
fn scores_are_taken_from_gradients_that_are_there() {
    let site = Site::tiny();
    site.built("store", "");
    site.edit("tiny.sswe", "score    { against = practice }", "score { against = practice, mode = dot }");
    let second = site.built("store", "");
    assert_eq!(second.of("main/r1/gradient"), 0, "{:?}", second.stages);
    assert_eq!(second.of("main/r1/score"), 1);
}

#[test]
fn names_and_places_reach_no_artifact() {
    let site = Site::tiny();
    site.edit("tiny.sswe", "    separates\n", "    own\n    separates\n");
    site.edit("tiny.sswe", "model base", "gate own { run = 'true' }\n\nmodel base");
    site.edit("tiny.sswe", "seed   = 1", "seed = 1, rounds = 1");
    site.built("store", "");
    let text = site.folder.read("tiny.sswe").replace(" own", " mine").replace("group = 4", "group = 3");
    site.write("tiny.sswe", &text);
    let (second, fresh) = (site.built("store", ""), site.built("fresh", ""));
    assert_eq!(second.digests, fresh.digests);
    assert_eq!(second.result, fresh.result);
}

#[test]
fn equal_repositories_are_one_piece_of_work() {
    let site = Site::tiny();
    let text = site.folder.read("tiny.sswe").replace(
        "seeds core { dir \"seeds/ledger\" { test = 'python -m unittest' } }",
        "seeds core {\n  dir \"seeds/ledger\" { test = 'python -m unittest' }\n  dir \"seeds/again\" { test = 'python -m unittest tests.test_money' }\n}",
    );
    site.write("tiny.sswe", &text);
    site.copy_seed("ledger", "again");
    let built = site.built("store", "--until main/r0/warm_start");
    assert_eq!(built.digests["main/seed/ledger/pin"], built.digests["main/seed/again/pin"]);
    // The same files under another command are another baseline, in one process or in two.
    let other = site.built("other", "--until main/seed/again/baseline");
    assert_eq!(built.digests["main/seed/again/baseline"], other.digests["main/seed/again/baseline"]);
    assert_ne!(built.digests["main/seed/again/baseline"], built.digests["main/seed/ledger/baseline"]);
}
