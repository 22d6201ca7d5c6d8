//! The report of a build: what it tells, that it is safe to open, and curricula side by side.

use std::fs;

use super::site::Site;
use crate::support::Run;

/// Checks that a page is well-formed and needs nothing but itself; returns the ids in it.
#[track_caller]
fn checked(page: &str) -> Vec<String> {
    let lower = page.to_lowercase();
    for forbidden in ["<script", "http:", "https:", "@import", "javascript:", "url(//", "<img", "<link"] {
        assert!(!lower.contains(forbidden), "`{forbidden}` is in the page");
    }
    let (mut open, mut ids) = (Vec::<&str>::new(), Vec::new());
    let mut rest = page.strip_prefix("<!DOCTYPE html>").unwrap();
    while let Some((text, tail)) = rest.split_once('<') {
        // Every ampersand begins an entity; no bracket stands alone.
        assert!(open.last() == Some(&"style") || !text.contains('>'), "{text}");
        for entity in text.split('&').skip(1) {
            let name = entity.split(';').next().unwrap();
            assert!(["amp", "lt", "gt", "quot", "#39", "#160"].contains(&name), "&{name}");
        }
        let (tag, tail) = tail.split_once('>').unwrap();
        rest = tail;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "`</{name}>` closes something else");
            continue;
        }
        let name = tag.split([' ', '/']).next().unwrap();
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        assert!(!tag.contains("src=") && !tag.contains("href="), "{tag}");
        assert!(!tag.split('"').step_by(2).any(|outside| outside.contains(" on")), "{tag}");
        if let Some((_, id)) = tag.split_once(" id=\"") {
            ids.push(id.split('"').next().unwrap().to_owned());
        }
        if !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "{open:?} is never closed");
    let mut unique = ids.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), ids.len(), "an id stands twice");
    ids
}

fn page(site: &Site) -> String {
    fs::read_to_string(site.folder.path("report.html")).unwrap()
}

fn result_of(run: &Run) -> String {
    let last = run.out.lines().last().unwrap();
    serde_json::from_str::<serde_json::Value>(last).unwrap()["result"].as_str().unwrap().to_owned()
}

#[test]
fn a_report_tells_the_whole_build() {
    let site = Site::tiny();
    let built = site.sswe("store", "build tiny.sswe --output json").exits(0);
    built.mentions(&["report: ", "report.html"]);
    let page = page(&site);
    let ids = checked(&page);
    for section in [
        "resolved",
        "gates",
        "scores",
        "cards",
        "time",
        "repositories",
        "contamination",
        "settings",
        "m0",
        "t",
    ] {
        assert!(ids.iter().any(|id| id.trim_end_matches("-t") == section), "no {section} in {ids:?}");
    }
    let result = result_of(&site.sswe("store", "log 1 --output json").exits(0));
    let told = [
        &*result,
        "run 1",
        env!("CARGO_PKG_VERSION"),
        "tiny.sswe",
        "ledger",
        "off",
        "main.gates.stable.runs",
    ];
    for told in told {
        assert!(page.contains(told), "`{told}` is missing");
    }
    let host = site.folder.path(".").to_string_lossy().trim_end_matches("/.").to_owned();
    assert!(!page.contains(&host) && !page.contains("/tmp"), "a path of the host is in the page");
    assert!(page.contains("prefers-color-scheme: dark") && page.contains("@media print"));

    // The same store gives the same page, and so does the run when others followed it.
    let again = site.sswe("store", "report --out -").exits(0).out;
    assert!(again == page, "the page differs when it is written again");
    let written = || fs::metadata(site.folder.path("report.html")).unwrap().modified().unwrap();
    let before = written();
    site.sswe("store", "build tiny.sswe").exits(0).mentions(&["report: "]);
    assert_eq!(written(), before, "a build with nothing to do writes nothing");
    let first = site.sswe("store", "report 1 --out -").exits(0).out;
    assert!(first == page, "a later run changes what is told of an earlier one");
    // The second run has another number and no work; its times are those of the first, hatched.
    let second = site.sswe("store", "report last --out -").exits(0).out;
    checked(&second);
    assert!(second.contains("run 2") && second.contains(&result) && second.contains("class=\"lost\""));
    // Another place, and a file that is gone: the store knows enough.
    fs::remove_file(site.folder.path("tiny.sswe")).unwrap();
    site.sswe("store", "report 1 --out other.html").exits(0);
    assert!(site.folder.read("other.html") == page);
    site.sswe("store", "report 9").exits(2).mentions(&["there is no run 9"]);
}

#[test]
fn names_in_code_are_no_markup() {
    let site = Site::tiny();
    let shared = "def shared(a, b):\n    total = a * 17\n    total -= b\n    return total % 5\n";
    let hostile = "<img src=x onerror=alert(1)>&\".py";
    site.write("seeds/ledger/ledger/extra.py", shared);
    site.write(&format!("seeds/slots/slots/{hostile}"), &format!("# the same\n\n{shared}"));
    site.edit("tiny.sswe", "    separates\n", "    odd\n    separates\n");
    site.edit(
        "tiny.sswe",
        "model base",
        "gate odd { run = 'true # <script>x</script> /home/someone/secret/x' }\n\nmodel base",
    );
    let built = site.sswe("store", "build tiny.sswe --set main.rounds=1").exits(0);
    built.holds(&[
        "contamination: ledger (trained on) and slots (exam `practice`) share 1 file and 1 function",
    ]);
    let page = page(&site);
    checked(&page);
    assert!(page.contains("&lt;img src") || page.contains("&lt;img"), "the file is named");
    assert!(page.contains("&lt;script&gt;x"), "the setting is shown");
    assert!(!page.contains("someone"), "a path of the host is shown");
}

#[test]
fn cells_of_a_sweep_stand_side_by_side() {
    let site = Site::tiny();
    site.edit(
        "tiny.sswe",
        "curriculum main {",
        "sweep modes {\n  main.score.mode = [cosine, random]\n  repeat = 2\n}\n\ncurriculum main {",
    );
    site.edit("tiny.sswe", "  seed   = 1\n", "  seed   = 1\n  rounds = 1\n");
    let built = site.sswe("store", "build tiny.sswe --sweep modes").exits(0);
    built.holds(&[
        "exam practice",
        "score.mode = cosine  2 ",
        "score.mode = random  2 ",
        "clustered by repository",
    ]);
    let page = page(&site);
    assert!(checked(&page).contains(&"cells".to_owned()));
    let lines = site.sswe("store", "report --table --output json").exits(0).json_lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    let cosine = &lines[0];
    assert_eq!((&cosine["cell"], &cosine["seeds"]), (&"score.mode = cosine".into(), &2.into()));
    assert_eq!((&cosine["tasks"], &cosine["round"], &cosine["updates"]), (&4.into(), &1.into(), &1.0.into()));
    // The mean of what the runs say of themselves: seeds weigh the same.
    let own = |run: &str| -> f64 {
        let shown =
            site.sswe("store", &format!("show run tiny.sswe --json --set main.seed={run}")).exits(0).json();
        shown["rounds"][1]["evaluations"][0]["resolved"]["value"].as_f64().unwrap()
    };
    let pooled = cosine["last"]["value"].as_f64().unwrap();
    assert!((pooled - (own("1") + own("2")) / 2.0).abs() < 1e-12, "{cosine}");
    let text = site.sswe("store", "report --table").exits(0).out;
    assert!(text.starts_with("exam practice") && text.lines().count() == 4, "{text}");
}
