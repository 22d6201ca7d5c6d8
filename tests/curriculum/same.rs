//! The same curriculum gives the same result, wherever and however it is built.

use super::site::Site;

#[test]
fn a_second_build_runs_nothing() {
    let site = Site::tiny();
    let first = site.built("store", "");
    assert!(first.ran > 100, "{first:?}");
    let second = site.built("store", "");
    assert_eq!((second.ran, &second.result), (0, &first.result));
}

/// Weights, and what the summary after a build reads, are made again where their files are gone; the rest is
/// when something needs it, or when a repair gives it up.
#[test]
fn files_that_the_store_lost_are_made_again() {
    let site = Site::tiny();
    let first = site.built("store", "");
    let blobs = || {
        let folders =
            std::fs::read_dir(site.folder.path("store/cas")).unwrap().map(|entry| entry.unwrap().path());
        folders.flat_map(|folder| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()))
    };
    let lost = blobs().map(|file| std::fs::remove_file(file).unwrap()).count();
    assert!(lost > 5, "{lost}");
    let second = site.built("store", "");
    assert!(second.of("r3/train.") >= 2 && second.result == first.result, "{second:?}");
    // What the summary missed is made by the next build, what nothing missed after a repair.
    site.built("store", "");
    site.sswe("store", "cache verify --repair").exits(0);
    let last = site.built("store", "");
    assert_eq!((last.result, last.digests.len()), (first.result, first.digests.len()));
    site.sswe("store", "cache verify").exits(0).holds(&["clean"]);
    assert_eq!(site.built("store", "").ran, 0);
}

#[test]
fn jobs_folders_and_stores_do_not_reach_the_result() {
    let (one, other) = (Site::tiny(), Site::tiny());
    let first = one.built("store", "--jobs 1");
    let second = one.built("another", "--jobs 2");
    let third = other.built("store", "--jobs 2");
    for built in [&second, &third] {
        for (stage, digest) in &first.digests {
            assert_eq!(built.digests.get(stage), Some(digest), "{stage}");
        }
        assert_eq!(built.result, first.result);
    }
}

#[test]
fn every_kind_of_stage_runs() {
    let built = Site::tiny().built("store", "");
    let stages = [
        "pin",
        "env",
        "baseline",
        "tasks.practice",
        "warm_start",
        "bootstrap",
        "solve",
        "distill",
        "generate",
        "gates.well_formed",
        "gates.grounded",
        "gates.stable",
        "gates.separates",
        "solve.accepted",
        "gradient",
        "solve.practice",
        "gradient.practice",
        "score",
        "select",
        "train.solver",
        "train.generator",
        "evaluate.practice",
    ];
    for stage in stages {
        assert!(built.stages.keys().any(|name| name.ends_with(&format!("/{stage}"))), "{stage} did not run");
    }
    assert!(built.stages.keys().any(|name| name.starts_with("main/r3/")), "{:?}", built.stages);
}
