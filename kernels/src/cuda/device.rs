//! Does what a plan says on a device.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use cudarc::{
    driver::{
        CudaContext, CudaEvent, CudaFunction, CudaSlice, CudaStream, DevicePtr, DevicePtrMut, DriverError,
        LaunchConfig, PinnedHostSlice, PushKernelArg, result,
    },
    nvrtc::Ptx,
};

use super::{
    Device, Error, Missing, devices, guarded,
    nvrtc::{Nvrtc, Target},
    plan::{Argument, BLOCK_THREADS, Buffer, Launch, Limits, Plan, Problem, SLOTS, Step, pack, pad},
    said,
};
use crate::{Dtype, Rows, Sums};

/// Every kernel of the source.
const KERNELS: [&str; 5] = ["sums_1", "sums_4", "weighted_1", "weighted_4", "total"];

type Kernels = BTreeMap<&'static str, CudaFunction>;

/// A GPU that is ready to compute.
#[derive(Debug)]
pub struct Gpu {
    device: Device,
    context: Arc<CudaContext>,
    nvrtc: Nvrtc,
    /// What has been compiled so far: a type takes a second, and most runs need one of them.
    kernels: Mutex<BTreeMap<Dtype, Arc<Kernels>>>,
}

impl Gpu {
    /// Opens a GPU; the first is 0.
    pub fn open(ordinal: usize) -> Result<Gpu, Error> {
        let device = devices()?.into_iter().nth(ordinal).ok_or(Missing::Device(ordinal))?;
        let nvrtc = Nvrtc::find()?;
        let opened = guarded(|| {
            let context = CudaContext::new(ordinal)?;
            // SAFETY: what follows says itself which stream waits for which.
            unsafe { context.disable_event_tracking() };
            Ok(context)
        });
        let context = answer("open the GPU", opened)?;
        Ok(Gpu { device, context, nvrtc, kernels: Mutex::default() })
    }

    /// Returns which GPU it is.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Returns the sums of each row with each direction, row by row: the bits that the CPU computes.
    ///
    /// Where coordinates have weights, the directions have them already, as in [`crate::cpu::weighted_sums`].
    pub fn sums(
        &self,
        rows: &Rows<'_>,
        directions: &[&[f32]],
        weights: Option<&[f32]>,
    ) -> Result<Vec<Sums>, Error> {
        self.sums_within(rows, directions, weights, Limits::default())
    }

    /// Returns the same within limits of memory.
    pub fn sums_within(
        &self,
        rows: &Rows<'_>,
        directions: &[&[f32]],
        weights: Option<&[f32]>,
        limits: Limits,
    ) -> Result<Vec<Sums>, Error> {
        check_lengths(rows, directions, weights)?;
        if rows.count() == 0 || directions.is_empty() {
            return Ok(Vec::new());
        }
        let problem = Problem {
            dtype: rows.dtype(),
            rows: rows.count(),
            dim: rows.dim(),
            directions: directions.len(),
            weighted: weights.is_some(),
        };
        let plan = Plan::new(problem, limits);
        let kernels = self.kernels(rows.dtype())?;
        let totals = answer(
            "compute on the GPU",
            guarded(|| {
                let mut work = Work::new(&self.context, &plan)?;
                work.run(&kernels, &plan, rows, directions, weights)?;
                work.totals()
            }),
        )?;
        let sums = |row: usize, direction: usize| {
            let (dot, norm2) = plan.places(row, direction);
            Sums { dot: plain(totals[dot]), norm2: plain(totals[norm2]) }
        };
        let pairs = (0..problem.rows).flat_map(|row| (0..problem.directions).map(move |d| (row, d)));
        Ok(pairs.map(|(row, direction)| sums(row, direction)).collect())
    }

    /// Returns the kernels for a type, compiled for this device.
    fn kernels(&self, dtype: Dtype) -> Result<Arc<Kernels>, Error> {
        let mut compiled = self.kernels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kernels) = compiled.get(&dtype) {
            return Ok(kernels.clone());
        }
        let (major, minor) = self.device.architecture;
        let code = self.nvrtc.compile(dtype, Target::Cubin(major, minor))?;
        let loaded = guarded(|| {
            let module = self.context.load_module(Ptx::from_binary(code.bytes))?;
            KERNELS.into_iter().map(|name| Ok((name, module.load_function(name)?))).collect()
        });
        let kernels: Arc<Kernels> = Arc::new(answer("load the kernels (is NVRTC newer than it?)", loaded)?);
        compiled.insert(dtype, kernels.clone());
        Ok(kernels)
    }
}

/// Returns an error where something has not as many numbers as the rows.
pub(super) fn check_lengths(
    rows: &Rows<'_>,
    directions: &[&[f32]],
    weights: Option<&[f32]>,
) -> Result<(), Error> {
    let named =
        directions.iter().enumerate().map(|(at, direction)| (format!("direction {at}"), direction.len()));
    let named = named.chain(weights.map(|weights| (String::from("the list of weights"), weights.len())));
    match named.into_iter().find(|(_, found)| *found != rows.dim()) {
        Some((what, found)) => Err(Error::Length { what, found, wanted: rows.dim() }),
        None => Ok(()),
    }
}

/// Returns what the driver answered.
fn answer<T>(doing: &'static str, answer: Result<Result<T, DriverError>, String>) -> Result<T, Error> {
    let why = match answer {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(error)) => said(error),
        Err(panic) => panic,
    };
    Err(Error::Driver { doing, why })
}

/// Gives every NaN one pattern: devices differ in theirs.
fn plain(sum: f64) -> f64 {
    if sum.is_nan() { f64::NAN } else { sum }
}

