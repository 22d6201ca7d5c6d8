//! Damage is found, named and mended; wrong bytes never come back.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use rusqlite::Connection;
use sswe_cache::verify::verify;
use sswe_cache::{Batch, Digest, Error, Store, Why, rebuild};

use crate::scratch::{Scratch, action, blob_file, check_clean, key, noise, record};

/// Damages a blob with `harm`, and checks that it is found by every reader, and mended.
fn check_damage(bytes: &[u8], harm: impl Fn(&Scratch, &Digest), wanted: &str) {
    let scratch = Scratch::new();
    let store = scratch.store();
    let digest = record(&store, "s", "a", bytes);
    record(&store, "s", "b", b"whole");
    check_clean(&store);
    harm(&scratch, &digest);

    let error = store.get(&digest).unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
    assert!(error.to_string().contains(wanted), "{error}");
    assert!(error.to_string().contains(&digest.short()), "{error}");
    let to = scratch.path().join("exported");
    assert!(store.export(&digest, &to).is_err());
    assert!(!to.exists());

    let found = verify(&store, false).unwrap();
    assert_eq!(found.damaged.len(), 1);
    assert_eq!((found.broken.len(), &*found.broken[0].item), (1, "a"));
    assert_eq!(found.actions, 2);
    assert!(store.action(&key("s", "a")).unwrap().is_some());

    assert!(verify(&store, true).unwrap().repaired);
    check_clean(&store);
    assert!(store.action(&key("s", "a")).unwrap().is_none());
    assert_eq!(store.tombstone(&key("s", "a")).unwrap().unwrap().why, Why::Damage);
    assert!(store.action(&key("s", "b")).unwrap().is_some());

    // The producer runs again.
    record(&store, "s", "a", bytes);
    assert!(store.get(&digest).unwrap() == bytes);
    assert!(store.tombstone(&key("s", "a")).unwrap().is_none());

    // The same without `verify`, as a build does it.
    harm(&scratch, &digest);
    assert!(store.get(&digest).is_err());
    assert_eq!(store.discard(&digest).unwrap(), [key("s", "a")]);
    record(&store, "s", "a", bytes);
    assert!(store.get(&digest).unwrap() == bytes);
    check_clean(&store);
}

fn flip(path: &Path, place: u64) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, place).unwrap();
    file.write_all_at(&[byte[0] ^ 4], place).unwrap();
}

/// A text that compresses, but not to nothing.
fn prose() -> Vec<u8> {
    let words: Vec<String> =
        (0..100_000u32).map(|n| format!("word{} ", n.wrapping_mul(7919) % 977)).collect();
    words.concat().into_bytes()
}

#[test]
fn a_flipped_bit() {
    let middle = |scratch: &Scratch, digest: &Digest| {
        let path = blob_file(scratch, digest);
        flip(&path, fs::metadata(&path).unwrap().len() / 2);
    };
    check_damage(&noise(1, 200_000), middle, "its bytes have changed");
    check_damage(&prose(), middle, "its bytes have changed");
}

#[test]
fn a_truncated_file() {
    let cut = |scratch: &Scratch, digest: &Digest| {
        let path = blob_file(scratch, digest);
        let length = fs::metadata(&path).unwrap().len();
        File::options().write(true).open(&path).unwrap().set_len(length - 1).unwrap();
    };
    check_damage(&noise(1, 200_000), cut, "its file has another length");
    check_damage(&prose(), cut, "its file has another length");
}

#[test]
fn a_deleted_file() {
    let delete = |scratch: &Scratch, digest: &Digest| {
        fs::remove_file(blob_file(scratch, digest)).unwrap();
    };
    check_damage(&noise(1, 200_000), delete, "its file is gone");
}

#[test]
fn a_flipped_bit_in_the_index() {
    let update = |scratch: &Scratch, _: &Digest| {
        let conn = Connection::open(scratch.store_path().join("index.sqlite")).unwrap();
        let sql = "UPDATE inline SET bytes = CAST('X' || substr(bytes, 2) AS BLOB) \
                   WHERE length(bytes) > 10";
        assert_eq!(conn.execute(sql, ()).unwrap(), 1);
    };
    check_damage(&noise(1, 1000), update, "its bytes have changed");
    check_damage(&prose()[..5000], update, "its bytes have changed");
}

