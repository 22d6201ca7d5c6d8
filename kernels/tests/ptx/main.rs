//! Runs the kernels without a GPU: interprets the PTX that NVRTC makes of them, and compares every bit.
//!
//! NVRTC is a library of 60 MB that needs no GPU: `pip install nvidia-cuda-nvrtc`, and let `SSWE_NVRTC`
//! name the folder that holds `libnvrtc.so`. Without it, these tests say that they are skipped.
#![cfg(feature = "cuda")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod cases;
mod laws;
mod machine;
mod memory;
mod parse;
mod pure;

use std::{collections::BTreeMap, io::Write};

use cases::{Case, Random};
use memory::Memory;
use parse::Kernel;
use sswe_kernels::{
    Device, Dtype, Gradients, Settings, Strata, Sums, align,
    cuda::{
        Gpu, SOURCE, available,
        nvrtc::{Nvrtc, Target},
        plan::{Argument, BLOCK_THREADS, Buffer, Piece, Plan, Problem, SLOTS, Step, fill},
    },
};

/// The architecture whose PTX is interpreted.
const INTERPRETED: (i32, i32) = (9, 0);

/// Those whose code must keep all of its numbers in registers: A100, H100 and H200, RTX 50.
const COMPILED: [(i32, i32); 3] = [(8, 0), (9, 0), (12, 0)];

/// Says what a passing test would otherwise keep to itself.
fn say(text: &str) {
    // Not by a macro: what macros print is shown of failing tests only.
    let _ = std::io::stderr().write_all(format!("{text}\n").as_bytes());
}

/// Returns NVRTC; nothing where there is none, unless a variable promises it.
fn nvrtc() -> Option<Nvrtc> {
    match Nvrtc::find() {
        Ok(nvrtc) => Some(nvrtc),
        Err(missing) if std::env::var_os("SSWE_NVRTC").is_some() => panic!("{missing}"),
        Err(missing) => {
            say(&format!("skipped: {missing}"));
            None
        }
    }
}

/// Does what a plan says, as `Gpu::sums` does, on the interpreter.
fn interpret(kernels: &BTreeMap<String, Kernel>, case: &Case) -> Result<Vec<Sums>, String> {
    let (rows, directions, weights) = (case.rows(), case.directions(), case.weights.as_deref());
    let problem = Problem {
        dtype: case.dtype,
        rows: case.rows,
        dim: case.dim,
        directions: directions.len(),
        weighted: weights.is_some(),
    };
    let plan = Plan::new(problem, case.limits);
    let mut memory = Memory::default();
    let [directions_at, weights_at, totals_at] = [Buffer::Directions, Buffer::Weights, Buffer::Totals]
        .map(|buffer| memory.allocate(plan.bytes(buffer)));
    let slots: Vec<[u64; 2]> = (0..SLOTS)
        .map(|_| [Buffer::Rows, Buffer::Partials].map(|buffer| memory.allocate(plan.bytes(buffer))))
        .collect();
    memory.fill(totals_at, &vec![0; plan.bytes(Buffer::Totals)]);
    let bytes = |piece: &Piece, length: usize| {
        let mut bytes = vec![0xff; length];
        fill(&rows, &directions, weights, piece, &mut bytes);
        bytes
    };
    for step in plan.steps() {
        match step {
            Step::Stretch(numbers) => {
                let length = numbers.len() * 4;
                for at in 0..directions.len() {
                    let place = directions_at + (at * length) as u64;
                    memory.fill(place, &bytes(&Piece::Direction(at, numbers.clone()), length));
                }
                if weights.is_some() {
                    memory.fill(weights_at, &bytes(&Piece::Weights(numbers), length));
                }
            }
            Step::Batch { slot, rows, numbers, launches } => {
                let [rows_at, partials_at] = slots[slot];
                let length = rows.len() * case.dtype.row_bytes(numbers.len());
                memory.fill(rows_at, &bytes(&Piece::Rows(rows, numbers), length));
                for launch in launches {
                    let value = |argument: &Argument| match *argument {
                        Argument::Number(number) => number,
                        Argument::Address(buffer, offset) => {
                            offset as u64
                                + match buffer {
                                    Buffer::Rows => rows_at,
                                    Buffer::Directions => directions_at,
                                    Buffer::Weights => weights_at,
                                    Buffer::Partials => partials_at,
                                    Buffer::Totals => totals_at,
                                }
                        }
                    };
                    let arguments: Vec<u64> = launch.arguments.iter().map(value).collect();
                    let kernel = kernels.get(launch.kernel).ok_or("no such kernel")?;
                    machine::launch(kernel, &mut memory, launch.blocks, BLOCK_THREADS, &arguments)?;
                }
            }
        }
    }
    let totals = memory.bytes(totals_at).chunks_exact(8);
    let totals: Vec<f64> = totals.map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap())).collect();
    let pairs = (0..case.rows).flat_map(|row| (0..directions.len()).map(move |direction| (row, direction)));
    let places = pairs.map(|(row, direction)| plan.places(row, direction));
    Ok(places.map(|(dot, norm2)| Sums { dot: totals[dot], norm2: totals[norm2] }).collect())
}

