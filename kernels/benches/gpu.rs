//! What the kernels do with a GPU's memory: `cargo bench -p sswe-kernels --bench gpu`.
//!
//! Bytes of rows a second, on rows that lie on the device, beside what the device copies; then the same
//! from the host's memory, staging and bus included. Skipped, aloud, where there is no GPU.
//!
//! With `SSWE_PEERS=PYTHON`, torch does the same on the same device in the same run
//! (`benches/gpu_peers.py`). Files that are named are other sources of the kernels, to compare with ours.

#![allow(clippy::print_stdout, reason = "a bench prints what it finds")]

use std::{collections::BTreeMap, env, error::Error, fs, process::Command, sync::Arc, time::Instant};

use cudarc::{
    driver::{
        CudaContext, CudaModule, CudaSlice, CudaStream, DevicePtr, LaunchConfig, PushKernelArg,
        sys::CUevent_flags,
    },
    nvrtc::Ptx,
};
use sswe_kernels::{
    Device, Dtype, Gradients, Rows, Settings, Strata, align,
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
    let peers = peers()?;
    let nvrtc = Nvrtc::find()?;
    let mut sources = vec![(String::from("ours"), String::from(cuda::SOURCE))];
    for file in env::args().skip(1).filter(|word| !word.starts_with("--")) {
        sources.push((file.clone(), fs::read_to_string(&file)?));
    }
    for (name, source) in &sources {
        println!(
            "{:22} {:>9} {:>8} {:>7} {:>9} {:>9} {:>14}",
            name, "ms", "GB/s", "of copy", "Gnum/s", "totals ms", "torch takes"
        );
        for dtype in Dtype::ALL {
            let code = nvrtc.compile_source(
                source,
                dtype,
                Target::Cubin(card.architecture.0, card.architecture.1),
            )?;
            let module = stream.context().load_module(Ptx::from_binary(code.bytes))?;
            for (weighted, directions) in [(false, 1), (false, 4), (false, 32), (true, 1)] {
                let problem = Problem { dtype, rows: ROWS, dim: DIM, directions, weighted };
                let [sums, totals] = resident(&stream, &module, problem)?;
                let rate = (ROWS * dtype.row_bytes(DIM)) as f64 / sums / 1e6;
                let name = format!("{dtype} V={directions}{}", if weighted { " weighted" } else { "" });
                let peer = peers.get(&name).map(|ms| format!("{:.2} x", ms[0] / (sums + totals)));
                println!(
                    "{name:22} {sums:9.3} {rate:8.0} {:6.0}% {:9.0} {totals:9.3} {:>14}",
                    100.0 * rate / copied,
                    (ROWS * DIM) as f64 / sums / 1e6,
                    peer.unwrap_or_default(),
                );
            }
        }
    }
    for dtype in Dtype::ALL {
        let (seconds, bytes) = from_host(&gpu, dtype)?;
        print!("{dtype} V=1 from the host's memory: {:.1} GB/s", bytes as f64 / seconds / 1e9);
        match peers.get(&format!("host {dtype}")).map(Vec::as_slice) {
            Some([pageable, pinned]) => println!(
                "; torch takes {:.2} x, {:.2} x where the rows were pinned before",
                pageable / 1e3 / seconds,
                pinned / 1e3 / seconds
            ),
            _ => println!(),
        }
    }
    whole()
}

/// Prints how long all of `align` takes, from rows in the host's memory to scores, on either device.
fn whole() -> Result<(), Box<dyn Error>> {
    let set = |name: &str, dtype: Dtype, rows: usize, dim: usize, seed: u64| {
        let random = random::random(seed, dim + rows);
        let named = (0..rows).map(|at| (at.to_string(), &random[at..at + dim]));
        // The rows differ by where they begin, so that making them takes no longer than comparing them.
        Gradients::in_memory(name, dim, dtype, named)
    };
    let time = |candidates: &Gradients, exam: &Gradients, labels: &[&str], device| {
        let strata = if labels.is_empty() { Strata::Whole } else { Strata::Mean };
        let settings = Settings { device, strata, ..Settings::default() };
        let begun = Instant::now();
        let found = align(candidates, exam, labels, &settings, &|_| ())?;
        Ok::<_, Box<dyn Error>>((begun.elapsed().as_secs_f64(), found))
    };
    for dtype in [Dtype::F32, Dtype::Bf16] {
        let few = set("few", dtype, 2, 4096, 1);
        let opening = time(&few, &few, &[], Device::Cuda(0))?.0;
        println!(
            "align {dtype}, {ROWS} rows of {DIM}; to open the GPU once more and compile takes {opening:.2} s"
        );
        let candidates = set("candidates", dtype, ROWS, DIM, 2);
        for (rows, strata) in [(1, 0), (40, 3)] {
            let exam = set("exam", Dtype::F32, rows, DIM, 3);
            let labels: Vec<String> = (0..rows).map(|at| (at % strata.max(1)).to_string()).collect();
            let labels: Vec<&str> = labels.iter().map(String::as_str).filter(|_| strata > 0).collect();
            let (cpu, scores) = time(&candidates, &exam, &labels, Device::Cpu)?;
            let (cuda, same) = time(&candidates, &exam, &labels, Device::Cuda(0))?;
            if scores != same {
                return Err("the devices disagree".into());
            }
            println!(
                "  exam of {rows}, {strata} strata: processors {cpu:.2} s, GPU {cuda:.2} s, the same bits"
            );
        }
    }
    Ok(())
}

/// Returns what torch takes, in milliseconds, where `SSWE_PEERS` names a Python that has it.
fn peers() -> Result<BTreeMap<String, Vec<f64>>, Box<dyn Error>> {
    let Some(python) = env::var_os("SSWE_PEERS") else { return Ok(BTreeMap::new()) };
    let mut command = Command::new(python);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/gpu_peers.py"));
    let output = command.args([ROWS, DIM, RUNS].map(|number| number.to_string())).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let mut peers = BTreeMap::new();
    for line in String::from_utf8(output.stdout)?.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let (name, times) = match words[..] {
            ["host", dtype, ref times @ ..] => (format!("host {dtype}"), times),
            [dtype, directions, ref times @ ..] => (format!("{dtype} V={directions}"), times),
            _ => continue,
        };
        peers.insert(name, times.iter().map(|time| time.parse()).collect::<Result<_, _>>()?);
    }
    Ok(peers)
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
    module: &Arc<CudaModule>,
    problem: Problem,
) -> Result<[f64; 2], Box<dyn Error>> {
    let plan = Plan::new(problem, Limits { batch: usize::MAX, stretch: usize::MAX });
    let Some(Step::Batch { launches, .. }) = plan.steps().nth(1) else { return Err("no batch".into()) };
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
