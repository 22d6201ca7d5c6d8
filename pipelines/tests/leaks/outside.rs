//! L6 to L8: the sound code and the hidden tests beside the repository.

use std::os::unix::fs::symlink;

use sswe_engine::sandbox::Exit;
use sswe_pipelines::artifact::{File, Tree};
use sswe_pipelines::leaks::{Aim, Check, Finding, Library, code, copies, files, hidden, search, trace};
use sswe_pipelines::view::{self, View};

use crate::support::{CART, Folder, HIDDEN, answer, row, sandboxes, shop_with, solve, task};

/// Returns a view that withholds nothing, as benchmarks had it.
fn naive(more: &[(&str, &str)]) -> View {
    let mut files = shop_with(more).files;
    task().bug.into_iter().for_each(|(path, text)| files.replace(&path, text));
    View { files, withheld: Default::default() }
}

fn of(found: Vec<Finding>, check: Check) -> Vec<Finding> {
    found.into_iter().filter(|finding| finding.check == check).collect()
}

#[tokio::test]
async fn l06_the_fix_in_installed_packages() {
    let (folder, site) = (Folder::new(), Folder::new());
    view::write(&view::solver(&task(), &shop_with(&[])).files, folder.path()).unwrap();
    // Another release of the package itself, and a copy that another package brings under another name.
    site.write("shop/cart.py", CART);
    site.write("other/_vendor/basket.py", CART.replace("    amount = 0\n", "    amount = 0  # sum\n\n"));
    let mut library = Library::default();
    library.add(site.path(), "/site");
    let caught = code(&library, &answer());
    let places: Vec<&str> = caught.iter().map(|finding| finding.place.as_str()).collect();
    assert!(
        places.contains(&"/site/other/_vendor/basket.py") && places.contains(&"/site/shop/cart.py"),
        "{caught:#?}"
    );
    row("L6", "the fix in site-packages", "`/site/other/_vendor/basket.py` has the sound function", &caught);
    for (sandbox, around) in sandboxes(Some(site.path())).await {
        let step = "ls /site; python3 -c 'import shop.cart as c; print(c.__file__)'";
        let (_, said) = solve(&around, folder.path(), step).await;
        assert_eq!(said, "other\n/work/shop/cart.py\n", "{sandbox}");
        println!(
            "L6 | the package itself is installed | the sandbox, {sandbox}, does not show it: {said:?} | by construction"
        );
    }
    // What this machine has for its Python is not there either: pip alone brings dozens of packages.
    for (sandbox, around) in sandboxes(None).await {
        let step = "python3 -c 'import pip' 2>&1 | tail -n 1; ls /usr/share/python-wheels 2>/dev/null; \
         ls $(python3 -c 'import ensurepip, os; print(os.path.dirname(ensurepip.__file__))' 2>/dev/null)/_bundled \
         /usr/lib/python3*/dist-packages /usr/local/lib/python3*/*-packages 2>/dev/null | grep -v -e : -e '^$'";
        let (_, said) = solve(&around, folder.path(), step).await;
        assert_eq!(said, "ModuleNotFoundError: No module named 'pip'\n", "{sandbox}");
        println!("L6 | packages of the host's Python, {sandbox} | {said:?} | by construction");
    }
}

#[tokio::test]
async fn l06_the_fix_as_compiled_code() {
    let folder = Folder::new();
    view::write(&view::solver(&task(), &shop_with(&[])).files, folder.path()).unwrap();
    // Compiled before the bug was planted, and left behind: under another name, too.
    folder.write("sound/cart.py", CART);
    folder.sh(
        "python3 -c \"import py_compile; py_compile.compile('sound/cart.py', 'shop/__pycache__/cart.cpython-311.pyc'); \
         py_compile.compile('sound/cart.py', 'data.pyc')\"; rm -r sound",
    );
    let step = "python3 -c \"import marshal; print([c.co_consts for c in \
                marshal.loads(open('data.pyc','rb').read()[16:]).co_consts if hasattr(c, 'co_name')][0])\"";
    for (sandbox, around) in sandboxes(None).await {
        let (_, said) = solve(&around, folder.path(), step).await;
        let caught = search(folder.path(), &answer(), &around).await.unwrap();
        let places: Vec<&str> = caught.iter().map(|finding| finding.place.as_str()).collect();
        assert_eq!(places.len(), 2, "{sandbox}: {caught:#?}");
        assert!(places.contains(&"/work/data.pyc"), "{sandbox}: {caught:#?}");
        let happened = format!("{sandbox}: `marshal` gives its constants {}", said.trim());
        row("L6", "the fix in a .pyc", &happened, &caught);
    }
    // By its name alone it is found, too, and no view has it.
    let mut view = view::solver(&task(), &shop_with(&[]));
    view.files.insert("shop/__pycache__/cart.cpython-311.pyc", File::Text(String::new())).unwrap();
    row("L6", "a cache", "the view has a `__pycache__`", &files(&view));
}

