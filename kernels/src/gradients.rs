//! Sets of gradients: in memory, or in files that are mapped and read panel by panel.
//!
//! A file is a shard of many rows (see [`crate::shard`]), or a safetensors file of the
//! `socratic.grad/1` contract: one row, whose tensors stand one behind the other in the order of
//! their names. A set may be larger than memory; of what was read, nothing is kept.

use std::{
    fs,
    path::{Path, PathBuf},
};

use memmap2::{Advice, Mmap, UncheckedAdvice};
use twox_hash::XxHash3_64;

use crate::{
    Dtype, Error, Status,
    element::{self, BLOCK},
    fast::Panel,
    safetensors::{self, Header},
    shard,
};

/// Columns that are read together, and that have one checksum in a shard: whole chunks.
pub const PANEL: usize = 4 * crate::cpu::CHUNK;

/// Files that together are larger than this are let go page by page, once read.
const RESIDENT: usize = 256 << 20;

/// What gradients are of. Only those of one thing may be compared; an empty text is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// The fingerprint of names and shapes of the weights.
    pub keys: String,
    /// The digest of the adapter.
    pub adapter: String,
    /// The model below it.
    pub base: String,
    /// How coordinates were projected.
    pub projection: String,
    /// How the optimiser scaled them.
    pub precondition: String,
}

/// Rows that may be compared with each other.
#[derive(Debug)]
pub struct Gradients {
    path: PathBuf,
    about: About,
    dim: usize,
    rows: Vec<Row>,
    files: Vec<File>,
    is_large: bool,
}

#[derive(Debug)]
struct File {
    path: PathBuf,
    bytes: Bytes,
}

#[derive(Debug)]
enum Bytes {
    Owned(Vec<u8>),
    Mapped(Mmap),
}

impl std::ops::Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Bytes::Owned(bytes) => bytes,
            Bytes::Mapped(bytes) => bytes,
        }
    }
}

/// Where a row is.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) file: usize,
    pub(crate) dtype: Dtype,
    /// Offsets and numbers of the tensors that it consists of.
    pub(crate) pieces: Vec<(usize, usize)>,
    /// What a shard knows of it.
    pub(crate) stored: Option<Stored>,
}

/// What a shard knows of a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stored {
    /// The offset of its checksums, one for each panel.
    pub(crate) checks: usize,
    pub(crate) norm2: f64,
}

/// What was found in one file.
pub(crate) struct Opened {
    pub(crate) about: About,
    pub(crate) dim: usize,
    pub(crate) rows: Vec<Row>,
}

impl Gradients {
    /// Opens a file, or all files of a folder in the order of their names. Rows of different types
    /// are refused, unless `mixed` says that their types do not matter.
    pub fn open(path: &Path, mixed: bool) -> Result<Gradients, Error> {
        let io = |source| Error::Io { path: path.to_owned(), source };
        let paths = match fs::metadata(path).map_err(io)?.is_dir() {
            true => folder(path)?,
            false => vec![path.to_owned()],
        };
        let mut found: Option<Gradients> = None;
        for path in paths {
            let bytes = map(&path)?;
            let opened = file(&path, &bytes)?;
            let set = found.get_or_insert_with(|| Gradients {
                path: path.clone(),
                about: opened.about.clone(),
                dim: opened.dim,
                rows: Vec::new(),
                files: Vec::new(),
                is_large: false,
            });
            set.add(path, bytes, opened, mixed)?;
        }
        let mut set =
            found.filter(|set| !set.rows.is_empty()).ok_or(Error::Empty { path: path.to_owned() })?;
        set.path = path.to_owned();
        set.is_large = set.files.iter().map(|file| file.bytes.len()).sum::<usize>() > RESIDENT;
        Ok(set)
    }

