//! Bytes by digest: how they lie in the store, and how they are read back.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension};

use crate::error::At;
use crate::temp::TempFile;
use crate::{Digest, Error, Result, Store};

/// The largest blob that is kept inside the index, in bytes.
///
/// Measured in `benches/store.rs`: up to here a row is cheaper than a file of its own, which
/// costs a sync.
pub const INLINE_MAX: usize = 32 * 1024;

/// How the bytes of a blob lie in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    InlineRaw = 0,
    InlineZstd = 1,
    FileRaw = 2,
    FileZstd = 3,
}

impl Form {
    pub(crate) fn of(number: i64) -> Option<Form> {
        [Form::InlineRaw, Form::InlineZstd, Form::FileRaw, Form::FileZstd]
            .into_iter()
            .find(|&form| form as i64 == number)
    }

    pub(crate) fn in_file(self) -> bool {
        matches!(self, Form::FileRaw | Form::FileZstd)
    }
}

/// What the index says about a blob.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlobRow {
    pub(crate) id: i64,
    pub(crate) size: u64,
    pub(crate) stored: u64,
    pub(crate) form: Form,
}

impl Store {
    /// Returns the bytes with this digest.
    ///
    /// Fails with [`Error::Missing`] when there are none, and with [`Error::Damaged`] when they
    /// are no longer what they were: [`Store::discard`] it then, and make it again.
    pub fn get(&self, digest: &Digest) -> Result<Vec<u8>> {
        let (row, inline) = self.locate(digest)?;
        let mut bytes = Vec::with_capacity(row.size.min(1 << 30) as usize);
        match inline {
            Some(stored) => {
                bytes = decode_inline(&row, stored).ok_or_else(|| self.damaged(digest, &row, ALTERED))?;
                if Digest::of(&bytes) != *digest {
                    return Err(self.damaged(digest, &row, ALTERED));
                }
            }
            None => {
                let path = cas_path(self.path(), digest, row.form);
                let mut reader = self.open_file(digest, &row)?;
                // What the reader finds wrong with the bytes is no fault of the file system.
                reader.read_to_end(&mut bytes).map_err(|source| reader.fault(source, &path))?;
            }
        }
        Ok(bytes)
    }

    /// Opens the bytes with this digest for reading from the start.
    pub fn reader(&self, digest: &Digest) -> Result<BlobReader> {
        let (row, inline) = self.locate(digest)?;
        match inline {
            None => self.open_file(digest, &row),
            Some(_) => {
                let bytes = self.get(digest)?;
                Ok(BlobReader::new(*digest, &row, Box::new(io::Cursor::new(bytes))))
            }
        }
    }

    /// Writes the bytes with this digest to the new file `to`; none stays when that fails.
    pub fn export(&self, digest: &Digest, to: &Path) -> Result<()> {
        let mut reader = self.reader(digest)?;
        let mut file = File::create_new(to).at("make", to)?;
        let copied = copy(&mut reader, &mut file, to);
        if copied.is_err() {
            let _ = fs::remove_file(to);
        }
        copied
    }

    /// Returns whether the store has all bytes of this digest, going by their length.
    pub fn has(&self, digest: &Digest) -> Result<bool> {
        Ok(self.missing([digest])?.is_empty())
    }

    /// Returns the digests that the store does not have, going by the lengths of their bytes.
    pub fn missing<'d>(&self, digests: impl IntoIterator<Item = &'d Digest>) -> Result<Vec<Digest>> {
        self.read(|conn| {
            // One transaction: each statement of its own would take and leave a lock.
            let tx = conn.unchecked_transaction()?;
            let mut absent = Vec::new();
            for digest in digests {
                let there = find(&tx, digest)?
                    .is_some_and(|row| !row.form.in_file() || self.file_is_whole(digest, &row));
                if !there {
                    absent.push(*digest);
                }
            }
            Ok(absent)
        })
    }

    /// Returns the size of the content, when the store has it.
    pub fn size(&self, digest: &Digest) -> Result<Option<u64>> {
        Ok(self.read(|conn| find(conn, digest))?.map(|row| row.size))
    }

    pub(crate) fn file_is_whole(&self, digest: &Digest, row: &BlobRow) -> bool {
        let path = cas_path(self.path(), digest, row.form);
        fs::metadata(path).is_ok_and(|file| file.len() == row.stored)
    }

    fn locate(&self, digest: &Digest) -> Result<(BlobRow, Option<Vec<u8>>)> {
        let found = self.read(|conn| {
            let Some(row) = find(conn, digest)? else {
                return Ok(None);
            };
            if row.form.in_file() {
                return Ok(Some((row, None)));
            }
            let bytes = read_inline(conn, row.id)?;
            Ok(Some((row, Some(bytes.unwrap_or_default()))))
        })?;
        found.ok_or(Error::Missing { digest: *digest })
    }

    fn open_file(&self, digest: &Digest, row: &BlobRow) -> Result<BlobReader> {
        let path = cas_path(self.path(), digest, row.form);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(self.damaged(digest, row, "its file is gone"));
            }
            file => file.at("open", &path)?,
        };
        if file.metadata().at("read", &path)?.len() != row.stored {
            return Err(self.damaged(digest, row, TRUNCATED));
        }
        let content: Box<dyn Read + Send> = match row.form {
            Form::FileZstd => Box::new(zstd::stream::Decoder::new(file).at("read", &path)?),
            _ => Box::new(file),
        };
        Ok(BlobReader::new(*digest, row, content))
    }

    fn damaged(&self, digest: &Digest, row: &BlobRow, why: &'static str) -> Error {
        let path = match row.form.in_file() {
            true => cas_path(self.path(), digest, row.form),
            false => self.index_path().into(),
        };
        Error::Damaged { digest: *digest, path, why }
    }
}

