//! `sswe plan --save` and `sswe build FILE.plan`

use super::built::{SMALL, by_script, small};

#[test]
fn what_was_looked_at_is_what_runs() {
    let folder = small();
    folder
        .sswe("plan --until main/seed/ledger/pin --save next.plan")
        .exits(0)
        .mentions(&["next: sswe build next.plan"]);
    let run = folder.sswe("build next.plan").exits(0);
    assert!(run.err.contains("built part of main: 1 ran"), "{}", run.err);
    // What it does not speak of may change.
    folder.write("seeds/slots/slots.py", "changed = True\n");
    folder.write("a.sswe", format!("# a comment\n{SMALL}").replace("sswe 1", "sswe  1"));
    folder.sswe("build next.plan").exits(0).mentions(&["up to date"]);
}

#[test]
fn from_another_folder() {
    let folder = small();
    folder.sswe("plan --profile quick --save next.plan").exits(1);
    folder.write("a.sswe", format!("{SMALL}profile quick {{ main.rounds = 1 }}\n"));
    folder
        .sswe("plan --profile quick --until main/seed/ledger/pin --save plans/next.plan")
        .exits(1)
        .mentions(&["cannot write"]);
    std::fs::create_dir(folder.path("plans")).unwrap();
    folder.sswe("plan --profile quick --until main/seed/ledger/pin --save plans/next.plan").exits(0);
    folder.sswe("build plans/next.plan").exits(0);
    let json = folder.sswe("log --output json").exits(0).json_lines();
    assert_eq!(json[0]["info"]["profile"][0], "quick");
}

#[test]
fn refused_when_it_means_something_else() {
    let folder = small();
    by_script(&folder, None);
    folder.sswe("plan --save next.plan").exits(0);
    folder.sswe("build next.plan").exits(0);
    folder.write("a.sswe", SMALL.replace("mode = cosine", "mode = dot"));
    folder.sswe("build next.plan").exits(1).prints("").mentions(&[
        "this plan is not what its file means any more; nothing was built",
        "main/r1/score: `main.score.mode` cosine -> dot",
        "sswe plan --save",
    ]);
    folder.write("a.sswe", SMALL.replace("rounds = 2", "rounds = 1"));
    folder.sswe("build next.plan").exits(1).mentions(&["main/r2/distill is gone", "more differences"]);
    folder.write("a.sswe", SMALL);
    folder.sswe("build next.plan").exits(0);
    folder.write("seeds/ledger/ledger.py", "changed = True\n");
    folder.sswe("build next.plan").exits(1).mentions(&["the content of `seeds/ledger` changed"]);
}

#[test]
fn no_saved_plan() {
    let folder =
        small().and("text.plan", "not json").and("old.plan", "{\"v\": 99}").and("part.plan", "{\"v\": 1}");
    folder.sswe("build text.plan").exits(1).mentions(&["`text.plan` is no saved plan"]);
    folder.sswe("build old.plan").exits(1).mentions(&["version 99", "reads version 1"]);
    folder.sswe("build part.plan").exits(1).mentions(&["is no saved plan: missing field"]);
    folder.sswe("build missing.plan").exits(1).mentions(&["cannot read `missing.plan`"]);
    folder.sswe("plan --save next.txt").exits(2).mentions(&["must end in .plan"]);
    folder
        .command(&["plan", "--save", "next.plan", "-"])
        .input(SMALL)
        .run()
        .exits(2)
        .mentions(&["standard input"]);
}
