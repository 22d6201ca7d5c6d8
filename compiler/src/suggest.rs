//! Did you mean: the nearest of the names that would have been right.

/// Returns the candidate that `name` was most likely meant to be.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let bound = match name.chars().count() {
        0..=4 => 1,
        5..=8 => 2,
        _ => 3,
    };
    let lower = name.to_lowercase();
    let scored = candidates.into_iter().filter_map(|candidate| {
        let other = candidate.to_lowercase();
        // A part of the name counts as near: `attempt` for `attempts`, `memory_limit` for `memory`.
        let part =
            other.len() >= 4 && lower.len() >= 4 && (lower.starts_with(&other) || other.starts_with(&lower));
        let distance = if part { 1 } else { distance(&lower, &other, bound) };
        (distance <= bound && candidate != name).then_some((distance, candidate))
    });
    scored.min().map(|(_, candidate)| candidate)
}

/// Returns the Damerau distance (a swap of neighbours is one step), or more than `bound`.
fn distance(a: &str, b: &str, bound: usize) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > bound {
        return bound + 1;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let change = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + change);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

/// Returns names in backticks: "`a`, `b` and `c`".
pub(crate) fn listed<S: AsRef<str>>(names: &[S], last: &str) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., end] => format!("{} {last} {end}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, expected: Option<&str>) {
        assert_eq!(
            nearest(name, ["attempts", "steps", "wall", "mode", "min_score", "gpus"]),
            expected,
            "{name}"
        );
    }

    #[test]
    fn finds_near_names_only() {
        check("atempts", Some("attempts"));
        check("setps", Some("steps"));
        check("minscore", Some("min_score"));
        check("Mode", Some("mode"));
        check("gpu", Some("gpus"));
        check("walls", Some("wall"));
        check("network", None);
        check("x", None);
    }
}
