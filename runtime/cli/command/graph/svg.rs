//! Draws stages as a picture: one row for repositories and for each round, time from left to right.

use std::{collections::BTreeMap, fmt::Write as _};

use sswe_compiler::plan::{Plan, Stage, StageKind};

const BOX_WIDTH: usize = 150;
const BOX_HEIGHT: usize = 30;
const GAP_X: usize = 36;
const GAP_Y: usize = 12;
const MARGIN: usize = 24;
const LANE_HEAD: usize = 28;

/// Where a stage is drawn.
#[derive(Clone, Copy)]
struct At {
    x: usize,
    y: usize,
}

/// A row of the picture.
struct Lane<'a> {
    title: String,
    stages: Vec<&'a Stage>,
    top: usize,
    height: usize,
}

/// Returns the picture of some plans.
pub(super) fn draw(plans: &[&Plan]) -> String {
    let mut lanes: Vec<Lane<'_>> = Vec::new();
    for plan in plans {
        lanes.extend(lanes_of(plan));
    }
    let mut places: BTreeMap<&str, At> = BTreeMap::new();
    let mut top = MARGIN;
    for lane in &mut lanes {
        lane.top = top;
        lane.height = place(lane, &mut places);
        top += lane.height + GAP_Y;
    }
    let width = places.values().map(|at| at.x + BOX_WIDTH).max().unwrap_or(BOX_WIDTH) + MARGIN;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {top}\" width=\"{width}\" height=\"{top}\" role=\"img\" aria-label=\"the stages of {}\">\n{STYLE}",
        escape(&plans.iter().map(|plan| plan.curriculum.as_str()).collect::<Vec<_>>().join(", "))
    );
    for lane in &lanes {
        let _ = writeln!(
            out,
            "<rect class=\"lane\" x=\"8\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"8\"/><text class=\"title\" x=\"{MARGIN}\" y=\"{}\">{}</text>",
            lane.top,
            width - 16,
            lane.height,
            lane.top + 19,
            escape(&lane.title)
        );
    }
    for lane in &lanes {
        for stage in &lane.stages {
            edges(stage, &places, &mut out);
        }
    }
    for lane in &lanes {
        for stage in &lane.stages {
            node(stage, &places, &mut out);
        }
    }
    out.push_str("</svg>\n");
    out
}

fn lanes_of(plan: &Plan) -> Vec<Lane<'_>> {
    let mut lanes: Vec<Lane<'_>> = Vec::new();
    for stage in &plan.stages {
        let title = match part(&stage.name.0).strip_prefix('r') {
            Some("0") => format!("{} · round 0: exams and the base", plan.curriculum),
            Some(round) if stage.unless_stopped => {
                format!("{} · round {round}, if not saturated", plan.curriculum)
            }
            Some(round) => format!("{} · round {round}", plan.curriculum),
            None => format!("{} · repositories", plan.curriculum),
        };
        match lanes.last_mut() {
            Some(lane) if lane.title == title => lane.stages.push(stage),
            _ => lanes.push(Lane { title, stages: vec![stage], top: 0, height: 0 }),
        }
    }
    lanes
}

/// Places the stages of a lane: a stage stands right of all it reads in the lane.
fn place<'a>(lane: &Lane<'a>, places: &mut BTreeMap<&'a str, At>) -> usize {
    let mut columns: BTreeMap<&str, usize> = BTreeMap::new();
    let mut filled: BTreeMap<usize, usize> = BTreeMap::new();
    let mut rows = 0;
    for stage in &lane.stages {
        let column = stage
            .inputs
            .iter()
            .filter_map(|input| columns.get(&*input.from.0))
            .map(|column| column + 1)
            .max()
            .unwrap_or(0);
        columns.insert(&stage.name.0, column);
        let row = filled.entry(column).or_default();
        let at = At {
            x: MARGIN + column * (BOX_WIDTH + GAP_X),
            y: lane.top + LANE_HEAD + *row * (BOX_HEIGHT + GAP_Y),
        };
        places.insert(&stage.name.0, at);
        *row += 1;
        rows = rows.max(*row);
    }
    LANE_HEAD + rows * (BOX_HEIGHT + GAP_Y)
}

