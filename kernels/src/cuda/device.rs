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
    Card, Error, Missing, devices, guarded,
    nvrtc::{Nvrtc, Target},
    plan::{Argument, BLOCK_THREADS, Buffer, Launch, Limits, Piece, Plan, Problem, SLOTS, Step, fill},
    said,
};
use crate::{Dtype, Rows, Sums};

/// Every kernel of the source.
const KERNELS: [&str; 5] = ["sums_1", "sums_4", "weighted_1", "weighted_4", "total"];

type Kernels = BTreeMap<&'static str, CudaFunction>;

/// A GPU that is ready to compute.
#[derive(Debug)]
pub struct Gpu {
    card: Card,
    context: Arc<CudaContext>,
    nvrtc: Nvrtc,
    /// What has been compiled so far: a type takes a second, and most runs need one of them.
    kernels: Mutex<BTreeMap<Dtype, Arc<Kernels>>>,
    /// The memory of the run before: to pin as much anew takes longer than many a run.
    work: Mutex<Option<Work>>,
}

impl Gpu {
    /// Opens a GPU; the first is 0.
    pub fn open(ordinal: usize) -> Result<Gpu, Error> {
        let card = devices()?.into_iter().nth(ordinal).ok_or(Missing::Device(ordinal))?;
        let nvrtc = Nvrtc::find()?;
        let opened = guarded(|| {
            let context = CudaContext::new(ordinal)?;
            // SAFETY: what follows says itself which stream waits for which.
            unsafe { context.disable_event_tracking() };
            Ok(context)
        });
        let context = answer("open the GPU", opened)?;
        Ok(Gpu { card, context, nvrtc, kernels: Mutex::default(), work: Mutex::default() })
    }

    /// Returns which GPU it is.
    pub fn card(&self) -> &Card {
        &self.card
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
        let mut totals = vec![0.0; plan.bytes(Buffer::Totals) / 8];
        self.add(&plan, &mut totals, |piece, into| {
            fill(rows, directions, weights, piece, into);
            Ok::<(), Error>(())
        })?;
        let sums = |row: usize, direction: usize| {
            let (dot, norm2) = plan.places(row, direction);
            Sums { dot: totals[dot], norm2: totals[norm2] }
        };
        let pairs = (0..problem.rows).flat_map(|row| (0..problem.directions).map(move |d| (row, d)));
        Ok(pairs.map(|(row, direction)| sums(row, direction)).collect())
    }

