//! Where sums are computed. The bits are the same everywhere, so this is policy and in no key.

use crate::Error;

/// A device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Device {
    /// The first CUDA device where there is one and the work is large enough to pay for the way there;
    /// otherwise this machine's processor.
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
    pub(crate) fn choose(self, load: Load) -> Result<Engine, Error> {
        match self {
            // One that cannot be opened is none.
            Device::Auto if load.pays() => Ok(cuda(0).unwrap_or(Engine::Cpu)),
            Device::Auto | Device::Cpu => Ok(Engine::Cpu),
            Device::Cuda(ordinal) => cuda(ordinal),
        }
    }
}

#[cfg(feature = "cuda")]
fn cuda(ordinal: usize) -> Result<Engine, Error> {
    Ok(Engine::Cuda(Box::new(crate::cuda::Gpu::open(ordinal)?)))
}

#[cfg(not(feature = "cuda"))]
fn cuda(_: usize) -> Result<Engine, Error> {
    Err(Error::NoDevice { why: "this program was built without CUDA code".to_owned() })
}

/// How much there is to compute.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Of the rows.
    pub(crate) bytes: f64,
    /// Of all rows with all directions.
    pub(crate) products: f64,
    pub(crate) threads: usize,
}

impl Load {
    /// Products that a thread adds in a second, where memory is not what it waits for.
    const PRODUCTS: f64 = 25e9;

    /// Bytes that reach a GPU in a second: copied once more on the way, by this machine's processor.
    const STAGED: f64 = 4e9;

    /// Seconds until a GPU is open and its kernels are compiled: 0.4 to 1.0 on an H200.
    const OPENING: f64 = 1.0;

    /// Returns whether a GPU is done in half the time. Rows come from this machine's memory, which its
    /// processor reads no slower than the bus does: only many directions make a GPU worth the way.
    fn pays(self) -> bool {
        let here = self.products / (Load::PRODUCTS * self.threads as f64);
        let there = Load::OPENING + self.bytes / Load::STAGED;
        here > 2.0 * there
    }
}

/// What sums are computed with: the one place where another device's code plugs in.
#[derive(Debug)]
pub(crate) enum Engine {
    Cpu,
    #[cfg(feature = "cuda")]
    Cuda(Box<crate::cuda::Gpu>),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(rows: f64, dim: f64, bytes: f64, directions: f64, threads: usize) -> Load {
        Load { bytes: rows * dim * bytes, products: rows * dim * directions, threads }
    }

    #[test]
    fn a_gpu_is_asked_only_where_it_pays() {
        assert!(!load(512.0, 50e6, 4.0, 1.0, 1).pays(), "one direction: memory decides");
        assert!(!load(512.0, 1e6, 1.0, 111.0, 2).pays(), "little work: opening decides");
        assert!(!load(512.0, 50e6, 4.0, 111.0, 32).pays(), "many processors");
        assert!(load(5_000.0, 10e6, 2.0, 111.0, 2).pays());
    }

    #[test]
    fn where_there_is_no_gpu_auto_is_the_processor() {
        let load = load(5_000.0, 10e6, 2.0, 111.0, 2);
        if cuda(0).is_err() {
            assert!(matches!(Device::Auto.choose(load), Ok(Engine::Cpu)));
            assert!(matches!(Device::Cuda(0).choose(load), Err(Error::NoDevice { .. })));
        }
        assert!(matches!(Device::Cpu.choose(load), Ok(Engine::Cpu)));
    }
}