#[test]
fn a_lost_file_is_replaced_by_the_next_put() {
    let scratch = Scratch::new();
    let store = scratch.store();
    for bytes in [noise(1, 200_000), prose()] {
        let digest = record(&store, "s", "a", &bytes);
        for harm in [0, 1] {
            let path = blob_file(&scratch, &digest);
            match harm {
                0 => fs::remove_file(&path).unwrap(),
                _ => fs::write(&path, "short").unwrap(),
            }
            assert_eq!(store.missing([&digest]).unwrap(), [digest]);
            record(&store, "s", "a", &bytes);
            assert!(store.get(&digest).unwrap() == bytes);
        }
    }
}

#[test]
fn files_of_nobody_are_found_and_removed() {
    let scratch = Scratch::new();
    let store = scratch.store();
    record(&store, "s", "a", &noise(1, 200_000));
    let stray = scratch.store_path().join("cas/00");
    fs::create_dir_all(&stray).unwrap();
    fs::write(stray.join("1".repeat(62)), "x").unwrap();
    fs::write(stray.join("README"), "x").unwrap();
    for repair in [false, true] {
        let found = verify(&store, repair).unwrap();
        assert_eq!((found.orphans.len(), found.is_clean()), (2, true), "a note, and no fault");
    }
    assert_eq!(verify(&store, false).unwrap().orphans.len(), 0);
    assert_eq!(scratch.files().len(), 1);
}

#[test]
fn an_altered_row_is_found() {
    let scratch = Scratch::new();
    let store = scratch.store();
    record(&store, "s", "a", b"one");
    record(&store, "s", "b", b"two");
    let conn = Connection::open(scratch.store_path().join("index.sqlite")).unwrap();
    // Still a row that names a blob which is there: only the sum tells.
    let sql = "UPDATE action SET outputs = (SELECT outputs FROM action WHERE item = 'b') \
               WHERE item = 'a'";
    conn.execute(sql, ()).unwrap();
    let found = verify(&store, true).unwrap();
    assert_eq!(found.broken.len(), 1);
    assert_eq!(found.broken[0].why, "its row was altered");
    assert!(store.action(&key("s", "a")).unwrap().is_none());
    check_clean(&store);
}

#[test]
fn a_store_of_a_newer_version_is_refused() {
    let scratch = Scratch::new();
    drop(scratch.store());
    let index = scratch.store_path().join("index.sqlite");
    let conn = Connection::open(&index).unwrap();
    conn.pragma_update(None, "user_version", 99).unwrap();
    drop(conn);
    let error = Store::open(&scratch.store_path(), scratch.options()).unwrap_err();
    assert!(matches!(error, Error::Newer { found: 99, .. }));
    let text = error.to_string();
    assert!(text.contains("has format 99, and this sswe knows formats up to 2"), "{text}");
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.store_path()).unwrap();
    fs::write(scratch.store_path().join("index.sqlite"), "hello ".repeat(1000)).unwrap();
    let error = Store::open(&scratch.store_path(), scratch.options()).unwrap_err();
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains("run `sswe cache verify --repair`"), "{error}");
}

const ITEMS: usize = 600;

/// Makes a store of several hundred pages, and closes it.
fn fill(scratch: &Scratch) -> Vec<Digest> {
    let store = scratch.store();
    let mut batch = Batch::new(&store);
    let mut digests = Vec::new();
    for number in 0..ITEMS {
        let size = if number % 20 == 0 { 50_000 } else { 2_000 };
        let digest = batch.put(&noise(number as u64, size)).unwrap();
        batch.record(action("s", &number.to_string(), digest));
        digests.push(digest);
    }
    batch.commit().unwrap();
    store.begin_run("{}").unwrap();
    digests
}

