//! Actions are remembered with what they made and why.

use std::sync::Arc;

use sswe_cache::{ActionKey, Batch, Components, Digest, Error, Output, Value};

use crate::scratch::{Scratch, action, key, noise, record, text};

#[test]
fn an_action_comes_back_whole() {
    let scratch = Scratch::new();
    let store = scratch.store();
    scratch.day(3);
    let run = store.begin_run("{}").unwrap();
    let mut batch = Batch::new(&store);
    let (body, sidecar) = (batch.put(b"body").unwrap(), batch.put(b"sidecar").unwrap());
    let mut new = action("main/r1/solve", "i1", body);
    new.outputs = vec![
        Output { name: "accepted".into(), body, sidecar: Some(sidecar) },
        Output { name: "funnel".into(), body: sidecar, sidecar: None },
    ];
    new.own = Components::new(vec![text("input", "x"), text("spec", "overridden")]);
    new.run = Some(run);
    batch.record(new.clone());
    assert!(batch.commit().unwrap().earlier.is_empty());

    let store = scratch.store();
    let found = store.action(&new.key).unwrap().unwrap();
    assert_eq!((&*found.stage, &*found.kind, &*found.item), ("main/r1/solve", "test", "i1"));
    assert_eq!(found.outputs, new.outputs);
    assert_eq!(found.output("funnel"), Some(sidecar));
    assert_eq!((found.wall_us, found.cost_micros, found.run), (1500, 7, Some(run)));
    assert_eq!(found.made, store.now());
    let components = store.components(&new.key).unwrap().unwrap();
    assert_eq!(components.get("spec"), Some(&Value::Text("overridden".into())));
    assert_eq!(components.iter().count(), 2);
    assert!(store.action(&key("other", "")).unwrap().is_none());
    assert!(store.components(&key("other", "")).unwrap().is_none());

    for actions in [
        store.actions().unwrap(),
        store.actions_of("main/r1/solve").unwrap(),
        store.actions_with(&[key("other", ""), new.key]).unwrap(),
    ] {
        assert_eq!(actions.len(), 1);
        let hit = actions.get(&new.key).unwrap();
        assert_eq!((hit.stage(), hit.kind(), hit.item()), ("main/r1/solve", "test", "i1"));
        let outputs: Vec<_> = hit.outputs().collect();
        assert_eq!(outputs, [("accepted", body, Some(sidecar)), ("funnel", sidecar, None)]);
        assert_eq!(hit.output("funnel"), Some(sidecar));
        assert_eq!(hit.output("absent"), None);
        assert!(actions.get(&key("other", "")).is_none());
    }
    assert!(store.actions_of("main/r1").unwrap().is_empty());
}

#[test]
fn latest_is_the_last_recorded() {
    let scratch = Scratch::new();
    let store = scratch.store();
    let mut batch = Batch::new(&store);
    let body = batch.put(b"x").unwrap();
    for (number, item) in ["a", "b", "a", "b", "a"].iter().enumerate() {
        let mut new = action("s", item, body);
        new.key = ActionKey(Digest::of(&[number as u8]));
        batch.record(new);
    }
    batch.record(action("t", "a", body));
    batch.commit().unwrap();
    let wanted = ActionKey(Digest::of(&[4]));
    assert_eq!(store.latest("s", "a").unwrap().unwrap().key, wanted);
    assert!(store.latest("s", "c").unwrap().is_none());
    let actions = store.actions().unwrap();
    assert_eq!(actions.latest("s", "a").unwrap().key(), wanted);
    assert_eq!(actions.latest("s", "b").unwrap().key(), ActionKey(Digest::of(&[3])));
    assert!(actions.latest("s", "c").is_none());
    assert!(actions.latest("u", "a").is_none());
}

#[test]
fn the_first_record_of_a_key_stays() {
    let scratch = Scratch::new();
    let store = scratch.store();
    let first = record(&store, "s", "a", b"first");
    record(&store, "s", "a", b"first");
    let mut batch = Batch::new(&store);
    let second = batch.put(b"second").unwrap();
    batch.record(action("s", "a", second));
    assert_eq!(batch.commit().unwrap().earlier, [key("s", "a")]);
    assert_eq!(store.action(&key("s", "a")).unwrap().unwrap().output("out"), Some(first));

    // Unless what it made is gone.
    store.discard(&first).unwrap();
    let second = record(&store, "s", "a", b"second");
    assert_eq!(store.action(&key("s", "a")).unwrap().unwrap().output("out"), Some(second));
}

#[test]
fn a_row_never_names_a_blob_that_is_not_there() {
    let scratch = Scratch::new();
    let store = scratch.store();
    let mut batch = Batch::new(&store);
    let kept = batch.put(&noise(1, 1_000_000)).unwrap();
    batch.record(action("s", "a", kept));
    batch.record(action("s", "b", Digest::of(b"absent")));
    let error = batch.commit().unwrap_err();
    assert!(matches!(error, Error::Missing { digest } if digest == Digest::of(b"absent")));
    // All or nothing, and the batch can be tried again.
    assert!(store.actions().unwrap().is_empty());
    assert!(!store.has(&kept).unwrap());
    assert!(scratch.files().iter().all(|file| file.contains("/tmp/")));
    batch.put(b"absent").unwrap();
    batch.commit().unwrap();
    assert_eq!(store.actions().unwrap().len(), 2);
    assert!(store.get(&kept).is_ok());
}

#[test]
fn what_a_stage_shares_is_stored_once() {
    let scratch = Scratch::new();
    let store = scratch.store();
    let shared = Arc::new(Components::new(vec![text("spec", &"x".repeat(10_000))]));
    let mut batch = Batch::new(&store);
    let body = batch.put(b"x").unwrap();
    for number in 0..1000 {
        let mut new = action("s", &number.to_string(), body);
        new.shared = shared.clone();
        batch.record(new);
    }
    batch.commit().unwrap();
    let bytes = sswe_cache::stats(&store).unwrap().index_bytes;
    assert!(bytes < 1_000_000, "{bytes}");
    let components = store.components(&key("s", "999")).unwrap().unwrap();
    assert_eq!(components.get("spec"), shared.get("spec"));
}
