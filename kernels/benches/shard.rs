//! A shard that is larger than memory: `cargo bench -p sswe-kernels --bench shard -- FOLDER GIB`.
//!
//! Writes a shard of so many GiB there, reads it once as a plain file, and compares its rows with one
//! direction: how fast, how evenly, and how much memory was resident. The system's copy is let go before
//! each; a memory cgroup of a few GiB around all of this keeps it from being read into memory again. The
//! file is removed at the end. Without arguments nothing is measured: nobody's disk is filled unasked.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and stops where it cannot")]

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
    sync::Mutex,
    time::Instant,
};

use sswe_kernels::{About, Dtype, Gradients, Settings, align, shard::Writer};

#[path = "../src/random.rs"]
mod random;

/// Numbers of a row: 16 MiB of them.
const DIM: usize = 4 << 20;

/// How often progress is told.
const PARTS: usize = 40;

/// The file, which is gone afterwards.
struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let [folder, gib] = words.as_slice() else {
        println!("skipped: name a folder and how many GiB the shard shall have");
        return;
    };
    let rows = gib.parse::<usize>().unwrap() << 30 >> 24;
    let shard = Removed(Path::new(folder).join("bench.shard"));
    let begun = Instant::now();
    write(&shard.0, rows);
    told("written, with checksums and norms", &shard.0, begun);
    forget(&shard.0);

    let begun = Instant::now();
    let (mut file, mut buffer) = (File::open(&shard.0).unwrap(), vec![0; 4 << 20]);
    while file.read(&mut buffer).unwrap() > 0 {}
    told("read from one end to the other", &shard.0, begun);
    forget(&shard.0);

    let values = random::random(9, DIM);
    let exam = Gradients::in_memory("exam", DIM, Dtype::F32, [("v".to_owned(), &*values)]);
    drop(values);
    let begun = Instant::now();
    let candidates = Gradients::open(&shard.0, false).unwrap();
    let parts = Mutex::new(vec![(0.0, Instant::now())]);
    let most = Mutex::new(0);
    let watch = |done: f64| {
        let mut parts = parts.lock().unwrap();
        if done >= parts.len() as f64 / PARTS as f64 {
            parts.push((done, Instant::now()));
            let mut most = most.lock().unwrap();
            *most = resident().max(*most);
        }
    };
    let found = align(&candidates, &exam, &[], &Settings::default(), &watch).unwrap();
    told("compared with one direction", &shard.0, begun);
    assert!(found.scores.iter().all(|score| score.score.is_some()));

    let parts = parts.into_inner().unwrap();
    let rate = |pair: &[(f64, Instant)]| {
        let share = pair[1].0 - pair[0].0;
        share * candidates.bytes() as f64 / (pair[1].1 - pair[0].1).as_secs_f64() / 1e9
    };
    let mut rates: Vec<f64> = parts.windows(2).map(rate).collect();
    rates.sort_by(f64::total_cmp);
    println!(
        "in {} parts: {:.2} GB/s at least, {:.2} in the middle, {:.2} at most; {} MiB resident at most",
        rates.len(),
        rates[0],
        rates[rates.len() / 2],
        rates[rates.len() - 1],
        most.into_inner().unwrap() >> 20,
    );
}

fn write(path: &Path, rows: usize) {
    // Each row begins somewhere else in these numbers.
    let values = random::random(1, DIM + (1 << 20));
    let mut writer = Writer::create(path, Dtype::F32, DIM, About::default()).unwrap();
    for row in 0..rows {
        let begin = row * 7919 % (1 << 20);
        writer.push(&row.to_string(), &values[begin..begin + DIM]).unwrap();
    }
    writer.finish().unwrap();
}

fn told(what: &str, path: &Path, begun: Instant) {
    let (bytes, seconds) = (std::fs::metadata(path).unwrap().len() as f64, begun.elapsed().as_secs_f64());
    println!("{what:<36} {:6.2} GB in {seconds:6.1} s: {:.2} GB/s", bytes / 1e9, bytes / seconds / 1e9);
}

/// Lets the system's copy of a file go.
fn forget(path: &Path) {
    let file = File::open(path).unwrap();
    file.sync_all().unwrap();
    #[cfg(target_os = "linux")]
    {
        use std::os::fd::AsRawFd as _;
        // SAFETY: the descriptor is open.
        unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
    }
}

/// Returns how many bytes of this process are resident.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or_default() * 4096
}