    /// Keeps rows of `dim` numbers in memory, as they are.
    ///
    /// # Panics
    ///
    /// When a row has another length.
    pub fn in_memory<'a>(
        what: &str,
        dim: usize,
        dtype: Dtype,
        rows: impl IntoIterator<Item = (String, &'a [f32])>,
    ) -> Gradients {
        let (mut bytes, mut found) = (Vec::new(), Vec::new());
        for (name, values) in rows {
            assert_eq!(values.len(), dim, "all rows of a set have one length");
            let pieces = vec![(bytes.len(), element::width(dim))];
            bytes.extend(element::encode(dtype, values));
            found.push(Row { name, file: 0, dtype, pieces, stored: None });
        }
        Gradients {
            path: what.into(),
            about: About::default(),
            dim,
            rows: found,
            files: vec![File { path: what.into(), bytes: Bytes::Owned(bytes) }],
            is_large: false,
        }
    }

    fn add(&mut self, path: PathBuf, bytes: Bytes, opened: Opened, mixed: bool) -> Result<(), Error> {
        same((&self.path, &self.about, self.dim), (&path, &opened.about, opened.dim))?;
        self.about = known(&self.about, &opened.about);
        if let (Some(own), Some(new)) = (self.rows.first(), opened.rows.first())
            && own.dtype != new.dtype
            && !mixed
        {
            let (one, other) = (own.dtype.to_string(), new.dtype.to_string());
            return Err(Error::Differ {
                why: differ("numbers of type", (&self.path, &one), (&path, &other)),
                help: "write them as one type, or name the type that all are read as with --dtype",
            });
        }
        let file = self.files.len();
        self.rows.extend(opened.rows.into_iter().map(|row| Row { file, ..row }));
        self.files.push(File { path, bytes });
        Ok(())
    }

    /// Refuses another set whose gradients are of something else.
    pub fn same_as(&self, other: &Gradients) -> Result<(), Error> {
        same((&self.path, &self.about, self.dim), (&other.path, &other.about, other.dim))
    }

    /// Returns where the set is from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns what its gradients are of.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// Returns how many numbers each row has.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Returns how many rows there are.
    pub fn count(&self) -> usize {
        self.rows.len()
    }

    /// Returns what a row is called.
    pub fn name(&self, row: usize) -> &str {
        &self.rows[row].name
    }

    /// Returns the type of a row's numbers.
    pub fn dtype(&self, row: usize) -> Dtype {
        self.rows[row].dtype
    }