#[tokio::test]
async fn l06_the_fix_in_what_was_built_or_kept() {
    let diff = CART.lines().map(|line| format!("-{line}\n")).collect::<String>();
    let more = [
        ("build/lib/shop/cart.py", CART),
        ("shop/cart.py.orig", CART),
        ("shop.egg-info/SOURCES.txt", "shop/cart.py\n"),
        ("vendor/cart.py", CART),
        ("old.patch", diff.as_str()),
    ];
    let caught = copies(&naive(&more), &answer());
    let places: Vec<&str> = caught.iter().map(|finding| finding.place.as_str()).collect();
    assert_eq!(places, ["build/lib/shop/cart.py", "shop/cart.py.orig", "vendor/cart.py"], "{caught:#?}");
    row("L6", "build/lib, .orig and a vendored copy", "three files hold the sound function", &caught);
    let view = view::solver(&task(), &shop_with(&more));
    let behind: Vec<&str> = view.withheld.keys().map(String::as_str).collect();
    assert_eq!(
        behind,
        ["build/lib/shop/cart.py", "shop.egg-info/SOURCES.txt", "shop/cart.py.orig", "tests/test_total.py"]
    );
    // What is not left behind but belongs to the repository stays, and is told.
    assert_eq!(copies(&view, &answer()).len(), 1);
    let folder = Folder::new();
    view::write(&view.files, folder.path()).unwrap();
    for (sandbox, around) in sandboxes(None).await {
        let found = of(search(folder.path(), &answer(), &around).await.unwrap(), Check::Search);
        let is_in = |place: &str| found.iter().any(|finding| finding.place.starts_with(place));
        assert!(is_in("/work/vendor/cart.py") && is_in("/work/.git/objects/"), "{sandbox}: {found:#?}");
        row("L6", "what was kept, and its object", &format!("the sandbox, {sandbox}, shows both"), &found);
    }
}

#[tokio::test]
async fn l07_the_package_can_be_fetched() {
    let folder = Folder::new();
    view::write(&view::solver(&task(), &shop_with(&[])).files, folder.path()).unwrap();
    let steps = [
        "python3 -m pip download toolz==1.0.0 --no-deps",
        "curl -sSL https://raw.githubusercontent.com/pytoolz/toolz/master/toolz/itertoolz.py",
        "git clone https://github.com/pytoolz/toolz",
        "python3 -c \"import urllib.request as u; u.urlopen('https://pypi.org/simple/toolz/', timeout=3)\"",
        "python3 -c \"import socket; socket.create_connection(('1.1.1.1', 443), 3)\"",
    ];
    let told = trace(&steps, &["toolz"]);
    assert_eq!(
        told.iter().map(|caught| (caught.step, caught.aim)).collect::<Vec<_>>(),
        [0, 1, 2, 3].map(|at| (at, Aim::Fetch))
    );
    for (sandbox, around) in sandboxes(None).await {
        for step in steps {
            let (exit, said) = solve(&around, folder.path(), step).await;
            assert!(!matches!(exit, Exit::Code(0)), "{sandbox}: {step}: {said}");
            let last = said.lines().next_back().unwrap_or_default();
            println!(
                "L7 | `{step}` | fails in the Solver's sandbox, {sandbox}: {last} | no network; `trace` tells of it"
            );
        }
    }
}

