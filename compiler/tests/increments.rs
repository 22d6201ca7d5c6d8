//! What an edit makes salsa do again.

use std::sync::{Arc, Mutex};

use sswe_compiler::{
    plan::plans,
    project::{self, Database, Options, Origin, Project, Source},
};

const COMPLETE: &str = include_str!("../../examples/complete.sswe");
const LIBRARY: &str = include_str!("../../pipelines/library/gates.sswe");

struct World {
    db: Database,
    project: Project,
    source: Source,
    ran: Arc<Mutex<Vec<String>>>,
}

impl World {
    fn open(text: &str) -> World {
        let ran = Arc::new(Mutex::new(Vec::new()));
        let log = ran.clone();
        let mut db = Database::with_log(move |query| log.lock().expect("the log").push(query.to_owned()));
        let project = project::open(&mut db, "test.sswe", text, &Options::default(), &mut |path, _| {
            Ok((path.to_owned(), Origin::Library, LIBRARY.to_owned()))
        });
        let source = project.files(&db)[0].source;
        let world = World { db, project, source, ran };
        assert!(!plans(&world.db, world.project).is_empty());
        world.ran();
        world
    }

    fn ran(&self) -> Vec<String> {
        std::mem::take(&mut *self.ran.lock().expect("the log"))
    }

    /// Replaces a part of the text, plans again, and returns the queries that ran.
    fn edit(&mut self, from: &str, to: &str) -> Vec<String> {
        let text = self.source.text(&self.db).to_owned();
        assert!(text.contains(from), "{from:?} is not in the text");
        project::edit(&mut self.db, self.source, &text.replace(from, to));
        plans(&self.db, self.project);
        self.ran()
    }
}

#[test]
fn comments_and_spacing_run_the_parser_only() {
    let mut world = World::open(COMPLETE);
    assert_eq!(world.edit("# brings names only", "# brings nothing but names"), ["parsed"]);
    assert_eq!(world.edit("  rounds = 3\n", "\n\n  # how many\n  rounds   =   3\n"), ["parsed"]);
    assert_eq!(world.edit("## Three rounds", "## A few rounds"), ["parsed"]);
    assert_eq!(world.edit("sswe 1", "sswe 1"), [""; 0], "the same text is no edit");
}

#[test]
fn one_setting_plans_one_stage_of_each_round() {
    let mut world = World::open(COMPLETE);
    let ran = world.edit("symbols = strict", "symbols = loose");
    let stages = ran.iter().filter(|query| *query == "stage").count();
    assert_eq!(stages, 3, "`grounded` of three rounds: {ran:?}");
    assert_eq!(ran.iter().filter(|query| *query == "parsed").count(), 1, "{ran:?}");

    let ran = world.edit("stable { runs = 5 }", "stable { runs = 7 }");
    assert_eq!(ran.iter().filter(|query| *query == "stage").count(), 1, "round 3 only: {ran:?}");
}

#[test]
fn another_spelling_of_a_value_plans_no_stage() {
    let mut world = World::open(COMPLETE);
    for (from, to) in [("top = 25%", "top = 0.25"), ("wall = 5min", "wall = 300s"), ("12_000 in", "12k in")] {
        let ran = world.edit(from, to);
        assert!(!ran.iter().any(|query| query == "stage"), "{from} -> {to}: {ran:?}");
    }
}