/// Says where the interpreter and the CPU disagree, or what the machine forbids.
fn agree(kernels: &BTreeMap<String, Kernel>, case: &Case) -> Result<(), String> {
    let found = interpret(kernels, case).map_err(|why| format!("{}: {why}", case.name))?;
    case.check(&found)
}

/// Returns the kernels that NVRTC makes of a source for a type.
fn compiled(nvrtc: &Nvrtc, source: &str, dtype: Dtype) -> Result<BTreeMap<String, Kernel>, String> {
    let target = Target::Ptx(INTERPRETED.0, INTERPRETED.1);
    let code = nvrtc.compile_source(source, dtype, target).unwrap();
    let text = String::from_utf8(code.bytes).unwrap();
    let kernels = parse::kernels(text.trim_end_matches('\0'))?;
    Ok(kernels.into_iter().map(|kernel| (kernel.name.clone(), kernel)).collect())
}

#[test]
fn interpreted_kernels_give_the_bits_of_the_cpu() {
    let Some(nvrtc) = nvrtc() else { return };
    let cases = cases::all();
    for dtype in Dtype::ALL {
        let kernels = compiled(&nvrtc, SOURCE, dtype).unwrap();
        let cases = cases.iter().filter(|case| case.dtype == dtype);
        let mut count = 0;
        for case in cases {
            agree(&kernels, case).unwrap();
            count += 1;
        }
        say(&format!("{dtype}: {count} cases, the same bits"));
    }
}

/// Slips of a hand in the source, and what they are: each is found out, or the comparison is worth little.
const SLIPS: [(Dtype, &str, &str, &str); 12] = [
    (
        Dtype::F32,
        "lanes are joined in another order",
        "HALF / NEXT)",
        "(HALF == 32 ? 16 : HALF == 16 ? 32 : HALF) / NEXT)",
    ),
    (Dtype::F32, "chunks are added in another order", "mine, i)", "mine, i ^ 1)"),
    (
        Dtype::F32,
        "products are rounded before they are added",
        "__fmaf_rn(y, v[d][i], dot[r][d][l])",
        "__fadd_rn(__fmul_rn(y, v[d][i]), dot[r][d][l])",
    ),
    (
        Dtype::F32,
        "weights come after the square",
        "__fmaf_rn(WEIGHTED ? __fmul_rn(y, w[i]) : y, y,",
        "__fmaf_rn(WEIGHTED ? __fmul_rn(y, y) : y, WEIGHTED ? w[i] : y,",
    ),
    (
        Dtype::F32,
        "totals take every chunk as f64, but stay f32",
        "sum = __dadd_rn(sum,",
        "sum = __dadd_rn((float)sum,",
    ),
    (Dtype::F32, "a total forgets the stretches before", "double sum = *place;", "double sum = 0;"),
    (Dtype::F32, "a tile that hangs over writes all its rows", "!idle && first + r < count", "!idle"),
    (Dtype::F32, "groups that are idle write", "lane == 0 && !idle", "lane == 0"),
    (
        Dtype::F32,
        "the last chunk is read as a whole one",
        "begin + CHUNK < width ? begin + CHUNK : width",
        "begin + CHUNK",
    ),
    (Dtype::Bf16, "a number of a pair is read twice", "pairs[i] << 16", "pairs[i] & 0xffff0000u"),
    (
        Dtype::F16,
        "halves are taken for bf16",
        "from_f16(static_cast<u16>(pairs[i]))",
        "__uint_as_float(pairs[i] << 16)",
    ),
    (Dtype::Int8, "a scale reaches too far", "at / 128", "at / 256"),
];

