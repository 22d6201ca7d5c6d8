//! Cosines of gradients: how near to the speed at which memory can be read at all.
//!
//! `cargo bench -p sswe-kernels --bench align [-- MIB WORD...]`. All contenders, or those whose names have
//! one of the words, run in turns on the same rows,
//! round after round, so that what else the machine does falls on all of them; a share is the median over
//! rounds of the quotient within one round, with its range. The floor is a plain read of the same bytes.
//! Times are processor time, divided by the threads, so that waiting for a processor counts for nothing.
//! With `SSWE_PEERS=PYTHON`, numpy and torch take turns too, as far as that Python has them
//! (`benches/peers.py`); OpenBLAS wants `env -u OPENBLAS_CORETYPE` where that is set.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and stops where it cannot")]

use std::{
    cell::RefCell,
    hint::black_box,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use sswe_kernels::{Dtype, Gradients, Isa, Settings, Strata, align, element::encode};

#[path = "../src/random.rs"]
mod random;

use random::random;

/// Numbers of a row.
const DIM: usize = 1 << 20;

/// Rounds that count.
const ROUNDS: usize = 9;

/// For each number of directions, the strata and the rows that they are made of: a direction for each
/// stratum and one for all; and from 20 rows on, all of them again without each tenth of the rows.
const MANY: [(usize, usize, usize); 4] = [(4, 3, 3), (8, 7, 7), (16, 15, 15), (34, 3, 40)];

struct Contender<'a> {
    name: String,
    threads: usize,
    /// Bytes that are read.
    bytes: usize,
    /// Products that are added.
    products: usize,
    /// Returns how many seconds of processor time it took.
    run: Box<dyn Fn() -> f64 + 'a>,
    seconds: Vec<f64>,
}

fn main() {
    let mib = std::env::args().filter_map(|word| word.parse::<usize>().ok()).next().unwrap_or(512);
    let rows = (mib << 20) / (4 * DIM);
    let values = random(1, rows * DIM);
    let direction = random(2, DIM);
    let kept: Vec<(Dtype, Vec<u8>, Gradients)> = Dtype::ALL
        .into_iter()
        .map(|dtype| {
            let rows = || values.chunks(DIM);
            let bytes = rows().flat_map(|row| encode(dtype, row)).collect();
            let named = rows().enumerate().map(|(at, row)| (at.to_string(), row));
            (dtype, bytes, Gradients::in_memory("rows", DIM, dtype, named))
        })
        .collect();
    let many = random(3, 40 * DIM);
    let many_bytes = encode(Dtype::F32, &many);
    let validation = Gradients::in_memory("exam", DIM, Dtype::F32, [("v".to_owned(), &*direction)]);
    println!(
        "{rows} rows of {DIM} numbers, {mib} MiB as f32; {}; {} processors; load {}",
        Isa::best().name(),
        std::thread::available_parallelism().map_or(0, usize::from),
        std::fs::read_to_string("/proc/loadavg").unwrap_or_default().split(' ').next().unwrap_or("unknown"),
    );
    let files = [&*kept[0].1, &*encode(Dtype::F32, &direction), &*many_bytes];
    let pythons: Vec<Python> = match std::env::var_os("SSWE_PEERS") {
        Some(python) => [1, 2].map(|threads| Python::start(Path::new(&python), threads, files)).into(),
        None => Vec::new(),
    };
    let mut contenders = Vec::new();
    for threads in [1, 2] {
        for (dtype, bytes, set) in &kept {
            let read = timed(move || read(bytes, threads));
            let name = |what: &str| format!("{dtype} {what}");
            let (bytes, products) = (bytes.len(), rows * DIM);
            contenders.push(Contender::new(name("read"), threads, bytes, products, read));
            let settings = Settings { threads, ..Settings::default() };
            let validation = &validation;
            let ours = timed(move || {
                black_box(align(set, validation, &[], &settings, &|_| ()).unwrap());
            });
            contenders.push(Contender::new(name("ours"), threads, bytes, products, ours));
        }
    }
    for (count, strata, of) in MANY {
        let exam: Vec<f32> = many[..of * DIM].to_vec();
        let named = exam.chunks(DIM).enumerate().map(|(at, row)| (at.to_string(), row));
        let exam = Gradients::in_memory("exam", DIM, Dtype::F32, named);
        let labels: Vec<String> = (0..of).map(|at| (at % strata).to_string()).collect();
        let (dtype, bytes, set) = &kept[0];
        let run = timed(move || {
            let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
            let settings = Settings { threads: 1, strata: Strata::Mean, ..Settings::default() };
            black_box(align(set, &exam, &labels, &settings, &|_| ()).unwrap());
        });
        let name = format!("{dtype} ours V={count}");
        contenders.push(Contender::new(name, 1, bytes.len(), rows * DIM * count, run));
    }
    peers(&mut contenders, &kept, &direction);
    pythons.iter().for_each(|python| python.contend(&mut contenders));
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let words: Vec<&String> = words.iter().filter(|word| word.parse::<usize>().is_err()).collect();
    contenders.retain(|own| {
        words.is_empty() || own.name.contains("read") || words.iter().any(|word| own.name.contains(*word))
    });
    for round in 0..=ROUNDS {
        for contender in &mut contenders {
            let seconds = (contender.run)() / contender.threads as f64;
            // The first round warms up.
            if round > 0 {
                contender.seconds.push(seconds);
            }
        }
    }
    print(&contenders);
}