    /// Adds the sums of a plan to its totals, which lie as [`Plan::places`] says. `fill` writes what the
    /// plan asks for into memory that the device reads; each byte is written.
    pub(crate) fn add<E: From<Error>>(
        &self,
        plan: &Plan,
        totals: &mut [f64],
        fill: impl FnMut(&Piece, &mut [u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let kernels = self.kernels(plan.dtype())?;
        let kept = || self.work.lock().unwrap_or_else(PoisonError::into_inner);
        // Taken out meanwhile: what a failed run leaves is not used again.
        let fits = kept().take().filter(|work| work.fits(plan));
        let run = || -> Result<(), Stop<E>> {
            let mut work = match fits {
                Some(work) => work,
                None => Work::new(&self.context, plan)?,
            };
            work.run(&kernels, plan, totals, fill)?;
            *kept() = Some(work);
            Ok(())
        };
        let why = match guarded(run) {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(Stop::Host(error))) => return Err(error),
            Ok(Err(Stop::Driver(error))) => said(error),
            Err(panic) => panic,
        };
        Err(Error::Driver { doing: "compute on the GPU", why }.into())
    }

    /// Returns the kernels for a type, compiled for this device.
    fn kernels(&self, dtype: Dtype) -> Result<Arc<Kernels>, Error> {
        let mut compiled = self.kernels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kernels) = compiled.get(&dtype) {
            return Ok(kernels.clone());
        }
        let (major, minor) = self.card.architecture;
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
fn check_lengths(rows: &Rows<'_>, directions: &[&[f32]], weights: Option<&[f32]>) -> Result<(), Error> {
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

/// What ends a run: the host has no bytes, or the driver refuses something.
enum Stop<E> {
    Host(E),
    Driver(DriverError),
}

impl<E> From<DriverError> for Stop<E> {
    fn from(error: DriverError) -> Stop<E> {
        Stop::Driver(error)
    }
}

/// The memory of a run, and the streams that use it.
#[derive(Debug)]
struct Work {
    slots: Vec<Slot>,
    directions: CudaSlice<u8>,
    weights: CudaSlice<u8>,
    totals: CudaSlice<f64>,
}

/// A batch under way: its place on the host, its place on the device, and its stream.
#[derive(Debug)]
struct Slot {
    stream: Arc<CudaStream>,
    staging: PinnedHostSlice<u8>,
    rows: CudaSlice<u8>,
    partials: CudaSlice<u8>,
    /// The staged bytes have left.
    copied: CudaEvent,
}

/// The bytes that are allocated for a buffer: the driver allocates no empty memory.
fn allocated(plan: &Plan, buffer: Buffer) -> usize {
    plan.bytes(buffer).max(16)
}

impl Work {
    fn new(context: &Arc<CudaContext>, plan: &Plan) -> Result<Work, DriverError> {
        let bytes = |buffer| allocated(plan, buffer);
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
        let (directions, weights, totals) = unsafe {
            (
                stream.alloc(bytes(Buffer::Directions))?,
                stream.alloc(bytes(Buffer::Weights))?,
                stream.alloc(bytes(Buffer::Totals) / size_of::<f64>())?,
            )
        };
        let work = Work { slots, directions, weights, totals };
        // Memory is given in the order of a stream; from here on, all streams may use all of it.
        work.wait()?;
        Ok(work)
    }

    /// Returns whether a plan fits into this memory.
    fn fits(&self, plan: &Plan) -> bool {
        let slot = &self.slots[0];
        [
            (Buffer::Rows, slot.rows.len()),
            (Buffer::Partials, slot.partials.len()),
            (Buffer::Directions, self.directions.len()),
            (Buffer::Weights, self.weights.len()),
            (Buffer::Totals, self.totals.len() * size_of::<f64>()),
        ]
        .into_iter()
        .all(|(buffer, bytes)| allocated(plan, buffer) <= bytes)
    }

    fn wait(&self) -> Result<(), DriverError> {
        let waited: Vec<_> = self.slots.iter().map(|slot| slot.stream.synchronize()).collect();
        waited.into_iter().collect()
    }

    /// Adds the sums of a plan to its totals.
    fn run<E>(
        &mut self,
        kernels: &Kernels,
        plan: &Plan,
        totals: &mut [f64],
        mut fill: impl FnMut(&Piece, &mut [u8]) -> Result<(), E>,
    ) -> Result<(), Stop<E>> {
        let stream = self.slots[0].stream.clone();
        stream.memcpy_htod(totals, &mut self.totals)?;
        let mut host = Vec::new();
        for step in plan.steps() {
            match step {
                Step::Stretch(numbers) => {
                    // No kernel reads the stretch before, and the totals hold its chunks.
                    self.wait()?;
                    host.resize(numbers.len() * 4, 0);
                    for at in 0..plan.directions() {
                        fill(&Piece::Direction(at, numbers.clone()), &mut host).map_err(Stop::Host)?;
                        copy(&stream, &host, &mut self.directions, at * host.len())?;
                    }
                    if plan.is_weighted() {
                        fill(&Piece::Weights(numbers), &mut host).map_err(Stop::Host)?;
                        copy(&stream, &host, &mut self.weights, 0)?;
                    }
                }
                Step::Batch { slot, rows, numbers, launches } => {
                    let filled = &mut self.slots[slot];
                    filled.copied.synchronize()?;
                    let bytes = rows.len() * plan.dtype().row_bytes(numbers.len());
                    let piece = Piece::Rows(rows, numbers);
                    fill(&piece, &mut filled.staging.as_mut_slice()?[..bytes]).map_err(Stop::Host)?;
                    filled.stream.memcpy_htod(&filled.staging.as_slice()?[..bytes], &mut filled.rows)?;
                    filled.copied.record(&filled.stream)?;
                    for launch in &launches {
                        self.launch(kernels, slot, launch)?;
                    }
                }
            }
        }
        self.wait()?;
        stream.memcpy_dtoh(&self.totals.slice(..totals.len()), totals)?;
        stream.synchronize()?;
        // Devices differ in the patterns of a NaN: here it has one.
        totals.iter_mut().filter(|total| total.is_nan()).for_each(|total| *total = f64::NAN);
        Ok(())
    }

    fn launch(&self, kernels: &Kernels, slot: usize, launch: &Launch) -> Result<(), DriverError> {
        let slot = &self.slots[slot];
        let value = |argument: &Argument| match *argument {
            Argument::Number(number) => number,
            Argument::Address(buffer, offset) => {
                let (address, _) = match buffer {
                    Buffer::Rows => slot.rows.device_ptr(&slot.stream),
                    Buffer::Directions => self.directions.device_ptr(&slot.stream),
                    Buffer::Weights => self.weights.device_ptr(&slot.stream),
                    Buffer::Partials => slot.partials.device_ptr(&slot.stream),
                    Buffer::Totals => self.totals.device_ptr(&slot.stream),
                };
                address + offset as u64
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
}

impl Drop for Work {
    /// Nothing may be freed while a stream uses it, whatever ended the run; `run` has told of errors.
    fn drop(&mut self) {
        let _ = self.wait();
    }
}

/// Copies bytes to a place in a device's memory, and waits until they are there.
fn copy(
    stream: &Arc<CudaStream>,
    bytes: &[u8],
    to: &mut CudaSlice<u8>,
    place: usize,
) -> Result<(), DriverError> {
    let address = to.device_ptr_mut(stream).0 + place as u64;
    // SAFETY: the plan gives each direction its own place in the buffer.
    unsafe { result::memcpy_htod_async(address, bytes, stream.cu_stream())? };
    stream.synchronize()
}
