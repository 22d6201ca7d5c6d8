//! Numbers that no crate's version changes, sets of them, and folders that vanish.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use serde_json::{Map, Value, json};
use sswe_kernels::{Dtype, Gradients};

#[path = "../../src/random.rs"]
mod numbers;

pub(crate) use numbers::random;

/// Returns rows of such numbers.
pub(crate) fn rows(seed: u64, count: usize, dim: usize) -> Vec<Vec<f32>> {
    (0..count).map(|at| random(seed + at as u64, dim)).collect()
}

/// Keeps rows in memory, called by their numbers.
pub(crate) fn set(dtype: Dtype, rows: &[Vec<f32>]) -> Gradients {
    let dim = rows.first().map_or(700, Vec::len);
    let named = rows.iter().enumerate().map(|(at, row)| (at.to_string(), row.as_slice()));
    Gradients::in_memory("memory", dim, dtype, named)
}

/// A folder that is removed with everything in it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("sswe-kernels-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl AsRef<Path> for Folder {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

/// Writes a safetensors file: tensors of these types and numbers, in this order.
pub(crate) fn safetensors(path: &Path, metadata: &[(&str, &str)], tensors: &[(&str, Dtype, &[f32])]) {
    let (mut header, mut data) = (Map::new(), Vec::<u8>::new());
    let metadata: Map<String, Value> =
        metadata.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    header.insert("__metadata__".to_owned(), Value::Object(metadata));
    for (name, dtype, values) in tensors {
        let from = data.len();
        let row = sswe_kernels::element::encode(*dtype, values);
        data.extend(&row[..values.len() * dtype.size()]);
        let dtype = dtype.name().to_uppercase();
        let entry = json!({ "dtype": dtype, "shape": [values.len()], "data_offsets": [from, data.len()] });
        header.insert((*name).to_owned(), entry);
    }
    let header = Value::Object(header).to_string();
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    fs::write(path, bytes).unwrap();
}
