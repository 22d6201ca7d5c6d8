//! L1 to L5: what a repository remembers.

use sswe_engine::sandbox::Exit;
use sswe_pipelines::leaks::{Aim, history, trace};
use sswe_pipelines::view;

use crate::support::{CART, Folder, answer, broken, row, sandboxes, shop_with, solve, task};

/// Makes a repository as benchmarks did: the real history, with the broken files on top.
fn with_history() -> Folder {
    let folder = Folder::new();
    folder.write("shop/cart.py", CART);
    folder
        .sh("git init -q && git symbolic-ref HEAD refs/heads/main && git add . && git commit -qm 'The fix'");
    folder.write("shop/cart.py", broken());
    folder
}

/// Returns the view of the task, written.
fn honest() -> Folder {
    let folder = Folder::new();
    view::write(&view::solver(&task(), &shop_with(&[])).files, folder.path()).unwrap();
    folder
}

fn is_clean(folder: &Folder) {
    assert_eq!(history(folder.path(), &answer()).unwrap(), []);
}

#[test]
fn l01_future_commits() {
    // The work tree is at the broken commit; the fix is a commit of another branch.
    let folder = with_history();
    folder.sh("git branch future && git checkout -q --orphan old && git add . && git commit -qm 'Broken'");
    folder.sh("git branch -D main -q");
    let sha = folder.sh("git log --all --format=%H --grep='The fix'");
    let stolen = folder.sh(&format!("git show {}:shop/cart.py", sha.trim()));
    assert_eq!(stolen, CART);
    let caught = history(folder.path(), &answer()).unwrap();
    row("L1", "future commits in .git", "`git log --all` and `git show` give the sound file", &caught);
    let honest = honest();
    assert_eq!(honest.sh("git log --all --format=%s"), "The repository\n");
    is_clean(&honest);
}

#[test]
fn l02_tags_and_reflogs() {
    let folder = with_history();
    folder.sh("git tag v1.1 && git commit -qam 'Broken' && git reset -q --hard HEAD~1 && git reset -q --hard HEAD@{1}");
    assert_eq!(folder.sh("git show v1.1:shop/cart.py"), CART);
    assert_eq!(folder.sh("git show HEAD@{1}:shop/cart.py"), CART);
    let caught = history(folder.path(), &answer()).unwrap();
    for place in [".git/refs/tags/v1.1", ".git/logs", ".git/ORIG_HEAD"] {
        assert!(caught.iter().any(|finding| finding.place == place), "{place}: {caught:#?}");
    }
    row(
        "L2",
        "tags and the reflog",
        "`git show v1.1:` and `git show HEAD@{1}:` give the sound file",
        &caught,
    );
    is_clean(&honest());
}

#[tokio::test]
async fn l03_branches_and_mining() {
    let origin = with_history();
    origin.sh("git branch fixed && git commit -qam 'Broken'");
    let folder = Folder::new();
    folder.write("x", "");
    folder.sh(&format!("git clone -q '{}' copy", origin.path().display()));
    let copy = folder.path().join("copy");
    assert_eq!(folder.sh("git -C copy show origin/fixed:shop/cart.py"), CART);
    let caught = history(&copy, &answer()).unwrap();
    assert!(caught.iter().any(|finding| finding.what.contains("remote `origin`")), "{caught:#?}");
    row("L3", "branches of a remote", "`git show origin/fixed:` gives the sound file", &caught);

    // The same commands in the sandbox of a Solver find one commit, and the scanner tells of them.
    let honest = honest();
    let steps =
        ["git log --all -S'>= 100' --format=%s", "git show HEAD~1", "git fsck --unreachable --no-reflogs"];
    let told = trace(&steps, &["shop"]);
    assert_eq!(told.iter().map(|caught| caught.aim).collect::<Vec<_>>(), [Aim::History; 3]);
    for (sandbox, around) in sandboxes(None).await {
        for (step, exit) in steps.iter().zip([0, 128, 0]) {
            // What it prints, and not what it complains of.
            let (ended, said) = solve(&around, honest.path(), &format!("{step} 2>/dev/null")).await;
            assert_eq!((ended, said.as_str()), (Exit::Code(exit), ""), "{sandbox}: {step}");
            println!(
                "L3 | `{step}` in the Solver's sandbox, {sandbox} | prints nothing, exit code {exit} | caught by `trace`"
            );
        }
    }
}

#[test]
fn l04_fetched_and_dropped_objects() {
    let origin = with_history();
    let folder = Folder::new();
    folder.write("shop/cart.py", broken());
    folder.sh("git init -q && git symbolic-ref HEAD refs/heads/main && git add . && git commit -qm 'Broken'");
    folder.sh(&format!("git fetch -q '{}' main && git repack -adkq", origin.path().display()));
    // No branch, no tag, no remote, no reflog: and yet.
    folder.sh("rm -rf .git/logs && git gc -q --prune=never");
    assert_eq!(folder.sh("git show FETCH_HEAD:shop/cart.py"), CART);
    let caught = history(folder.path(), &answer()).unwrap();
    assert!(caught.iter().any(|finding| finding.place == ".git/FETCH_HEAD"), "{caught:#?}");
    row("L4", "FETCH_HEAD and packed objects", "`git show FETCH_HEAD:` gives the sound file", &caught);
    folder.sh("rm .git/FETCH_HEAD");
    let caught = history(folder.path(), &answer()).unwrap();
    assert!(caught.iter().any(|finding| finding.what.starts_with("the unreachable blob")), "{caught:#?}");
    row(
        "L4",
        "objects that nothing reaches",
        "`git cat-file --batch-all-objects` lists the sound blob",
        &caught,
    );
    is_clean(&honest());
}

#[test]
fn l05_the_commit_that_planted_the_bug() {
    let folder = with_history();
    folder.sh("git commit -qam 'Plant'");
    let patch = folder.sh("git diff HEAD HEAD~1");
    assert!(patch.contains("+    if amount >= 100:"), "{patch}");
    let caught = history(folder.path(), &answer()).unwrap();
    let is_blob = |finding: &&sswe_pipelines::leaks::Finding| {
        finding.what.starts_with("the sound text of `shop/cart.py`")
    };
    let blob: Vec<_> = caught.iter().filter(is_blob).cloned().collect();
    row("L5", "the bug as a commit", "`git diff HEAD HEAD~1` is the reference fix", &blob);
    // A shallow copy forgets the commit, and an object may still be there.
    let honest = honest();
    honest.write("sound.py", CART);
    honest.sh("git hash-object -w sound.py && rm sound.py");
    let caught = history(honest.path(), &answer()).unwrap();
    row("L5", "one dangling blob", "`git cat-file -p` of it is the sound file", &caught);
}

#[test]
fn a_view_is_the_same_commit_each_time() {
    let commits: Vec<_> = (0..2)
        .map(|_| {
            let folder = Folder::new();
            let files = view::solver(&task(), &shop_with(&[(".gitignore", "*.py\n")])).files;
            let placed = view::write(&files, folder.path()).unwrap();
            let listed = folder.sh("git ls-files; git status --porcelain --ignored");
            assert_eq!(
                listed,
                ".gitignore\nshop/__init__.py\nshop/cart.py\ntests/__init__.py\ntests/test_label.py\n"
            );
            assert!(view::write(&files, folder.path()).unwrap_err().contains("is not empty"));
            (placed.commit.unwrap(), folder.sh("git cat-file --batch-all-objects --batch-check"))
        })
        .collect();
    assert_eq!(commits[0], commits[1]);
}
