//! Several builds at once in one store.

use std::fs;

use crate::crash::{check_store, expected, spawn};
use crate::scratch::Scratch;

#[test]
fn two_and_four_processes_build_the_same() {
    let expected = expected();
    for count in [2, 4] {
        let scratch = Scratch::new();
        let names: Vec<String> = (0..count).map(|number| format!("result {number}")).collect();
        let children: Vec<_> = names.iter().map(|name| spawn(scratch.path(), name)).collect();
        for mut child in children {
            assert!(child.wait().unwrap().success());
        }
        for name in names {
            assert_eq!(fs::read_to_string(scratch.path().join(name)).unwrap(), expected);
        }
        check_store(scratch.path());
    }
}