#[test]
fn a_slip_in_a_kernel_is_found_out() {
    let Some(nvrtc) = nvrtc() else { return };
    let cases = cases::all();
    for (dtype, what, from, to) in SLIPS {
        assert!(SOURCE.contains(from), "{what}: no `{from}`");
        let mut of_type = cases.iter().filter(|case| case.dtype == dtype);
        let found = match compiled(&nvrtc, &SOURCE.replace(from, to), dtype) {
            Ok(kernels) => of_type.find_map(|case| agree(&kernels, case).err()),
            Err(why) => Some(why),
        };
        assert!(found.is_some(), "not found out: {what}");
        say(&format!("{what}: {}", found.unwrap_or_default()));
    }
}

#[test]
fn no_kernel_spills() {
    let Some(nvrtc) = nvrtc() else { return };
    for (major, minor) in COMPILED {
        for dtype in Dtype::ALL {
            let code = nvrtc.compile(dtype, Target::Cubin(major, minor)).unwrap();
            assert!(code.bytes.starts_with(b"\x7fELF"), "code for devices is an ELF file");
            let kernels = uses(&code.log);
            assert_eq!(kernels.len(), 5, "{}", code.log);
            for (kernel, registers, spilled) in kernels {
                say(&format!(
                    "sm_{major}{minor} {dtype:5} {kernel:10} {registers:3} registers, {spilled} bytes spilled"
                ));
                assert_eq!(spilled, 0, "{}", code.log);
            }
        }
    }
}

/// Returns, of each kernel that a log speaks of, its name, registers, and the bytes it cannot keep in them.
fn uses(log: &str) -> Vec<(&str, usize, usize)> {
    let number = |text: &str| text.split_whitespace().next().and_then(|word| word.parse::<usize>().ok());
    let mut found = Vec::new();
    for part in log.split("Compiling entry function '").skip(1) {
        let (name, rest) = part.split_once('\'').unwrap();
        let spilled = ["bytes stack frame", "bytes spill stores", "bytes spill loads"].map(|what| {
            let before = rest.split(what).next().unwrap();
            number(before.rsplit([',', '\n', ':', '.']).next().unwrap()).unwrap()
        });
        let registers = rest.split("Used ").nth(1).and_then(number).unwrap();
        found.push((name, registers, spilled.iter().sum()));
    }
    found
}

#[test]
fn gpu() {
    if let Err(missing) = available() {
        return say(&format!("skipped: {missing}"));
    }
    let gpu = Gpu::open(0).unwrap();
    let cases = cases::all();
    for case in &cases {
        let found = gpu.sums_within(&case.rows(), &case.directions(), case.weights.as_deref(), case.limits);
        case.check(&found.unwrap()).unwrap();
    }
    say(&format!("{}: {} cases, the same bits", gpu.card().name, cases.len()));
}

/// The scorer takes slabs, strata and weights: its scores do not depend on the device.
#[test]
fn gpu_scores() {
    if let Err(missing) = available() {
        return say(&format!("skipped: {missing}"));
    }
    let set = |seed: u64, dtype: Dtype, count: usize| {
        let mut random = Random::new(seed);
        let rows: Vec<Vec<f32>> =
            (0..count).map(|_| (0..40_001).map(|_| random.number()).collect()).collect();
        let named = rows.iter().enumerate().map(|(at, row)| (at.to_string(), row.as_slice()));
        Gradients::in_memory("memory", 40_001, dtype, named)
    };
    let mut weights = Random::new(9);
    let weights: Vec<f32> = (0..40_001).map(|_| weights.number().abs()).collect();
    let weights = Gradients::in_memory("weights", 40_001, Dtype::F32, [(String::from("w"), &weights[..])]);
    for dtype in Dtype::ALL {
        let (candidates, validation) = (set(1, dtype, 7), set(2, Dtype::F32, 23));
        let labels: Vec<&str> = (0..23).map(|row| ["one", "two"][row % 2]).collect();
        for (strata, centre, weights) in
            [(Strata::Whole, false, None), (Strata::Max, true, None), (Strata::Mean, false, Some(&weights))]
        {
            // Two slabs: totals of the first are taken up by the second.
            let cpu = Settings { strata, centre, weights, columns: Some(20_000), ..Settings::default() };
            let cuda = Settings { device: Device::Cuda(0), ..cpu };
            let align = |settings| align(&candidates, &validation, &labels, settings, &|_| ()).unwrap();
            assert_eq!(align(&cuda), align(&cpu), "{dtype}, {strata:?}");
        }
    }
}
