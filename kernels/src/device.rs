//! Where sums are computed. The bits are the same everywhere, so this is policy and in no key.

use crate::Error;

/// A device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Device {
    /// The best that is there.
    #[default]
    Auto,
    /// This machine's processor.
    Cpu,
    /// The CUDA device with this number.
    Cuda(usize),
}

impl Device {
    /// Reads `auto`, `cpu`, `cuda` or `cuda:N`.
    pub fn of(text: &str) -> Option<Device> {
        match text.split_once(':') {
            None if text == "auto" => Some(Device::Auto),
            None if text == "cpu" => Some(Device::Cpu),
            None if text == "cuda" => Some(Device::Cuda(0)),
            Some(("cuda", number)) => number.parse().ok().map(Device::Cuda),
            _ => None,
        }
    }

    /// Returns what sums are computed with; an error where a device that was asked for is not there.
    pub(crate) fn choose(self) -> Result<Engine, Error> {
        match self {
            // Rows come from this machine's memory, and a processor reads that no slower than the bus
            // does: a GPU is used where it is asked for.
            Device::Auto | Device::Cpu => Ok(Engine::Cpu),
            #[cfg(feature = "cuda")]
            Device::Cuda(ordinal) => Ok(Engine::Cuda(Box::new(crate::cuda::Gpu::open(ordinal)?))),
            #[cfg(not(feature = "cuda"))]
            Device::Cuda(_) => {
                Err(Error::NoDevice { why: "this program was built without CUDA code".to_owned() })
            }
        }
    }
}

/// What sums are computed with: the one place where another device's code plugs in.
#[derive(Debug)]
pub(crate) enum Engine {
    Cpu,
    #[cfg(feature = "cuda")]
    Cuda(Box<crate::cuda::Gpu>),
}