    /// Returns the bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes.len() as u64).sum()
    }

    /// Returns the file that a row is in.
    pub fn file(&self, row: usize) -> &Path {
        &self.files[self.rows[row].file].path
    }

    /// Returns the numbers of a row.
    pub fn values(&self, row: usize) -> Result<Vec<f32>, Error> {
        let mut values = Vec::with_capacity(self.dim);
        let mut scratch = Vec::new();
        for from in (0..self.dim).step_by(PANEL) {
            let to = self.dim.min(from + PANEL);
            let (dtype, panel) = self.panel(row, from, element::width(to), None, &mut scratch)?;
            values.extend(decode(dtype, to - from, panel));
        }
        Ok(values)
    }

    /// Returns the squared norm that a shard keeps for a row.
    pub fn stored_norm2(&self, row: usize) -> Option<f64> {
        self.rows[row].stored.map(|stored| stored.norm2)
    }

    /// Returns the columns from `from` to `to` of a row, at most one panel of them, and their type,
    /// which is `wanted` where that is given.
    pub(crate) fn panel<'a>(
        &'a self,
        row: usize,
        from: usize,
        to: usize,
        wanted: Option<Dtype>,
        scratch: &'a mut Vec<u8>,
    ) -> Result<(Dtype, Panel<'a>), Error> {
        let Row { name, file, dtype, pieces, stored } = &self.rows[row];
        let bytes: &[u8] = &self.files[*file].bytes;
        let size = dtype.size();
        let direct = match pieces.as_slice() {
            &[(offset, length)] if to <= length => {
                let scales = match dtype {
                    Dtype::Int8 => &bytes[offset + length..][from / BLOCK * 4..to / BLOCK * 4],
                    _ => &[],
                };
                Some(Panel { values: &bytes[offset + from * size..offset + to * size], scales, next: &[] })
            }
            _ => None,
        };
        if let (Some(stored), Some(panel)) = (stored, direct) {
            let at = stored.checks + from / PANEL * 8;
            if bytes[at..at + 8] != check(panel).to_le_bytes() {
                let why = format!("columns {from} to {to} are not what was written: their checksum differs");
                return Err(Error::Damaged { path: self.files[*file].path.clone(), row: name.clone(), why });
            }
        }
        let panel = match direct {
            Some(panel) if wanted.is_none_or(|wanted| wanted == *dtype) => return Ok((*dtype, panel)),
            Some(panel) => panel,
            None => {
                scratch.clear();
                scratch.resize((to - from) * size, 0);
                gather(bytes, pieces, size, from, scratch);
                if wanted.is_none_or(|wanted| wanted == *dtype) {
                    return Ok((*dtype, Panel { values: scratch, scales: &[], next: &[] }));
                }
                Panel { values: scratch, scales: &[], next: &[] }
            }
        };
        let wanted = wanted.unwrap_or(*dtype);
        *scratch = element::encode(wanted, &decode(*dtype, to - from, panel));
        let (values, scales) = scratch.split_at((to - from) * wanted.size());
        Ok((wanted, Panel { values, scales, next: &[] }))
    }

    /// Returns where a column of a row lies in memory, and what follows; nothing where it is in pieces.
    pub(crate) fn place(&self, row: usize, column: usize) -> &[u8] {
        let Row { file, dtype, pieces, .. } = &self.rows[row];
        match pieces.as_slice() {
            &[(offset, _)] => {
                self.files[*file].bytes.get(offset + column * dtype.size()..).unwrap_or_default()
            }
            _ => &[],
        }
    }

    /// Asks for columns of a row that will be read soon, where they may have to come from a disk: what the
    /// system reads unasked around a place in a file is mostly of columns that are not read until later.
    pub(crate) fn want(&self, row: usize, from: usize, to: usize) {
        let Row { file, dtype, pieces, .. } = &self.rows[row];
        let Bytes::Mapped(bytes) = &self.files[*file].bytes else { return };
        if !self.is_large {
            return;
        }
        let mut start = 0;
        for (offset, length) in pieces {
            let (first, last) = (from.max(start), to.min(start + length));
            if first < last {
                let begin = offset + (first - start) * dtype.size();
                // A hint, which a system may refuse.
                let _ = bytes.advise_range(Advice::WillNeed, begin, (last - first) * dtype.size());
            }
            start += length;
        }
    }

    /// Returns whether the rows may be larger than memory.
    pub(crate) fn is_large(&self) -> bool {
        self.is_large
    }

    /// Lets the memory of columns go that will not be read again.
    pub(crate) fn release(&self, row: usize, from: usize, to: usize) {
        let Row { file, dtype, pieces, .. } = &self.rows[row];
        let Bytes::Mapped(bytes) = &self.files[*file].bytes else { return };
        if !self.is_large {
            return;
        }
        let mut start = 0;
        for (offset, length) in pieces {
            let (first, last) = (from.max(start), to.min(start + length));
            if first < last {
                let (first, last) = ((first - start) * dtype.size(), (last - start) * dtype.size());
                // Whole pages: what they share with other columns is read once more.
                let begin = (offset + first) & !4095;
                // SAFETY: the map is read-only and of a file, so its pages come back when they are read.
                let _ = unsafe {
                    bytes.unchecked_advise_range(UncheckedAdvice::DontNeed, begin, offset + last - begin)
                };
            }
            start += length;
        }
    }
}

/// Returns the checksum of a panel: of its numbers, and with that as the seed, of its scales.
pub(crate) fn check(panel: Panel<'_>) -> u64 {
    let values = XxHash3_64::oneshot(panel.values);
    if panel.scales.is_empty() { values } else { XxHash3_64::oneshot_with_seed(values, panel.scales) }
}

