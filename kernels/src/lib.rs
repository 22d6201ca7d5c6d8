//! Computes fused gradients on a GPU, with a CPU version as the reference.
//!
//! The contract is `align-v1`: one shape of reduction, so that every thread count, panel size,
//! instruction set and device gives the same bits. [`cpu`] is its specification, written to be
//! read; faster kernels are right when they agree with it bit by bit.
//!
//! ```text
//! element     how rows keep numbers: f32, bf16, f16, int8
//! cpu         the sums, to be read; fast computes the same bits with the processor's vectors
//! cuda        and with NVIDIA's GPUs
//! gradients   sets of rows, in memory and in files;  shard, safetensors   the files
//! align       the one scorer, of `build` and of `align`;  device   what computes its sums
//! ```

mod align;
pub mod cpu;
#[cfg(feature = "cuda")]
pub mod cuda;
mod device;
pub mod element;
mod error;
mod fast;
mod gradients;
#[cfg(test)]
mod random;
mod safetensors;
pub mod shard;
mod vector;

pub use align::{Alignment, Mode, PARTS, Score, Settings, Strata, align};
pub use device::Device;
pub use element::{Dtype, Rows};
pub use error::Error;
pub use fast::Isa;
pub use gradients::{About, Gradients, PANEL};

/// What can be said of a gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// It has a direction.
    Ok,
    /// It is zero, or so small that its squared norm is: a group of attempts that all earned the same.
    ZeroNorm,
    /// It holds an infinity or a NaN, or its sums overflow.
    NonFinite,
}

impl Status {
    /// Returns the name that artifacts and people use.
    pub fn name(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::ZeroNorm => "zero",
            Status::NonFinite => "non_finite",
        }
    }
}

/// The two sums of one row: everything a score needs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sums {
    /// The inner product with the direction.
    pub dot: f64,
    /// The squared norm of the row.
    pub norm2: f64,
}

impl Sums {
    /// Returns what can be said of the row.
    pub fn status(self) -> Status {
        match (self.dot.is_finite() && self.norm2.is_finite(), self.norm2 > 0.0) {
            (false, _) => Status::NonFinite,
            (true, false) => Status::ZeroNorm,
            (true, true) => Status::Ok,
        }
    }

    /// Returns the cosine with a direction of squared norm `direction_norm2`; nothing where there is none.
    pub fn cosine(self, direction_norm2: f64) -> Option<f64> {
        let has_direction = direction_norm2.is_finite() && direction_norm2 > 0.0;
        (has_direction && self.status() == Status::Ok)
            // Two roots, not one of the product: the product may overflow where neither norm does.
            .then(|| self.dot / (self.norm2.sqrt() * direction_norm2.sqrt()))
    }
}
