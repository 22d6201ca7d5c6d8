//! Cosines of gradients: how near to the speed at which memory can be read at all.
//!
//! `cargo bench -p sswe-kernels [-- MIB]`. All contenders run in turns on the same rows, round after
//! round, so that what else the machine does falls on all of them; a share is the median over rounds
//! of the quotient within one round. The floor is a plain read of the same bytes. Times are
//! processor time, divided by the threads, so that waiting for a processor counts for nothing.
//! `SSWE_BENCH_DATA=FOLDER` keeps the rows there, for `kernels/benches/peers.py`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and stops where it cannot")]

use std::{hint::black_box, path::Path};

use sswe_kernels::{Dtype, Gradients, Isa, Settings, align, element::encode};

/// Numbers of a row.
const DIM: usize = 1 << 20;

/// Rounds that count.
const ROUNDS: usize = 9;

struct Contender<'a> {
    name: String,
    threads: usize,
    /// Bytes that are read.
    bytes: usize,
    run: Box<dyn Fn() + 'a>,
    seconds: Vec<f64>,
}

fn main() {
    let mib = std::env::args().filter_map(|word| word.parse::<usize>().ok()).next().unwrap_or(512);
    let rows = (mib << 20) / (4 * DIM);
    let values = random(rows * DIM);
    let direction = random(DIM);
    let kept: Vec<(Dtype, Vec<u8>, Gradients)> = Dtype::ALL
        .into_iter()
        .map(|dtype| {
            let rows = || values.chunks(DIM);
            let bytes = rows().flat_map(|row| encode(dtype, row)).collect();
            let named = rows().enumerate().map(|(at, row)| (at.to_string(), row));
            (dtype, bytes, Gradients::in_memory("rows", DIM, dtype, named))
        })
        .collect();
    let validation = Gradients::in_memory("exam", DIM, Dtype::F32, [("v".to_owned(), &*direction)]);
    if let Some(folder) = std::env::var_os("SSWE_BENCH_DATA") {
        let folder = Path::new(&folder);
        std::fs::write(folder.join("rows.f32"), &kept[0].1).unwrap();
        std::fs::write(folder.join("direction.f32"), encode(Dtype::F32, &direction)).unwrap();
    }

    println!(
        "{rows} rows of {DIM} numbers, {mib} MiB as f32; {}; {} processors; load {}",
        Isa::best().name(),
        std::thread::available_parallelism().map_or(0, usize::from),
        std::fs::read_to_string("/proc/loadavg").unwrap_or_default().split(' ').next().unwrap_or("unknown"),
    );
    let mut contenders = Vec::new();
    for threads in [1, 2] {
        for (dtype, bytes, set) in &kept {
            contenders.push(Contender {
                name: format!("{dtype} read"),
                threads,
                bytes: bytes.len(),
                run: Box::new(move || read(bytes, threads)),
                seconds: Vec::new(),
            });
            let settings = Settings { threads, ..Settings::default() };
            let validation = &validation;
            contenders.push(Contender {
                name: format!("{dtype} ours"),
                threads,
                bytes: bytes.len(),
                run: Box::new(move || {
                    black_box(align(set, validation, &[], &settings, &|_| ()).unwrap());
                }),
                seconds: Vec::new(),
            });
        }
    }
    peers(&mut contenders, &kept, &direction);
    for round in 0..=ROUNDS {
        for contender in &mut contenders {
            let begun = processor();
            (contender.run)();
            // The first round warms up.
            if round > 0 {
                contender.seconds.push((processor() - begun) / contender.threads as f64);
            }
        }
    }
    print(&contenders, rows * DIM);
}

fn print(contenders: &[Contender<'_>], numbers: usize) {
    println!("{:<14} threads    best  median  Gelem/s  % of floor", "");
    for own in contenders {
        let gigabytes = |seconds: f64| own.bytes as f64 / seconds / 1e9;
        let best = own.seconds.iter().copied().fold(f64::MAX, f64::min);
        let middle = median(own.seconds.clone());
        let dtype = own.name.split(' ').next().unwrap_or_default();
        let floor = contenders
            .iter()
            .find(|floor| floor.threads == own.threads && floor.name == format!("{dtype} read"));
        let share = floor.map(|floor| {
            median(floor.seconds.iter().zip(&own.seconds).map(|(floor, own)| 100.0 * floor / own).collect())
        });
        println!(
            "{:<14} {:>7}  {:>6.1}  {:>6.1}  {:>7.2}  {:>10.0}",
            own.name,
            own.threads,
            gigabytes(best),
            gigabytes(middle),
            numbers as f64 / middle / 1e9,
            share.unwrap_or(f64::NAN),
        );
    }
    let times = |a: &str, b: &str| -> Option<f64> {
        let of = |name: &str| contenders.iter().find(|own| own.name == name && own.threads == 1);
        let (a, b) = (of(a)?, of(b)?);
        Some(median(a.seconds.iter().zip(&b.seconds).map(|(a, b)| b / a).collect()))
    };
    for (a, b) in [
        ("int8 ours", "bf16 ours"),
        ("bf16 ours", "f32 ours"),
        ("f32 ours", "f32 simsimd"),
        ("bf16 ours", "bf16 simsimd"),
        ("f16 ours", "f16 simsimd"),
    ] {
        if let Some(times) = times(a, b) {
            println!("{a} is {times:.2} times as fast as {b}, in numbers a second on 1 thread");
        }
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
                Box::new(move || {
                    let v = cast::<$number>(&direction);
                    for row in bytes.chunks(DIM * size_of::<$number>()) {
                        black_box(<$number as SpatialSimilarity>::cosine(cast(row), v));
                    }
                })
            };
        }
        let run: Box<dyn Fn() + 'a> = match dtype {
            Dtype::F32 => of!(f32),
            Dtype::Bf16 => of!(bf16),
            Dtype::F16 => of!(f16),
            // It has no blocks with scales.
            Dtype::Int8 => continue,
        };
        let name = format!("{dtype} simsimd");
        contenders.push(Contender { name, threads: 1, bytes: bytes.len(), run, seconds: Vec::new() });
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

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn random(length: usize) -> Vec<f32> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
    };
    (0..length).map(|_| next()).collect()
}