fn print(contenders: &[Contender<'_>]) {
    println!("{:<18} threads    best  median  Gprod/s  % of floor (range)", "");
    for own in contenders {
        let gigabytes = |seconds: f64| own.bytes as f64 / seconds / 1e9;
        let (best, middle, _) = spread(own.seconds.clone());
        let floor = format!("{} read", own.name.split(' ').next().unwrap_or_default());
        let floor = contenders.iter().find(|other| other.threads == own.threads && other.name == floor);
        let (least, share, most) = quotient(floor.unwrap_or(own), own);
        println!(
            "{:<18} {:>7}  {:>6.1}  {:>6.1}  {:>7.2}  {:>4.0} ({:.0} to {:.0})",
            own.name,
            own.threads,
            gigabytes(best),
            gigabytes(middle),
            own.products as f64 / middle / 1e9,
            100.0 * share,
            100.0 * least,
            100.0 * most,
        );
    }
    for own in contenders.iter().filter(|own| own.name.contains("ours")) {
        let kind = own.name.split(' ').next().unwrap_or_default();
        let many = own.name.split_once("V=");
        for other in contenders.iter().filter(|other| other.threads == own.threads) {
            let is_peer = !other.name.contains("ours") && !other.name.contains("read");
            let is_same = other.name.starts_with(kind)
                && other.name.split_once("V=").map(|of| of.1) == many.map(|of| of.1);
            let is_bf16 = (&*own.name, &*other.name) == ("int8 ours", "bf16 ours");
            if is_peer && is_same || is_bf16 {
                // Products a second, in whatever type.
                let (least, times, most) = quotient(other, own);
                println!(
                    "{} is {times:.2} ({least:.2} to {most:.2}) times as fast as {} on {} of the processors",
                    own.name, other.name, own.threads
                );
            }
        }
    }
}

/// Returns how much faster the second is than the first: the least, the median and the most of all rounds.
fn quotient(one: &Contender<'_>, other: &Contender<'_>) -> (f64, f64, f64) {
    spread(one.seconds.iter().zip(&other.seconds).map(|(one, other)| one / other).collect())
}

fn spread(mut values: Vec<f64>) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    (values[0], values[values.len() / 2], values[values.len() - 1])
}

impl<'a> Contender<'a> {
    fn new(
        name: String,
        threads: usize,
        bytes: usize,
        products: usize,
        run: Box<dyn Fn() -> f64 + 'a>,
    ) -> Contender<'a> {
        Contender { name, threads, bytes, products, run, seconds: Vec::new() }
    }
}

/// Returns work that measures its own processor time.
fn timed<'a>(work: impl Fn() + 'a) -> Box<dyn Fn() -> f64 + 'a> {
    Box::new(move || {
        let begun = processor();
        work();
        processor() - begun
    })
}

/// Another program that takes turns.
struct Python {
    process: RefCell<(Child, ChildStdin, BufReader<ChildStdout>)>,
    folder: PathBuf,
}

