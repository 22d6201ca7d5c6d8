//! What the kernels do with a GPU's memory: `cargo bench -p sswe-kernels --bench gpu`.
//!
//! Bytes of rows a second, on rows that lie on the device, beside what the device copies; then the same
//! from the host's memory, staging and bus included. Skipped, aloud, where there is no GPU.

#![allow(clippy::print_stdout, reason = "a bench prints what it finds")]

use std::{error::Error, sync::Arc, time::Instant};

use cudarc::{
    driver::{
        CudaContext, CudaSlice, CudaStream, DevicePtr, LaunchConfig, PushKernelArg, sys::CUevent_flags,
    },
    nvrtc::Ptx,
};
use sswe_kernels::{
    Dtype, Rows,
    cuda::{
        self, Gpu,
        nvrtc::{Nvrtc, Target},
        plan::{Argument, BLOCK_THREADS, Buffer, Launch, Limits, Plan, Problem, Step},
    },
    element::encode,
};

#[path = "../src/random.rs"]
mod random;

/// The problem of most figures: rows and numbers of each. As `f32`, 2 GiB.
const ROWS: usize = 512;
const DIM: usize = 1 << 20;

/// Runs of which the median is told.
const RUNS: usize = 21;

fn main() -> Result<(), Box<dyn Error>> {
    if let Err(missing) = cuda::available() {
        println!("skipped: {missing}");
        return Ok(());
    }
    let gpu = Gpu::open(0)?;
    let card = gpu.card();
    println!("{}, sm_{}{}, {} GiB", card.name, card.architecture.0, card.architecture.1, card.memory >> 30);
    let stream = CudaContext::new(0)?.new_stream()?;
    let copied = copied(&stream)?;
    println!("copy within the device: {copied:.0} GB/s, read and written");
    println!("{:22} {:>9} {:>8} {:>7} {:>9} {:>9}", "", "ms", "GB/s", "of copy", "Gnum/s", "totals ms");
    let nvrtc = Nvrtc::find()?;
    for dtype in Dtype::ALL {
        for (weighted, directions) in [(false, 1), (false, 4), (false, 32), (true, 1)] {
            let problem = Problem { dtype, rows: ROWS, dim: DIM, directions, weighted };
            let [sums, totals] = resident(&stream, &nvrtc, card.architecture, problem)?;
            let rate = (ROWS * dtype.row_bytes(DIM)) as f64 / sums / 1e6;
            let name = format!("{dtype} V={directions}{}", if weighted { " weighted" } else { "" });
            println!(
                "{name:22} {sums:9.3} {rate:8.0} {:6.0}% {:9.0} {totals:9.3}",
                100.0 * rate / copied,
                (ROWS * DIM) as f64 / sums / 1e6
            );
        }
    }
    for dtype in Dtype::ALL {
        let (seconds, bytes) = from_host(&gpu, dtype)?;
        println!("{dtype} V=1 from the host's memory: {:.1} GB/s", bytes as f64 / seconds / 1e9);
    }
    Ok(())
}

/// Returns the median of so many runs, in milliseconds.
fn median(
    stream: &Arc<CudaStream>,
    mut run: impl FnMut() -> Result<(), Box<dyn Error>>,
) -> Result<f64, Box<dyn Error>> {
    run()?;
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let start = stream.record_event(Some(CUevent_flags::CU_EVENT_DEFAULT))?;
        run()?;
        let end = stream.record_event(Some(CUevent_flags::CU_EVENT_DEFAULT))?;
        times.push(f64::from(start.elapsed_ms(&end)?));
    }
    times.sort_by(f64::total_cmp);
    Ok(times[RUNS / 2])
}

/// Returns what the device copies, in GB/s; bytes read and bytes written both count.
fn copied(stream: &Arc<CudaStream>) -> Result<f64, Box<dyn Error>> {
    let bytes = 1 << 30;
    let from: CudaSlice<u8> = stream.alloc_zeros(bytes)?;
    let mut to: CudaSlice<u8> = stream.alloc_zeros(bytes)?;
    let time = median(stream, || Ok(stream.memcpy_dtod(&from, &mut to)?))?;
    Ok(2.0 * bytes as f64 / time / 1e6)
}

/// Returns how long the kernels of a problem take whose rows lie on the device: sums, and totals.
fn resident(
    stream: &Arc<CudaStream>,
    nvrtc: &Nvrtc,
    (major, minor): (i32, i32),
    problem: Problem,
) -> Result<[f64; 2], Box<dyn Error>> {
    let plan = Plan::new(problem, Limits { batch: usize::MAX, stretch: usize::MAX });
    let Some(Step::Batch { launches, .. }) = plan.steps().nth(1) else { return Err("no batch".into()) };
    let code = nvrtc.compile(problem.dtype, Target::Cubin(major, minor))?;
    let module = stream.context().load_module(Ptx::from_binary(code.bytes))?;
    let buffer = |buffer| stream.alloc_zeros::<u8>(plan.bytes(buffer).max(16));
    let mut rows = buffer(Buffer::Rows)?;
    let row = encode(problem.dtype, &random::random(1, problem.dim));
    for at in 0..problem.rows {
        stream.memcpy_htod(&row, &mut rows.slice_mut(at * row.len()..(at + 1) * row.len()))?;
    }
    let (directions, weights) = (buffer(Buffer::Directions)?, buffer(Buffer::Weights)?);
    let (partials, totals) = (buffer(Buffer::Partials)?, buffer(Buffer::Totals)?);
    let address = |buffer| match buffer {
        Buffer::Rows => &rows,
        Buffer::Directions => &directions,
        Buffer::Weights => &weights,
        Buffer::Partials => &partials,
        Buffer::Totals => &totals,
    };
    let run = |launch: &Launch| -> Result<(), Box<dyn Error>> {
        let function = module.load_function(launch.kernel)?;
        let values: Vec<u64> = launch
            .arguments
            .iter()
            .map(|argument| match *argument {
                Argument::Number(number) => number,
                Argument::Address(buffer, offset) => address(buffer).device_ptr(stream).0 + offset as u64,
            })
            .collect();
        let mut call = stream.launch_builder(&function);
        for value in &values {
            call.arg(value);
        }
        let shape = LaunchConfig {
            grid_dim: (launch.blocks, 1, 1),
            block_dim: (BLOCK_THREADS, 1, 1),
            shared_mem_bytes: 0,
        };
        // SAFETY: a plan's launches fit its kernels and its buffers, all of which are here.
        unsafe { call.launch(shape)? };
        Ok(())
    };
    let (totals, sums): (Vec<&Launch>, Vec<&Launch>) =
        launches.iter().partition(|launch| launch.kernel == "total");
    let time = |launches: &[&Launch]| median(stream, || launches.iter().try_for_each(|launch| run(launch)));
    Ok([time(&sums)?, time(&totals)?])
}

/// Returns how long the whole takes from the host's memory, and the bytes of the rows.
fn from_host(gpu: &Gpu, dtype: Dtype) -> Result<(f64, usize), Box<dyn Error>> {
    let (values, direction) = (random::random(1, DIM), random::random(1, DIM));
    let bytes = encode(dtype, &values).repeat(ROWS);
    let rows = Rows::new(dtype, DIM, &bytes).ok_or("rows are not whole")?;
    // The first call compiles.
    gpu.sums(&rows, &[&direction], None)?;
    let start = Instant::now();
    gpu.sums(&rows, &[&direction], None)?;
    Ok((start.elapsed().as_secs_f64(), bytes.len()))
}
