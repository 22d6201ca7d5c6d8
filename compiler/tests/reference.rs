//! The reference page in the repository is the one that the table writes.

#![expect(clippy::disallowed_methods, reason = "a test of the repository reads the page from it")]

#[test]
fn the_page_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/REFERENCE.md");
    let page = sswe_compiler::schema::reference();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &page).expect("the page can be written");
    }
    let kept = std::fs::read_to_string(path).expect("the page is there");
    assert!(kept == page, "REFERENCE.md is old: run `UPDATE=1 cargo test -p sswe-compiler --test reference`");
}

#[test]
fn every_default_fits_its_type_and_range() {
    for (path, block, key) in sswe_compiler::schema::all_keys() {
        let Some(default) = key.default else { continue };
        let problem = sswe_compiler::schema::problem_of_default(key);
        assert!(problem.is_none(), "{path} of {}: `{default}`: {problem:?}", block.word);
        assert!(!key.required, "{path} is required and has a default");
    }
}
