//! A run as a trace that browsers show.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::{Event, RunEvent};

/// Turns a stored log into the JSON of Chrome's trace viewer: stages above, items below in lanes.
///
/// Lines that are no events are left out.
pub fn chrome_trace(log: &str) -> String {
    let events = log.lines().filter_map(|line| serde_json::from_str::<RunEvent>(line).ok());
    let mut out: Vec<Value> = Vec::new();
    let mut lanes: Vec<bool> = Vec::new();
    let mut begun: HashMap<(String, String), (usize, f64)> = HashMap::new();
    let micros = |seconds: f64| (seconds * 1e6).round();
    for RunEvent { seq: _, at_s, event } in events {
        match event {
            Event::ItemStarted { stage, item, .. } => {
                let lane = lanes.iter().position(|taken| !taken).unwrap_or_else(|| {
                    lanes.push(false);
                    lanes.len() - 1
                });
                lanes[lane] = true;
                begun.insert((stage, item), (lane, at_s));
            }
            Event::ItemFinished { stage, item, wall_s, .. } => {
                let Some((lane, from)) = begun.remove(&(stage.clone(), item.clone())) else { continue };
                lanes[lane] = false;
                let name = if item.is_empty() { stage.clone() } else { format!("{stage}[{item}]") };
                out.push(json!({
                    "name": name, "cat": "item", "ph": "X", "pid": 2, "tid": lane,
                    "ts": micros(from), "dur": micros(wall_s),
                }));
            }
            Event::ItemFailed { stage, item, reason, .. }
            | Event::ItemRetried { stage, item, reason, .. } => {
                let Some((lane, from)) = begun.remove(&(stage.clone(), item.clone())) else { continue };
                lanes[lane] = false;
                out.push(json!({
                    "name": format!("{stage}[{item}]"), "cat": "failed", "ph": "X", "pid": 2, "tid": lane,
                    "ts": micros(from), "dur": micros(at_s - from), "args": { "reason": reason },
                }));
            }
            Event::StageFinished { stage, round, ran, cached, wall_s, reason, .. } if wall_s > 0.0 => {
                out.push(json!({
                    "name": stage, "cat": "stage", "ph": "X", "pid": 1, "tid": round.unwrap_or(0),
                    "ts": micros(at_s - wall_s), "dur": micros(wall_s),
                    "args": { "ran": ran, "cached": cached, "reason": reason },
                }));
            }
            _ => (),
        }
    }
    json!({ "displayTimeUnit": "ms", "traceEvents": out }).to_string()
}
