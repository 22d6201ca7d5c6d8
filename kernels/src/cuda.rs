//! The sums on NVIDIA's GPUs: the same bits as [`crate::cpu`], because the same shape of reduction.
//!
//! Nothing of CUDA is needed to build this. The driver and NVRTC, which compiles `align.cu` for the
//! device at hand, are loaded when they are first asked for; where one is missing, [`available`] says
//! which and how to get it, and the CPU computes the same.
//!
//! [`plan`] says what a device is asked to do, as data; [`Gpu`] does it. Tests do it too, without a
//! device: they interpret what NVRTC makes of the kernels.

use std::{panic, path::PathBuf};

use cudarc::driver::{DriverError, result, sys};

mod device;
pub mod nvrtc;
pub mod plan;

pub use device::Gpu;

/// The source of the kernels. `ROW` stands for one of `F32`, `Bf16`, `F16` and `Int8`.
pub const SOURCE: &str = include_str!("cuda/align.cu");

/// A GPU of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// Which one, as the driver counts.
    pub ordinal: usize,
    /// What its maker calls it.
    pub name: String,
    /// The two numbers of its architecture: 9 and 0 for `sm_90`.
    pub architecture: (i32, i32),
    /// The bytes of its memory.
    pub memory: usize,
}

/// What this machine lacks to compute on a GPU.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// There is no driver.
    #[error(
        "no CUDA driver: the system's loader finds no `libcuda.so`; install NVIDIA's driver, or compute on the CPU"
    )]
    Driver,
    /// There is a driver, but it does not work.
    #[error("the CUDA driver does not work: {0}; see what `nvidia-smi` says, or compute on the CPU")]
    Working(String),
    /// The driver knows no device.
    #[error(
        "the CUDA driver knows no GPU; see what `nvidia-smi -L` lists and what `CUDA_VISIBLE_DEVICES` hides, or compute on the CPU"
    )]
    Devices,
    /// The driver knows devices, but not that one.
    #[error("there is no GPU {0}; `nvidia-smi -L` lists those there are, beginning with 0")]
    Device(usize),
    /// There is no NVRTC in any of these places.
    #[error(
        "no NVRTC, which compiles kernels, in {}; `pip install nvidia-cuda-nvrtc`, and let `SSWE_NVRTC` name the folder that holds `libnvrtc.so`",
        listed(.0)
    )]
    Compiler(Vec<PathBuf>),
}

fn listed(places: &[PathBuf]) -> String {
    let places: Vec<String> = places.iter().map(|place| format!("`{}`", place.display())).collect();
    places.join(", ")
}

/// Why there are no sums.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The machine lacks something.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// NVRTC refused the kernels.
    #[error(
        "NVRTC does not compile the kernels for `{target}`; another version may (`SSWE_NVRTC`), and the CPU computes the same: {}",
        log.trim()
    )]
    Compile {
        /// What they were to be compiled for.
        target: String,
        /// What it printed.
        log: String,
    },
    /// The driver refused something.
    #[error("the CUDA driver cannot {doing}: {why}; the CPU computes the same")]
    Driver {
        /// What it was asked to do.
        doing: &'static str,
        /// What it answered.
        why: String,
    },
    /// A direction, or the weights, has another length than the rows.
    #[error("{what} has {found} numbers, but the rows have {wanted}; give it as many")]
    Length {
        /// What has it.
        what: String,
        /// Its length.
        found: usize,
        /// The length of the rows.
        wanted: usize,
    },
}

/// Returns whether this machine can compute on a GPU; if not, what it lacks.
pub fn available() -> Result<(), Missing> {
    devices()?;
    nvrtc::Nvrtc::find().map(drop)
}

/// Returns the GPUs of this machine: at least one.
pub fn devices() -> Result<Vec<Card>, Missing> {
    let found = guarded(|| {
        start()?;
        let count = result::device::get_count().map_err(working)?;
        (0..count).map(|ordinal| describe(ordinal).map_err(working)).collect::<Result<Vec<Card>, _>>()
    });
    let devices = found.unwrap_or_else(|why| Err(Missing::Working(why)))?;
    if devices.is_empty() { Err(Missing::Devices) } else { Ok(devices) }
}

/// Loads the driver. What it would say of a missing library is a panic, so this looks first.
fn start() -> Result<(), Missing> {
    // SAFETY: loading NVIDIA's driver runs nothing but its initializers.
    if !unsafe { sys::is_culib_present() } {
        return Err(Missing::Driver);
    }
    // SAFETY: the function is only looked for, and the library is there.
    if unsafe { sys::culib().get::<unsafe extern "C" fn(u32) -> i32>(b"cuInit") }.is_err() {
        return Err(Missing::Working(String::from("`libcuda.so` has no function `cuInit`")));
    }
    match result::init() {
        Err(DriverError(sys::CUresult::CUDA_ERROR_NO_DEVICE)) => Err(Missing::Devices),
        other => other.map_err(working),
    }
}

fn describe(ordinal: i32) -> Result<Card, DriverError> {
    use sys::CUdevice_attribute_enum as Attribute;
    let device = result::device::get(ordinal)?;
    // SAFETY: the device is one that the driver has just named.
    let attribute = |which| unsafe { result::device::get_attribute(device, which) };
    Ok(Card {
        ordinal: ordinal as usize,
        name: result::device::get_name(device)?,
        architecture: (
            attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
            attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
        ),
        // SAFETY: as above.
        memory: unsafe { result::device::total_mem(device)? },
    })
}

fn working(error: DriverError) -> Missing {
    Missing::Working(said(error))
}

/// Returns an error of the driver in its own words.
fn said(error: DriverError) -> String {
    let text = |words: Result<&std::ffi::CStr, DriverError>| {
        words.map_or_else(
            |_| String::from("an error it has no name for"),
            |words| words.to_string_lossy().into(),
        )
    };
    format!("{} ({})", text(error.error_string()), text(error.error_name()))
}

/// Runs what may panic: a function that an old driver lacks is looked up when it is first called, and
/// the binding panics where it is not there.
fn guarded<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(panic::AssertUnwindSafe(run)).map_err(|payload| {
        let text = payload.downcast_ref::<String>().cloned();
        text.or_else(|| payload.downcast_ref::<&str>().map(ToString::to_string))
            .unwrap_or_else(|| String::from("the driver is of another version than this program expects"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said_with_its_remedy() {
        // Whatever this machine has: an answer, and never a panic.
        match available() {
            Ok(()) => assert!(!devices().unwrap().is_empty()),
            Err(missing) => assert_eq!(Gpu::open(0).err(), Some(Error::Missing(missing))),
        }
        assert!(Missing::Driver.to_string().contains("install NVIDIA's driver"));
        assert!(Missing::Devices.to_string().contains("CUDA_VISIBLE_DEVICES"));
        assert!(Missing::Device(3).to_string().contains("no GPU 3"));
        let places = vec![PathBuf::from("/a"), PathBuf::from("/b")];
        assert!(
            Missing::Compiler(places).to_string().contains("in `/a`, `/b`; `pip install nvidia-cuda-nvrtc`")
        );
    }

    #[test]
    fn a_panic_of_the_binding_is_an_error() {
        assert_eq!(guarded(|| 1), Ok(1));
        let quiet = panic::take_hook();
        panic::set_hook(Box::new(|_| ()));
        let found = guarded(|| -> () { panic!("Missing symbol {}", "cuNew") });
        panic::set_hook(quiet);
        assert_eq!(found, Err(String::from("Missing symbol cuNew")));
    }
}
