//! Shards: many gradients in one file, which is a safetensors file.
//!
//! | tensor | what it holds |
//! |---|---|
//! | `rows` | the rows, padded as [`crate::element`] says; those of `int8` as bytes, scales included |
//! | `checks` | for each row, XXH3 of each panel of 16,384 columns (an `int8` panel's scales are hashed with its numbers' hash as the seed) |
//! | `norm2` | the squared norm of each row, as `align-v1` sums it |
//! | `status` | 0 where a row has a direction, 1 where it is zero, 2 where it is not finite |
//! | `names` | a JSON array: what the rows are called |
//!
//! The metadata holds the dimension, the type, what the gradients are of, and under `tables` the XXH3
//! of everything but the rows. A shard is written row by row into a file beside it, which is renamed
//! when it is whole and on disk; then it is never written again.

use std::{
    fs,
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use serde_json::json;
use twox_hash::XxHash3_64;

use crate::{
    Dtype, Error, Isa, Status,
    element::{self, width},
    fast::{self, Panel, Room, Totals, UNIT, Unit},
    gradients::{About, Gradients, Opened, PANEL, Row, Stored, check, status},
    safetensors::{Header, Tensor},
};

/// What a shard says it is.
pub(crate) const SCHEMA: &str = "sswe.shard/1";

const HELP: &str = "write the shard again from the gradients it was made of";

/// Bytes of the header are a multiple of this, so that rows begin at a page.
const PAGE: usize = 4096;

/// Writes a shard row by row.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    beside: PathBuf,
    file: std::io::BufWriter<fs::File>,
    dtype: Dtype,
    dim: usize,
    about: About,
    header: usize,
    names: Vec<String>,
    norms: Vec<f64>,
    checks: Vec<u64>,
    is_whole: bool,
}