/// Returns the first numbers of a panel.
pub(crate) fn decode(dtype: Dtype, count: usize, panel: Panel<'_>) -> Vec<f32> {
    match dtype {
        Dtype::Int8 => element::decode(dtype, count, &[panel.values, panel.scales].concat()),
        _ => element::decode(dtype, count, panel.values),
    }
}

/// Copies columns out of the pieces of a row; behind its end there are zeros.
fn gather(bytes: &[u8], pieces: &[(usize, usize)], size: usize, from: usize, into: &mut [u8]) {
    let to = from + into.len() / size;
    let mut start = 0;
    for (offset, length) in pieces {
        let (first, last) = (from.max(start), to.min(start + length));
        if first < last {
            into[(first - from) * size..(last - from) * size]
                .copy_from_slice(&bytes[offset + (first - start) * size..offset + (last - start) * size]);
        }
        start += length;
    }
}

fn differ(what: &str, one: (&Path, &str), other: (&Path, &str)) -> String {
    format!("{} has {what} {}, but {} has {}", one.0.display(), one.1, other.0.display(), other.1)
}

fn same(one: (&Path, &About, usize), other: (&Path, &About, usize)) -> Result<(), Error> {
    let (first, a, dim) = one;
    let (second, b, other_dim) = other;
    const ANOTHER: &str = "compare gradients of one adapter only: export them again with the same weights";
    const PROJECTED: &str = "export both with the same projection, from the same seed";
    if dim != other_dim {
        let (one, other) = (dim.to_string(), other_dim.to_string());
        return Err(Error::Differ {
            why: differ("a dimension of", (first, &one), (second, &other)),
            help: ANOTHER,
        });
    }
    let pairs = [
        ("weights with the fingerprint", &a.keys, &b.keys, ANOTHER),
        ("gradients of adapter", &a.adapter, &b.adapter, ANOTHER),
        ("gradients of model", &a.base, &b.base, ANOTHER),
        ("the projection", &a.projection, &b.projection, PROJECTED),
        ("the optimiser's scale", &a.precondition, &b.precondition, "export both with the same scale"),
    ];
    for (what, one, other, help) in pairs {
        if !one.is_empty() && !other.is_empty() && one != other {
            let (one, other) = (format!("`{one}`"), format!("`{other}`"));
            return Err(Error::Differ { why: differ(what, (first, &one), (second, &other)), help });
        }
    }
    Ok(())
}

/// Fills what one does not know with what the other does.
fn known(a: &About, b: &About) -> About {
    let either = |a: &String, b: &String| if a.is_empty() { b.clone() } else { a.clone() };
    About {
        keys: either(&a.keys, &b.keys),
        adapter: either(&a.adapter, &b.adapter),
        base: either(&a.base, &b.base),
        projection: either(&a.projection, &b.projection),
        precondition: either(&a.precondition, &b.precondition),
    }
}

/// Returns the gradient files of a folder; where it has an index, all that the index names.
fn folder(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let io = |source| Error::Io { path: path.to_owned(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(path).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path.extension().is_some_and(|ending| ending == "safetensors") {
            found.push(path);
        }
    }
    found.sort();
    let index = path.join("index.jsonl");
    if index.exists() {
        let text = fs::read_to_string(&index).map_err(|source| Error::Io { path: index.clone(), source })?;
        let form = |why: String| Error::Form {
            path: index.clone(),
            why,
            help: "export the missing gradients, or take their lines out of the index",
        };
        for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let entry: serde_json::Value = serde_json::from_str(line)
                .map_err(|error| form(format!("line {} is no JSON object: {error}", at + 1)))?;
            let name = entry.get("file").and_then(serde_json::Value::as_str);
            let name = name.ok_or_else(|| form(format!("line {} names no file", at + 1)))?;
            // By its last part, since an index is written beside its files, often on another machine.
            let last = Path::new(name).file_name();
            if !last.is_some_and(|last| found.iter().any(|path| path.file_name() == Some(last))) {
                return Err(form(format!("line {} names {name}, which is missing", at + 1)));
            }
        }
    }
    Ok(found)
}