/// Returns the first pages of the tables that hold actions and what they made.
fn roots_of_actions(scratch: &Scratch) -> Vec<u64> {
    let conn = Connection::open(scratch.store_path().join("index.sqlite")).unwrap();
    conn.prepare(
        "SELECT rootpage FROM sqlite_schema WHERE name IN ('action', 'detail', 'shared', 'stage', 'inline')",
    )
    .unwrap()
    .query_map((), |row| row.get(0))
    .unwrap()
    .collect::<Result<_, _>>()
    .unwrap()
}

#[test]
fn corrupted_pages_are_reported_and_the_rest_is_kept() {
    // Every page in turn would take long; these are the first, and others from all over.
    for page in [1u64, 2, 3, 4, 5, 6, 7, 9, 12, 20, 40, 80, 120] {
        let scratch = Scratch::new();
        let digests = fill(&scratch);
        let roots = roots_of_actions(&scratch);
        let index = scratch.store_path().join("index.sqlite");
        let file = File::options().write(true).open(&index).unwrap();
        let pages = file.metadata().unwrap().len() / 8192;
        assert!(pages > 120, "{pages}");
        // From 100 on in the first: before that it is no database at all, which is tried above.
        let from = if page == 1 { 100 } else { 0 };
        file.write_all_at(&noise(page, 8192 - from), (page - 1) * 8192 + from as u64).unwrap();
        drop(file);

        let report =
            Store::open(&scratch.store_path(), scratch.options()).and_then(|store| verify(&store, false));
        match report {
            Ok(found) => assert!(!found.is_clean(), "page {page}: nothing found"),
            Err(Error::Corrupt { .. }) => (),
            Err(error) => panic!("page {page}: {error}"),
        }
        let salvaged = rebuild(&scratch.store_path(), sswe_cache::Time(0)).unwrap();
        let store = scratch.store();
        let found = verify(&store, false).unwrap();
        assert!(found.is_clean() && found.orphans.is_empty(), "page {page}: {found:?}");
        assert_eq!(salvaged.large_blobs, 30, "page {page}");
        assert_eq!(salvaged.actions, found.actions);
        // Without the schema on page 1, or a page that leads to all rows of a table, only the
        // files are left.
        if page > 1 && !roots.contains(&page) {
            assert!(found.actions > ITEMS as u64 / 2, "page {page}: {salvaged:?}");
        }
        // Whatever a row says, the blob it names is right.
        for hit in store.actions().unwrap().iter() {
            let number: usize = hit.item().parse().unwrap();
            assert_eq!(hit.output("out"), Some(digests[number]));
            assert!(store.get(&digests[number]).is_ok());
        }
        // And the store works.
        record(&store, "s", "new", b"new");
        check_clean(&store);
    }
}

#[test]
fn a_whole_store_is_rebuilt_without_loss() {
    let scratch = Scratch::new();
    fill(&scratch);
    let before = sswe_cache::stats(&scratch.store()).unwrap();
    let salvaged = rebuild(&scratch.store_path(), sswe_cache::Time(0)).unwrap();
    assert_eq!(salvaged.broken_actions, 0);
    let after = sswe_cache::stats(&scratch.store()).unwrap();
    assert_eq!((before.actions, before.runs), (after.actions, after.runs));
    assert_eq!((before.small_blobs, before.large_blobs), (after.small_blobs, after.large_blobs));
    assert!(scratch.store().components(&key("s", "7")).unwrap().is_some());
}

#[test]
fn a_store_in_use_is_not_rebuilt() {
    let scratch = Scratch::new();
    let store = scratch.store();
    let lease = store.lease(&[""]).unwrap();
    let error = rebuild(&scratch.store_path(), sswe_cache::Time(0)).unwrap_err();
    let wanted = format!("(process {} is at work in it)", std::process::id());
    assert!(error.to_string().contains(&wanted), "{error}");
    drop((lease, store));
    rebuild(&scratch.store_path(), sswe_cache::Time(0)).unwrap();
}