const ALTERED: &str = "its bytes have changed";
const TRUNCATED: &str = "its file has another length";

/// Reads a blob from start to end.
///
/// The digest is known only at the end: the read that reaches it fails with
/// [`io::ErrorKind::InvalidData`] when the bytes before were not the right ones.
pub struct BlobReader {
    digest: Digest,
    left: u64,
    hasher: blake3::Hasher,
    content: Box<dyn Read + Send>,
}

impl BlobReader {
    fn new(digest: Digest, row: &BlobRow, content: Box<dyn Read + Send>) -> BlobReader {
        BlobReader { digest, left: row.size, hasher: blake3::Hasher::new(), content }
    }

    pub(crate) fn fault(&self, source: io::Error, path: &Path) -> Error {
        if source.kind() == io::ErrorKind::InvalidData {
            return Error::Damaged { digest: self.digest, path: path.into(), why: ALTERED };
        }
        Error::Io { what: "read", path: path.into(), source }
    }
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let altered = || io::Error::new(io::ErrorKind::InvalidData, ALTERED);
        if buffer.is_empty() {
            return Ok(0);
        }
        // A frame that no longer decodes is damage like any other.
        let read = self.content.read(buffer).map_err(|error| match error.raw_os_error() {
            None => altered(),
            Some(_) => error,
        })?;
        if read as u64 > self.left {
            return Err(altered());
        }
        self.left -= read as u64;
        self.hasher.update(&buffer[..read]);
        let done = read == 0;
        if done && (self.left > 0 || self.hasher.finalize().as_bytes() != self.digest.as_bytes()) {
            return Err(altered());
        }
        Ok(read)
    }
}

impl std::fmt::Debug for BlobReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("BlobReader").field(&self.digest).finish()
    }
}

/// Returns where the bytes of a larger blob lie.
pub(crate) fn cas_path(store: &Path, digest: &Digest, form: Form) -> PathBuf {
    let hex = digest.to_string();
    let suffix = if form == Form::FileZstd { ".zst" } else { "" };
    let (first, rest) = hex.split_at(2);
    store.join("cas").join(first).join(format!("{rest}{suffix}"))
}

/// Looks a blob up.
pub(crate) fn find(conn: &Connection, digest: &Digest) -> rusqlite::Result<Option<BlobRow>> {
    conn.prepare_cached("SELECT id, size, stored, form FROM blob WHERE digest = ?1")?
        .query_row([digest.as_bytes()], |row| {
            let form = row.get(3)?;
            Ok(BlobRow {
                id: row.get(0)?,
                size: row.get(1)?,
                stored: row.get(2)?,
                form: Form::of(form).ok_or(rusqlite::Error::IntegralValueOutOfRange(3, form))?,
            })
        })
        .optional()
}

/// Reads the stored bytes of a small blob.
pub(crate) fn read_inline(conn: &Connection, id: i64) -> rusqlite::Result<Option<Vec<u8>>> {
    conn.prepare_cached("SELECT bytes FROM inline WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()
}

/// Returns the content of a small blob from its stored bytes.
pub(crate) fn decode_inline(row: &BlobRow, stored: Vec<u8>) -> Option<Vec<u8>> {
    match row.form {
        Form::InlineZstd => {
            let size = usize::try_from(row.size).ok().filter(|&size| size <= INLINE_MAX)?;
            zstd::bulk::decompress(&stored, size).ok()
        }
        _ => Some(stored),
    }
}

/// A compressor, kept so that a batch makes only one.
pub(crate) type Zstd = zstd::bulk::Compressor<'static>;

/// Returns small bytes as they are stored.
pub(crate) fn encode_inline(zstd: &mut Zstd, bytes: &[u8]) -> (Form, Vec<u8>) {
    // Below this a frame saves nothing worth its time.
    if bytes.len() >= 256
        && let Ok(small) = zstd.compress(bytes)
        && pays(small.len(), bytes.len())
    {
        return (Form::InlineZstd, small);
    }
    (Form::InlineRaw, bytes.to_vec())
}

/// A larger blob in a file that no row names yet.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    pub(crate) stored: u64,
    pub(crate) form: Form,
}