fn map(path: &Path) -> Result<Bytes, Error> {
    let io = |source| Error::Io { path: path.to_owned(), source };
    let file = fs::File::open(path).map_err(io)?;
    if file.metadata().map_err(io)?.len() == 0 {
        return Ok(Bytes::Owned(Vec::new()));
    }
    // SAFETY: shards are renamed into place whole and never written again; whoever cuts a file off
    // while it is read ends this program, as with any mapped file.
    Ok(Bytes::Mapped(unsafe { Mmap::map(&file) }.map_err(io)?))
}

fn file(path: &Path, bytes: &[u8]) -> Result<Opened, Error> {
    let header = safetensors::read(path, bytes)?;
    match header.metadata.get("schema").map(String::as_str) {
        Some(shard::SCHEMA) => shard::read(path, bytes, &header),
        Some("socratic.grad/1") | None => one_row(path, &header),
        Some(other) => Err(Error::Form {
            path: path.to_owned(),
            why: format!("it has the schema `{other}`"),
            help: "gradients have the schema `socratic.grad/1`; shards are written by `sswe align --save`",
        }),
    }
}

/// Reads a file whose tensors are one row.
fn one_row(path: &Path, header: &Header) -> Result<Opened, Error> {
    let form = |why: String| Error::Form {
        path: path.to_owned(),
        why,
        help: "export the gradient again, all of its tensors as F32, BF16 or F16",
    };
    let (mut keys, mut pieces, mut dim) = (blake3::Hasher::new(), Vec::<(usize, usize)>::new(), 0usize);
    let mut type_of_row: Option<(Dtype, &str)> = None;
    for (name, tensor) in &header.tensors {
        let dtype = match tensor.dtype.as_str() {
            "F32" => Dtype::F32,
            "BF16" => Dtype::Bf16,
            "F16" => Dtype::F16,
            other => return Err(form(format!("tensor `{name}` has numbers of type {other}"))),
        };
        match type_of_row {
            None => type_of_row = Some((dtype, name)),
            Some((own, first)) if own != dtype => {
                return Err(form(format!("tensor `{first}` is {own}, but `{name}` is {dtype}")));
            }
            Some(_) => {}
        }
        let length = tensor.bytes.len() / dtype.size();
        keys.update(format!("{}:{name}{:?}\n", name.len(), tensor.shape).as_bytes());
        match pieces.last_mut() {
            // As the format's own library writes them, tensors follow each other.
            Some((offset, before)) if *offset + *before * dtype.size() == tensor.bytes.start => {
                *before += length
            }
            _ => pieces.push((tensor.bytes.start, length)),
        }
        dim += length;
    }
    let Some((dtype, _)) = type_of_row.filter(|_| dim > 0) else {
        return Err(form("it has no numbers".to_owned()));
    };
    let text = |key: &str| header.metadata.get(key).cloned().unwrap_or_default();
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let none = |text: String| if text == "none" { String::new() } else { text };
    let about = About {
        keys: keys.finalize().to_hex()[..16].to_owned(),
        adapter: text("adapter_sha256"),
        base: text("base_model"),
        projection: text("sketch"),
        precondition: none(text("optimizer_precond")),
    };
    let name = Some(text("task_id")).filter(|name| !name.is_empty()).unwrap_or(stem);
    let row = Row { name, file: 0, dtype, pieces, stored: None };
    Ok(Opened { about, dim, rows: vec![row] })
}

/// Returns what can be said of a row with this squared norm.
pub(crate) fn status(norm2: f64) -> Status {
    crate::Sums { dot: 0.0, norm2 }.status()
}