/// The memory of one run, and the streams that use it.
struct Work {
    slots: Vec<Slot>,
    directions: CudaSlice<u8>,
    weights: CudaSlice<u8>,
    totals: CudaSlice<u8>,
}

/// A batch under way: its place on the host, its place on the device, and its stream.
struct Slot {
    stream: Arc<CudaStream>,
    staging: PinnedHostSlice<u8>,
    rows: CudaSlice<u8>,
    partials: CudaSlice<u8>,
    /// The staged bytes have left.
    copied: CudaEvent,
}

impl Work {
    fn new(context: &Arc<CudaContext>, plan: &Plan) -> Result<Work, DriverError> {
        // The driver allocates no empty memory.
        let bytes = |buffer| plan.bytes(buffer).max(16);
        let slot = || {
            let stream = context.new_stream()?;
            // SAFETY: every byte that a kernel reads has been written before, as the plan's tests show.
            let (staging, rows, partials) = unsafe {
                (
                    context.alloc_pinned(bytes(Buffer::Rows))?,
                    stream.alloc(bytes(Buffer::Rows))?,
                    stream.alloc(bytes(Buffer::Partials))?,
                )
            };
            let copied = context.new_event(None)?;
            Ok(Slot { stream, staging, rows, partials, copied })
        };
        let slots = (0..SLOTS).map(|_| slot()).collect::<Result<Vec<Slot>, DriverError>>()?;
        let stream = slots[0].stream.clone();
        // SAFETY: as above.
        let (directions, weights) =
            unsafe { (stream.alloc(bytes(Buffer::Directions))?, stream.alloc(bytes(Buffer::Weights))?) };
        let totals = stream.alloc_zeros(bytes(Buffer::Totals))?;
        let work = Work { slots, directions, weights, totals };
        // Memory is given in the order of a stream; from here on, all streams may use all of it.
        work.wait()?;
        Ok(work)
    }

    fn wait(&self) -> Result<(), DriverError> {
        let waited: Vec<_> = self.slots.iter().map(|slot| slot.stream.synchronize()).collect();
        waited.into_iter().collect()
    }

    fn run(
        &mut self,
        kernels: &Kernels,
        plan: &Plan,
        rows: &Rows<'_>,
        directions: &[&[f32]],
        weights: Option<&[f32]>,
    ) -> Result<(), DriverError> {
        for step in plan.steps() {
            match step {
                Step::Panel(numbers) => {
                    // No kernel reads the panel before, and the totals hold its chunks.
                    self.wait()?;
                    let stream = self.slots[0].stream.clone();
                    for (at, direction) in directions.iter().enumerate() {
                        let place = at * numbers.len() * 4;
                        copy(&stream, &pad(direction, numbers.clone()), &mut self.directions, place)?;
                    }
                    if let Some(weights) = weights {
                        copy(&stream, &pad(weights, numbers), &mut self.weights, 0)?;
                    }
                    self.wait()?;
                }
                Step::Batch { slot, rows: which, numbers, launches } => {
                    let fill = &mut self.slots[slot];
                    fill.copied.synchronize()?;
                    let length = pack(rows, which, numbers, fill.staging.as_mut_slice()?);
                    let staged = &fill.staging.as_slice()?[..length];
                    fill.stream.memcpy_htod(staged, &mut fill.rows)?;
                    fill.copied.record(&fill.stream)?;
                    for launch in &launches {
                        self.launch(kernels, slot, launch)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn launch(&self, kernels: &Kernels, slot: usize, launch: &Launch) -> Result<(), DriverError> {
        let slot = &self.slots[slot];
        let value = |argument: &Argument| match *argument {
            Argument::Number(number) => number,
            Argument::Address(buffer, offset) => {
                let memory = match buffer {
                    Buffer::Rows => &slot.rows,
                    Buffer::Directions => &self.directions,
                    Buffer::Weights => &self.weights,
                    Buffer::Partials => &slot.partials,
                    Buffer::Totals => &self.totals,
                };
                memory.device_ptr(&slot.stream).0 + offset as u64
            }
        };
        let values: Vec<u64> = launch.arguments.iter().map(value).collect();
        let mut call = slot.stream.launch_builder(&kernels[launch.kernel]);
        for value in &values {
            call.arg(value);
        }
        let shape = LaunchConfig {
            grid_dim: (launch.blocks, 1, 1),
            block_dim: (BLOCK_THREADS, 1, 1),
            shared_mem_bytes: 0,
        };
        // SAFETY: the plan's launches fit the kernels, which tests run on a machine that checks every
        // address; the memory outlives the streams' work, because dropping it waits.
        unsafe { call.launch(shape) }.map(drop)
    }

    fn totals(&self) -> Result<Vec<f64>, DriverError> {
        self.wait()?;
        let stream = &self.slots[0].stream;
        let bytes = stream.clone_dtoh(&self.totals)?;
        stream.synchronize()?;
        Ok(bytes
            .chunks_exact(8)
            .map(|bytes| f64::from_le_bytes(std::array::from_fn(|at| bytes[at])))
            .collect())
    }
}

impl Drop for Work {
    /// Nothing may be freed while a stream uses it, whatever ended the run; `totals` has told of errors.
    fn drop(&mut self) {
        let _ = self.wait();
    }
}

/// Copies numbers to a place in a device's memory, and waits until they are there.
fn copy(
    stream: &Arc<CudaStream>,
    numbers: &[f32],
    to: &mut CudaSlice<u8>,
    place: usize,
) -> Result<(), DriverError> {
    let address = to.device_ptr_mut(stream).0 + place as u64;
    // SAFETY: the plan gives each direction its own place in the buffer.
    unsafe { result::memcpy_htod_async(address, numbers, stream.cu_stream())? };
    stream.synchronize()
}