#[tokio::test]
async fn l08_hidden_tests_can_be_seen() {
    // A link in a folder is not followed, a link in an archive is a copy, and a patch is text like any other.
    let patch = HIDDEN.lines().map(|line| format!("+{line}\n")).collect::<String>();
    let more = [("r2e_tests/test_1.py", HIDDEN), ("test.patch", patch.as_str()), ("notes/run.log", HIDDEN)];
    let caught = hidden(&naive(&more), &answer());
    let places: Vec<&str> = caught.iter().map(|finding| finding.place.as_str()).collect();
    assert_eq!(places, ["notes/run.log", "r2e_tests/test_1.py", "test.patch", "tests/test_total.py"]);
    row("L8", "hidden tests in the work tree", "a copy by a link, a patch and a log hold the test", &caught);

    let view = view::solver(&task(), &shop_with(&more));
    let seen: Vec<&str> = view.files.iter().map(|(path, _)| path).collect();
    assert_eq!(
        seen,
        ["shop/__init__.py", "shop/cart.py", "test.patch", "tests/__init__.py", "tests/test_label.py"]
    );
    let caught = hidden(&view, &answer());
    assert_eq!(caught.iter().map(|finding| finding.place.as_str()).collect::<Vec<_>>(), ["test.patch"]);

    // The same from inside of the sandbox: links are not carried, objects of the repository are read.
    let (folder, secret) = (Folder::new(), Folder::new());
    secret.write("test_1.py", HIDDEN);
    let mut tree = Tree::clone(&view::solver(&task(), &shop_with(&[])).files);
    view::write(&tree, folder.path()).unwrap();
    symlink(secret.path(), folder.path().join("r2e_tests")).unwrap();
    let naive = Folder::new();
    tree.insert("tests/test_total.py", File::Text(HIDDEN.to_owned())).unwrap();
    view::write(&tree, naive.path()).unwrap();
    naive.sh("rm tests/test_total.py");
    for (sandbox, around) in sandboxes(None).await {
        let (exit, said) = solve(&around, folder.path(), "cat r2e_tests/test_1.py").await;
        assert_eq!(exit, Exit::Code(1), "{sandbox}: {said}");
        println!(
            "L8 | r2e_tests links to the tests | in the sandbox, {sandbox}: {} | by construction",
            said.trim()
        );
        assert_eq!(search(folder.path(), &answer(), &around).await.unwrap(), [], "{sandbox}");
        let caught = search(naive.path(), &answer(), &around).await.unwrap();
        assert!(
            caught.iter().all(|finding| finding.place.starts_with("/work/.git/objects/")),
            "{sandbox}: {caught:#?}"
        );
        let happened = format!("{sandbox}: its blob is in .git/objects");
        row("L8", "a hidden test that was deleted from the work tree", &happened, &caught);
    }
}

#[tokio::test]
async fn l08_hidden_tests_in_variables_and_processes() {
    let folder = Folder::new();
    view::write(&view::solver(&task(), &shop_with(&[])).files, folder.path()).unwrap();
    // The program that searches, run as a Solver's shell would be that was told too much.
    let program = include_str!("../../src/leaks/search.py");
    let wanted = serde_json::json!({
        "canaries": [["def test_discount_begins_at_a_hundred(", "a cart of 40 and 60 gets half off"]],
        "sound": [], "functions": [], "names": [], "system": [],
    });
    for (sandbox, around) in sandboxes(None).await {
        let python = around.python.program.display().to_string();
        let mut action =
            around.action(folder.path(), vec![python, "-sS".into(), "-c".into(), program.into()]).unwrap();
        action.env.insert("TEST_PATCH".to_owned(), HIDDEN.to_owned());
        action.argv.push(HIDDEN.to_owned());
        action.stdin = wanted.to_string().into_bytes();
        let outcome = around.run(action).await.unwrap();
        let found = String::from_utf8(outcome.stdout).unwrap();
        for place in ["the variable TEST_PATCH", "/environ", "/cmdline"] {
            let errors = String::from_utf8_lossy(&outcome.stderr);
            assert!(found.contains(place), "{sandbox}: {place}: {found} {errors}");
        }
        println!(
            "L8 | tests in a variable and an argument, {sandbox} | /proc/N/environ and /proc/N/cmdline hold them | \
             caught by `search`"
        );
    }
}
