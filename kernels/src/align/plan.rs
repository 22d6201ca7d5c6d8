//! Which directions are made of the validation rows.

use std::collections::BTreeMap;

use super::{PARTS, Settings, Strata};
use crate::Gradients;

/// The directions that candidates are multiplied with. Validation rows fall into cells, one for each
/// stratum and part, and every direction is the mean of the rows of some cells.
pub(super) struct Plan {
    /// How many strata there are.
    pub(super) strata: usize,
    /// The cell of each validation row: only those are numbered that have one.
    pub(super) cell: Vec<usize>,
    /// How many cells there are.
    pub(super) cells: usize,
    /// The cells of each direction, and how many rows they hold. The first is the mean of all rows.
    pub(super) directions: Vec<(Vec<usize>, u32)>,
    /// The directions that a score is made of.
    pub(super) base: Vec<Option<usize>>,
    /// The same without each part; none for a stratum that has no other part.
    pub(super) without: Vec<Vec<Option<usize>>>,
}

impl Plan {
    pub(super) fn new(validation: &Gradients, labels: &[&str], settings: &Settings<'_>) -> Plan {
        let label = |row: usize| labels.get(row).copied().unwrap_or_default();
        let mut numbers: BTreeMap<&str, usize> = (0..validation.count()).map(|row| (label(row), 0)).collect();
        numbers.values_mut().enumerate().for_each(|(at, number)| *number = at);
        let strata = numbers.len();
        let place = |row: usize| (numbers[label(row)], part(validation.name(row)));
        let mut places: Vec<(usize, usize)> = (0..validation.count()).map(place).collect();
        places.sort_unstable();
        places.dedup();
        let cell: Vec<usize> =
            (0..validation.count()).map(|row| places.partition_point(|other| *other < place(row))).collect();
        let mut rows = vec![0u32; places.len()];
        cell.iter().for_each(|cell| rows[*cell] += 1);
        let cells: Vec<(usize, usize, u32)> =
            places.iter().zip(rows).map(|((stratum, part), rows)| (*stratum, *part, rows)).collect();

        let mut plan = Plan {
            strata,
            cell,
            cells: cells.len(),
            directions: Vec::new(),
            base: Vec::new(),
            without: Vec::new(),
        };
        plan.add(&cells, 0..strata, None);
        let of = |plan: &mut Plan, without: Option<usize>| -> Vec<Option<usize>> {
            match settings.strata {
                Strata::Whole => vec![plan.add(&cells, 0..strata, without)],
                Strata::Max | Strata::Mean => {
                    (0..strata).map(|stratum| plan.add(&cells, stratum..stratum + 1, without)).collect()
                }
            }
        };
        plan.base = match settings.strata {
            Strata::Whole => vec![Some(0)],
            Strata::Max | Strata::Mean => of(&mut plan, None),
        };
        // With fewer rows, leaving out a part says more of the part than of the rows.
        if validation.count() >= 2 * PARTS {
            plan.without = (0..PARTS).map(|part| of(&mut plan, Some(part))).collect();
        }
        plan
    }

    /// Adds the mean of some strata, perhaps without a part; returns its number, if it has a row.
    fn add(
        &mut self,
        cells: &[(usize, usize, u32)],
        strata: std::ops::Range<usize>,
        without: Option<usize>,
    ) -> Option<usize> {
        let of = cells.iter().enumerate();
        let of = of.filter(|(_, (stratum, part, _))| strata.contains(stratum) && Some(*part) != without);
        let (cells, rows): (Vec<usize>, Vec<u32>) = of.map(|(cell, (.., rows))| (cell, *rows)).unzip();
        let count = rows.iter().sum();
        if count == 0 {
            return None;
        }
        self.directions.push((cells, count));
        Some(self.directions.len() - 1)
    }
}

/// Returns the part that a row is in: by its digest where it is called by one, so that a name's rows
/// are together wherever they are.
fn part(name: &str) -> usize {
    let is_digest = name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let first = match u8::from_str_radix(name.get(..2).unwrap_or_default(), 16) {
        Ok(first) if is_digest => first,
        _ => blake3::hash(name.as_bytes()).as_bytes()[0],
    };
    usize::from(first) % PARTS
}