fn edges(stage: &Stage, places: &BTreeMap<&str, At>, out: &mut String) {
    let Some(to) = places.get(&*stage.name.0) else { return };
    for input in &stage.inputs {
        let Some(from) = places.get(&*input.from.0) else { continue };
        // A `stop` holds back the whole next round; one line to its first stage says so.
        if input.port == "stop" && stage.inputs.iter().any(|other| part(&other.from.0) == part(&stage.name.0))
        {
            continue;
        }
        let class = if part(&input.from.0) == part(&stage.name.0) { "edge" } else { "edge far" };
        let (x1, y1) = (from.x + BOX_WIDTH, from.y + BOX_HEIGHT / 2);
        let (x2, y2) = (to.x, to.y + BOX_HEIGHT / 2);
        let bend = if x2 > x1 { (x2 - x1) / 2 } else { GAP_X };
        let _ = writeln!(
            out,
            "<path class=\"{class}\" d=\"M{x1} {y1}C{} {y1} {} {y2} {x2} {y2}\"><title>{} reads {} of {}</title></path>",
            x1 + bend,
            x2.saturating_sub(bend),
            escape(&stage.name.0),
            input.output,
            escape(&input.from.0)
        );
    }
}

/// Returns the lane of a stage: `seed`, `r1`.
fn part(name: &str) -> &str {
    name.split('/').nth(1).unwrap_or_default()
}

fn node(stage: &Stage, places: &BTreeMap<&str, At>, out: &mut String) {
    let Some(at) = places.get(&*stage.name.0) else { return };
    let class = match stage.kind {
        StageKind::Gate => "gate",
        StageKind::Train | StageKind::WarmStart | StageKind::Weights => "train",
        StageKind::Evaluate | StageKind::Stop => "measure",
        StageKind::Gradient | StageKind::Score | StageKind::Select => "score",
        _ => "work",
    };
    let name = stage.name.0.splitn(3, '/').nth(2).unwrap_or(&stage.name.0);
    let shown: String = if name.chars().count() > 20 {
        format!("{}…", name.chars().take(19).collect::<String>())
    } else {
        name.to_owned()
    };
    let settings: Vec<String> = stage.settings.iter().map(|s| format!("{} = {}", s.name, s.shown)).collect();
    let _ = writeln!(
        out,
        "<g class=\"{class}\"><rect x=\"{}\" y=\"{}\" width=\"{BOX_WIDTH}\" height=\"{BOX_HEIGHT}\" rx=\"5\"/><text x=\"{}\" y=\"{}\">{}</text><title>{}\n{}</title></g>",
        at.x,
        at.y,
        at.x + BOX_WIDTH / 2,
        at.y + 19,
        escape(&shown),
        escape(&stage.name.0),
        escape(&settings.join("\n"))
    );
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Light and dark by the reader's preference; no script.
const STYLE: &str = "<style>
svg{font:12px system-ui,sans-serif;background:#fff}
.lane{fill:#f4f5f7}.title{fill:#57606a;font-weight:600}
.edge{fill:none;stroke:#8c959f;stroke-opacity:.8}.far{stroke-opacity:.3}
g rect{stroke-width:1.2}g text{text-anchor:middle;fill:#1f2328}
.work rect{fill:#ddf4ff;stroke:#54aeff}.gate rect{fill:#fff8c5;stroke:#d4a72c}
.score rect{fill:#fbefff;stroke:#c297ff}.train rect{fill:#dafbe1;stroke:#4ac26b}.measure rect{fill:#ffebe9;stroke:#ff8182}
@media(prefers-color-scheme:dark){svg{background:#0d1117}.lane{fill:#161b22}.title{fill:#9198a1}g text{fill:#e6edf3}
.work rect{fill:#0c2d6b}.gate rect{fill:#4b2900}.score rect{fill:#3c1e70}.train rect{fill:#033a16}.measure rect{fill:#67060c}}
</style>
";