/// Copies `content`, of about `length` bytes, to the new file `temp`, and hashes it on the way:
/// what is stored is what was hashed, even when the source changes meanwhile.
pub(crate) fn write_file(
    content: &mut (impl Read + ?Sized),
    length: u64,
    compress: bool,
    temp: &TempFile,
) -> Result<Written> {
    let path = temp.path();
    let file = File::create_new(path).at("make", path)?;
    let mut hasher = blake3::Hasher::new();
    let mut size = 0;
    let form = if compress { Form::FileZstd } else { Form::FileRaw };
    let mut buffer = vec![0; 1 << 20];
    let mut each = |sink: &mut dyn Write| -> Result<()> {
        loop {
            let read = fill(content, &mut buffer).at("read the source of", path)?;
            if read == 0 {
                return Ok(());
            }
            hasher.update(&buffer[..read]);
            size += read as u64;
            sink.write_all(&buffer[..read]).at("write", path)?;
        }
    };
    let file = if compress {
        let level = if length < LARGE { LEVEL } else { LEVEL_OF_LARGE };
        let mut encoder = zstd::stream::Encoder::new(file, level).at("compress", path)?;
        // They compress while this thread reads and hashes; to a reader it is a frame like any other.
        encoder.multithread(compressors(length)).at("compress", path)?;
        each(&mut encoder)?;
        encoder.finish().at("write", path)?
    } else {
        let mut file = file;
        each(&mut file)?;
        file
    };
    Ok(Written {
        digest: Digest::from_bytes(*hasher.finalize().as_bytes()),
        size,
        stored: file.metadata().at("read", path)?.len(),
        form,
    })
}

/// The level of zstd: the first, since ingest must keep up with the disk.
pub(crate) const LEVEL: i32 = 1;

/// The level for large content, where compressing is all that a build waits for: a third less time
/// than the first level takes.
const LEVEL_OF_LARGE: i32 = -1;

/// From how many bytes on content is large.
const LARGE: u64 = 16 << 20;

/// Returns how many threads compress that many bytes: 0 when it is done by the one that asks.
fn compressors(length: u64) -> u32 {
    // To start threads for less takes longer than they save. Each holds a few MiB.
    if length < LARGE {
        return 0;
    }
    match std::thread::available_parallelism() {
        Ok(cores) if cores.get() > 1 => cores.get().min(4) as u32,
        _ => 0,
    }
}

/// Guesses from up to three places whether a file is worth compressing.
pub(crate) fn is_compressible(zstd: &mut Zstd, file: &File, size: u64) -> io::Result<bool> {
    use std::os::unix::fs::FileExt;
    let (mut before, mut after) = (0, 0);
    let mut sample = vec![0; SAMPLE];
    for place in places(size) {
        let read = file.read_at(&mut sample, place)?;
        before += read;
        after += compressed_len(zstd, &sample[..read]);
    }
    Ok(pays(after, before))
}

/// Guesses from up to three places whether bytes are worth compressing.
pub(crate) fn bytes_are_compressible(zstd: &mut Zstd, bytes: &[u8]) -> bool {
    let (mut before, mut after) = (0, 0);
    for place in places(bytes.len() as u64) {
        let rest = &bytes[place as usize..];
        let sample = &rest[..rest.len().min(SAMPLE)];
        before += sample.len();
        after += compressed_len(zstd, sample);
    }
    pays(after, before)
}

/// Hashes a file without keeping it.
pub(crate) fn hash_file(path: &Path) -> Result<Digest> {
    let mut file = File::open(path).at("open", path)?;
    let mut hasher = blake3::Hasher::new();
    let size = file.metadata().at("read", path)?.len();
    let mut buffer = vec![0; size.clamp(1, 1 << 20) as usize + 1];
    loop {
        let read = fill(&mut file, &mut buffer).at("read", path)?;
        hasher.update(&buffer[..read]);
        if read < buffer.len() {
            return Ok(Digest::from_bytes(*hasher.finalize().as_bytes()));
        }
    }
}

/// How much of each place [`is_compressible`] looks at.
const SAMPLE: usize = 64 * 1024;

fn places(size: u64) -> impl Iterator<Item = u64> {
    let all = if size <= 4 * SAMPLE as u64 { 1 } else { 3 };
    [0, size / 2, size.saturating_sub(SAMPLE as u64)].into_iter().take(all)
}

fn compressed_len(zstd: &mut Zstd, bytes: &[u8]) -> usize {
    zstd.compress(bytes).map_or(bytes.len(), |small| small.len())
}

fn pays(after: usize, before: usize) -> bool {
    after < before - before / 8
}

fn copy(reader: &mut BlobReader, file: &mut File, to: &Path) -> Result<()> {
    let mut reader = BufReader::with_capacity(1 << 18, reader);
    loop {
        let bytes = match io::BufRead::fill_buf(&mut reader) {
            Ok(bytes) => bytes,
            Err(error) => return Err(reader.get_ref().fault(error, to)),
        };
        if bytes.is_empty() {
            return Ok(());
        }
        file.write_all(bytes).at("write", to)?;
        let read = bytes.len();
        io::BufRead::consume(&mut reader, read);
    }
}

/// Fills the buffer as far as there is content: fewer, larger calls hash faster.
fn fill(content: &mut (impl Read + ?Sized), buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match content.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