impl Writer {
    /// Begins a shard of rows of `dim` numbers, which will be at `path` when it is finished.
    pub fn create(path: &Path, dtype: Dtype, dim: usize, about: About) -> Result<Writer, Error> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let beside = path.with_file_name(format!(".{name}.{}.part", std::process::id()));
        let io = |source| Error::Io { path: beside.clone(), source };
        let mut file = fs::File::create(&beside).map_err(io)?;
        let mut writer = Writer {
            path: path.to_owned(),
            header: 0,
            file: std::io::BufWriter::with_capacity(1 << 20, file.try_clone().map_err(io)?),
            beside: beside.clone(),
            dtype,
            dim,
            about,
            names: Vec::new(),
            norms: Vec::new(),
            checks: Vec::new(),
            is_whole: false,
        };
        // Room for the texts, and for as many digits as sizes can have.
        writer.header = (8 + writer.header_text(0, u64::MAX).len() + 16 * 20).next_multiple_of(PAGE);
        file.seek(SeekFrom::Start(writer.header as u64)).map_err(io)?;
        Ok(writer)
    }

    /// Adds a row.
    ///
    /// # Panics
    ///
    /// When the row has another length than the shard's.
    pub fn push(&mut self, name: &str, values: &[f32]) -> Result<(), Error> {
        assert_eq!(values.len(), self.dim, "all rows of a shard have one length");
        let row = element::encode(self.dtype, values);
        self.file.write_all(&row).map_err(|source| Error::Io { path: self.beside.clone(), source })?;
        let width = width(self.dim);
        let (values, scales) = row.split_at(width * self.dtype.size());
        let zeros = vec![Unit::default(); PANEL / UNIT];
        let mut totals = Totals { dots: vec![0.0], norm2: 0.0 };
        for from in (0..width).step_by(PANEL) {
            let to = width.min(from + PANEL);
            let panel = Panel {
                values: &values[from * self.dtype.size()..to * self.dtype.size()],
                scales: if scales.is_empty() { &[] } else { &scales[from / 32..to / 32] },
                next: &[],
            };
            self.checks.push(check(panel));
            let zeros = &zeros[..(to - from) / UNIT];
            let totals = std::slice::from_mut(&mut totals);
            fast::add(Isa::best(), self.dtype, &[panel], &[zeros], None, totals, &mut Room::default());
        }
        self.norms.push(totals.norm2);
        self.names.push(name.to_owned());
        Ok(())
    }

    /// Writes what belongs to all rows, and puts the shard where it shall be.
    pub fn finish(mut self) -> Result<(), Error> {
        let io = |source| Error::Io { path: self.beside.clone(), source };
        let tables = self.tables();
        self.file.write_all(&tables).map_err(io)?;
        let names = tables.len() - self.names.len() * (8 + 1) - self.checks.len() * 8;
        let facts = facts(self.dtype, self.dim, self.names.len(), &self.about);
        let sum = XxHash3_64::oneshot_with_seed(XxHash3_64::oneshot(facts.as_bytes()), &tables);
        let mut text = self.header_text(names, sum).into_bytes();
        // The format allows spaces at the end.
        text.resize(self.header - 8, b' ');
        self.file.seek(SeekFrom::Start(0)).map_err(io)?;
        self.file.write_all(&((self.header - 8) as u64).to_le_bytes()).map_err(io)?;
        self.file.write_all(&text).and_then(|()| self.file.flush()).map_err(io)?;
        self.file.get_ref().sync_all().map_err(io)?;
        fs::rename(&self.beside, &self.path).map_err(io)?;
        self.is_whole = true;
        // The name itself is on disk when the folder is.
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        fs::File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all()).map_err(io)
    }

    fn tables(&self) -> Vec<u8> {
        let mut tables = Vec::new();
        tables.extend(self.checks.iter().flat_map(|check| check.to_le_bytes()));
        tables.extend(self.norms.iter().flat_map(|norm2| norm2.to_le_bytes()));
        tables.extend(self.norms.iter().map(|norm2| number(status(*norm2))));
        tables.extend(json!(self.names).to_string().into_bytes());
        tables
    }

    fn header_text(&self, names: usize, sum: u64) -> String {
        let count = self.names.len();
        let panels = self.dim.div_ceil(PANEL);
        let (rows, shape, dtype) = match self.dtype {
            Dtype::F32 => (self.dtype.row_bytes(self.dim), width(self.dim), "F32"),
            Dtype::Bf16 => (self.dtype.row_bytes(self.dim), width(self.dim), "BF16"),
            Dtype::F16 => (self.dtype.row_bytes(self.dim), width(self.dim), "F16"),
            Dtype::Int8 => (self.dtype.row_bytes(self.dim), self.dtype.row_bytes(self.dim), "U8"),
        };
        let mut at = 0usize;
        let mut tensor = |dtype: &str, shape: &[usize], bytes: usize| {
            let from = at;
            at = at.saturating_add(bytes);
            json!({ "dtype": dtype, "shape": shape, "data_offsets": [from, at] })
        };
        let About { keys, adapter, base, projection, precondition } = &self.about;
        json!({
            "rows": tensor(dtype, &[count, shape], count * rows),
            "checks": tensor("I64", &[count, panels], count * panels * 8),
            "norm2": tensor("F64", &[count], count * 8),
            "status": tensor("U8", &[count], count),
            "names": tensor("U8", &[names], names),
            "__metadata__": {
                "schema": SCHEMA,
                "dim": self.dim.to_string(),
                "dtype": self.dtype.name(),
                "keys": keys,
                "adapter_sha256": adapter,
                "base_model": base,
                "sketch": projection,
                "optimizer_precond": precondition,
                "tables": format!("{sum:016x}"),
            },
        })
        .to_string()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.is_whole {
            // What is half written is of no use to anyone.
            let _ = fs::remove_file(&self.beside);
        }
    }
}

/// Writes all rows of a set as one shard.
pub fn save(gradients: &Gradients, path: &Path, dtype: Dtype, progress: &dyn Fn(f64)) -> Result<(), Error> {
    let mut writer = Writer::create(path, dtype, gradients.dim(), gradients.about().clone())?;
    for row in 0..gradients.count() {
        writer.push(gradients.name(row), &gradients.values(row)?)?;
        gradients.release(row, 0, gradients.dim());
        progress((row + 1) as f64 / gradients.count() as f64);
    }
    writer.finish()
}