impl Python {
    /// Starts it on so many threads; it has the rows, a direction and many of them.
    fn start(program: &Path, threads: usize, files: [&[u8]; 3]) -> Python {
        let folder = std::env::temp_dir().join(format!("sswe-bench-{}-{threads}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for (name, bytes) in ["rows.f32", "direction.f32", "directions.f32"].into_iter().zip(files) {
            std::fs::write(folder.join(name), bytes).unwrap();
        }
        let mut command = Command::new(program);
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers.py"));
        command.arg(&folder).arg(DIM.to_string());
        for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"] {
            command.env(name, threads.to_string());
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (to, from) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Python { process: RefCell::new((child, to, from)), folder }
    }

    fn line(&self) -> String {
        let mut line = String::new();
        self.process.borrow_mut().2.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    /// Adds all that it can do.
    fn contend<'a>(&'a self, contenders: &mut Vec<Contender<'a>>) {
        for at in 0.. {
            let line = self.line();
            let words: Vec<&str> = line.splitn(4, ' ').collect();
            let [threads, bytes, products, name] = *words else { break };
            let run = Box::new(move || {
                writeln!(self.process.borrow_mut().1, "{at}").unwrap();
                self.line().parse().unwrap()
            });
            let number = |word: &str| word.parse::<usize>().unwrap();
            let name = name.to_owned();
            contenders.push(Contender::new(name, number(threads), number(bytes), number(products), run));
        }
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.process.borrow_mut().0.kill();
        let _ = self.process.borrow_mut().0.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The cosines of a library that has kernels for each instruction set by hand.
fn peers<'a>(
    contenders: &mut Vec<Contender<'a>>,
    kept: &'a [(Dtype, Vec<u8>, Gradients)],
    direction: &[f32],
) {
    use simsimd::{SpatialSimilarity, bf16, f16};
    for (dtype, bytes, _) in kept {
        let direction = encode(*dtype, direction);
        macro_rules! of {
            ($number:ty) => {
                timed(move || {
                    let v = cast::<$number>(&direction);
                    for row in bytes.chunks(DIM * size_of::<$number>()) {
                        black_box(<$number as SpatialSimilarity>::cosine(cast(row), v));
                    }
                })
            };
        }
        let run = match dtype {
            Dtype::F32 => of!(f32),
            Dtype::Bf16 => of!(bf16),
            Dtype::F16 => of!(f16),
            // It has no blocks with scales.
            Dtype::Int8 => continue,
        };
        let products = bytes.len() / dtype.size();
        contenders.push(Contender::new(format!("{dtype} simsimd"), 1, bytes.len(), products, run));
    }
}

fn cast<T>(bytes: &[u8]) -> &[T] {
    // SAFETY: numbers of two or four bytes, of which every pattern is one.
    let (before, numbers, after) = unsafe { bytes.align_to::<T>() };
    assert!(before.is_empty() && after.is_empty(), "allocations of this size begin at a page");
    numbers
}

/// Reads bytes as fast as the processor can.
fn read(bytes: &[u8], threads: usize) {
    std::thread::scope(|scope| {
        for part in bytes.chunks(bytes.len().div_ceil(threads).next_multiple_of(4096)) {
            scope.spawn(|| black_box(read_part(part)));
        }
    });
}

fn read_part(bytes: &[u8]) -> u64 {
    #[cfg(target_arch = "x86_64")]
    if Isa::best() == Isa::Avx512 {
        // SAFETY: the processor has it.
        return unsafe { read_avx512(bytes) };
    } else if Isa::best() == Isa::Avx2 {
        // SAFETY: the processor has it.
        return unsafe { read_avx2(bytes) };
    }
    read_here(bytes)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn read_avx512(bytes: &[u8]) -> u64 {
    read_here(bytes)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn read_avx2(bytes: &[u8]) -> u64 {
    read_here(bytes)
}

/// Eight streams, which is more than any contender has; a load, an exclusive or and a hint for each
/// vector, nothing else.
#[inline(always)]
fn read_here(bytes: &[u8]) -> u64 {
    const STREAMS: usize = 8;
    let lines = bytes.as_chunks::<64>().0;
    let each = lines.len() / STREAMS;
    let mut sums = [[0u64; 8]; STREAMS];
    for at in 0..each {
        for (stream, sums) in sums.iter_mut().enumerate() {
            let line = &lines[stream * each + at];
            // As the kernels do, or the floor would be no floor.
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a hint reads nothing, so any address will do.
            unsafe {
                use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
                _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().wrapping_add(1536).cast());
            }
            let words = line.as_chunks::<8>().0;
            for (sum, word) in sums.iter_mut().zip(words) {
                *sum ^= u64::from_ne_bytes(*word);
            }
        }
    }
    sums.iter().flatten().fold(0, |all, sum| all ^ sum)
}

/// Returns the processor time of this process, in seconds.
fn processor() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel fills the structure.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}
