//! The model that ships in the binary: a policy over small edits of Python code.
//!
//! It is a pure library: text and records go in, edits, weights and words come out. The tests that
//! decide rewards are run elsewhere.
//!
//! 1. A [`Source`] is the product code of a repository, parsed and counted. A task's buggy code is
//!    [`Source::with`] the files of its bug, and shares the rest.
//! 2. Under the Solver's hat, a [`Scene`] ranks lines by what the failing tests showed, and
//!    [`repairs`] are the edits on the most suspicious ones.
//! 3. Under the Generator's hat, [`plants`] are the edits in functions that trusted tests enter,
//!    tilted towards the weaknesses of a card.
//! 4. Both are [`Choices`]: edits with features. A [`Policy`] gives each a probability, by a
//!    softmax over a linear score; the two hats share no weight.
//! 5. What was drawn and what it earned is a [`Group`]; [`gradient`] and [`train`] learn from it,
//!    [`warm_start`] from known repairs.
//! 6. [`distill`] writes cards from attempts, and [`statement`] what a task says is wrong.
//!
//! No result depends on threads, on the order of a hash table or on the host's mathematical
//! library. Nothing that a Solver's choice rests on is computed from the sound code.

mod choices;
mod distill;
mod edit;
mod enumerate;
mod features;
mod hash;
mod learn;
mod lex;
mod plant;
mod policy;
mod quotes;
mod scene;
mod source;
mod statement;
mod syntax;
mod warm;

pub use choices::{Choices, Distribution, Hat, Pick, similarity};
pub use distill::{Distill, distill, skill_md};
pub use edit::{Edit, Kind};
pub use learn::{
    Draw, Earned, Gradient, GradientStatus, Group, Loss, Method, Reward, Step, Weighting, advantages,
    batch_advantages, gradient, train,
};
pub use plant::{Taste, plants};
pub use policy::{Policy, PolicyError, WEIGHTS};
pub use quotes::{Pieces, quotes};
pub(crate) use scene::plain_name;
pub use scene::{Scene, Suspect, repairs};
pub use source::{Source, is_product};
pub use statement::{leaks, statement};
pub use warm::{Example, WarmStart, warm_start};