/// Returns what a shard's header says, in one text: a bit that turned over in it changes the sum.
fn facts(dtype: Dtype, dim: usize, count: usize, about: &About) -> String {
    json!([
        SCHEMA,
        dtype.name(),
        dim,
        count,
        about.keys,
        about.adapter,
        about.base,
        about.projection,
        about.precondition
    ])
    .to_string()
}

fn number(status: Status) -> u8 {
    match status {
        Status::Ok => 0,
        Status::ZeroNorm => 1,
        Status::NonFinite => 2,
    }
}

/// Reads what a shard says of its rows; the rows themselves are checked when they are read.
pub(crate) fn read(path: &Path, bytes: &[u8], header: &Header) -> Result<Opened, Error> {
    parse(bytes, header).map_err(|why| Error::Form { path: path.to_owned(), why, help: HELP })
}

fn parse(bytes: &[u8], header: &Header) -> Result<Opened, String> {
    let text = |key: &str| {
        header.metadata.get(key).cloned().ok_or_else(|| format!("this shard's metadata lacks `{key}`"))
    };
    let tensor = |name: &str| -> Result<&Tensor, String> {
        header.tensors.get(name).ok_or_else(|| format!("this shard lacks the tensor `{name}`"))
    };
    let about = About {
        keys: text("keys")?,
        adapter: text("adapter_sha256")?,
        base: text("base_model")?,
        projection: text("sketch")?,
        precondition: text("optimizer_precond")?,
    };
    let dtype = Dtype::of(&text("dtype")?).ok_or("this shard's type is not known")?;
    let dim: usize = text("dim")?.parse().map_err(|_| "this shard's dimension is no number")?;
    let (rows, checks, norms) = (tensor("rows")?, tensor("checks")?, tensor("norm2")?);
    let (statuses, names) = (tensor("status")?, tensor("names")?);
    let count = statuses.bytes.len();
    let panels = dim.div_ceil(PANEL);
    // No number that a file says is multiplied before it is known to be no larger than the file.
    let row_bytes = if dim <= bytes.len() { dtype.row_bytes(dim) } else { usize::MAX };
    let is_consistent = dim > 0
        && row_bytes.checked_mul(count) == Some(rows.bytes.len())
        && checks.bytes.len() == count * panels * 8
        && norms.bytes.len() == count * 8
        && rows.bytes.end == checks.bytes.start
        && checks.bytes.end == norms.bytes.start
        && norms.bytes.end == statuses.bytes.start
        && statuses.bytes.end == names.bytes.start;
    if !is_consistent {
        return Err("this shard is damaged: its sizes disagree".to_owned());
    }
    let facts = facts(dtype, dim, count, &about);
    let tables = &bytes[checks.bytes.start..names.bytes.end];
    let sum = XxHash3_64::oneshot_with_seed(XxHash3_64::oneshot(facts.as_bytes()), tables);
    if text("tables")? != format!("{sum:016x}") {
        return Err("this shard is damaged: what it says of its rows is not what was written".to_owned());
    }
    let list: Vec<String> = serde_json::from_slice(&bytes[names.bytes.clone()])
        .map_err(|_| "this shard is damaged: its names are no list")?;
    if list.len() != count {
        return Err("this shard is damaged: not every row has a name".to_owned());
    }
    let rows = list.into_iter().enumerate().map(|(at, name)| {
        let norm2 = bytes[norms.bytes.start + at * 8..][..8].try_into().unwrap_or_default();
        let stored =
            Stored { checks: checks.bytes.start + at * panels * 8, norm2: f64::from_le_bytes(norm2) };
        let pieces = vec![(rows.bytes.start + at * row_bytes, width(dim))];
        Row { name, file: 0, dtype, pieces, stored: Some(stored) }
    });
    Ok(Opened { about, dim, rows: rows.collect() })
}
