//! Bytes go in and come back.

use std::fs;
use std::io::Read;

use sswe_cache::{Batch, Digest, Error, INLINE_MAX};

use crate::scratch::{Scratch, noise};

#[test]
fn bytes_of_every_size_and_kind_come_back() {
    let scratch = Scratch::new();
    let store = scratch.store();
    let mut batch = Batch::new(&store);
    let mut all = Vec::new();
    for size in [0, 1, 255, 256, INLINE_MAX, INLINE_MAX + 1, 3_000_000] {
        for bytes in [noise(size as u64, size), vec![b'a'; size]] {
            let digest = batch.put(&bytes).unwrap();
            assert_eq!(digest, Digest::of(&bytes));
            assert!(!store.has(&digest).unwrap(), "in the store before the commit");
            all.push((digest, bytes));
        }
    }
    batch.commit().unwrap();
    let store = scratch.store();
    for (digest, bytes) in all {
        assert_eq!(store.get(&digest).unwrap(), bytes);
        assert_eq!(store.size(&digest).unwrap(), Some(bytes.len() as u64));
        let mut read = Vec::new();
        store.reader(&digest).unwrap().read_to_end(&mut read).unwrap();
        assert!(read == bytes);
        let to = scratch.path().join("exported");
        store.export(&digest, &to).unwrap();
        assert!(fs::read(&to).unwrap() == bytes);
        fs::remove_file(&to).unwrap();
    }
}

#[test]
fn what_compresses_is_stored_smaller_and_noise_as_it_is() {
    let scratch = Scratch::new();
    let store = scratch.store();
    let mut batch = Batch::new(&store);
    let text = batch.put(&vec![b'a'; 1_000_000]).unwrap();
    let noise = batch.put(&noise(1, 1_000_000)).unwrap();
    batch.commit().unwrap();
    let file = |digest: Digest| crate::scratch::blob_file(&scratch, &digest);
    assert_eq!(file(text).extension().unwrap(), "zst");
    assert!(fs::metadata(file(text)).unwrap().len() < 10_000);
    assert_eq!(file(noise).extension(), None);
    let stats = sswe_cache::stats(&store).unwrap();
    assert_eq!((stats.large_blobs, stats.content_bytes), (2, 2_000_000));
}

#[test]
fn a_file_has_the_digest_of_its_bytes() {
    let scratch = Scratch::new();
    let store = scratch.store();
    for size in [10, 5_000_000] {
        let path = scratch.path().join(size.to_string());
        let bytes = noise(9, size);
        fs::write(&path, &bytes).unwrap();
        let mut batch = Batch::new(&store);
        let digest = batch.put_file(&path).unwrap();
        batch.commit().unwrap();
        assert_eq!(digest, Digest::of(&bytes));
        assert!(store.get(&digest).unwrap() == bytes);
    }
    let error = Batch::new(&store).put_file(&scratch.path().join("absent")).unwrap_err();
    assert!(error.to_string().contains("cannot open `"), "{error}");
}

#[test]
fn nothing_stays_of_a_batch_that_is_dropped() {
    let scratch = Scratch::new();
    let store = scratch.store();
    let bytes = noise(1, 1_000_000);
    let mut batch = Batch::new(&store);
    let digest = batch.put(&bytes).unwrap();
    assert_eq!(scratch.files().len(), 1);
    drop(batch);
    assert_eq!(scratch.files(), [""; 0]);
    let error = store.get(&digest).unwrap_err();
    assert!(matches!(error, Error::Missing { .. }));
    assert_eq!(
        error.to_string(),
        format!("the store has no blob {}: build again what made it", digest.short())
    );
}

#[test]
fn equal_bytes_are_stored_once() {
    let scratch = Scratch::new();
    let store = scratch.store();
    let (small, large) = (noise(1, 100), noise(2, 1_000_000));
    for _ in 0..3 {
        let (mut batch, mut other) = (Batch::new(&store), Batch::new(&store));
        for batch in [&mut batch, &mut other] {
            batch.put(&small).unwrap();
            batch.put(&large).unwrap();
            batch.put(&large).unwrap();
        }
        batch.append(other);
        batch.commit().unwrap();
        assert!(batch.is_empty());
    }
    let stats = sswe_cache::stats(&store).unwrap();
    assert_eq!((stats.small_blobs, stats.large_blobs), (1, 1));
    assert_eq!(scratch.files().len(), 1);
}

#[test]
fn missing_names_what_is_missing() {
    let scratch = Scratch::new();
    let store = scratch.store();
    let mut batch = Batch::new(&store);
    let here = batch.put(b"here").unwrap();
    batch.commit().unwrap();
    let absent = Digest::of(b"absent");
    assert_eq!(store.missing([&here, &absent]).unwrap(), [absent]);
}
