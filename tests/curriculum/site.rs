//! A folder with a curriculum and its seeds, and what a build of it said.

use std::{collections::BTreeMap, fs, path::Path};

use crate::support::{Folder, Run, root};

/// A folder with `tiny.sswe` and its seeds.
pub(crate) struct Site {
    pub(crate) folder: Folder,
}

/// What a build did.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) code: i32,
    pub(crate) result: Option<String>,
    pub(crate) ran: u64,
    pub(crate) wall_s: f64,
    /// The items that ran, by stage.
    pub(crate) stages: BTreeMap<String, u64>,
    /// Why stages gave nothing.
    pub(crate) reasons: BTreeMap<String, String>,
    /// The digest of what each stage gave.
    pub(crate) digests: BTreeMap<String, String>,
    pub(crate) err: String,
}

impl Site {
    /// Makes a folder with the smallest whole curriculum.
    pub(crate) fn tiny() -> Site {
        let site = Site { folder: Folder::new() };
        site.write("tiny.sswe", &fs::read_to_string(root().join("examples/tiny.sswe")).unwrap());
        for seed in ["ledger", "slots"] {
            copy(&root().join("examples/seeds").join(seed), &site.folder.path(&format!("seeds/{seed}")));
        }
        site
    }

    /// Makes a folder with another curriculum and seeds of its own: names and texts.
    pub(crate) fn with(text: &str, files: &[(&str, &str)]) -> Site {
        let site = Site { folder: Folder::new() };
        site.write("tiny.sswe", text);
        for (name, text) in files {
            site.write(name, text);
        }
        site
    }

    /// Copies a seed of the examples under another name.
    pub(crate) fn copy_seed(&self, seed: &str, name: &str) {
        copy(&root().join("examples/seeds").join(seed), &self.folder.path(&format!("seeds/{name}")));
    }

    /// Returns a number that is larger each time.
    pub(crate) fn stores(&self) -> u32 {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        self.folder.write(name, text);
    }

    /// Changes the text of a file.
    #[track_caller]
    pub(crate) fn edit(&self, name: &str, from: &str, to: &str) {
        let text = self.folder.read(name);
        assert!(text.contains(from), "`{from}` is not in {name}:\n{text}");
        self.write(name, &text.replacen(from, to, 1));
    }

    /// Runs `sswe` with a store of that name.
    pub(crate) fn sswe(&self, store: &str, args: &str) -> Run {
        let store = self.folder.path(store);
        let args: Vec<&str> = args.split_whitespace().collect();
        self.folder.command(&args).env("SSWE_STORE", store.to_str().unwrap()).run()
    }

    /// Builds, with more arguments.
    pub(crate) fn build(&self, store: &str, args: &str) -> Built {
        let run = self.sswe(store, &format!("build tiny.sswe --output json {args}"));
        let mut built = Built {
            code: run.code.unwrap_or(-1),
            result: None,
            ran: 0,
            wall_s: 0.0,
            stages: BTreeMap::new(),
            reasons: BTreeMap::new(),
            digests: BTreeMap::new(),
            err: run.err.clone(),
        };
        for event in run.json_lines() {
            let text = |name: &str| event[name].as_str().map(str::to_owned);
            match event["kind"].as_str() {
                Some("stage.finished") => {
                    let stage = text("stage").unwrap();
                    let ran = event["ran"].as_u64().unwrap();
                    if ran > 0 {
                        built.stages.insert(stage.clone(), ran);
                    }
                    built.reasons.insert(stage.clone(), text("reason").unwrap_or_default());
                    if let Some(digest) = text("digest") {
                        built.digests.insert(stage, digest);
                    }
                }
                Some("run.finished") => {
                    built.result = text("result");
                    built.ran = event["ran"].as_u64().unwrap();
                    built.wall_s = event["wall_s"].as_f64().unwrap();
                }
                _ => (),
            }
        }
        built
    }

    /// Builds, and asserts that everything was made.
    #[track_caller]
    pub(crate) fn built(&self, store: &str, args: &str) -> Built {
        let built = self.build(store, args);
        assert_eq!(built.code, 0, "{}\n{:#?}", built.err, built.reasons);
        assert!(built.result.is_some() || args.contains("--until"));
        built
    }
}

impl Built {
    /// Returns how many items of stages whose name holds `part` ran.
    pub(crate) fn of(&self, part: &str) -> u64 {
        self.stages.iter().filter(|(stage, _)| stage.contains(part)).map(|(_, ran)| ran).sum()
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_name() == "__pycache__" {
            continue;
        }
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(&from, &to).unwrap();
        }
    }
}
